"""Is this the character? Pictures held against a reference, kept, and characters that look like one another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from personae.core.compare import fuse_vectors
from personae.core.duplicates import alike, fuse_rows
from personae.engine.anchor import Anchor, Held, anchor_of, hold, in_order
from personae.engine.copies import encode_within
from personae.engine.ingest import DECODED_SIDE
from personae.engine.parts import Parts, Vision
from personae.engine.progress import NOBODY, Progress
from personae.engine.reference import find_character
from personae.engine.thresholds import thresholds
from personae.engine.walk import user_path
from personae.errors import ImageError, InputError, NotFound
from personae.ports import Transaction
from personae.references import LikenessCheck
from personae.types import Digest, Ids, Image, PersonId, Picture, Reason, Vectors

CHECKED = "likeness.checked"
"""Kind of the event {person_id, version, check_ids}."""
COPY_SIDE = 360
"""Longer side of the copy that is kept of a picture, pixels."""
PAIRS = 1000
"""Pairs of look-alikes that are listed."""
KEPT_AT_ONCE = 64
"""Checks in one transaction."""

Photo = bytes | str | Path
"""The bytes of an image, or where its file is."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """A picture that was looked at."""

    check: LikenessCheck
    copy: bytes
    """JPEG; empty of what is no picture."""


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two characters that look like one another."""

    first_id: PersonId
    first: str
    second_id: PersonId
    second: str
    score: float


@dataclass(frozen=True, slots=True)
class Duplicates:
    """All characters compared with each other."""

    characters: int
    """Those that have a template under all the models in use."""
    threshold: float
    model_id: str
    pairs: tuple[LookAlikes, ...]
    """Best first."""


def check_likeness(parts: Parts, who: str, images: Sequence[Photo], progress: Progress = NOBODY) -> list[LikenessCheck]:
    """Hold images against a character, and keep what came of each, with a small copy to tell it by.

    Args:
        parts: adapters and rules.
        who: the character, by name or #number.
        images: bytes of images, or files. One that is no picture, or a broken one, is kept with its reason.
        progress: is told how far it is.

    Returns:
        A check for each image, in order.

    Raises:
        InputError: there is no image, or a file cannot be read; nothing is kept then.
        NotFound: there is no such character.
        Conflict: it has no completed reference, or one that a model in use has not seen.
    """
    if not images:
        raise InputError("there is no image to check")
    for image in images:
        _require(parts, image)
    anchor = anchor_of(parts, who)
    made: list[_Checked] = []
    kept: list[LikenessCheck] = []
    for checked in in_order(partial(_check_all, parts, anchor), images, parts.rules.workers):
        progress.step(len(kept) + len(made), len(images), "comparing")
        made.append(checked)
        if len(made) == KEPT_AT_ONCE:
            kept += _keep(parts, made, progress)
            made = []
    return kept + _keep(parts, made, progress)


def likeness_checks(parts: Parts, who: str, limit: int | None = None, before: int | None = None) -> list[LikenessCheck]:
    """Return the checks against a character, newest first; stale are those made against another template.

    Args:
        parts: adapters and rules.
        who: the character, by name or #number.
        limit: how many; None: all.
        before: only those with a lower id.

    Raises:
        NotFound: there is no such character.
    """
    with parts.store.read() as tx:
        return tx.likeness.of_person(find_character(tx, who).person_id, limit, before)


def checked_picture(parts: Parts, digest: Digest) -> bytes:
    """Return the small copy of a picture that was held against a character, a JPEG. Raises NotFound."""
    copy = parts.checked.get(digest, COPY_SIDE)
    if copy is None:
        raise NotFound("no copy of this picture is kept")
    return copy


def pictured(parts: Parts, checks: Sequence[LikenessCheck]) -> tuple[dict[Digest, Image], frozenset[Digest]]:
    """Return the photos of the collection with the bytes of checked pictures, and of which of these a copy is kept."""
    digests = {check.digest for check in checks}
    with parts.store.read() as tx:
        found = tx.images.find(sorted(digests))
        images = {image.digest: image for image in tx.images.get(sorted(found.values()))}
    return images, frozenset(digest for digest in digests if parts.checked.has(digest, COPY_SIDE))


