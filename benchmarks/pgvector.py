"""How long pgvector looks for one probe among 100,000 faces in a PostgreSQL store, and whether it finds the person."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from benchmarks import synthetic
from benchmarks.report import Row, markdown
from personae.adapters.index.pgvector import PgvectorIndex
from personae.adapters.store.store import SqlStore
from personae.types import (
    Box,
    Digest,
    FaceRole,
    Ids,
    Labels,
    ModelId,
    NewFace,
    NewImage,
    Quality,
    Vector,
    Vectors,
)
from tests.postgres import Server, UnavailableError

FACES = 100_000
PROBES = 1000
NEIGHBOURS = 20
MODEL = ModelId("facenet512")
FACES_AT_ONCE = 1000
WARM = 20


def run(count: int = FACES) -> list[Row]:
    """Measure."""
    if not synthetic.available():
        return []
    vectors, people = synthetic.loaded(count + PROBES)
    asked = probes(people)
    kept = np.setdiff1d(np.arange(len(people)), asked)
    try:
        server = Server("shared_buffers=1GB")
    except UnavailableError:
        return []
    try:
        with _store(server) as store:
            face_ids = fill(store, vectors[kept])
            index, build = _built(store)
            pid, before = _backend(store)
            rows = measure(index, face_ids, people[kept], vectors[asked], people[asked], vectors[kept])
            same, after = _backend(store)
            each = f"{(after - before) / (len(asked) + WARM) * 1000:.1f} ms" if same == pid else "unknown"
            return [
                Row(f"building the graph of {len(kept):,} faces, one core", "", f"{build:.0f} s"),
                *rows,
                Row("likewise, the server's processor time for one probe", "", each),
            ]
    finally:
        server.close()


def probes(people: Labels) -> Ids:
    """Return the rows that are asked about: one face each of people who have others."""
    rng = np.random.default_rng(13)
    order = rng.permutation(len(people))
    chosen = order[np.bincount(people)[people[order]] >= 2]
    _, first = np.unique(people[chosen], return_index=True)
    rows: Ids = np.sort(rng.permutation(chosen[first])[:PROBES])
    return rows


@contextmanager
def _store(server: Server) -> Iterator[SqlStore]:
    store = SqlStore.open(server.new_database(), "bench", lambda: datetime.now(UTC))
    try:
        yield store
    finally:
        store.close()


def fill(store: SqlStore, vectors: Vectors) -> Ids:
    """Put the faces into the store and return their ids, in order."""
    for start in range(0, len(vectors), FACES_AT_ONCE):
        faces = tuple(_face(vector) for vector in vectors[start : start + FACES_AT_ONCE])
        with store.write() as tx:
            tx.images.add(NewImage(Digest(f"{start:064d}"), 1, 1, 1, "jpeg", faces=faces))
    with store.read() as tx:
        return tx.faces.embeddings(MODEL)[0]


def _face(vector: Vector) -> NewFace:
    quality = Quality(80.0, 5.0, 0.0, 0.0, 0.5)
    landmarks = np.zeros((5, 2), np.float32)
    return NewFace(Box(0, 0, 80, 80), landmarks, 0.9, quality, FaceRole.FOUNDING, embeddings={MODEL: vector})


def _built(store: SqlStore) -> tuple[PgvectorIndex, float]:
    def fetch(face_ids: Ids) -> tuple[Ids, Vectors]:
        with store.read() as tx:
            return tx.faces.embeddings(MODEL, face_ids)

    start = time.perf_counter()
    index = PgvectorIndex(store.nearest(MODEL, 512), MODEL, 512, fetch)
    return index, time.perf_counter() - start


def _backend(store: SqlStore) -> tuple[int, float]:
    """Return the server's process that answers this one, and its seconds of processor time."""
    with store.nearest(MODEL, 512).read() as scope:
        pid = int(scope.connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())
    ticks = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[11:13]
    return pid, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def measure(
    index: PgvectorIndex, face_ids: Ids, people: Labels, asked: Vectors, truth: Labels, vectors: Vectors
) -> list[Row]:
    """Search for every probe, and compare with the exact search over all faces."""
    near = exact(vectors, asked)
    seconds, found = [], np.empty_like(near)
    for row in range(-WARM, len(asked)):
        # The first ones warm the caches up and are not counted.
        start = time.perf_counter()
        ids, _ = index.search(asked[abs(row)][None], NEIGHBOURS)
        if row >= 0:
            seconds.append(time.perf_counter() - start)
            found[row] = np.searchsorted(face_ids, ids[0])
    hits, exact_hits = (int((people[rows[:, 0]] == truth).sum()) for rows in (found, near))
    recall = np.mean([np.isin(one, other).mean() for one, other in zip(near, found, strict=True)])
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return [
        Row(f"pgvector, {len(people):,} faces: search for one probe", "p99 <= 10 ms",
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms", bool(p99 <= 10)),
        Row(f"likewise, the true person is the nearest of {len(asked):,} probes", f"{exact_hits} by exact search",
            str(hits), hits >= exact_hits),
        Row(f"likewise, of the {NEIGHBOURS} nearest by exact search are found", "", f"{recall:.2%}"),
    ]  # fmt: skip


def exact(vectors: Vectors, asked: Vectors) -> Ids:
    """Return the rows of the nearest faces of each probe, best first."""
    near = np.empty((len(asked), NEIGHBOURS), np.int64)
    for start in range(0, len(asked), 50):
        scores = asked[start : start + 50] @ vectors.T
        near[start : start + 50] = np.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBOURS]
    return near


def main() -> None:
    """Print the table."""
    print(markdown("pgvector", run()))


if __name__ == "__main__":
    main()
