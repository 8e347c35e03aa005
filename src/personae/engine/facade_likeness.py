"""The verbs on likeness: pictures and sequences held against characters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from personae.engine.parts import Parts
from personae.engine.progress import NOBODY, Progress
from personae.engine.report import require_page, write_page
from personae.errors import InputError
from personae.references import LikenessCheck
from personae.types import Digest, Image

if TYPE_CHECKING:
    from personae.core.continuity import Continuity
    from personae.engine.likeness import Duplicates, Photo

FORMS = ("png", "svg", "html")
"""Suffixes of what a continuity is drawn as."""


class LikenessVerbs:
    """What `Engine` does with likeness. `who` is a character by name or #number."""

    parts: Parts

    def check_likeness(
        self, who: str, images: Photo | Sequence[Photo], progress: Progress = NOBODY
    ) -> list[LikenessCheck]:
        """Hold images (bytes, or files) against a character, and keep what came of each."""
        from personae.engine import likeness

        given = [images] if isinstance(images, bytes | str | Path) else list(images)
        return likeness.check_likeness(self.parts, who, given, progress)

    def likeness_checks(self, who: str, limit: int | None = None, before: int | None = None) -> list[LikenessCheck]:
        """Return the checks against a character, newest first; stale are those made against another template."""
        from personae.engine import likeness

        return likeness.likeness_checks(self.parts, who, limit, before)

    def checked_picture(self, digest: str) -> bytes:
        """Return the small copy of a picture that was held against a character, a JPEG."""
        from personae.engine import likeness

        return likeness.checked_picture(self.parts, Digest(digest))

    def pictured(self, checks: Sequence[LikenessCheck]) -> tuple[dict[Digest, Image], frozenset[Digest]]:
        """Return the photos with the bytes of checked pictures, and of which of these a copy is kept."""
        from personae.engine import likeness

        return likeness.pictured(self.parts, checks)

    def duplicate_characters(self, threshold: float | None = None, limit: int = 1000) -> Duplicates:
        """Return the pairs of characters that look like one another, best first."""
        from personae.engine import likeness

        return likeness.duplicate_characters(self.parts, threshold, limit)

    def continuity(
        self,
        who: str,
        frames: Photo | Sequence[Photo],
        every: int = 1,
        to: str | Path | None = None,
        progress: Progress = NOBODY,
    ) -> Continuity:
        """Hold frames, a folder of them or a video against a character; with `to`, draw it too, see `FORMS`."""
        from personae.engine import continuity

        place = None if to is None else require_page(Path(to))
        form = "" if place is None else place.suffix.lower().lstrip(".")
        if place is not None and form not in FORMS:
            raise InputError(f"{place}: a continuity is drawn as .png, .svg or .html")
        found = continuity.continuity(self.parts, who, frames, every, progress)
        if place is not None:
            write_page(self.draw_continuity(found, form), place)
        return found

    def draw_continuity(self, found: Continuity, form: str = "html") -> bytes:
        """Return the plot of a continuity, or (html) a page with it."""
        return self.parts.draw_continuity(found, form)
