"""The collection in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from personae.core.quality import Gate, Gates, describe
from personae.engine.parts import Parts
from personae.ports import Transaction
from personae.types import FaceRole

GATES = "ingest.gates"
"""Setting that keeps every set of gates that photos were judged by, the latest last."""


@dataclass(frozen=True, slots=True)
class GateCount:
    """One quality gate and what it did."""

    gate: str
    value: str
    effect: str
    """refuses, or keeps from founding a group."""
    count: int


@dataclass(frozen=True, slots=True)
class Stats:
    """The collection in numbers."""

    images: int
    files: int
    refused_files: dict[str, int]
    """By reason."""
    faces: int
    """Those that were not refused."""
    founding: int
    supporting: int
    refused_faces: int
    people: int
    named_faces: int
    clusters: int
    clustered_faces: int
    single_faces: int
    embeddings: dict[str, int]
    """By model."""
    profile: str
    gates: tuple[GateCount, ...]
    """As they were when the latest photos were taken in."""
    gate_sets: int
    """Different gates that photos have been judged by; with more than one, the counts are of all."""


def stats(parts: Parts) -> Stats:
    """Return the collection in numbers, and what each quality gate did."""
    with parts.store.read() as tx:
        judged_by = _remembered(tx) or [parts.rules.gates]
        images, faces, embeddings = tx.images.counts(), tx.faces.counts(), tx.faces.embedding_counts()
        people, clusters = tx.people.all(), tx.clusters.all()
    kept = faces.get("founding", 0) + faces.get("supporting", 0)
    named = faces.get("named", 0)
    clustered = sum(cluster.face_count for cluster in clusters)
    return Stats(
        images=images.get("images", 0),
        files=images.get("files", 0),
        refused_files={key.removeprefix("refused:"): n for key, n in images.items() if key.startswith("refused:")},
        faces=kept,
        founding=faces.get("founding", 0),
        supporting=faces.get("supporting", 0),
        refused_faces=faces.get("refused", 0),
        people=len(people),
        named_faces=named,
        clusters=len(clusters),
        clustered_faces=clustered,
        single_faces=kept - named - clustered,
        embeddings={str(model_id): n for model_id, n in embeddings.items()},
        profile=judged_by[-1].name,
        gates=tuple(
            GateCount(gate.name, f"{gate.value:g}", _effect(gate), _count(faces, gate))
            for gate in describe(judged_by[-1])
        ),
        gate_sets=len(judged_by),
    )


def remember_gates(tx: Transaction, gates: Gates) -> None:
    """Note that photos are being judged by these gates, as the latest of all that ever were used."""
    before = _remembered(tx)
    if before[-1:] != [gates]:
        tx.settings.set(GATES, [asdict(each) for each in [*(old for old in before if old != gates), gates]])


def _remembered(tx: Transaction) -> list[Gates]:
    kept = tx.settings.get(GATES)
    return [Gates(**each) for each in kept] if isinstance(kept, list) else []


def _effect(gate: Gate) -> str:
    return "refuses" if gate.refuses else "keeps from founding a group"


def _count(faces: Mapping[str, int], gate: Gate) -> int:
    """Faces that this gate acted on."""
    role = FaceRole.REFUSED if gate.refuses else FaceRole.SUPPORTING
    return faces.get(f"{role}:{gate.reason}", 0)