def duplicate_characters(parts: Parts, threshold: float | None = None, limit: int = PAIRS) -> Duplicates:
    """Compare all characters with each other, and return the pairs from a score on.

    Args:
        parts: adapters and rules.
        threshold: fused cosine in [-1, 1]; None: the one by which pictures are held against a character.
        limit: the most pairs that are listed.

    Raises:
        InputError: the threshold or the limit is out of range.
    """
    vision = parts.vision()
    with parts.store.read() as tx:
        edge = thresholds(tx, vision).review if threshold is None else threshold
        people, vectors = _templates(tx, vision)
        first, second, scores = alike(vectors, edge, limit)
        involved = np.unique(np.concatenate([people[first], people[second]])).tolist()
        names = {character.person_id: character.name for character in tx.references.characters(involved)}
    pairs = [
        LookAlikes(PersonId(one), names[PersonId(one)], PersonId(other), names[PersonId(other)], score)
        for one, other, score in zip(people[first].tolist(), people[second].tolist(), scores.tolist(), strict=True)
    ]
    return Duplicates(len(people), edge, vision.model_id, tuple(pairs))


def _templates(tx: Transaction, vision: Vision) -> tuple[Ids, Vectors]:
    """Return the characters that have a template under every model, and their fused vectors."""
    per_model = [fuse_rows(*tx.likeness.anchors(model_id)) for model_id in vision.model_ids]
    common = per_model[0][0]
    for people, _ in per_model[1:]:
        common = np.intersect1d(common, people, assume_unique=True)
    if not len(common):
        return common, np.empty((0, 1), np.float32)
    return common, fuse_vectors([vectors[np.searchsorted(people, common)] for people, vectors in per_model])


def _require(parts: Parts, image: Photo) -> None:
    """Raise InputError for what cannot be read; better before an hour's work than after."""
    if isinstance(image, bytes):
        return
    place = user_path(image)
    try:
        with place.open("rb") as file:
            file.read(1)
        if place.stat().st_size > parts.rules.max_file_bytes:
            raise InputError(f"{place}: larger than {parts.rules.max_file_bytes} bytes")
    except OSError as error:
        raise InputError(f"{place}: {error.strerror or error}") from error


def read_image(parts: Parts, image: Photo) -> tuple[Digest, Picture | Reason]:
    """Return the digest of an image and its picture, or why there is none."""
    try:
        data = image if isinstance(image, bytes) else user_path(image).read_bytes()
    except OSError:
        return Digest(hashlib.sha256(b"").hexdigest()), Reason.UNREADABLE
    digest = Digest(hashlib.sha256(data).hexdigest())
    if len(data) > parts.rules.max_file_bytes:
        return digest, Reason.TOO_LARGE
    try:
        return digest, parts.decode(data, DECODED_SIDE)
    except ImageError as error:
        return digest, Reason(error.reason)


def hold_each(parts: Parts, anchor: Anchor, pictures: Sequence[Picture | Reason]) -> list[Held]:
    """Hold pictures against a character; what is no picture has its reason in place of a score."""
    held = iter(hold(parts, anchor, [picture for picture in pictures if isinstance(picture, Picture)]))
    return [next(held) if isinstance(each, Picture) else Held(None, None, (str(each),)) for each in pictures]


def _check_all(parts: Parts, anchor: Anchor, images: list[Photo]) -> list[_Checked]:
    digests, pictures = zip(*(read_image(parts, image) for image in images), strict=True)
    return [
        _Checked(_check(parts, anchor, digest, held), _copy(parts, picture))
        for digest, picture, held in zip(digests, pictures, hold_each(parts, anchor, pictures), strict=True)
    ]


def _copy(parts: Parts, picture: Picture | Reason) -> bytes:
    return encode_within(parts, picture, COPY_SIDE) if isinstance(picture, Picture) else b""


def _check(parts: Parts, anchor: Anchor, digest: Digest, held: Held) -> LikenessCheck:
    return LikenessCheck(
        id=0,
        person_id=anchor.person_id,
        digest=digest,
        score=held.score,
        threshold=anchor.threshold,
        passed=held.score is not None and held.score >= anchor.threshold,
        box=held.box,
        reasons=held.reasons,
        model_id=anchor.model_id,
        version=anchor.version,
        stale=False,
        made_at=parts.clock(),
    )


def _keep(parts: Parts, made: Sequence[_Checked], progress: Progress) -> list[LikenessCheck]:
    """Write the checks, unless the character is gone by now."""
    if not made:
        return []
    checks = [each.check for each in made]
    person_id, version = checks[0].person_id, checks[0].version
    with parts.store.write() as tx:
        progress.hold(tx)
        character = find_character(tx, f"#{person_id}")
        kept = tx.likeness.add(checks)
        payload = {"person_id": character.person_id, "version": version, "check_ids": [check.id for check in kept]}
        tx.events.emit(CHECKED, payload)
        for each in made:
            if each.copy:
                parts.checked.put(each.check.digest, COPY_SIDE, each.copy)
        # The reference may have changed while the images were looked at.
        return [replace(check, stale=version != character.version) for check in kept]
