"""Port of likeness: pictures that were held against characters, and all characters at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from personae.references import LikenessCheck
from personae.types import Digest, Ids, ModelId, PersonId, Vectors


class LikenessTable(Protocol):
    """Checks against characters. What belongs to a merged character shows at the one that it is now."""

    def add(self, checks: Sequence[LikenessCheck]) -> list[LikenessCheck]:
        """Insert; return them with their ids, in the order given. Their `id`, `stale` and `made_at` are not read."""
        ...

    def of_person(
        self, person_id: PersonId, limit: int | None = None, before: int | None = None
    ) -> list[LikenessCheck]:
        """Checks against a character, newest first; `before`: only those with a lower id.

        Stale are those made under another version than the character's template has now.
        """
        ...

    def digests(self) -> set[Digest]:
        """The pictures of all checks."""
        ...

    def anchors(self, model_id: ModelId) -> tuple[Ids, Vectors]:
        """The active characters' primary faces that have an embedding under this model.

        Characters (n,) int64 ascending, one or several rows each, and the (n, d) float32 unit vectors.
        """
        ...
