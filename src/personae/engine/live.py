"""What is live: the models by which a project recognises, as a row of its own says, or else the settings."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from personae.engine.parts import Parts, Rules, Vision
from personae.errors import Conflict, ModelError, NotFound
from personae.ports import HeadFiles, Store, Transaction
from personae.types import ModelCard, ModelId, Thresholds

KEY = "model.live"
"""The setting that keeps what is live."""
EVENT = "model.switched"
"""Kind of the event {model, before, by, agreement}."""
AS_SET = ""
"""In place of a model: those that the settings say."""
_HEAD = re.compile(r"head-[0-9a-f]{16}")

Networks = Callable[[str], Vision]


@dataclass(frozen=True, slots=True)
class Live:
    """What is live, and since when."""

    model: str = AS_SET
    """An embedder's id, several joined by +, or a head's; "": as the settings say."""
    base: str = ""
    """Of a head: the embedders that it is laid over."""
    match: float = -1.0
    """Of a head: the score from which it matches."""
    before: str | None = None
    """What a rollback goes back to; None: nothing was ever switched."""
    since: str = ""
    """ISO 8601; empty: always."""
    by: str = ""
    """Who switched."""


@dataclass(frozen=True, slots=True)
class InUse:
    """What is live, as it is shown."""

    model_id: str
    """What scores are signed with: an embedder's id, several joined by +, or a head's."""
    base: str
    """Of a head: the embedders that it is laid over; else empty."""
    as_set: bool
    """Whether the settings say so, since nothing else was switched to."""
    before: str | None
    """What a rollback goes back to; empty: what the settings say; None: nothing was ever switched."""
    since: str
    by: str


def live(tx: Transaction) -> Live:
    """Return what is live."""
    kept = tx.settings.get(KEY)
    return Live(**kept) if isinstance(kept, Mapping) else Live()


def make_live(tx: Transaction, now: Live) -> None:
    """Say what is live from the end of this transaction on."""
    tx.settings.set(KEY, asdict(now))


def live_ids(tx: Transaction, rules: Rules) -> Sequence[str]:
    """Return the models whose embeddings are compared, without loading any."""
    model = live(tx).model
    return rules.embedders if model == AS_SET else model.split("+")


def in_use(parts: Parts) -> InUse:
    """Return what is live; nothing is loaded."""
    with parts.store.read() as tx:
        now = live(tx)
        ids = live_ids(tx, parts.rules)
    return InUse("+".join(ids), now.base, now.model == AS_SET, now.before, now.since, now.by)


def made_by(tx: Transaction) -> Sequence[str]:
    """Return the models under which new faces get embeddings; none where those are what the settings say."""
    now = live(tx)
    if now.model == AS_SET:
        return ()
    return (*now.base.split("+"), now.model) if now.base else tuple(now.model.split("+"))


def base_ids(tx: Transaction, rules: Rules) -> Sequence[ModelId]:
    """Return the embedders that a head would be learnt on, without loading any; those never to be had are left out."""
    now, counts = live(tx), tx.faces.embedding_counts()
    ids = [ModelId(model) for model in (now.base.split("+") if now.base else live_ids(tx, rules))]
    return [model_id for model_id in ids if counts.get(model_id)] or ids


def head_card(model: str) -> ModelCard:
    """Return what a user should know of a head."""
    return ModelCard(ModelId(model), "head", "yours", "learnt from what was confirmed and rejected in this project")


def is_head(model: str) -> bool:
    """Whether a name is that of a head."""
    return _HEAD.fullmatch(model) is not None


def open_model(networks: Networks, heads: HeadFiles, model: str) -> Vision:
    """Load a model that is live, or is to be.

    Args:
        networks: as `Parts.networks`.
        heads: where heads are.
        model: as `Live.model`; of a head every byte is read and checked.

    Raises:
        NotFound: there is no such head, or no such embedder.
        Conflict: the guard has refused the head.
        ModelMismatch: the head is not one of the models that it names.
        ModelError: a model cannot be had, or something is damaged.
    """
    if not is_head(model):
        return networks(model)
    note = accepted(heads, model)
    from personae.engine.train import load_head  # noqa: PLC0415 - its libraries take a while, and heads are seldom

    head = load_head(heads, model, str(note.get("base")))
    return networks(head.base).under(head, _thresholds(model, note))


def check_head(heads: HeadFiles, model: str) -> None:
    """Read every byte of a head that is live, and check that it may be. Raises as `open_model`."""
    from personae.engine.train import load_head  # noqa: PLC0415 - as there

    load_head(heads, model, str(accepted(heads, model).get("base")))


def accepted(heads: HeadFiles, model: str) -> Mapping[str, object]:
    """Return the note of a head that the guard has accepted. Raises NotFound, Conflict, ModelError."""
    note = heads.load(model).note
    if note.get("accepted") is not True:
        reasons = note.get("reasons")
        why = "; ".join(map(str, reasons)) if isinstance(reasons, list) else "there is no report of it"
        raise Conflict(f"the guard has refused the head {model}: {why}")
    return note


def _thresholds(model: str, note: Mapping[str, object]) -> Thresholds:
    kept = note.get("thresholds")
    try:
        found = Thresholds(**kept) if isinstance(kept, Mapping) else None
    except TypeError:
        found = None
    if found is None:
        raise ModelError(f"the head {model} is damaged: its thresholds are missing")
    # Trust distances are measured, never learnt.
    return replace(found, trust=())


class LiveVision:
    """What is live, looked up at every call, so that every process sees a switch; safe to call from several threads.

    Args:
        store: knows what is live.
        networks: as `Parts.networks`.
        heads: where heads are.
        first: the head that a project goes by which was never switched; empty: none.
    """

    def __init__(self, store: Store, networks: Networks, heads: HeadFiles, first: str = "") -> None:
        self._store, self._networks, self._heads, self._first = store, networks, heads, first
        self._lock = threading.Lock()
        self._seen: tuple[str, Live] | None = None
        self._head: tuple[str, Vision] | None = None

    def __call__(self) -> Vision:
        """Return what is live now, loaded and kept.

        Raises:
            ModelError: it cannot be had, or is damaged.
            BackendError: the store does not answer.
        """
        now = self._now()
        model = self._adopted() if self._first and now == Live() else now.model
        if not is_head(model):
            return self._networks(model)
        with self._lock:
            if self._head is None or self._head[0] != model:
                self._head = model, open_model(self._networks, self._heads, model)
            return self._head[1]

    def _adopted(self) -> str:
        """Go by the head that the settings name; what faces lack under it, the next grouping makes."""
        try:
            found = open_model(self._networks, self._heads, self._first)
        except NotFound as error:
            raise ModelError(f"FACE_MODEL_CHECKPOINT: {error} in this project") from error
        except Conflict as error:
            raise ModelError(f"FACE_MODEL_CHECKPOINT: {error}") from error
        if found.base.model_id != self._networks(AS_SET).model_id:
            raise ModelError(
                f"FACE_MODEL_CHECKPOINT: the head {self._first} was learnt on {found.base.model_id}, "
                f"and the settings say {self._networks(AS_SET).model_id}"
            )
        with self._store.write() as tx:
            if live(tx) == Live():
                base = found.base.model_id
                since = datetime.now(UTC).isoformat(timespec="seconds")
                make_live(tx, Live(self._first, base, found.thresholds.match, AS_SET, since, "FACE_MODEL_CHECKPOINT"))
            return live(tx).model

    def _now(self) -> Live:
        """Return what is live; the row is read only when something was committed since it was read last."""
        # Before the row: one that is newer than its stamp is merely read again.
        stamp = self._store.stamp()
        seen = self._seen
        if seen is None or seen[0] != stamp:
            with self._store.read() as tx:
                seen = self._seen = stamp, live(tx)
        return seen[1]
