"""The life of a reference: the code takes the written-down steps and refuses all others, and the picture shows them."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core.reference import TRANSITIONS, Step, advance, doubt, fuse_template, outcome, selection
from personae.errors import Conflict
from personae.references import ReferenceStatus
from personae.types import ModelId

A, B = ModelId("a"), ModelId("b")
PAGE = Path(__file__).parents[2] / "docs" / "references.md"
EVERY = list(product([None, *ReferenceStatus], Step))


@pytest.mark.parametrize(("status", "step"), EVERY)
def test_only_what_is_written_down_happens(status: ReferenceStatus | None, step: Step) -> None:
    if (status, step) in TRANSITIONS:
        assert advance(status, step) is TRANSITIONS[status, step]
    else:
        with pytest.raises(Conflict, match=re.escape(step.value)):
            advance(status, step)


def test_the_picture_shows_every_transition_and_no_other() -> None:
    picture = re.search(r"```mermaid\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert picture
    drawn = set()
    for line in picture[1].splitlines():
        found = re.fullmatch(r"\s*(\S+) --> (\S+): (.+)", line)
        if found:
            before = None if found[1] == "[*]" else ReferenceStatus(found[1])
            drawn |= {(before, Step(step), ReferenceStatus(found[2])) for step in found[3].split(", ")}
    assert drawn == {(status, step, after) for (status, step), after in TRANSITIONS.items()}


def test_every_status_can_be_reached_and_left() -> None:
    assert set(TRANSITIONS.values()) == set(ReferenceStatus)
    for status in ReferenceStatus:
        assert any(before is status and after is not status for (before, _), after in TRANSITIONS.items())


def test_a_new_source_image_is_taken_at_any_time() -> None:
    for status in (None, *ReferenceStatus):
        assert advance(status, Step.UPLOAD) is ReferenceStatus.PENDING


@pytest.mark.parametrize(
    ("det_scores", "step"),
    [
        ([], Step.FAIL),
        ([0.7], Step.FIND_ONE),
        ([0.699], Step.FIND_DOUBTFUL),
        ([0.9, 0.1], Step.FIND_SEVERAL),
        ([0.1, 0.1], Step.FIND_SEVERAL),
    ],
)
def test_what_was_found_says_how_it_ends(det_scores: list[float], step: Step) -> None:
    assert outcome(det_scores, 0.7) is step


def test_a_chosen_face_may_be_doubtful() -> None:
    assert selection(0.7, 0.7) is Step.SELECT
    assert selection(0.69, 0.7) is Step.SELECT_DOUBTFUL


def test_the_warning_is_as_it_was_asked_for() -> None:
    assert doubt(0.65) == (
        "Face detection confidence is low (0.65) — this may cause unreliable quality checks. Consider using a clearer "
        "source image."
    )


def test_a_template_of_one_face_is_that_face() -> None:
    vector = np.array([0.6, 0.8], np.float32)
    np.testing.assert_allclose(fuse_template([{A: vector}])[A], vector, atol=1e-7)
    assert fuse_template([]) == {}


def test_each_model_is_fused_by_itself() -> None:
    x, y = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    fused = fuse_template([{A: x, B: x}, {A: y}])
    np.testing.assert_allclose(fused[A], [0.5**0.5, 0.5**0.5], atol=1e-6)
    np.testing.assert_array_equal(fused[B], x)


def test_vectors_that_cancel_out_are_no_template() -> None:
    x = np.array([1, 0], np.float32)
    assert fuse_template([{A: x}, {A: -x}]) == {}


@given(st.lists(st.integers(0, 2**31), min_size=1, max_size=6))
def test_a_template_is_of_length_one_and_its_order_does_not_matter(seeds: list[int]) -> None:
    faces = [{A: np.random.default_rng(seed).normal(size=16)} for seed in seeds]
    units = [{A: (face[A] / np.linalg.norm(face[A])).astype(np.float32)} for face in faces]
    fused = fuse_template(units)
    assert abs(float(np.linalg.norm(fused[A])) - 1) < 1e-5
    np.testing.assert_allclose(fused[A], fuse_template(units[::-1])[A], atol=1e-6)
