"""References of characters: put, extracted again, chosen, replaced, removed; see docs/references.md for the rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from personae.core.reference import BUSY, Step, advance, doubt, fuse_template, selection
from personae.engine.carry import carry
from personae.engine.parts import Parts, Rules
from personae.engine.preferences import rules_now
from personae.engine.review import find_person, number_of
from personae.errors import Conflict, ImageError, InputError, NotFound
from personae.ports import Transaction
from personae.references import (
    Character,
    DetectedFace,
    DetectedFaceId,
    PastEmbedding,
    Reference,
    ReferenceId,
    ReferenceStatus,
    Template,
)
from personae.types import Digest, JobId, PersonId, Reason

EXTRACT = "reference.extract"
"""Kind of the job that looks for the faces; see `personae.engine.reference_extract`."""
CHANGED = "reference.changed"
"""Kind of the event {person_id, reference_id, status, version}."""
UNFINISHED = frozenset({"queued", "running"})
LONGEST_LABEL = 200


@dataclass(frozen=True, slots=True)
class CharacterStatus:
    """How far a character's references are; the first fields are those of the main one."""

    person_id: PersonId
    name: str
    status: ReferenceStatus | None
    """None: there is no source image yet."""
    det_score: float | None
    face_count: int
    warning: str
    error: str
    threshold: float
    """A primary face under it is low_confidence."""
    version: int
    """Of the template; 0 before there was any."""
    references: tuple[Reference, ...]


# --- looking ----------------------------------------------------------------------------------


def characters(parts: Parts, person_ids: Sequence[PersonId] | None = None) -> list[Character]:
    """Return the characters, or those of these people who are some, with their references, oldest first."""
    with parts.store.read() as tx:
        return [_told_all(tx, character) for character in tx.references.characters(person_ids)]


def status(parts: Parts, who: str) -> CharacterStatus:
    """Return how far a character's references are. Raises NotFound, Conflict."""
    with parts.store.read() as tx:
        character = _told_all(tx, find_character(tx, who))
        main = character.main
        return CharacterStatus(
            person_id=character.person_id,
            name=character.name,
            status=main.status if main else None,
            det_score=main.det_score if main else None,
            face_count=main.face_count if main else 0,
            warning=main.warning if main else "",
            error=main.error if main else "",
            threshold=threshold(tx, parts.rules),
            version=character.version,
            references=character.references,
        )


def reference(parts: Parts, reference_id: ReferenceId) -> Reference:
    """Return one reference. Raises NotFound."""
    with parts.store.read() as tx:
        return told(tx, tx.references.get(reference_id))


def detected_faces(parts: Parts, who: str) -> list[DetectedFace]:
    """Return the faces on all source images of a character. Raises NotFound, Conflict."""
    with parts.store.read() as tx:
        return tx.references.faces(find_character(tx, who).person_id)


def history(parts: Parts, who: str) -> list[PastEmbedding]:
    """Return what anchored a character before, latest first. Raises NotFound, Conflict."""
    with parts.store.read() as tx:
        return tx.references.history(find_character(tx, who).person_id)


def source_image(parts: Parts, reference_id: ReferenceId) -> bytes:
    """Return the bytes of a source image, as they were sent.

    Raises:
        NotFound: there is no such reference, or its image is gone.
        BackendError: it is damaged.
    """
    with parts.store.read() as tx:
        digest = tx.references.get(reference_id).digest
    return parts.pictures.get(digest)


def template_of(tx: Transaction, person_id: PersonId) -> Template | None:
    """Return what pictures are held against; None while the character has no primary face."""
    vectors = fuse_template(tx.references.anchors(person_id))
    return Template(person_id, vectors, tx.references.version(person_id)) if vectors else None


def threshold(tx: Transaction, rules: Rules) -> float:
    """Return the det_score under which a primary face is doubtful: the project's own, else the studio's."""
    return rules_now(tx, rules).reference_threshold


def find_character(tx: Transaction, who: str) -> Character:
    """Return the character of this name, or of this number (#12).

    Raises:
        NotFound: nobody is called so, or it is a real person.
        Conflict: several people are called so.
    """
    number = who.removeprefix("#")
    person_id = PersonId(number_of(number)) if who != number and number.isdecimal() else find_person(tx, who).id
    for character in tx.references.characters([person_id]):
        return character
    raise NotFound(f"there is no character {who}; `personae character list` shows who there is")


