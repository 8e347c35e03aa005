"""The matching head: what it makes, what it refuses, and how thresholds move with it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from personae import lazy
from personae.core.head import carry_over, identity, make_head, mover, pairs_of
from personae.errors import InputError, ModelError, ModelMismatch
from personae.ports import Lesson, Plan
from personae.types import Thresholds
from tests.generate import unit_rows

OWN = Thresholds(verify=0.28, review=0.34, match=0.7, cluster=0.45, trust=(0.5,))


def test_the_identity_changes_nothing() -> None:
    rows = unit_rows(20, 32)
    head = identity("arc", 32)
    assert np.allclose(head.apply(rows, "arc"), rows, atol=1e-6)
    assert head.dimension == 32


def test_a_head_makes_unit_rows_of_its_own_dimension() -> None:
    head = make_head("arc", np.random.default_rng(0).standard_normal((8, 32)))
    made = head.apply(unit_rows(20, 32), "arc")
    assert made.shape == (20, 8)
    assert made.dtype == np.float32
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-6)
    assert head.apply(unit_rows(20, 32)[:0], "arc").shape == (0, 8)


def test_embeddings_of_another_model_are_refused() -> None:
    head = identity("arc", 32)
    with pytest.raises(ModelMismatch, match="trained on arc"):
        head.apply(unit_rows(2, 32), "facenet")
    with pytest.raises(ModelMismatch):
        head.apply(unit_rows(2, 16), "arc")
    with pytest.raises(InputError):
        head.apply(2 * unit_rows(2, 32), "arc")


def test_a_head_that_leaves_nothing_says_so() -> None:
    with pytest.raises(ModelError, match="leaves nothing"):
        make_head("arc", np.zeros((4, 4))).apply(unit_rows(2, 4), "arc")


@pytest.mark.parametrize("weight", [np.ones(3), np.ones((3, 2)), np.ones((0, 3)), np.full((2, 2), np.nan)])
def test_what_is_no_head_is_refused(weight: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError):
        make_head("arc", weight)


def test_other_weights_or_another_base_are_another_model() -> None:
    weight = np.eye(4, dtype=np.float32)
    ids = {make_head(base, by * weight).model_id for base in ("a", "b") for by in (1, 2)}
    assert len(ids) == 4
    assert make_head("a", weight).model_id in ids


def test_nobody_can_change_a_head_from_outside() -> None:
    weight = np.eye(4, dtype=np.float32)
    head = make_head("arc", weight)
    weight[0] = 0
    assert head.weight[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        head.weight[0, 0] = 2


def test_thresholds_part_the_same_pairs_as_before() -> None:
    before = np.random.default_rng(0).uniform(-0.2, 0.9, 5000).astype(np.float32)
    moved = carry_over(OWN, mover(before, 0.5 * before + 0.1))
    for name in ("verify", "review", "match", "cluster"):
        assert getattr(moved, name) == pytest.approx(0.5 * getattr(OWN, name) + 0.1, abs=1e-3)
    assert moved.trust == ()


def test_a_threshold_beyond_all_scores_stays_beyond() -> None:
    before = np.linspace(0, 0.5, 100, dtype=np.float32)
    assert mover(before, before + np.float32(0.1))(OWN.match) == pytest.approx(0.8, abs=1e-5)
    with pytest.raises(InputError):
        mover(before[:1], before[:1])
    with pytest.raises(InputError):
        mover(before, before[:5])


def test_pairs_of_different_people_are_compared() -> None:
    rows, people = unit_rows(10, 8), np.arange(10) // 2
    scores = pairs_of(rows, people)
    assert len(scores) == 45 - 5
    assert scores[0] == pytest.approx(float(rows[0] @ rows[2]), abs=1e-6)
    assert len(pairs_of(rows, people, most=5)) == 10
    assert len(pairs_of(rows[:0], people[:0])) == 0


def test_without_pytorch_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "personae.adapters.train.torch", raising=False)
    rows = unit_rows(4, 8)
    lesson = Lesson(rows, np.arange(4), np.empty((0, 2), np.int64), (8,))
    with pytest.raises(InputError, match=r"pip install 'personae\[train\]'"):
        lazy.train("cpu", lesson, Plan(), {}, lambda _done, _total: None)
