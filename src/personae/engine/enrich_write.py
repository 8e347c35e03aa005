"""Write down what sources bring: people, photos, faces, claims and progress, a batch in one transaction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np

from personae.core.geometry import overlap
from personae.core.redact import redact
from personae.core.trust import RANK
from personae.engine import ledger
from personae.engine.analyse import Analysed, keep_crops
from personae.engine.claims import WAITING
from personae.engine.enrich_image import Examined
from personae.engine.enrich_people import admit, merged
from personae.engine.enrich_walk import (
    COMPLETE,
    ERRORS,
    LIMIT,
    OVER_CHANGES,
    PENDING,
    TOTAL,
    WITH_FACES,
    Brought,
    Ended,
    Plan,
    Way,
)
from personae.engine.parts import Parts
from personae.errors import InputError
from personae.ports import Transaction
from personae.records import Claim, ClaimState, PersonRecord, Problem, SourceProgress, moment
from personae.types import Decision, Digest, FaceId, FaceRole, Maker, NewFace, NewImage, PersonId

PEOPLE_PER_EVENT = 100
SAME_FACE = 0.5
"""Overlap from which two boxes of one photo are one face."""
BAD_RECORD = "bad_record"
KEPT = 100
"""Records left out that are kept one by one."""
CONFLICT = "conflicting_external_id"
_OF_THE_WALK = (ERRORS, COMPLETE, OVER_CHANGES, WITH_FACES, LIMIT, TOTAL)
NOT_KEPT = "face_not_kept"
"""The photo is in the store already, and this face of it was not taken then."""


class Book:
    """What a run has brought so far; only one thread writes."""

    def __init__(self, parts: Parts, dry: bool) -> None:
        self._parts = parts
        self._dry = dry
        self._plans: dict[str, Plan] = {}
        self._ranks = {spec.name: RANK[spec.trust] for spec in parts.sources()}
        self.counts: dict[str, Counter[str]] = defaultdict(Counter)
        """Of this run, by source."""
        self.outcome: Mapping[str, Counter[str]] = {}
        """Of the settlement, by source."""
        self.failures: dict[str, str] = {}
        self._rehearsed: list[Brought | Ended] = []
        self.left_out: dict[str, tuple[Problem, ...]] = defaultdict(tuple)
        """What sources hold that cannot be used."""
        self._progress: dict[str, SourceProgress] = {}
        self._newest: dict[str, datetime] = {}
        self._unmet: dict[str, list[PersonRecord]] = defaultdict(list)
        """Merged records whose other half had not come when they did."""

    def open(self, plan: Plan) -> bool:
        """Begin with a source; False when its word does not count."""
        source, before = plan.spec.name, plan.before
        with self._parts.store.read() as tx:
            if source in tx.sources.revoked():
                self.failures[source] = "its word was revoked; undo that first"
                self.counts[source]["error:revoked"] += 1
                return False
        resumed = plan.way is Way.REST and before.began
        self._progress[source] = replace(before, began=before.began if resumed else self._parts.clock().isoformat())
        self._plans[source] = plan
        return True

    def write(self, batch: Sequence[Brought | Ended]) -> int:
        """Keep a batch, and how far each source has come; return how many faces were in it."""
        if self._dry:
            self._rehearsed += batch
        else:
            known = self._known(batch)
            kept = [_with_faces(item, partial(self._keep, known)) for item in batch]
            with self._parts.store.write() as tx:
                self._put(tx, kept)
        return sum(photo.usable for item in batch if isinstance(item, Brought) for photo in item.photos)

    def rehearse(self, tx: Transaction) -> None:
        """Write what a dry run has brought into a transaction that is to be rolled back; no crop is kept."""
        self._put(tx, [_with_faces(item, lambda face, _: face.face) for item in self._rehearsed])

    def _put(self, tx: Transaction, batch: Sequence[Brought | Ended]) -> None:
        said: list[Decision] = []
        for item in batch:
            said += self._bring(tx, item) if isinstance(item, Brought) else self._end(tx, item)
        for source, decisions in _by_source(said).items():
            ledger.record(tx, "enrich", Maker.SOURCE, f"{source}: {len(decisions):,} named", decisions)
        for source in {item.spec.name for item in batch}:
            tx.sources.set_progress(source, self._progress[source])

    def settled(self, outcome: Mapping[str, Counter[str]]) -> None:
        """Note what became of the claims."""
        self.outcome = outcome

    def _known(self, batch: Sequence[Brought | Ended]) -> Collection[Digest]:
        digests = [photo.image.digest for item in batch if isinstance(item, Brought)
                   for photo in item.photos if photo.image is not None]  # fmt: skip
        with self._parts.store.read() as tx:
            return tx.images.find(digests)

    def _keep(self, known: Collection[Digest], face: Analysed, digest: Digest) -> NewFace:
        """Keep the crop of a new photo, before anything in the store speaks of it."""
        return face.face if digest in known else keep_crops(self._parts.crops, [face])[0]

    # --- one person ---------------------------------------------------------------------------

    def _bring(self, tx: Transaction, item: Brought) -> Sequence[Decision]:
        """Write one person with its photos; return what the ledger has to say of it."""
        counts = self.counts[item.spec.name]
        decisions: Sequence[Decision] = ()
        first = False
        if item.record.deleted:
            counts["deleted"] += 1
            decisions = self._follow(tx, item.spec.name, item.record)
        else:
            try:
                met = admit(tx, item.spec.name, self._believed(item))
            except InputError as error:
                self._leave_out(item, str(error))
            else:
                decisions, first = met.decisions, met.first
                counts["new_people"] += met.new
                self._note_conflicts(item.spec.name, met.conflicts)
                # Another run, beside this one, may have been quicker.
                seen = tx.sources.seen(item.spec.name, item.record.external_id, [photo.ref.id for photo in item.photos])
                tx.sources.add_claims([_claim(item, photo, met.person_id, _face(tx, photo))
                                       for photo in item.photos if photo.ref.id not in seen])  # fmt: skip
        self._tally(item)
        self._advance(tx, item, new=first)
        return decisions

    def _believed(self, item: Brought) -> PersonRecord:
        """Return the record as it is kept: without keys in addresses.

        And without ids of sources that are trusted more: they alone say who is theirs.
        """
        ids = {name: external_id for name, external_id in item.record.external_ids.items()
               if self._ranks.get(name, RANK[item.spec.trust]) >= RANK[item.spec.trust]}  # fmt: skip
        return replace(
            item.record, external_ids=ids, urls=tuple((redact(url), site) for url, site in item.record.urls),
            images=tuple(replace(ref, url=redact(ref.url)) for ref in item.record.images),
        )  # fmt: skip

    def _leave_out(self, item: Brought, why: str) -> None:
        """Note a record that nobody can be made of; the source will say the same tomorrow."""
        source = item.spec.name
        if len(self.left_out[source]) < KEPT:
            self.left_out[source] += (Problem(item.record.external_id, BAD_RECORD, why),)
        self.counts[source][f"left_out:{BAD_RECORD}"] += 1

    def _follow(self, tx: Transaction, source: str, record: PersonRecord) -> list[Decision]:
        """Make one person of two whose records the source has made one; wait for the other one where it is to come."""
        if record.merged_into is None:
            return []
        if tx.people.by_external_id(source, record.merged_into) is None:
            self._unmet[source].append(record)
            return []
        return merged(tx, source, record.external_id, record.merged_into)

    def _note_conflicts(self, source: str, conflicts: int) -> None:
        if conflicts:
            self.counts[source][f"error:{CONFLICT}"] += conflicts

    def _tally(self, item: Brought) -> None:
        counts = self.counts[item.spec.name]
        counts["people"] += not item.again and not item.record.deleted
        counts["images_processed"] += len(item.photos)
        counts["images_skipped"] += item.skipped
        counts["faces_brought"] += sum(photo.usable for photo in item.photos)
        for photo in item.photos:
            reasons = photo.also or ((photo.reason,) if photo.reason else ())
            counts.update(f"refused:{reason}" for reason in reasons)
        counts[PENDING] += item.pending
        if item.again:
            counts.update(f"error:{reason}" for reason in item.failed)
        updated = moment(item.record.updated)
        if updated is not None:
            self._newest[item.spec.name] = max(updated, self._newest.get(item.spec.name, updated))

    def _advance(self, tx: Transaction, item: Brought, new: bool) -> None:
        """Move the source's progress behind this person; a walk over changes has no order to continue in."""
        source, before = item.spec.name, self._progress[item.spec.name]
        people = before.people + new
        in_order = self._plans[source].way is not Way.CHANGES and not item.again
        faces = before.faces + sum(photo.usable for photo in item.photos)
        self._progress[source] = replace(
            before, last_id=item.record.external_id if in_order else before.last_id, people=people, faces=faces,
            statistics=self._said(source, ended=False),
        )  # fmt: skip
        if not item.again and not item.record.deleted and self.counts[source]["people"] % PEOPLE_PER_EVENT == 0:
            tx.events.emit("enrich.progress", {"source": source, "people": people, "faces": faces})

    def _end(self, tx: Transaction, item: Ended) -> list[Decision]:
        """Close a walk: a complete one begins anew next time, another one where it stopped."""
        source = item.spec.name
        before = self._progress[source]
        self._note_problems(item)
        if item.reason:
            self.failures[source] = item.detail
            self.counts[source][f"error:{item.reason}"] += 1
            self._progress[source] = replace(before, statistics=self._said(source, ended=False))
        else:
            said = self._said(source, ended=True)
            again = self._plans[source].way is Way.CHANGES and said[ERRORS]
            mark = before.watermark if again else self._seen(source)
            self._progress[source] = SourceProgress(None, mark, before.people, before.faces, said)
        tx.events.emit("enrich.progress", {
            "source": source, "people": before.people, "faces": before.faces, "ended": True, "failure": item.reason,
        })  # fmt: skip
        return [said for record in self._unmet.pop(source, ()) for said in self._follow(tx, source, record)]

    def _note_problems(self, item: Ended) -> None:
        self.left_out[item.spec.name] += item.left_out
        self.counts[item.spec.name].update(f"left_out:{problem.reason}" for problem in item.left_out)

    def _seen(self, source: str) -> str:
        """Return the moment up to which this walk has seen all changes.

        By the source's own clock where it states one, since ours may be ahead; but never after the walk began: who was
        passed early may have changed since.
        """
        before = self._progress[source]
        began = moment(before.began)
        newest = self._newest.get(source) or moment(before.watermark) or began
        return "" if began is None or newest is None else min(newest, began).isoformat()

    def _said(self, source: str, *, ended: bool) -> dict[str, int]:
        """Return the counts as they are kept beside the progress."""
        plan = self._plans[source]
        over_changes = plan.way is Way.CHANGES
        both = Counter(plan.before.statistics if plan.way is Way.REST else {}) + self.counts[source]
        counts = {name: n for name, n in both.items() if name not in _OF_THE_WALK}
        failed = sum(n for name, n in counts.items() if name.startswith("error:") and name != f"error:{CONFLICT}")
        # A photo that waits for its second try is lost when the walk is cut short: that counts as an error.
        failed += max(0, counts.get(PENDING, 0))
        walked = {COMPLETE: ended or over_changes, OVER_CHANGES: over_changes, WITH_FACES: plan.faces}
        limits = {LIMIT: plan.per_source, TOTAL: plan.total}
        return counts | limits | {ERRORS: failed} | {name: int(said) for name, said in walked.items()}


