"""What a face is worth, and what it may be used for."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core import quality
from personae.core.geometry import place_template
from personae.types import Box, Detection, FaceRole, Quality, Reason

unhurried = settings(deadline=None)
TEMPLATE = place_template("arcface112", 112)
GOOD = Quality(side=200, sharpness=12, yaw=5, roll=3, score=1)


def _turn(points: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return ((points - 56) @ matrix.T + 56).astype(np.float32)


def _head(yaw: float) -> np.ndarray:
    """Five points of a head turned by `yaw` degrees, seen from afar."""
    points = np.array([[-31, -33, 0], [31, -33, 0], [0, 0, 28], [-25, 34, 0], [25, 34, 0]], float)
    angle = np.radians(yaw)
    across = points[:, 0] * np.cos(angle) + points[:, 2] * np.sin(angle)
    return np.column_stack([across, points[:, 1]]).astype(np.float32)


@unhurried
@given(st.floats(-170, 170))
def test_roll_is_the_turn_in_the_picture(degrees: float) -> None:
    assert quality.roll(_turn(TEMPLATE, degrees)) == pytest.approx(degrees, abs=0.6)


@unhurried
@given(st.floats(-80, 80))
def test_yaw_of_a_turned_head(degrees: float) -> None:
    assert quality.yaw(_head(degrees)) == pytest.approx(degrees, abs=3)


@unhurried
@given(st.floats(-60, 60), st.floats(-40, 40))
def test_leaning_is_not_turning(yaw: float, roll: float) -> None:
    upright = _head(yaw) + 56
    assert quality.yaw(_turn(upright, roll)) == pytest.approx(quality.yaw(upright), abs=0.5)


def test_points_on_a_line_count_as_fully_turned() -> None:
    assert abs(quality.yaw(np.zeros((5, 2), np.float32))) == 90


def test_blur_lowers_sharpness() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    values = [quality.sharpness(cv2.GaussianBlur(picture, (0, 0), sigma)) for sigma in (0.5, 1, 2, 4)]
    assert quality.sharpness(picture) > values[0]
    assert values == sorted(values, reverse=True)
    assert quality.sharpness(np.full((112, 112, 3), 90, np.uint8)) == 0


def test_measures_are_those_of_the_full_size_image() -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    detection = Detection(Box(10, 10, 40, 50), TEMPLATE, 0.5)
    whole = quality.measure(pixels, detection, 1.0)
    reduced = quality.measure(pixels, detection, 0.25)
    assert (whole.side, reduced.side) == (40, 160)
    assert whole.score == pytest.approx(40 * 50 / 10_000 * 0.5)
    assert reduced.score == 1.0


@pytest.mark.parametrize("gates", quality.PROFILES.values(), ids=lambda gates: gates.name)
def test_a_good_face_founds(gates: quality.Gates) -> None:
    assert quality.judge(gates, GOOD, 0.95, 1000) == (FaceRole.FOUNDING, ())


@pytest.mark.parametrize(
    ("change", "det_score", "role", "reasons"),
    [
        ({"side": 31}, 0.9, FaceRole.REFUSED, (Reason.FACE_TOO_SMALL,)),
        ({}, 0.59, FaceRole.REFUSED, (Reason.LOW_DET_SCORE,)),
        ({"side": 20}, 0.5, FaceRole.REFUSED, (Reason.FACE_TOO_SMALL, Reason.LOW_DET_SCORE)),
        ({"side": 33}, 0.9, FaceRole.SUPPORTING, (Reason.FACE_TOO_SMALL,)),
        ({}, 0.65, FaceRole.SUPPORTING, (Reason.LOW_DET_SCORE,)),
        ({"sharpness": 1}, 0.9, FaceRole.SUPPORTING, (Reason.BLURRED,)),
        ({"yaw": -80}, 0.9, FaceRole.SUPPORTING, (Reason.TURNED,)),
        ({"roll": 120}, 0.9, FaceRole.SUPPORTING, (Reason.NOT_UPRIGHT,)),
        ({"sharpness": 1, "yaw": 70}, 0.9, FaceRole.SUPPORTING, (Reason.BLURRED, Reason.TURNED)),
    ],
)
def test_album_keeps_doubtful_faces_with_their_reasons(
    change: dict[str, float], det_score: float, role: FaceRole, reasons: tuple[Reason, ...]
) -> None:
    assert quality.judge(quality.ALBUM, replace(GOOD, **change), det_score, 300) == (role, reasons)


@pytest.mark.parametrize(
    ("change", "det_score", "image_side", "reason"),
    [
        ({"side": 79}, 0.9, 400, Reason.FACE_TOO_SMALL),
        ({}, 0.79, 400, Reason.LOW_DET_SCORE),
        ({}, 0.9, 399, Reason.IMAGE_TOO_SMALL),
        ({"yaw": 46}, 0.9, 400, Reason.TURNED),
    ],
)
def test_enrich_refuses(change: dict[str, float], det_score: float, image_side: int, reason: Reason) -> None:
    judged = quality.judge(quality.ENRICH, replace(GOOD, **change), det_score, image_side)
    assert judged == (FaceRole.REFUSED, (reason,))


def test_enrich_accepts_at_its_limits() -> None:
    at_limits = replace(GOOD, side=80, yaw=-45)
    assert quality.judge(quality.ENRICH, at_limits, 0.8, 400)[0] is FaceRole.FOUNDING


@pytest.mark.parametrize("gates", quality.PROFILES.values(), ids=lambda gates: gates.name)
def test_every_gate_is_described_with_its_own_value(gates: quality.Gates) -> None:
    rows = quality.describe(gates)
    assert all(getattr(gates, row.name) == row.value for row in rows)
    assert [row.refuses for row in rows] == sorted((row.refuses for row in rows), reverse=True)
    shown = {row.name for row in rows}
    assert {"min_face_side", "min_det_score", "founding_sharpness"} <= shown
    assert ("min_image_side" in shown) == (gates.min_image_side > 0)
