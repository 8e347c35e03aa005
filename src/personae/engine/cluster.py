"""Tie faces to known people, then group the unknown ones; what humans decided stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from personae.core.assign import assign
from personae.core.cluster import Linkage, Whispers, match_labels
from personae.core.ledger import resolve_faces, resolve_people
from personae.engine import ledger
from personae.engine.backfill import backfill
from personae.engine.gallery import Gallery, load_gallery
from personae.engine.parts import Parts, Vision
from personae.ports import Transaction
from personae.types import ClusterId, Decision, DecisionKind, FaceId, Ids, Labels, Maker, PersonId

CURSOR = "grouping"
"""Under this name the outbox remembers up to where faces and decisions have been grouped."""
RULES = "grouping.rules"
"""Setting that keeps the rules of the last grouping, so that a change of rules groups again."""


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """What one grouping did."""

    assigned_to_people: int
    unknown_clusters: int
    grouped: int
    """Faces in those clusters."""
    single: int
    """Faces with neither person nor cluster."""
    total_processed: int
    threshold: float | None = None
    """Mean similarity down to which groups were joined."""
    unchanged: bool = False
    """Nothing had happened since the last grouping, so nothing was done."""


def group(parts: Parts) -> GroupSummary:
    """Tie unknown faces to the people they match, and group the others, in one transaction.

    Faces that lack an embedding under an enabled model get it first, from their crops. Clusters keep their
    numbers where their faces stay together. Nothing is done when no face and no decision is new.
    """
    with parts.store.read() as tx:
        if _up_to_date(tx, parts):
            return replace(_summary(tx), unchanged=True)
    vision = parts.vision()
    backfill(parts)
    with parts.store.write() as tx:
        gallery = load_gallery(tx, vision.model_ids)
        assigned = _assign(tx, parts, vision, gallery)
        threshold = _regroup(tx, parts, vision, _unknown(gallery, assigned))
        tx.events.set_cursor(CURSOR, tx.events.emit("faces.grouped", {"faces": len(gallery.face_ids)}))
        tx.settings.set(RULES, _rules(parts, vision.model_ids))
        summary = _summary(tx)
    return replace(
        summary, assigned_to_people=len(assigned), total_processed=len(gallery.face_ids), threshold=threshold
    )


def _rules(parts: Parts, model_ids: Sequence[str]) -> list[object]:
    rules = parts.rules
    return [rules.unknown_method, rules.min_cluster_size, rules.match_threshold, *model_ids]


def _up_to_date(tx: Transaction, parts: Parts) -> bool:
    return tx.events.cursor(CURSOR) == tx.events.last() and tx.settings.get(RULES) in (
        None,
        _rules(parts, parts.rules.embedders),
    )


def _summary(tx: Transaction) -> GroupSummary:
    clusters = tx.clusters.all()
    counts = tx.faces.counts()
    grouped = sum(cluster.face_count for cluster in clusters)
    kept = counts.get("founding", 0) + counts.get("supporting", 0)
    return GroupSummary(0, len(clusters), grouped, kept - counts.get("named", 0) - grouped, 0)


# --- known people -----------------------------------------------------------------------------


def _assign(tx: Transaction, parts: Parts, vision: Vision, gallery: Gallery) -> set[FaceId]:
    """Tie unknown faces to the people whose faces they match; return those faces."""
    states = resolve_faces(tx.decisions.active(), resolve_people(tx.decisions.active_people()))
    # What the machine tied itself teaches it nothing: a mistake would draw others after it.
    labelled = np.array([face_id for face_id, state in states.items() if state.by is Maker.HUMAN], np.int64)
    known, unknown = np.isin(gallery.face_ids, labelled), gallery.person_ids < 0
    if not known.any() or not unknown.any():
        return set()
    rejected = {(face_id, person_id) for face_id, state in states.items() for person_id in state.rejected}
    found = assign(
        gallery.vectors[unknown], gallery.face_ids[unknown], gallery.vectors[known], gallery.person_ids[known],
        threshold=parts.rules.match_threshold, rejected=rejected,
    )  # fmt: skip
    decisions = [
        Decision(
            DecisionKind.ASSIGN, Maker.MACHINE, face_id=FaceId(face_id), person_id=PersonId(person_id), score=score,
            threshold=parts.rules.match_threshold, model_id=vision.model_id, runner_up=runner_up,
        )
        for face_id, person_id, score, runner_up in found
    ]  # fmt: skip
    if decisions:
        ledger.record(tx, "assign", Maker.MACHINE, f"recognise {len(decisions)} faces", decisions)
    return {decision.face_id for decision in decisions if decision.face_id is not None}


def _unknown(gallery: Gallery, assigned: set[FaceId]) -> Gallery:
    """The faces that are still nobody's."""
    taken = np.fromiter(assigned, np.int64, len(assigned))
    rows = (gallery.person_ids < 0) & ~np.isin(gallery.face_ids, taken)
    return Gallery(
        gallery.face_ids[rows], gallery.image_ids[rows], gallery.person_ids[rows], gallery.cluster_ids[rows],
        gallery.founding[rows], gallery.vectors[rows],
    )  # fmt: skip


# --- unknown groups ---------------------------------------------------------------------------


def _regroup(tx: Transaction, parts: Parts, vision: Vision, gallery: Gallery) -> float | None:
    """Group the unknown faces and record where each has moved; return the threshold used."""
    if not len(gallery.face_ids):
        return None
    method = Whispers if parts.rules.unknown_method == "whispers" else Linkage
    estimator = method(fallback_threshold=vision.thresholds.cluster, min_cluster_size=parts.rules.min_cluster_size)
    estimator.fit(gallery.vectors, founding=gallery.founding, images=gallery.image_ids)
    cluster_ids = _keep_ids(tx, gallery.cluster_ids, estimator.labels_)
    moved = np.flatnonzero(cluster_ids != gallery.cluster_ids)
    decisions = list(_moves(gallery.face_ids[moved], cluster_ids[moved], estimator.threshold_, vision.model_id))
    if decisions:
        ledger.record(tx, "cluster", Maker.MACHINE, f"group: {len(decisions)} faces moved", decisions)
    return float(estimator.threshold_)


def _keep_ids(tx: Transaction, before: Ids, labels: Labels) -> Ids:
    """Return a cluster id for each face: its old one where the group is still the same, else a new one."""
    kept = match_labels(before, labels)
    fresh = [label for label in np.unique(labels[labels >= 0]).tolist() if label not in kept]
    ids = {**kept, **dict(zip(fresh, tx.clusters.add(len(fresh)), strict=True)), -1: -1}
    return np.array([ids[label] for label in labels.tolist()], np.int64)


def _moves(face_ids: Ids, cluster_ids: Ids, threshold: float, model_id: str) -> Iterator[Decision]:
    for face_id, cluster_id in zip(face_ids.tolist(), cluster_ids.tolist(), strict=True):
        yield Decision(
            DecisionKind.CLUSTER, Maker.MACHINE, face_id=FaceId(face_id),
            cluster_id=None if cluster_id < 0 else ClusterId(cluster_id), threshold=threshold, model_id=model_id,
        )  # fmt: skip
