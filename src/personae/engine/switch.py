"""Go by another model: embed everything under it beside the live one, say what would change, then switch at once."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from personae.engine.agreement import Agreement, agree
from personae.engine.backfill import fill
from personae.engine.chances import chances
from personae.engine.learn_chances import learn_chances
from personae.engine.live import AS_SET, EVENT, Live, accepted, is_head, live, make_live, open_model
from personae.engine.parts import Parts, Vision
from personae.engine.progress import NOBODY, Progress
from personae.engine.reference_fill import fill_references
from personae.errors import BackendError, Conflict, InputError, ModelError, ModelMismatch
from personae.ports import Transaction
from personae.types import FaceId

TRIES = 5
"""Times that faces which came meanwhile are embedded before the switch; those of the last moment follow it."""
SHOWN = 20
"""Faces that a report names."""
LONGEST = 200
"""Characters of a model's name."""


@dataclass(frozen=True)
class SwitchOptions:
    """What to go by."""

    model: str
    """An embedder's id, several joined by +, or that of a head that was accepted; "": as the settings say."""
    dry_run: bool = False
    """Embed and report, and change nothing of what is in use."""
    by: str = ""
    """Who does it."""


@dataclass(frozen=True, slots=True)
class SwitchSummary:
    """What came of it."""

    model: str
    """What was asked for."""
    before: str
    """model_id of what was live."""
    after: str
    """model_id of what was asked for."""
    switched: bool
    embedded: int
    """Embeddings that were made for it."""
    without_embedding: int
    """Faces that could not be embedded: they keep their names, and are not recognised by."""
    examples_without: tuple[int, ...]
    """The first of them."""
    references_without: int
    """The same of faces on source images of references."""
    agreement: Agreement | None
    """None: what was live could not be loaded."""


def check(parts: Parts, options: SwitchOptions) -> None:
    """Refuse what is no name of a model, and a head that `switch` would refuse, before it is queued."""
    model = _name(options.model)
    if is_head(model):
        _require_base(parts, model)


def switch(parts: Parts, options: SwitchOptions, progress: Progress = NOBODY) -> SwitchSummary:
    """Embed every face and reference that lacks it under another model, report, and go by that model from then on.

    What is live serves until the end. Batches are written as they are done, so that work that was stopped goes on
    there. Names, decisions and embeddings of the other models stay. To what is live already nothing is done.

    Args:
        parts: adapters and rules.
        options: what to go by.
        progress: is told how many embeddings are made.

    Raises:
        InputError: this is no name of a model; ModelMismatch: the head was learnt on another one than is live.
        NotFound: there is no such head, or no such embedder.
        Conflict: the guard has refused the head, or somebody else has switched meanwhile.
        ModelError: a model cannot be had, or something is damaged.
        Cancelled: `progress` says to stop.
    """
    model = _name(options.model)
    progress.step(0, 0, "loading the model")
    if is_head(model):
        _require_base(parts, model)
    target = open_model(parts.networks, parts.heads, model)
    return _Work(parts, options, model, target, progress).run()


def rollback_options(parts: Parts, by: str = "") -> SwitchOptions:
    """Return what leads back to the model before, and by the same way forward again.

    Raises:
        Conflict: nothing was ever switched.
    """
    with parts.store.read() as tx:
        before = live(tx).before
    if before is None:
        raise Conflict("this project was never switched to another model")
    return SwitchOptions(before, by=by)


def _name(model: str) -> str:
    given = model.strip()
    if len(given) > LONGEST or not given.isprintable() or (given and not all(given.split("+"))):
        raise InputError("a model is an embedder's id, several joined by +, or a head's id")
    return given


def _require_base(parts: Parts, model: str) -> None:
    """Refuse a head that was learnt on other embedders than are live. Raises as `switch`."""
    base = accepted(parts.heads, model).get("base")
    with parts.store.read() as tx:
        now = live(tx)
    present = now.base or now.model or parts.networks(AS_SET).model_id
    if model not in {now.model, now.before} and base != present:
        raise ModelMismatch(f"the head {model} was learnt on {base}, and this project goes by {present}")


