"""Where a sequence loses the likeness: what stands out, in runs, and how it is drawn."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.adapters.report.continuity import draw_continuity
from personae.core.continuity import (
    ENOUGH_FRAMES,
    LEAST_FALL,
    Continuity,
    Drop,
    FrameScore,
    mark,
    spells,
    usual,
)
from personae.errors import InputError
from personae.types import PersonId

THRESHOLD = 0.4
BELOW, FALL = Drop.BELOW_THRESHOLD, Drop.BELOW_MEDIAN


def measured(*scores: float | None, name: str = "Ada", clock: bool = False) -> Continuity:
    frames = [
        FrameScore(n, "", n / 25 if clock else None, score, None, ("no_face",) if score is None else ())
        for n, score in enumerate(scores)
    ]
    known = [score for score in scores if score is not None]
    median, floor = usual(known)
    marked = mark(frames, THRESHOLD, floor)
    return Continuity(PersonId(1), name, "a+b", THRESHOLD, 1, median, floor, marked, spells(marked), len(known))


def drops(*scores: float | None) -> list[Drop | None]:
    return [frame.drop for frame in measured(*scores).frames]


def test_a_steady_sequence_has_no_drops() -> None:
    assert drops(*[0.8, 0.81, 0.79, 0.75, 0.8, 0.72]) == [None] * 6


def test_a_fall_from_what_is_usual_is_marked_though_it_passes() -> None:
    assert drops(0.8, 0.81, 0.79, 0.6, 0.8, 0.8) == [None, None, None, FALL, None, None]


def test_in_an_unsteady_sequence_the_same_fall_is_usual() -> None:
    scores = [0.6, 0.9, 0.7, 0.85, 0.65, 0.95, 0.75]
    assert drops(*scores) == [None] * 7
    median, floor = usual(scores)
    assert median == 0.75
    assert floor is not None
    assert floor < 0.75 - LEAST_FALL


def test_below_the_threshold_is_said_first() -> None:
    assert drops(0.8, 0.8, 0.8, 0.8, 0.8, 0.3) == [None] * 5 + [BELOW]
    assert drops(*[0.3] * 6) == [BELOW] * 6
    assert drops(0.4, 0.39) == [None, BELOW]


def test_of_few_frames_nothing_is_usual() -> None:
    assert usual([0.9] * (ENOUGH_FRAMES - 1)) == (None, None)
    assert drops(0.9, 0.9, 0.9, 0.5) == [None] * 4
    assert measured().frames == measured().drops == ()


def test_frames_without_a_face_are_gaps_and_count_for_nothing() -> None:
    found = measured(0.8, None, 0.8, None, 0.8, 0.8, 0.8)
    assert (found.scored, found.median, found.drops) == (5, 0.8, ())


def test_drops_one_after_another_are_one_spell() -> None:
    found = measured(0.8, 0.3, 0.1, 0.2, 0.8, 0.6, 0.8, 0.8, 0.3, None, 0.3, 0.8, 0.8, 0.8, 0.8, clock=True)
    assert [(s.first, s.last, s.frames, s.drop, s.lowest, s.lowest_frame) for s in found.drops] == [
        (1, 3, 3, BELOW, 0.1, 2), (5, 5, 1, FALL, 0.6, 5), (8, 8, 1, BELOW, 0.3, 8), (10, 10, 1, BELOW, 0.3, 10),
    ]  # fmt: skip
    assert found.drops[0].seconds == 1 / 25


@given(st.lists(st.none() | st.floats(-1, 1), max_size=60))
def test_every_marked_frame_is_in_one_spell(scores: list[float | None]) -> None:
    found = measured(*scores)
    assert sum(spell.frames for spell in found.drops) == sum(frame.drop is not None for frame in found.frames)
    for frame in found.frames:
        assert (frame.drop is BELOW) == (frame.score is not None and frame.score < THRESHOLD)
        if frame.drop is FALL:
            assert frame.score is not None
            assert found.floor is not None
            assert frame.score < found.floor


def test_it_is_drawn_as_a_picture() -> None:
    found = measured(0.8, 0.3, None, 0.8, 0.6, 0.8, 0.8, 0.8)
    png = np.frombuffer(draw_continuity(found, "png"), np.uint8)
    picture = cv2.imdecode(png, cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[1] > 1000
    assert picture.std() > 5
    assert draw_continuity(found, "svg").startswith(b"<?xml")
    assert draw_continuity(found, "svg") != draw_continuity(measured(0.5), "svg")
    with pytest.raises(InputError, match="png, svg, html"):
        draw_continuity(found, "gif")


@pytest.mark.parametrize("scores", [(), (None,), (None, None), (0.5,), (-1.0, 1.0)])
def test_any_sequence_can_be_drawn(scores: tuple[float | None, ...]) -> None:
    for form in ("png", "svg", "html"):
        assert draw_continuity(measured(*scores), form)


def test_the_page_lists_the_drops_and_escapes_names() -> None:
    found = measured(0.8, 0.3, 0.8, 0.8, 0.8, 0.8, name="<script>alert(1)</script>\x00")
    frames = [replace(found.frames[1], reasons=("below_threshold", "blurred"))]
    found = replace(found, frames=(found.frames[0], *frames, *found.frames[2:]))
    page = draw_continuity(found, "html").decode()
    assert "<script" not in page
    assert "below threshold" in page
    assert "blurred" in page
    assert "0.300" in page
    assert "1</b> drop" in page
    assert "None." in draw_continuity(measured(0.8), "html").decode()
