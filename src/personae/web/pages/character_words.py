"""What the pages of characters say: faults of a picture, reasons of a score, and who has set a threshold, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personae.album import reason_words
from personae.preferences import InForce
from personae.references import ImageQuality

ADVICE = {
    "several_faces": ("Several faces", "A picture of the face alone leaves no doubt."),
    "small_image": ("Small picture", "A larger picture holds more detail."),
    "not_upright": ("Head leans", "An upright head compares better."),
    "no_face": ("No face", "Take a picture in which the face is seen from the front."),
    "small_face": ("Small face", "Crop closer, or take a larger picture."),
    "turned_away": ("Turned away", "Take a picture that looks into the camera."),
    "blurred": ("Blurred", "Take a sharper picture."),
    "dark": ("Dark", "Take a picture with more light on the face."),
    "overexposed": ("Overexposed", "Take a picture with less light on the face."),
    "low_contrast": ("Flat light", "Take a picture with more contrast on the face."),
}
"""Reason of the verdict on a source image -> its name, and what to do."""
MEASURES = (
    ("face_side", "Face", "{:,.0f} px"),
    ("sharpness", "Sharpness", "{:.1f}"),
    ("yaw", "Turned sideways", "{:.0f}°"),
    ("roll", "Leaning", "{:.0f}°"),
    ("brightness", "Brightness", "{:.0%}"),
    ("contrast", "Contrast", "{:.0%}"),
    ("dark_share", "Nearly black", "{:.0%}"),
    ("bright_share", "Nearly white", "{:.0%}"),
)
"""Measure -> its name, and how it is written."""
CHECKS = {
    "no_face": "no face",
    "no_usable_face": "no face that can be compared",
    "several_faces": "several faces: the best counts",
}
"""Reasons of a likeness check and of a frame."""
SCORED = frozenset({"below_threshold", "below_median"})
"""Reasons that are in the score."""
SOURCES = {
    "project": "set for this project",
    "studio": "set for the studio",
    "command line": "set on the command line",
    "environment": "set in the environment",
    "personae.toml": "set in personae.toml",
    "default": "the default",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a source image is worth, in words."""

    level: str
    """good, fair or poor."""
    title: str
    reasons: tuple[tuple[str, str], ...]
    """What is at fault, and what to do."""
    measures: tuple[tuple[str, str], ...]
    """Names and values."""


def verdict(quality: ImageQuality) -> Verdict:
    """Return the verdict on a source image in words."""
    if not quality.reasons:
        level, title = "good", "A good reference"
    elif quality.ok:
        level, title = "fair", "Usable, and could be better"
    else:
        level, title = "poor", "A poor reference"
    reasons = tuple(ADVICE.get(reason, (reason_words(reason).capitalize(), "")) for reason in quality.reasons)
    known = quality.measures
    shown = [(label, form.format(known[name])) for name, label, form in MEASURES if name in known]
    size = [("Picture", f"{known['width']:,.0f} × {known['height']:,.0f}")] if {"width", "height"} <= set(known) else []
    return Verdict(level, title, reasons, (*size, *shown))


def check_words(reasons: Sequence[str]) -> str:
    """Return the reasons of a check as one line, but for the score itself, which says enough."""
    told = [CHECKS.get(reason) or reason_words(reason) for reason in reasons if reason not in SCORED]
    words = ", ".join(told)
    return words[:1].upper() + words[1:]


def who_set(setting: InForce) -> str:
    """Return where a setting comes from: "set for this project by Ann on 3 May 2026"."""
    words = SOURCES.get(setting.source, setting.source)
    if setting.set_by:
        words += f" by {setting.set_by}"
    if setting.set_at is not None:
        words += f" on {setting.set_at:%-d %B %Y}"
    return words
