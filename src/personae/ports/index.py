"""Port of the indexes."""

from __future__ import annotations

from typing import Protocol

from personae.types import FaceId, Filter, Ids, ModelId, Scores, Vector, Vectors


class VectorIndex(Protocol):
    """A cache of one model's embeddings that answers: which faces are nearest?

    The store is the truth; the index says up to which event it has followed it (`cursor`). Beside each embedding it
    keeps the person and the cluster of the face, so that a search can be confined to some of them.
    """

    @property
    def model_id(self) -> ModelId: ...

    @property
    def dimension(self) -> int: ...

    @property
    def follows(self) -> bool:
        """Whether it must be brought up to the store; False: it searches the store's own table."""
        ...

    @property
    def cursor(self) -> int:
        """Sequence number of the last event applied; 0 when empty."""
        ...

    @property
    def damage(self) -> str:
        """Why the saved state could not be used when the index was opened, one sentence; empty when all was well."""
        ...

    def __len__(self) -> int: ...

    def __contains__(self, face_id: FaceId) -> bool: ...

    def face_ids(self) -> Ids:
        """Every face in the index, ids ascending."""
        ...

    def add(
        self, face_ids: Ids, vectors: Vectors, person_ids: Ids | None = None, cluster_ids: Ids | None = None
    ) -> None:
        """Add or replace, with the person and cluster (n,) of each; -1, or None for all: none.

        Raises ModelMismatch (dimension), InputError (NaN, zero or not unit rows).
        """
        ...

    def label(self, face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> None:
        """Say anew whose faces these are, -1 for none; faces that are not in the index are ignored."""
        ...

    def remove(self, face_ids: Ids) -> None:
        """Forget these; unknown ids are ignored."""
        ...

    def search(self, queries: Vectors, k: int, where: Filter | None = None) -> tuple[Ids, Scores]:
        """Return (m, k) face ids and exact float32 cosine scores, best first; -1 and -1.0 where fewer than k exist.

        Only faces that fulfil `where` are found; None: all.
        """
        ...

    def compare(self, query: Vector, face_ids: Ids) -> Scores:
        """Return (n,) the exact cosine of one query (d,) with these faces; NaN where a face is not in the index."""
        ...

    def advance(self, cursor: int) -> None:
        """Record that all events up to `cursor` are applied."""
        ...

    def clear(self) -> None: ...

    def save(self) -> None:
        """Keep the state atomically where it will be found again; a no-op for an index without a file."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the index is not used afterwards."""
        ...
