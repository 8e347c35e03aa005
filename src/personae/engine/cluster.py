"""Tie faces to known people, then group the unknown ones; what humans decided stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from personae.core.cluster import match_labels
from personae.core.extend import Grouped, extend
from personae.core.links import Links
from personae.core.open_set import Placed, place
from personae.core.vetting import Contradiction
from personae.engine import ledger
from personae.engine.backfill import backfill
from personae.engine.follow import touched_since
from personae.engine.gallery import Gallery, load_gallery
from personae.engine.known import CHANGES, Known, recall
from personae.engine.live import EVENT as SWITCHED
from personae.engine.live import live_ids
from personae.engine.methods import SETTINGS, Chosen, GroupOptions, choose, estimator
from personae.engine.parts import Parts, Vision
from personae.engine.preferences import rules_now
from personae.engine.progress import NOBODY, Progress
from personae.engine.thresholds import thresholds
from personae.ports import Transaction
from personae.types import ClusterId, Decision, DecisionKind, FaceId, Ids, Labels, Maker, ModelId, Outcome, PersonId

CURSOR = "grouping"
"""Under this name the outbox remembers up to where faces and decisions have been grouped."""
LAST = "grouping.last"
"""Setting that keeps how all faces were last grouped."""
FEW = 0.2
"""Share of fresh faces up to which they are joined to the groups that are there."""
TRIES = 3
"""Times that the work is done beside others; when they keep deciding, the store is held for the last time."""
DECIDED = ("decision.made", "decision.undone", "face.removed", SWITCHED)
"""Events after which what was worked out may no longer hold."""


class Scope(Enum):
    """Which unknown faces are grouped."""

    NONE = "none"
    FRESH = "fresh"
    """Those that have come since; all, when they are many or the rules have changed."""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a verb does."""

    scope: Scope
    assigns: bool = True
    rejudges: bool = False
    """Whether the ties that the machine made are judged again."""


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
    to_review: int = 0
    """Of the faces that were compared with people now: those that may be somebody, and wait for a human."""
    released: int = 0
    """Faces that the machine had tied to somebody and no longer does."""
    threshold: float | None = None
    """Mean similarity down to which groups were joined."""
    conflicts: int = 0
    """Links and separations that contradict each other; the latest holds."""
    contradictions: tuple[Contradiction, ...] = ()
    """People some of whose faces do not look like the others."""
    unchanged: bool = False
    """Nothing had happened since the last grouping, so nothing was done."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What there was when the work began."""

    gallery: Gallery
    """The faces that are looked at, and those of known people."""
    known: Known
    review: float
    last_event: int
    fresh: NDArray[np.bool_] | None
    """Which faces have come since the last grouping; None: all are grouped anew."""
    threshold: float
    """At which groups stopped to merge in the last grouping."""
    recognised: NDArray[np.bool_]
    """Which faces were compared with the same people before."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the work came to, before it is written."""

    placed: Placed
    """The faces whose person may change."""
    before: Ids
    """(n,) whom the machine tied each of them to until now; -1 is nobody."""
    after: Ids
    """(n,) whom it ties each of them to now."""
    rows: Ids
    """Rows of the gallery that were grouped."""
    labels: Labels
    """(len(rows),) their groups."""
    threshold: float | None


def group(parts: Parts, progress: Progress = NOBODY) -> GroupSummary:
    """Tie unknown faces to the people they match, and group the others; fresh faces join the groups that are there.

    Faces that lack an embedding under an enabled model get it first, from their crops. Nothing is done when no face
    and no decision is new.
    """
    with parts.store.read() as tx:
        if _up_to_date(tx, parts):
            return replace(_summary(tx), unchanged=True)
    parts.vision()
    backfill(parts)
    return _run(parts, Plan(Scope.FRESH), SETTINGS, progress)


def cluster_dual(parts: Parts, options: GroupOptions = SETTINGS, progress: Progress = NOBODY) -> GroupSummary:
    """Tie every unlabelled face to the person it matches, and group all others anew.

    Clusters keep their numbers where most of their faces stay together. What humans decided stays. It is written in
    one transaction.

    Raises:
        InputError: an option cannot be used.
        Cancelled: `progress` says to stop; nothing is written.
        Conflict: another runner has taken the work over; nothing is written.
    """
    return _run(parts, Plan(Scope.ALL), options, progress)


