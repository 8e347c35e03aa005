"""Learn a matching head from what humans said, judge it on what it has never seen, and keep it with its report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from personae.core.guard import Trial, Verdict, judge
from personae.core.head import Head, carry_over, make_head, mover, pairs_of
from personae.core.holdout import Holdout
from personae.core.likeness import Prototypes
from personae.core.search_metrics import Split, search
from personae.engine.lesson import Learnable, Material, count_labels, divide, gather, make_lesson, strangers_split
from personae.engine.live import base_ids
from personae.engine.parts import Parts
from personae.engine.progress import NOBODY, Progress
from personae.engine.thresholds import thresholds
from personae.errors import Cancelled, InputError, ModelError, ModelMismatch, NotFound
from personae.ports import Epoch, HeadFiles, Learnt, Plan
from personae.types import Labels, Thresholds, Vectors

EVENT = "head.trained"
CHECKPOINT = "training-"
"""Before the names of unfinished training."""
WEIGHT = "weight"


@dataclass(frozen=True)
class TrainOptions:
    """What one training does otherwise than the settings say; None is as they say."""

    loss: str | None = None
    """softmax or triplet."""
    epochs: int | None = None
    margin: float | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0


AS_SET = TrainOptions()


@dataclass(frozen=True, slots=True)
class HeadReport:
    """How a head came to be, and whether it may go live."""

    head: str
    """Its model_id."""
    base: str
    accepted: bool
    reasons: tuple[str, ...]
    """One sentence for each test of the guard."""
    verdict: Verdict
    plan: Plan
    losses: tuple[float, ...]
    """Of the epochs, the first one first."""
    people: int
    """Who were learnt from."""
    faces: int
    """That were."""
    rejections: int
    held_faces: int
    """Of the same people, that judged."""
    new_people: int
    """Who judged."""
    thresholds: Thresholds
    data: str
    """SHA-256 of what it was learnt from and judged by."""
    created_at: str
    against: str = ""
    """model_id of what was live then, which it had to outdo."""


def choose_plan(options: TrainOptions, plan: Plan) -> Plan:
    """Return how to train. Raises InputError for what cannot be used."""
    given = {name: value for name, value in asdict(options).items() if value is not None}
    return replace(plan, **given)


def train(parts: Parts, options: TrainOptions = AS_SET, progress: Progress = NOBODY) -> HeadReport:
    """Learn a head and judge it; whatever comes of it, nothing that is live changes.

    After every epoch a checkpoint is written. The same labels and options go on there after a kill.

    Args:
        parts: adapters and rules.
        options: how, where it is not as the settings say.
        progress: is told of steps and losses.

    Raises:
        InputError: an option cannot be used, the labels are too few (it says how many are missing), the loss became no
            number, or PyTorch is not installed.
        Cancelled: `progress` says to stop.
        Conflict: another runner has taken the work over.
        BackendError: the disk is full; what was kept before stays.
    """
    plan = choose_plan(options, parts.rules.plan)
    vision = parts.vision()
    with parts.store.read() as tx:
        material = gather(tx, vision)
        limits = thresholds(tx, vision.base)
        live = None if vision.head is None else (vision.head, thresholds(tx, vision))
    holdout = divide(material, plan.seed)
    digest = material.digest(holdout)
    work = _Work(parts, plan, material, holdout, digest, progress)
    try:
        report = work.run(vision.base.model_id, limits, live)
    except (Cancelled, InputError, ModelError):
        # It is not gone on with, and it holds what people look like.
        parts.heads.delete(work.checkpoint)
        raise
    for name in parts.heads.names():
        if name.startswith(CHECKPOINT):
            parts.heads.delete(name)
    return report


def learnable(parts: Parts, options: TrainOptions = AS_SET) -> Learnable:
    """Return what there is to learn from, and what is missing; no model is loaded, and it is counted once an event.

    Raises:
        InputError: an option cannot be used.
    """
    seed = choose_plan(options, parts.rules.plan).seed
    with parts.store.read() as tx:
        ids = base_ids(tx, parts.rules)
        now = (tx.events.last(), *ids, seed)
        kept = parts.labels.value
        counted = kept[1] if kept is not None and kept[0] == now else count_labels(tx, ids, seed)
    parts.labels.value = now, counted
    return counted


def learnt_from_this(parts: Parts, options: TrainOptions = AS_SET) -> Mapping[str, object] | None:
    """Return the note of the head that was learnt so from the very labels that there are, or None.

    Raises:
        InputError: as `train`.
    """
    plan, vision = choose_plan(options, parts.rules.plan), parts.vision().base
    with parts.store.read() as tx:
        material = gather(tx, vision)
    wanted = (vision.model_id, material.digest(divide(material, plan.seed)), json.loads(json.dumps(asdict(plan))))
    made = (note for note in reports(parts) if (note.get("base"), note.get("data"), note.get("plan")) == wanted)
    return next(made, None)


def examine(
    head: Head, material: Material, holdout: Holdout, limits: Thresholds, seed: int,
    live: tuple[Head, Thresholds] | None = None,
) -> tuple[Verdict, Thresholds]:  # fmt: skip
    """Judge a head on faces and people that it was not learnt from.

    Args:
        head: what was learnt.
        material: what there is.
        holdout: what was learnt from and what was not.
        limits: thresholds of the base model.
        seed: by which new people are drawn.
        live: the head that has to be outdone, and its thresholds; None: the base model.

    Returns:
        The verdict, and the thresholds of the head.
    """
    before, after = material.vectors, head.apply(material.vectors, head.base)
    people, fresh = material.people, holdout.fresh
    moved = mover(pairs_of(before[fresh], people[fresh]), pairs_of(after[fresh], people[fresh]))
    own = carry_over(limits, moved)
    known = Split(holdout.train, holdout.held, fresh)
    new = strangers_split(material, holdout, seed)
    apart = (limits.review, own.review)
    if live is not None:
        # It may have been learnt from some of these faces, which only makes it harder to outdo.
        before, apart = live[0].apply(before, live[0].base), (live[1].review, own.review)
    of_faces = _trial((before, after), apart, people, known)
    of_people = _trial((before[fresh], after[fresh]), apart, people[fresh], new)
    return judge(of_faces, of_people), own


def _trial(sides: tuple[Vectors, Vectors], apart: tuple[float, float], people: Labels, parts: Split) -> Trial:
    """Search before and after, each side by its own threshold."""
    before, after = (
        search(vectors, people, parts, Prototypes(limit)) for vectors, limit in zip(sides, apart, strict=True)
    )
    return Trial(before, after, people[parts.nonmated])


def reports(parts: Parts) -> list[Mapping[str, object]]:
    """Return the notes of every head that was kept, newest first; damaged ones say so."""
    found = []
    for name in parts.heads.names():
        if name.startswith(CHECKPOINT):
            continue
        try:
            found.append(parts.heads.load(name).note)
        except ModelError as error:
            found.append({"head": name, "error": str(error), "created_at": ""})
    return sorted(found, key=lambda note: str(note["created_at"]), reverse=True)


def load_head(heads: HeadFiles, name: str, base: str) -> Head:
    """Return a head that was kept.

    Args:
        heads: where.
        name: its model_id.
        base: the model whose embeddings it shall take.

    Raises:
        NotFound: there is none of this name.
        ModelError: it is damaged, or not what its name says.
        ModelMismatch: it was trained on another model.
    """
    learnt = heads.load(name)
    if learnt.note.get("base") != base:
        raise ModelMismatch(f"the head {name} was trained on {learnt.note.get('base')}, and {base} is in use")
    if WEIGHT not in learnt.arrays:
        raise NotFound(f"there is no head {name}")
    head = make_head(base, learnt.arrays[WEIGHT])
    if head.model_id != name:
        raise ModelError(f"the head {name} is damaged: it is not what its name says")
    return head


def note_of(report: HeadReport) -> dict[str, object]:
    """Return a report as values of JSON."""
    note: dict[str, object] = json.loads(json.dumps(asdict(report)))
    return note


@dataclass(frozen=True)
class _Work:
    """One training."""

    parts: Parts
    plan: Plan
    material: Material
    holdout: Holdout
    digest: str
    progress: Progress

    @property
    def checkpoint(self) -> str:
        """The name under which it is kept while it goes on."""
        told = json.dumps([self.digest, asdict(self.plan)], sort_keys=True).encode()
        return f"{CHECKPOINT}{hashlib.sha256(told).hexdigest()[:16]}"

    def run(self, base: str, limits: Thresholds, live: tuple[Head, Thresholds] | None) -> HeadReport:
        """Learn, judge, and keep what came of it."""
        weight, losses = self.learn(base)
        head = make_head(base, weight)
        if live is not None and live[0].model_id == head.model_id:
            # The live head, learnt once more: it is judged as it was, since it cannot outdo itself.
            live = None
        self.progress.step(0, 0, "judging")
        verdict, own = examine(head, self.material, self.holdout, limits, self.plan.seed, live)
        report = replace(self.report(head, verdict, own, losses), against=live[0].model_id if live else head.base)
        with self.parts.store.write() as tx:
            self.progress.hold(tx)
            if not self._is_accepted(report.head):
                self.parts.heads.save(report.head, Learnt({WEIGHT: head.weight}, note_of(report)))
            tx.events.emit(EVENT, {"head": report.head, "base": report.base, "accepted": report.accepted})
        return report

    def _is_accepted(self, head: str) -> bool:
        """Return whether the very head is kept as accepted: it may be live, and no other report shall take it away."""
        try:
            return self.parts.heads.load(head).note.get("accepted") is True
        except (NotFound, ModelError):
            return False

    def learn(self, base: str) -> tuple[Vectors, tuple[float, ...]]:
        """Return what was learnt, and the losses."""
        lesson = make_lesson(self.material, self.holdout)
        begun = self._begun(base)
        state = dict(begun.arrays) if begun else {}
        weight = state.pop(WEIGHT, np.eye(lesson.vectors.shape[1], dtype=np.float32))
        told = begun.note.get("losses") if begun else None
        losses = list(told) if isinstance(told, list) else []
        doing = "learning"

        def watch(done: int, total: int) -> None:
            self.progress.step(done, total, doing)

        for epoch in self.parts.train(lesson, self.plan, state, watch):
            weight, losses = epoch.weight, [*losses, epoch.loss]
            doing = f"epoch {epoch.number} of {self.plan.epochs}: loss {epoch.loss:.4f}, {epoch.wrong:.1%} wrong"
            self._keep(base, epoch, losses)
        return weight, tuple(losses)

    def _begun(self, base: str) -> Learnt | None:
        """Return what a killed runner has left of this very work."""
        try:
            found = self.parts.heads.load(self.checkpoint)
        except (NotFound, ModelError):
            # A damaged one is made again.
            return None
        return found if (found.note.get("base"), found.note.get("data")) == (base, self.digest) else None

    def _keep(self, base: str, epoch: Epoch, losses: list[float]) -> None:
        note = {"base": base, "data": self.digest, "plan": asdict(self.plan), "epoch": epoch.number, "losses": losses}
        self.parts.heads.save(self.checkpoint, Learnt({**epoch.state, WEIGHT: epoch.weight}, note))

    def report(self, head: Head, verdict: Verdict, own: Thresholds, losses: tuple[float, ...]) -> HeadReport:
        """Return how it went."""
        people, parts = self.material.people, self.holdout
        return HeadReport(
            head=head.model_id, base=head.base, accepted=verdict.accepted, reasons=verdict.reasons, verdict=verdict,
            plan=self.plan, losses=losses, people=len(np.unique(people[parts.train])), faces=len(parts.train),
            rejections=len(make_lesson(self.material, parts).rejected), held_faces=len(parts.held),
            new_people=len(np.unique(people[parts.fresh])), thresholds=own, data=self.digest,
            created_at=self.parts.clock().isoformat(timespec="seconds"),
        )  # fmt: skip
