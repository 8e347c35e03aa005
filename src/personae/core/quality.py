"""How useful a face is, and what it may be used for."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from personae.core import geometry
from personae.types import Detection, FaceRole, Landmarks, Pixels, Quality, Reason

SHARPNESS_SIDE = 112
"""Side of the aligned face on which sharpness is measured, pixels."""


NOSE_REACH = 0.42
"""How far the nose stands out of the plane of eyes and mouth, per distance from eyes to mouth: 28 of 67 mm."""


@dataclass(frozen=True, slots=True)
class Gates:
    """One profile: what refuses a face, and what keeps it from founding a group.

    Sides are in pixels of the full-size image.
    """

    name: str
    min_face_side: float
    """Smaller faces are refused."""
    min_det_score: float
    min_image_side: float
    """Faces of images whose shorter side is less are refused; 0 is off."""
    max_yaw: float
    """Faces turned further are refused, degrees; 180 is off."""
    founding_side: float
    """Smaller faces only support; likewise below."""
    founding_det_score: float
    founding_sharpness: float
    founding_yaw: float
    founding_roll: float


ALBUM = Gates(
    name="album",
    min_face_side=32,
    min_det_score=0.6,
    min_image_side=0,
    max_yaw=180,
    founding_side=40,
    founding_det_score=0.75,
    founding_sharpness=4,
    founding_yaw=50,
    founding_roll=60,
)
ENRICH = Gates(
    name="enrich",
    min_face_side=80,
    min_det_score=0.8,
    min_image_side=400,
    max_yaw=45,
    founding_side=80,
    founding_det_score=0.8,
    founding_sharpness=4,
    founding_yaw=45,
    founding_roll=60,
)
PROFILES = {gates.name: gates for gates in (ALBUM, ENRICH)}


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate as the report shows it."""

    name: str
    value: float
    reason: Reason
    refuses: bool
    """True: the face is refused; False: it is kept, but founds no group."""
    meaning: str


def measure(pixels: Pixels, detection: Detection, scale: float) -> Quality:
    """Return the quality of a face.

    Args:
        pixels: (height, width, 3) uint8 RGB, perhaps reduced.
        detection: in coordinates of `pixels`.
        scale: pixels here per pixel of the full-size image, in (0, 1].

    Returns:
        Side in full-size pixels, sharpness, pose, and score = min(1, area / 10000 * det_score) with the area in
        full-size pixels.

    Source: the score is the enrichment rule (100 x 100 pixels found with certainty are enough).
    """
    box = geometry.scale_box(detection.box, 1 / scale)
    template = geometry.place_template("arcface112", SHARPNESS_SIDE)
    chip = geometry.align(pixels, detection.landmarks, template, SHARPNESS_SIDE)
    return Quality(
        side=box.side,
        sharpness=sharpness(chip),
        yaw=yaw(detection.landmarks),
        roll=roll(detection.landmarks),
        score=min(1.0, max(0.0, box.width * box.height / 10_000 * detection.det_score)),
    )


def sharpness(chip: Pixels) -> float:
    """Return the standard deviation of the Laplacian within the face; higher is sharper.

    Args:
        chip: (side, side, 3) uint8 RGB, aligned.

    Returns:
        At least 0; in brightness steps.

    Source: Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000.
    """
    grey = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY)
    # The rim holds background, and black where the face reached beyond the picture.
    rim = grey.shape[0] // 8
    spread = cv2.Laplacian(grey, cv2.CV_32F)[rim:-rim, rim:-rim]
    return float(spread.std())


def roll(landmarks: Landmarks) -> float:
    """Return by how many degrees the head leans, clockwise positive, in (-180, 180].

    Args:
        landmarks: (5, 2) float32.

    Returns:
        Angle of the line between the eyes; 0 is upright.
    """
    across = landmarks[1] - landmarks[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))


