"""Boxes, transforms, aligned faces and crops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from personae.core import geometry
from personae.errors import InputError
from personae.types import Box

unhurried = settings(deadline=None)
numbers = st.floats(-500, 500, allow_nan=False, width=32)
sizes = st.floats(1, 400, allow_nan=False, width=32)
boxes = st.builds(Box, numbers, numbers, sizes, sizes)
angles = st.floats(-3.1, 3.1)
scales = st.floats(0.05, 20)
TEMPLATE = geometry.place_template("arcface112", 112)


def _matrix(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, shift])


@unhurried
@given(angles, scales, st.tuples(numbers, numbers))
def test_a_known_rotation_scale_and_shift_is_recovered(angle: float, scale: float, shift: tuple[float, float]) -> None:
    true = _matrix(angle, scale, shift)
    moved = TEMPLATE @ true[:, :2].T + true[:, 2]
    assert geometry.similarity(TEMPLATE, moved) == pytest.approx(true, abs=1e-3, rel=1e-5)


@unhurried
@given(hnp.arrays(np.float32, (5, 2), elements=st.floats(-100, 100, width=32)))
def test_the_transform_is_the_best_and_never_a_mirror(points: np.ndarray) -> None:
    target = TEMPLATE + points
    matrix = geometry.similarity(TEMPLATE, target)
    assert np.linalg.det(matrix[:, :2]) >= 0

    def error(candidate: np.ndarray) -> float:
        return float(((TEMPLATE @ candidate[:, :2].T + candidate[:, 2] - target) ** 2).sum())

    best = error(matrix)
    for angle, scale in ((0.01, 1.0), (-0.01, 1.0), (0.0, 1.01), (0.0, 0.99)):
        turned = matrix.copy()
        centre = TEMPLATE.mean(axis=0)
        turned[:, :2] = matrix[:, :2] @ _matrix(angle, scale, (0, 0))[:, :2]
        turned[:, 2] = matrix[:, :2] @ centre + matrix[:, 2] - turned[:, :2] @ centre
        assert error(turned) >= best * (1 - 1e-6) - 1e-3


@pytest.mark.parametrize("points", [np.ones((5, 2), np.float32), np.full((5, 2), np.nan, np.float32)])
def test_points_that_give_no_transform_are_an_input_error(points: np.ndarray) -> None:
    with pytest.raises(InputError):
        geometry.similarity(points, TEMPLATE)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0, 11.0])
@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0])
def test_aligning_brings_the_landmarks_onto_the_template(angle: float, scale: float) -> None:
    side = 1800
    y, x = np.mgrid[:side, :side].astype(np.float32)
    landmarks = geometry.transform(TEMPLATE - 56, _matrix(angle, scale, (900.0, 850.0)))
    picture = np.zeros((side, side, 3), np.uint8)
    for channel, (px, py) in enumerate(landmarks[:3]):
        spot = 255 * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * (3 * scale) ** 2))
        picture[..., channel] = spot.astype(np.uint8)
    chip = geometry.align(picture, landmarks, TEMPLATE, 112).astype(np.float64)
    rows, columns = np.mgrid[:112, :112]
    for channel in range(3):
        weight = chip[..., channel] / chip[..., channel].sum()
        centre = np.array([(columns * weight).sum(), (rows * weight).sum()])
        assert centre == pytest.approx(TEMPLATE[channel], abs=0.15)


def test_a_large_face_is_averaged_not_sampled() -> None:
    picture = np.zeros((1120, 1120, 3), np.uint8)
    picture[::2] = 255
    chip = geometry.align(picture, TEMPLATE * 10, TEMPLATE, 112)
    assert np.abs(chip[4:-4, 4:-4].astype(int) - 128).max() <= 2


def test_align_leaves_its_arguments_alone() -> None:
    picture = np.arange(60 * 60 * 3, dtype=np.uint8).reshape(60, 60, 3)
    landmarks = TEMPLATE / 2
    before = picture.copy(), landmarks.copy()
    geometry.align(picture, landmarks, TEMPLATE, 112)
    assert (picture == before[0]).all()
    assert (landmarks == before[1]).all()


def test_a_face_beyond_the_picture_is_black() -> None:
    chip = geometry.align(np.full((50, 50, 3), 255, np.uint8), TEMPLATE + 5000, TEMPLATE, 112)
    assert not chip.any()


def test_templates_scale_with_the_side() -> None:
    assert geometry.place_template("arcface112", 224) == pytest.approx(2 * TEMPLATE)
    with pytest.raises(InputError, match="arcface112"):
        geometry.place_template("nothing", 112)


@unhurried
@given(boxes, boxes)
def test_overlap_is_symmetric_and_a_share(one: Box, other: Box) -> None:
    assert geometry.overlap(one, other) == geometry.overlap(other, one)
    assert 0 <= geometry.overlap(one, other) <= 1
    assert geometry.overlap(one, one) == pytest.approx(1)


def _corners(given_boxes: list[Box]) -> np.ndarray:
    rows = [(box.x, box.y, box.x + box.width, box.y + box.height) for box in given_boxes]
    return np.array(rows, np.float32).reshape(-1, 4)


@unhurried
@given(st.lists(st.tuples(boxes, st.floats(0, 1, width=32)), max_size=12), st.floats(0.1, 0.9))
def test_suppression_is_idempotent_and_leaves_no_overlap(found: list[tuple[Box, float]], limit: float) -> None:
    corners, scores = _corners([box for box, _ in found]), np.array([score for _, score in found], np.float32)
    kept = geometry.suppress(corners, scores, limit)
    again = geometry.suppress(corners[kept], scores[kept], limit)
    assert again == list(range(len(kept)))
    assert sorted(scores[kept], reverse=True) == list(scores[kept])
    for place, one in enumerate(kept):
        for other in kept[place + 1 :]:
            assert geometry.overlap(found[one][0], found[other][0]) <= limit + 1e-3
    for index, (box, score) in enumerate(found):
        if index not in kept:
            assert any(geometry.overlap(box, found[k][0]) > limit - 1e-3 and scores[k] >= score for k in kept)


@unhurried
@given(boxes, st.integers(1, 900), st.integers(1, 900))
def test_clipping_stays_inside_and_twice_is_once(box: Box, width: int, height: int) -> None:
    once = geometry.clip(box, width, height)
    assert 0 <= once.x <= once.x + once.width <= width + 1e-3
    assert 0 <= once.y <= once.y + once.height <= height + 1e-3
    twice = geometry.clip(once, width, height)
    assert (twice.x, twice.y, twice.width, twice.height) == pytest.approx((once.x, once.y, once.width, once.height))


@unhurried
@given(boxes, st.integers(1, 900), st.integers(1, 900))
def test_a_crop_window_is_whole_and_inside(box: Box, width: int, height: int) -> None:
    window = geometry.crop_window(box, width, height)
    assert all(value == int(value) for value in (window.x, window.y, window.width, window.height))
    assert 0 <= window.x < window.x + window.width <= width
    assert 0 <= window.y < window.y + window.height <= height
    scale = geometry.crop_scale(window)
    assert 0 < scale <= 1
    crop = geometry.cut(np.zeros((height, width, 3), np.uint8), window, scale)
    assert max(crop.shape[:2]) <= geometry.CROP_SIDE
    assert scale == 1 or max(crop.shape[:2]) == geometry.CROP_SIDE


def test_a_face_in_the_middle_gets_its_margin() -> None:
    window = geometry.crop_window(Box(100, 100, 60, 100), 1000, 1000)
    assert (window.width, window.height) == (160, 160)
    assert (window.x + 80, window.y + 80) == (130, 150)


@settings(deadline=None, max_examples=20)
@given(st.floats(120, 700), st.floats(120, 700), st.floats(30, 400))
def test_a_face_aligned_from_its_crop_is_the_face_aligned_from_the_picture(x: float, y: float, size: float) -> None:
    rows, columns = np.mgrid[:900, :900]
    waves = [128 + 100 * np.sin(columns / size * a + rows / size * b) for a, b in ((9, 2), (3, 8), (6, 6))]
    picture = np.stack(waves, axis=-1).astype(np.uint8)
    landmarks = ((TEMPLATE - 56) * (size / 112) + [x, y]).astype(np.float32)
    box = Box(x - size * 0.4, y - size * 0.5, size * 0.8, size)
    window = geometry.crop_window(box, 900, 900)
    scale = geometry.crop_scale(window)
    crop = geometry.cut(picture, window, scale)
    inside = geometry.to_crop(landmarks, window, scale)
    whole = geometry.align(picture, landmarks, TEMPLATE, 112)[28:84, 28:84].astype(int)
    stored = geometry.align(crop, inside, TEMPLATE, 112)[28:84, 28:84].astype(int)
    # The middle of the face lies within the crop wherever the face lies within the picture.
    assert np.abs(whole - stored).mean() < 4


@unhurried
@given(scales)
def test_rescaling_there_and_back_changes_nothing(factor: float) -> None:
    assert geometry.rescale(geometry.rescale(TEMPLATE, factor), 1 / factor) == pytest.approx(TEMPLATE, abs=1e-3)