def told(tx: Transaction, reference: Reference) -> Reference:
    """Return a reference as it shall be shown: one whose job ended without a result does not wait any more."""
    if reference.status not in BUSY:
        return reference
    state, error = _job(tx, reference.id)
    if state in UNFINISHED:
        return reference
    if state == "cancelled":
        return replace(reference, error="its extraction was cancelled: ask for it again")
    return replace(
        reference, status=ReferenceStatus.FAILED, error=error or "its extraction broke off: ask for it again"
    )


def _told_all(tx: Transaction, character: Character) -> Character:
    return replace(character, references=tuple(told(tx, each) for each in character.references))


def _job(tx: Transaction, reference_id: ReferenceId) -> tuple[str, str]:
    """Return the state of a reference's job, and what it says went wrong."""
    job_id = tx.references.job_of(reference_id)
    if job_id is None:
        return "", ""
    job = tx.jobs.get(job_id)
    return job.state, str(job.result.get("error", ""))


# --- source images ----------------------------------------------------------------------------


def set_reference(parts: Parts, who: str, data: bytes, label: str = "") -> Reference:
    """Put a source image to a character, in place of the one of the same label, and queue its extraction.

    What the one before had found goes to the history.

    Args:
        parts: adapters and rules.
        who: the character, by name or #number.
        data: an encoded image.
        label: which angle or expression; "" is the main one.

    Returns:
        The reference, pending.

    Raises:
        ImageError: the bytes are no whole picture; nothing is stored.
        InputError: there are too many, or the label cannot be used.
        NotFound: there is no such character.
        Conflict: several people are called so.
    """
    _check(parts, data)
    chosen = clean_label(label)
    with parts.store.read() as tx:
        whose = find_character(tx, who).person_id
    digest = parts.pictures.put(data)
    try:
        with parts.store.write() as tx:
            if digest not in parts.pictures:
                parts.pictures.put(data)  # whoever held these bytes until now has let go of them
            made, job_id, former = _place(tx, whose, chosen, digest)
    except NotFound:
        forget_pictures(parts, [digest])
        raise
    if former:
        forget_pictures(parts, former)
    carry(parts, job_id)
    return made


def _place(tx: Transaction, whose: PersonId, label: str, digest: Digest) -> tuple[Reference, JobId, list[Digest]]:
    """Write a source image; return its reference, the job, and the image that was there before."""
    character = find_character(tx, f"#{whose}")
    before = next((each for each in character.references if each.label == label), None)
    if before is None:
        advance(None, Step.UPLOAD)
        made = tx.references.add(character.person_id, label, digest)
        return made, _queue(tx, made, renewed=False), []
    renewed = tx.references.keep_history(before.id)
    tx.references.set_faces(before.id, [])
    tx.references.put(
        Reference(
            before.id, before.person_id, label, digest, advance(before.status, Step.UPLOAD),
            generation=before.generation + 1,
        )
    )  # fmt: skip
    _stop_job(tx, before.id)
    made = tx.references.get(before.id)
    return made, _queue(tx, made, renewed), [before.digest]


def remove_reference(parts: Parts, who: str, label: str = "") -> Character:
    """Remove one reference of a character, its faces and its source images; what it had found goes to the history.

    Raises:
        NotFound: there is no such character, or no reference of this label.
        Conflict: several people are called so.
    """
    with parts.store.write() as tx:
        gone = find_reference(find_character(tx, who), label)
        renewed = tx.references.keep_history(gone.id)
        _stop_job(tx, gone.id)
        digests = tx.references.remove(gone.id)
        announce(tx, gone, renewed, removed=True)
        left = find_character(tx, f"#{gone.person_id}")
    forget_pictures(parts, digests)
    return left


def extract_reference(parts: Parts, reference_id: ReferenceId) -> JobId:
    """Queue the extraction of a source image again; the faces it has are kept until new ones are found.

    Raises:
        NotFound: there is no such reference.
        Conflict: its extraction is under way.
    """
    with parts.store.write() as tx:
        present = tx.references.get(reference_id)
        if present.status in BUSY and _job(tx, present.id)[0] in UNFINISHED:
            raise Conflict("the faces of this source image are being extracted already")
        step = Step.RECOVER if present.status in BUSY else Step.EXTRACT
        tx.references.put(replace(present, status=advance(present.status, step), error=""))
        job_id = _queue(tx, tx.references.get(reference_id), renewed=False)
    carry(parts, job_id)
    return job_id