def yaw(landmarks: Landmarks) -> float:
    """Return by how many degrees the head is turned sideways, from how far the nose lies beside the face's midline.

    Args:
        landmarks: (5, 2) float32.

    Returns:
        In [-90, 90]; 0 is frontal, positive towards the right edge of the picture.

    Source: orthographic view of a rigid head whose nose stands out by `NOSE_REACH`.
    """
    eyes = (landmarks[0] + landmarks[1]) / 2
    down = (landmarks[3] + landmarks[4]) / 2 - eyes
    height = float(np.hypot(down[0], down[1]))
    if not height > 0:
        return 90.0
    # Across the midline from eyes to mouth, so that a leaning head is not taken for a turned one.
    across = np.array([down[1], -down[0]]) / height
    shift = float((landmarks[2] - eyes) @ across) / height
    return float(np.degrees(np.arcsin(np.clip(shift / NOSE_REACH, -1, 1))))


def judge(gates: Gates, quality: Quality, det_score: float, image_side: float) -> tuple[FaceRole, tuple[Reason, ...]]:
    """Return what a face may be used for, and why not more.

    Args:
        gates: the profile.
        quality: of the face.
        det_score: in [0, 1].
        image_side: shorter side of the full-size image, pixels.

    Returns:
        The role; every reason that refused it, else every reason that keeps it from founding a group.
    """
    turned = abs(quality.yaw)
    refused = _failed(
        (image_side < gates.min_image_side, Reason.IMAGE_TOO_SMALL),
        (quality.side < gates.min_face_side, Reason.FACE_TOO_SMALL),
        (det_score < gates.min_det_score, Reason.LOW_DET_SCORE),
        (turned > gates.max_yaw, Reason.TURNED),
    )
    if refused:
        return FaceRole.REFUSED, refused
    demoted = _failed(
        (quality.side < gates.founding_side, Reason.FACE_TOO_SMALL),
        (det_score < gates.founding_det_score, Reason.LOW_DET_SCORE),
        (quality.sharpness < gates.founding_sharpness, Reason.BLURRED),
        (turned > gates.founding_yaw, Reason.TURNED),
        (abs(quality.roll) > gates.founding_roll, Reason.NOT_UPRIGHT),
    )
    return (FaceRole.SUPPORTING if demoted else FaceRole.FOUNDING), demoted


def _failed(*checks: tuple[bool, Reason]) -> tuple[Reason, ...]:
    return tuple(reason for failed, reason in checks if failed)


def describe(gates: Gates) -> list[Gate]:
    """Return every gate of a profile: those that refuse first; gates that are off are left out."""
    small, doubtful, turned = Reason.FACE_TOO_SMALL, Reason.LOW_DET_SCORE, Reason.TURNED
    image = Reason.IMAGE_TOO_SMALL
    rows = [
        Gate("min_image_side", gates.min_image_side, image, True, "shorter side of the image, pixels, at least"),
        Gate("min_face_side", gates.min_face_side, small, True, "shorter side of the face, pixels, at least"),
        Gate("min_det_score", gates.min_det_score, doubtful, True, "confidence of the detector, at least"),
        Gate("max_yaw", gates.max_yaw, turned, True, "head turned sideways, degrees, at most"),
        Gate("founding_side", gates.founding_side, small, False, "shorter side of the face, pixels, at least"),
        Gate("founding_det_score", gates.founding_det_score, doubtful, False, "confidence of the detector, at least"),
        Gate("founding_sharpness", gates.founding_sharpness, Reason.BLURRED, False, "sharpness, at least"),
        Gate("founding_yaw", gates.founding_yaw, turned, False, "head turned sideways, degrees, at most"),
        Gate("founding_roll", gates.founding_roll, Reason.NOT_UPRIGHT, False, "head leaning, degrees, at most"),
    ]
    off = {("min_image_side", 0.0), ("max_yaw", 180.0), ("founding_sharpness", 0.0)}
    return [row for row in rows if (row.name, float(row.value)) not in off]