def assign(parts: Parts, options: GroupOptions = SETTINGS, progress: Progress = NOBODY) -> GroupSummary:
    """Tie every unlabelled face to the person it matches; groups stay as they are. Raises as `cluster_dual`."""
    return _run(parts, Plan(Scope.NONE), options, progress)


def cluster(parts: Parts, options: GroupOptions = SETTINGS, progress: Progress = NOBODY) -> GroupSummary:
    """Group all unknown faces anew; ties to people stay as they are. Raises as `cluster_dual`."""
    return _run(parts, Plan(Scope.ALL, assigns=False), options, progress)


def reassign(parts: Parts, options: GroupOptions = SETTINGS, progress: Progress = NOBODY) -> GroupSummary:
    """Judge every tie of the machine again, and take back those that no longer hold. Raises as `cluster_dual`."""
    return _run(parts, Plan(Scope.FRESH, rejudges=True), options, progress)


def _run(parts: Parts, plan: Plan, options: GroupOptions, progress: Progress) -> GroupSummary:
    with parts.store.read() as tx:
        chosen = choose(options, rules_now(tx, parts.rules))
    for _ in range(TRIES):
        vision = parts.vision()
        with parts.store.read() as tx:
            seen = _look(tx, parts, vision, chosen, plan)
        found = _work_out(seen, vision, chosen, plan, progress)
        with parts.store.write() as tx:
            progress.hold(tx)
            if not tx.events.after(seen.last_event, 1, DECIDED):
                return _write(tx, vision, chosen, plan, seen, found)
    vision = parts.vision()
    with parts.store.write() as tx:
        progress.hold(tx)
        seen = _look(tx, parts, vision, chosen, plan)
        return _write(tx, vision, chosen, plan, seen, _work_out(seen, vision, chosen, plan, NOBODY))


def _up_to_date(tx: Transaction, parts: Parts) -> bool:
    last, model_ids = tx.settings.get(LAST), live_ids(tx, parts.rules)
    rules = _rules(choose(SETTINGS, rules_now(tx, parts.rules)), model_ids)
    # After a grouping that recognised nobody, faces still have to be recognised.
    done = not isinstance(last, dict) or (last["rules"] == rules and last.get("people") is not None)
    if not done or tx.events.cursor(CURSOR) != tx.events.last():
        return False
    # Other verbs group what has embeddings, and leave it to `group` to make those that a new model lacks.
    return not any(tx.faces.lacking(ModelId(model_id)) for model_id in model_ids)


def _rules(chosen: Chosen, model_ids: Sequence[str]) -> list[object]:
    return [chosen.method, chosen.min_size, chosen.eps, chosen.person_threshold, *model_ids]


def _summary(tx: Transaction) -> GroupSummary:
    clusters, grouped, unknown = tx.faces.unknown_counts()
    return GroupSummary(0, clusters, grouped, unknown - grouped, 0)


# --- what there is ----------------------------------------------------------------------------


def _look(tx: Transaction, parts: Parts, vision: Vision, chosen: Chosen, plan: Plan) -> _Seen:
    """Read the faces and what is known of them."""
    gallery = load_gallery(tx, vision.model_ids, parts.vectors)
    review = thresholds(tx, vision).review
    known = recall(parts.known, tx, gallery, review, vision.model_ids)
    if chosen.max_faces is not None:
        open_rows = np.flatnonzero(~np.isin(gallery.face_ids, known.labelled))
        left_out = np.zeros(len(gallery.face_ids), bool)
        left_out[open_rows[chosen.max_faces :]] = True
        gallery = gallery.at(~left_out)
    last = tx.settings.get(LAST)
    fresh, threshold = None, 0.0
    if plan.scope is Scope.FRESH and isinstance(last, dict) and last["rules"] == _rules(chosen, vision.model_ids):
        fresh, threshold = _fresh(tx, gallery, int(last["newest"])), last["threshold"]
        if threshold is None or fresh.sum() > FEW * len(fresh):
            fresh = None
    recognised = np.zeros(len(gallery.face_ids), bool)
    if fresh is not None and isinstance(last, dict) and last.get("people") == list(known.basis):
        recognised = ~fresh & (not tx.events.after(tx.events.cursor(CURSOR), 1, CHANGES))
    return _Seen(gallery, known, review, tx.events.last(), fresh, threshold or 0.0, recognised)