def extract_character(parts: Parts, who: str, label: str | None = None) -> JobId:
    """Queue the extraction of a character's source image again.

    Args:
        parts: adapters and rules.
        who: the character, by name or #number.
        label: which of its references; None: the main one.

    Raises:
        InputError: it has no source image.
        NotFound: there is no such character, or no reference of this label.
        Conflict: its extraction is under way, or several people are called so.
    """
    with parts.store.read() as tx:
        character = find_character(tx, who)
        chosen = character.main if label is None else find_reference(character, label)
    if chosen is None:
        raise InputError(f"{character.name} has no source image: give it one first")
    return extract_reference(parts, chosen.id)


def select_face(parts: Parts, who: str, face_id: DetectedFaceId) -> Reference:
    """Make a detected face the one that anchors its reference.

    Raises:
        NotFound: there is no such character, or this is no face of it.
        Conflict: the source image is being looked at, or several people are called so.
    """
    with parts.store.write() as tx:
        character = find_character(tx, who)
        face = tx.references.face(face_id)
        present = tx.references.get(face.reference_id)
        if present.person_id != character.person_id:
            raise NotFound(f"{character.name} has no detected face {face_id}")
        step = selection(face.det_score, threshold(tx, parts.rules))
        following = advance(present.status, step)
        if face.is_primary and following is present.status:
            return present
        renewed = not face.is_primary
        if renewed:
            tx.references.keep_history(present.id)
            tx.references.set_primary(present.id, face.id)
        warning = doubt(face.det_score) if step is Step.SELECT_DOUBTFUL else ""
        chosen = replace(
            present, status=following, det_score=face.det_score, box=face.box, warning=warning,
            quality=face.quality or present.quality,
        )  # fmt: skip
        tx.references.put(chosen)
        announce(tx, chosen, renewed)
        return chosen


def announce(tx: Transaction, reference: Reference, renewed: bool, *, removed: bool = False) -> None:
    """Tell whoever listens that a reference has changed; `renewed`: and with it the character's template."""
    versions = tx.references.renew if renewed else tx.references.version
    payload = {
        "person_id": reference.person_id,
        "reference_id": reference.id,
        "status": "removed" if removed else reference.status.value,
        "version": versions(reference.person_id),
    }
    tx.events.emit(CHANGED, payload)


def forget_pictures(parts: Parts, digests: Sequence[Digest]) -> None:
    """Remove source images that no reference holds, neither now nor in its history.

    As the writer, so that nobody takes hold of one between the look and the removal; and after the commit that let
    go of it, so that a write that fails loses nothing.
    """
    with parts.store.write() as tx:
        for digest in digests:
            if not tx.references.held(digest):
                parts.pictures.delete(digest)


def forget_checked(parts: Parts, digests: Collection[Digest]) -> None:
    """Remove the copies of pictures that no check names any more; as the writer, so that none is added meanwhile."""
    if not digests:
        return
    with parts.store.write() as tx:
        for digest in set(digests) - tx.likeness.digests():
            parts.checked.delete(digest)


def find_reference(character: Character, label: str) -> Reference:
    """Return the reference of this label. Raises NotFound."""
    wanted = clean_label(label)
    for each in character.references:
        if each.label == wanted:
            return each
    what = f"reference {wanted!r}" if wanted else "source image"
    raise NotFound(f"{character.name} has no {what}")


def clean_label(label: str) -> str:
    """Return a label without surrounding or doubled white space.

    Raises:
        InputError: it is too long, or has characters that cannot be shown.
    """
    cleaned = " ".join(label.split())
    if len(cleaned) > LONGEST_LABEL:
        raise InputError(f"the label is longer than {LONGEST_LABEL} characters")
    if not cleaned.isprintable():
        raise InputError("the label has characters that cannot be shown")
    return cleaned


def _queue(tx: Transaction, reference: Reference, renewed: bool) -> JobId:
    """Put the extraction of a pending reference into the queue."""
    job_id = tx.jobs.add(EXTRACT, {"reference_id": reference.id, "generation": reference.generation})
    tx.references.set_job(reference.id, job_id)
    announce(tx, reference, renewed)
    return job_id


def _stop_job(tx: Transaction, reference_id: ReferenceId) -> None:
    """Stop what works for an image that is replaced; what it finds all the same is refused."""
    job_id = tx.references.job_of(reference_id)
    if job_id is not None and tx.jobs.get(job_id).state in UNFINISHED:
        tx.jobs.cancel(job_id)


def _check(parts: Parts, data: bytes) -> None:
    """Refuse what is no whole picture, before anything is stored."""
    if len(data) > parts.rules.max_file_bytes:
        raise ImageError(Reason.TOO_LARGE, f"The image has more than {parts.rules.max_file_bytes:,} bytes.")
    parts.check_picture(data)
