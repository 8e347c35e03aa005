"""What an image is worth as a reference: each fault by itself, and what is only advice."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from personae.core.geometry import place_template
from personae.core.image_quality import ADVICE, REFERENCE, judge
from personae.errors import InputError
from personae.types import Box, Detection, Pixels

SIDE = 600
FACE = 300


def picture() -> Pixels:
    """Soft blotches and some grain: as sharp and as lit as a photo."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(40, 216, (SIDE // 20, SIDE // 20, 3)).astype(np.uint8)
    smooth = cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return np.clip(smooth + rng.normal(0, 30, smooth.shape), 0, 255).astype(np.uint8)


def detection(side: float = FACE, det_score: float = 0.99) -> Detection:
    landmarks = place_template("arcface112", 112) * (side / 112) + (SIDE - side) / 2
    corner = (SIDE - side) / 2
    return Detection(Box(corner, corner, side, side), landmarks.astype(np.float32), det_score)


def reasons(pixels: Pixels, *detections: Detection, scale: float = 1.0) -> tuple[str, ...]:
    return judge(pixels, detections or (detection(),), scale).reasons


def test_a_good_image_has_no_reasons_and_every_measure() -> None:
    pixels = picture()
    before = pixels.copy()
    found = judge(pixels, [detection()])
    assert (found.ok, found.reasons) == (True, ())
    assert set(found.measures) == {
        "width", "height", "faces", "face_side", "det_score", "sharpness", "yaw", "roll", "brightness", "contrast",
        "dark_share", "bright_share", "span",
    }  # fmt: skip
    assert all(type(value) is float and np.isfinite(value) for value in found.measures.values())
    np.testing.assert_array_equal(pixels, before)


def test_an_image_without_a_face_is_measured_as_a_whole() -> None:
    found = judge(picture(), [])
    assert (found.ok, found.reasons) == (False, ("no_face",))
    assert found.measures["faces"] == 0
    assert "yaw" not in found.measures
    assert judge(np.zeros((SIDE, SIDE, 3), np.uint8), []).reasons == ("no_face", "dark", "low_contrast")


def test_light() -> None:
    pixels = picture()
    assert reasons((pixels * 0.08).astype(np.uint8)) == ("blurred", "dark", "low_contrast")
    assert "overexposed" in reasons(np.clip(pixels.astype(np.float32) * 3, 0, 255).astype(np.uint8))
    assert reasons(np.full_like(pixels, 255)) == ("blurred", "overexposed", "low_contrast")
    assert "low_contrast" in reasons((128 + (pixels.astype(np.float32) - 128) * 0.1).astype(np.uint8))


def test_light_is_measured_on_the_face_not_on_what_is_around_it() -> None:
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    inner = slice((SIDE - FACE) // 2, (SIDE + FACE) // 2)
    pixels[inner, inner] = picture()[inner, inner]
    assert reasons(pixels) == ()


def test_a_blurred_face() -> None:
    assert reasons(cv2.GaussianBlur(picture(), (0, 0), 12)) == ("blurred",)


def test_pose() -> None:
    straight = detection()
    aside = straight.landmarks.copy()
    aside[2, 0] += 0.35 * FACE
    assert reasons(picture(), replace(straight, landmarks=aside)) == ("turned_away",)
    centre = np.float32(SIDE / 2)
    lying = (straight.landmarks - centre) @ np.array([[0, 1], [-1, 0]], np.float32) + centre
    found = judge(picture(), [replace(straight, landmarks=lying)])
    assert (found.ok, found.reasons) == (True, ("not_upright",))


def test_sides_are_those_of_the_full_size_image() -> None:
    pixels = picture()
    assert reasons(pixels, detection(side=REFERENCE.face_side - 5)) == ("small_face",)
    assert reasons(pixels, detection(side=REFERENCE.face_side - 5), scale=0.5) == ()
    found = judge(pixels[100:500, 101:500], [], scale=1.0)
    assert found.reasons == ("no_face", "small_image")
    assert judge(pixels[100:500, 101:500], [], scale=0.5).measures["width"] == 798


def test_of_several_faces_the_first_is_judged_and_it_is_told() -> None:
    far = detection(side=30, det_score=0.7)
    found = judge(picture(), [detection(), far])
    assert (found.ok, found.reasons) == (True, ("several_faces",))
    assert found.measures["faces"] == 2
    assert found.measures["face_side"] == FACE
    assert not judge(picture(), [far, detection()]).ok


def test_only_advice_leaves_an_image_fit() -> None:
    assert {"several_faces", "small_image", "not_upright"} == ADVICE


def test_what_is_no_image_is_refused() -> None:
    for wrong, scale in ((np.zeros((0, 5, 3), np.uint8), 1), (np.zeros((5, 5), np.uint8), 1), (picture(), 0)):
        with pytest.raises(InputError):
            judge(wrong, [], scale)


def test_a_face_at_the_edge_of_the_image_is_judged_all_the_same() -> None:
    cut = replace(detection(), landmarks=detection().landmarks - np.float32(350))
    assert np.isfinite(list(judge(picture(), [cut]).measures.values())).all()
