"""What counts as a photo, wherever it comes from: by its content and its size, never by its name."""

from __future__ import annotations

MAX_IMAGE_BYTES = 64 * 2**20
"""A photo of a source is smaller than this; larger ones are given up as soon as that is known."""

PHOTOS = frozenset({"jpeg", "png", "webp"})
"""Formats taken from a source. SVG, above all, is a document that can hold anything."""