def _with_faces(item: Brought | Ended, keep: Callable[[Analysed, Digest], NewFace]) -> Brought | Ended:
    """Return what was brought with each photo holding the face that is kept of it."""

    def complete(photo: Examined) -> Examined:
        if photo.face is None or photo.image is None:
            return photo
        return replace(photo, image=replace(photo.image, faces=(keep(photo.face, photo.image.digest),)))

    return replace(item, photos=tuple(map(complete, item.photos))) if isinstance(item, Brought) else item


def _claim(item: Brought, photo: Examined, person_id: PersonId, face_id: FaceId | None) -> Claim:
    state, reason = (
        (ClaimState.QUARANTINED, WAITING) if face_id is not None else (ClaimState.REFUSED, photo.reason or NOT_KEPT)
    )
    return Claim(
        item.spec.name, item.record.external_id, photo.ref.id, redact(photo.ref.url), person_id, face_id, state, reason,
        item.spec.trust,
    )  # fmt: skip


def _face(tx: Transaction, photo: Examined) -> FaceId | None:
    """Store the photo with its face; of one that is there already return the face that lies at the same place."""
    image: NewImage | None = photo.image
    if image is None or not image.faces:
        return None
    known = tx.images.find([Digest(image.digest)])
    image_id = tx.images.add(image)
    box = image.faces[0].box
    usable = [face for face in tx.faces.of_images([image_id]) if face.role is not FaceRole.REFUSED]
    if not known:
        return usable[0].id
    overlaps = np.array([overlap(box, face.box) for face in usable])
    if len(overlaps) and overlaps.max() >= SAME_FACE:
        return usable[int(overlaps.argmax())].id
    return None


def _by_source(decisions: Sequence[Decision]) -> dict[str, list[Decision]]:
    found: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        found[decision.source or ""].append(decision)
    return found
