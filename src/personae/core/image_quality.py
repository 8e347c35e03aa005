"""What a whole image is worth as a reference, or as a picture that is held against one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from personae.core import geometry
from personae.core.quality import ENRICH, SHARPNESS_SIDE, roll, sharpness, yaw
from personae.errors import InputError
from personae.references import ImageQuality
from personae.types import Detection, Pixels

NO_FACE = "no_face"
SEVERAL_FACES = "several_faces"
BLURRED = "blurred"
DARK = "dark"
OVEREXPOSED = "overexposed"
LOW_CONTRAST = "low_contrast"
SMALL_IMAGE = "small_image"
SMALL_FACE = "small_face"
TURNED_AWAY = "turned_away"
NOT_UPRIGHT = "not_upright"

ADVICE = frozenset({SEVERAL_FACES, SMALL_IMAGE, NOT_UPRIGHT})
"""Reasons that say what could be better; any other makes the image unfit."""

DARK_UP_TO = 25
"""Brightest step of a pixel that is nearly black. Source: ISO/IEC 29794-5:2025, under-exposure."""
BRIGHT_FROM = 247
"""Darkest step of a pixel that is nearly white. Source: ISO/IEC 29794-5:2025, over-exposure."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on an image is found fault with. Sides are in pixels of the full-size image."""

    image_side: float
    """Shorter side of the image, at least."""
    face_side: float
    """Shorter side of the face, at least."""
    sharpness: float
    """Spread of the Laplacian over the aligned face, at least."""
    yaw: float
    """Degrees that the head is turned sideways, at most."""
    roll: float
    """Degrees that the head leans, at most."""
    dark_share: float
    """Share of the face that is nearly black, at most."""
    bright_share: float
    """Share of the face that is nearly white, at most."""
    span: float
    """Grey steps between the darkest and the brightest hundredth of the face, at least."""


REFERENCE = Limits(
    image_side=ENRICH.min_image_side,
    face_side=ENRICH.min_face_side,
    sharpness=ENRICH.founding_sharpness,
    yaw=ENRICH.max_yaw,
    roll=ENRICH.founding_roll,
    dark_share=0.7,
    bright_share=0.3,
    span=50,
)
"""For a source image: size, sharpness and pose as for faces that sources bring; light as measured, see ADR 0081."""


def judge(
    pixels: Pixels, detections: Sequence[Detection], scale: float = 1.0, limits: Limits = REFERENCE
) -> ImageQuality:
    """Return what an image is worth as a reference, with every reason and measure.

    Args:
        pixels: (height, width, 3) uint8 RGB, upright, perhaps reduced.
        detections: the faces on it in coordinates of `pixels`, the one that counts first, as a detector returns them.
        scale: pixels here per pixel of the full-size image, in (0, 1].
        limits: from where on it is found fault with.

    Returns:
        `ok` unless there is a reason beyond `ADVICE`. Measures: width, height, faces, brightness and contrast
        (mean and spread of the light, 0 to 1), dark_share and bright_share (0 to 1), span (grey steps, 0 to 255); of a
        face also face_side, det_score, sharpness, yaw, roll. Light is measured on the face, where there is none on
        the image.

    Raises:
        InputError: `pixels` hold none, or `scale` is out of range.

    Source: exposure as in ISO/IEC 29794-5:2025; span as the grey-scale density of ISO/IEC 19794-5:2005, which asks
    passports for 128 steps.
    """
    if pixels.ndim != 3 or not pixels.size or not 0 < scale <= 1:
        raise InputError(f"pixels of shape {pixels.shape} at scale {scale} are no image")
    height, width = pixels.shape[:2]
    measures = {"width": width / scale, "height": height / scale, "faces": float(len(detections))}
    measures |= _face(pixels, detections[0], scale) if detections else _light(_grey(pixels))
    reasons = _reasons(measures, limits)
    return ImageQuality(ok=set(reasons) <= ADVICE, reasons=reasons, measures=measures)


def _face(pixels: Pixels, detection: Detection, scale: float) -> dict[str, float]:
    template = geometry.place_template("arcface112", SHARPNESS_SIDE)
    chip = geometry.align(pixels, detection.landmarks, template, SHARPNESS_SIDE)
    # The rim holds background, whose light is no fault of the face.
    rim = SHARPNESS_SIDE // 8
    return {
        "face_side": detection.box.side / scale,
        "det_score": float(detection.det_score),
        "sharpness": sharpness(chip),
        "yaw": yaw(detection.landmarks),
        "roll": roll(detection.landmarks),
        **_light(_grey(chip)[rim:-rim, rim:-rim]),
    }


def _grey(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), np.uint8)


def _light(grey: Pixels) -> dict[str, float]:
    low, high = np.percentile(grey, (1, 99))
    return {
        "brightness": float(grey.mean()) / 255,
        "contrast": float(grey.std()) / 255,
        "dark_share": float((grey <= DARK_UP_TO).mean()),
        "bright_share": float((grey >= BRIGHT_FROM).mean()),
        "span": float(high - low),
    }


def _reasons(measures: dict[str, float], limits: Limits) -> tuple[str, ...]:
    shown = measures["faces"] > 0
    # What is measured on a face is at its best where there is none.
    checks = (
        (not shown, NO_FACE),
        (measures["faces"] > 1, SEVERAL_FACES),
        (min(measures["width"], measures["height"]) < limits.image_side, SMALL_IMAGE),
        (shown and measures["face_side"] < limits.face_side, SMALL_FACE),
        (shown and measures["sharpness"] < limits.sharpness, BLURRED),
        (shown and abs(measures["yaw"]) > limits.yaw, TURNED_AWAY),
        (shown and abs(measures["roll"]) > limits.roll, NOT_UPRIGHT),
        (measures["dark_share"] > limits.dark_share, DARK),
        (measures["bright_share"] > limits.bright_share, OVEREXPOSED),
        (measures["span"] < limits.span, LOW_CONTRAST),
    )
    return tuple(reason for failed, reason in checks if failed)
