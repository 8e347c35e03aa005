"""Faces with their people and clusters, as arrays."""

from __future__ import annotations

import base64
import zlib

import numpy as np
from numpy.typing import NDArray

from personae.adapters.index.rows import admitted
from personae.types import Filter, Ids


class LabelTable:
    """Faces by ascending id, each with its person and its cluster, -1 for none.

    The arrays are never changed in place, but replaced: whoever holds one keeps what was true when it took it.
    """

    def __init__(self) -> None:
        self.ids = np.empty(0, np.int64)
        self.people = np.empty(0, np.int64)
        self.clusters = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def has(self, face_ids: Ids) -> NDArray[np.bool_]:
        """Return which of these are here."""
        return self._found(face_ids)[1]

    def put(self, face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> None:
        """Add or replace; ids ascending, each once."""
        kept = ~np.isin(self.ids, face_ids)
        ids = np.concatenate([self.ids[kept], face_ids])
        order = np.argsort(ids, kind="stable")
        self.ids = ids[order]
        self.people = np.concatenate([self.people[kept], person_ids])[order]
        self.clusters = np.concatenate([self.clusters[kept], cluster_ids])[order]

    def label(self, face_ids: Ids, person_ids: Ids, cluster_ids: Ids) -> None:
        """Replace the labels of those of these faces that are here."""
        place, here = self._found(face_ids)
        people, clusters = self.people.copy(), self.clusters.copy()
        people[place[here]], clusters[place[here]] = person_ids[here], cluster_ids[here]
        self.people, self.clusters = people, clusters

    def drop(self, face_ids: Ids) -> None:
        """Forget these."""
        kept = ~np.isin(self.ids, face_ids)
        self.ids, self.people, self.clusters = self.ids[kept], self.people[kept], self.clusters[kept]

    def fitting(self, where: Filter) -> NDArray[np.bool_]:
        """Return which faces fulfil the filter, in the order of `ids`."""
        return admitted(where, self.people, self.clusters)

    def packed(self) -> str:
        """Return people and clusters as text."""
        raw = np.concatenate([self.people, self.clusters]).astype("<i8").tobytes()
        return base64.b64encode(zlib.compress(raw, 1)).decode("ascii")

    @classmethod
    def unpacked(cls, face_ids: Ids, text: str) -> LabelTable:
        """Return the table of these ids, ascending, with the labels that `packed` wrote.

        Raises:
            ValueError: the text is damaged, or not of so many faces.
        """
        try:
            raw = zlib.decompress(base64.b64decode(text, validate=True))
        except zlib.error as error:
            raise ValueError(str(error)) from error
        table = cls()
        table.ids = face_ids
        table.people, table.clusters = np.frombuffer(raw, "<i8").astype(np.int64).reshape(2, len(face_ids))
        return table

    def _found(self, face_ids: Ids) -> tuple[Ids, NDArray[np.bool_]]:
        """Return the place of each, and whether it is here at all."""
        if not len(self.ids):
            return np.zeros(len(face_ids), np.int64), np.zeros(len(face_ids), dtype=bool)
        place = np.searchsorted(self.ids, face_ids)
        place[place == len(self.ids)] = 0
        return place, self.ids[place] == face_ids