@dataclass(frozen=True)
class _Work:
    """One switch."""

    parts: Parts
    options: SwitchOptions
    model: str
    target: Vision
    progress: Progress

    def run(self) -> SwitchSummary:
        """Embed, report, and switch unless it is a rehearsal."""
        with self.parts.store.read() as tx:
            now = live(tx)
        present = self._present()
        embedded = fill(self.parts, self.target, progress=self.progress).embedded
        references = fill_references(self.parts, self.target, self.progress)
        self.progress.step(0, 0, "comparing")
        with self.parts.store.read() as tx:
            agreement = agree(tx, present, self.target) if present else None
            without = self._lacking(tx)
        summary = SwitchSummary(
            self.model, present.model_id if present else now.model, self.target.model_id,
            not self.options.dry_run and self.model != now.model, embedded, len(without), tuple(without[:SHOWN]),
            references, agreement,
        )  # fmt: skip
        if summary.switched:
            self._switch(now, summary, set(without))
            # What was taken in under the former model at the last moment.
            fill(self.parts, self.target)
            self._learn_chances(summary.before)
        if not self.options.dry_run:
            self._forget()
        return summary

    def _present(self) -> Vision | None:
        """Return what is live; None when it is damaged, which is a reason to leave it."""
        try:
            return self.parts.vision()
        except ModelError:
            return None

    def _lacking(self, tx: Transaction) -> list[FaceId]:
        """Return the faces that lack an embedding under the new model, by id."""
        return sorted({i for model_id in self.target.model_ids for i in tx.faces.lacking(model_id)})

    def _switch(self, now: Live, summary: SwitchSummary, without: set[FaceId]) -> None:
        for left in reversed(range(TRIES)):
            with self.parts.store.write() as tx:
                if not left or set(self._lacking(tx)) <= without:
                    self._write(tx, now, summary)
                    return
            fill(self.parts, self.target, progress=self.progress)
            with self.parts.store.read() as tx:
                without = set(self._lacking(tx))

    def _write(self, tx: Transaction, now: Live, summary: SwitchSummary) -> None:
        """Switch: in one transaction, with its event."""
        self.progress.hold(tx)
        if live(tx) != now:
            raise Conflict("somebody else has switched to another model meanwhile")
        target, since = self.target, self.parts.clock().isoformat(timespec="seconds")
        base, match = (target.base.model_id, target.thresholds.match) if target.head is not None else ("", -1.0)
        make_live(tx, Live(self.model, base, match, now.model, since, self.options.by))
        # Scores of pictures under the former model are stale.
        for character in tx.references.characters():
            if tx.references.version(character.person_id):
                tx.references.renew(character.person_id)
        told = json.loads(json.dumps(asdict(summary)))
        tx.events.emit(EVENT, {**told, "by": self.options.by})

    def _learn_chances(self, before: str) -> None:
        """Learn how often a score is right, where that was known of the model before and is not yet of this one."""
        with self.parts.store.read() as tx:
            if chances(tx, before) is None or chances(tx, self.target.model_id) is not None:
                return
        try:
            learn_chances(self.parts)
        except InputError:
            # Labels were taken back since: as long as they are too few, nothing is said.
            return

    def _forget(self) -> None:
        """Remove the indexes of models that are not searched: nothing that is erased later may stay in their files."""
        with self.parts.store.read() as tx:
            counts = tx.faces.embedding_counts()
            gone = [model_id for model_id in counts if model_id not in self.target.model_ids]
            nothing = np.empty(0, np.int64)
            dimensions = [tx.faces.embeddings(model_id, nothing)[1].shape[1] for model_id in gone]
        for model_id, dimension in zip(gone, dimensions, strict=True):
            try:
                self.parts.forget_index(model_id, dimension, counts[model_id])
            except BackendError:
                # A cache that cannot be written now; it is emptied at the next switch.
                continue