def _fresh(tx: Transaction, gallery: Gallery, newest: int) -> NDArray[np.bool_]:
    """Mark the faces that came, were embedded, or were moved since the last grouping."""
    touched = touched_since(tx, tx.events.cursor(CURSOR))
    return (gallery.face_ids > newest) | np.isin(gallery.face_ids, touched, assume_unique=True)


# --- what follows from it ---------------------------------------------------------------------


def _work_out(seen: _Seen, vision: Vision, chosen: Chosen, plan: Plan, progress: Progress) -> _Found:
    """Say whose each face is, and which faces are together."""
    gallery = seen.gallery
    tied = (gallery.person_ids >= 0) & ~np.isin(gallery.face_ids, seen.known.labelled, assume_unique=True)
    judged = np.flatnonzero(_judged(seen, plan, tied))
    progress.step(0, 1, "recognising")
    placed = place(
        gallery.vectors[judged], gallery.face_ids[judged], seen.known.people,
        match=chosen.person_threshold, review=seen.review, rejected=seen.known.rejected,
    )  # fmt: skip
    after = np.where(placed.outcomes == Outcome.MATCH.value, placed.person_ids, -1)
    # A face that a human linked with a person's is that person, however it looks.
    said = seen.known.links.people
    for row in np.flatnonzero(np.isin(placed.face_ids, np.fromiter(said, np.int64, len(said)))).tolist():
        after[row] = said[FaceId(int(placed.face_ids[row]))]
    people = gallery.person_ids.copy()
    people[judged] = after
    rows = np.flatnonzero(people < 0)
    if plan.scope is Scope.NONE or not len(rows):
        rows, labels, threshold = rows[:0], rows[:0], None
    elif seen.fresh is None:
        labels, threshold = _grouped(seen, rows, vision, chosen, progress)
    else:
        released = np.zeros(len(people), bool)
        released[judged[(gallery.person_ids[judged] >= 0) & (after < 0)]] = True
        progress.step(0, 1, "grouping")
        labels, threshold = _extended(seen, rows, seen.fresh | released, chosen), seen.threshold
    return _Found(placed, gallery.person_ids[judged], after, rows, labels, threshold)


def _judged(seen: _Seen, plan: Plan, tied: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the faces whose person may change; `tied` are those that the machine gave one."""
    if not plan.assigns:
        return np.zeros_like(tied)
    unknown = seen.gallery.person_ids < 0
    if plan.rejudges:
        # Of a person none of whose labelled faces has an embedding under these models, nothing can be said.
        return unknown | (tied & np.isin(seen.gallery.person_ids, seen.known.people.people_))
    return unknown & ~seen.recognised


def _grouped(seen: _Seen, rows: Ids, vision: Vision, chosen: Chosen, progress: Progress) -> tuple[Labels, float | None]:
    """Group these rows of the gallery from the beginning; return the threshold used, too."""
    faces = seen.gallery.at(rows) if len(rows) < len(seen.gallery.face_ids) else seen.gallery
    must, cannot = _links(seen.known.links, faces.face_ids)
    method = estimator(chosen, vision.thresholds.cluster)
    method.tell = lambda done, total: progress.step(done, total, "grouping")
    method.fit(faces.vectors, founding=faces.founding, images=faces.image_ids, must=must, cannot=cannot)
    return method.labels_, float(method.threshold_)


def _extended(seen: _Seen, rows: Ids, fresh: NDArray[np.bool_], chosen: Chosen) -> Labels:
    """Let the fresh ones among these rows of the gallery join the groups of the others."""
    faces = seen.gallery.at(rows) if len(rows) < len(seen.gallery.face_ids) else seen.gallery
    must, cannot = _links(seen.known.links, faces.face_ids)
    known = Grouped(faces.vectors, faces.cluster_ids, fresh[rows], faces.founding, faces.image_ids, must, cannot)
    return extend(known, seen.threshold, chosen.min_size)


def _links(links: Links, face_ids: Ids) -> tuple[Ids, Ids]:
    """Return the (m, 2) rows that must, and must not, be together."""
    spoken_of = {*links.people, *(i for pair in (*links.must, *links.cannot) for i in pair)}
    among = links.among(face_ids[np.isin(face_ids, np.fromiter(spoken_of, np.int64, len(spoken_of)))].tolist())
    must, cannot = (np.array(pairs, np.int64).reshape(-1, 2) for pairs in (among.must, among.cannot))
    return np.searchsorted(face_ids, must), np.searchsorted(face_ids, cannot)


# --- what is written --------------------------------------------------------------------------


def _write(tx: Transaction, vision: Vision, chosen: Chosen, plan: Plan, seen: _Seen, found: _Found) -> GroupSummary:
    """Record what was found, and up to where the faces are grouped now."""
    alone = tx.events.last() == seen.last_event
    changes = list(_ties(found, chosen, vision.model_id))
    if changes:
        ledger.record(tx, "assign", Maker.MACHINE, f"recognise: {len(changes)} faces", changes)
    if plan.scope is not Scope.NONE:
        after = _keep_ids(tx, seen.gallery.cluster_ids[found.rows], found.labels)
        moves = list(_moves(seen.gallery, found, after, vision.model_id))
        if moves:
            ledger.record(tx, "cluster", Maker.MACHINE, f"group: {len(moves)} faces moved", moves)
    emitted = tx.events.emit("faces.grouped", {"faces": len(seen.gallery.face_ids)})
    if plan.scope is not Scope.NONE and chosen.max_faces is None:
        # What others added meanwhile was not looked at.
        tx.events.set_cursor(CURSOR, emitted if alone else seen.last_event)
        tx.settings.set(LAST, {
            "rules": _rules(chosen, vision.model_ids), "threshold": found.threshold,
            "newest": int(seen.gallery.face_ids.max(initial=0)),
            "people": list(seen.known.basis) if plan.assigns else None,
        })  # fmt: skip
    return replace(
        _summary(tx),
        assigned_to_people=sum(change.kind is DecisionKind.ASSIGN for change in changes),
        released=sum(change.kind is DecisionKind.RELEASE for change in changes),
        to_review=len(found.placed.rows(Outcome.REVIEW)),
        total_processed=len(seen.gallery.face_ids),
        threshold=found.threshold,
        conflicts=len(seen.known.links.conflicts),
        contradictions=tuple(seen.known.people.contradictions_),
    )


def _ties(found: _Found, chosen: Chosen, model_id: str) -> Iterator[Decision]:
    """Yield a decision for each face whose person has changed."""
    for row in np.flatnonzero(found.after != found.before).tolist():
        receipt = found.placed.receipt(row)
        person_id = PersonId(int(found.after[row]))
        # The score of a face that is somebody by a link may be another person's.
        score = receipt.score if person_id in (-1, receipt.person_id) else None
        yield Decision(
            DecisionKind.RELEASE if person_id < 0 else DecisionKind.ASSIGN, Maker.MACHINE, face_id=receipt.face_id,
            person_id=None if person_id < 0 else person_id, score=score, threshold=chosen.person_threshold,
            model_id=model_id, runner_up=None if score is None else receipt.runner_up,
        )  # fmt: skip


def _moves(gallery: Gallery, found: _Found, after: Ids, model_id: str) -> Iterator[Decision]:
    """Yield a decision for each face that is in another group than before."""
    moved = np.flatnonzero(after != gallery.cluster_ids[found.rows])
    face_ids = gallery.face_ids[found.rows[moved]].tolist()
    for face_id, cluster_id in zip(face_ids, after[moved].tolist(), strict=True):
        yield Decision(
            DecisionKind.CLUSTER, Maker.MACHINE, face_id=FaceId(face_id),
            cluster_id=None if cluster_id < 0 else ClusterId(cluster_id), threshold=found.threshold,
            model_id=model_id,
        )  # fmt: skip


def _keep_ids(tx: Transaction, before: Ids, labels: Labels) -> Ids:
    """Return a cluster id for each face: its old one where the group is still the same, else a new one."""
    kept = match_labels(before, labels)
    fresh = [label for label in np.unique(labels[labels >= 0]).tolist() if label not in kept]
    ids = {**kept, **dict(zip(fresh, tx.clusters.add(len(fresh)), strict=True)), -1: -1}
    return np.array([ids[label] for label in labels.tolist()], np.int64)
