"""Look through the photos, the newest first, each with its faces and what is said of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import unquote

from personae.engine.chances import of_ties
from personae.engine.memo import Memo
from personae.engine.parts import Parts
from personae.engine.people import last_ties
from personae.errors import InputError, NotFound
from personae.ports import PhotoFilter, Transaction
from personae.records import Claim
from personae.types import Decision, Digest, Face, FaceRole, Image, ImageId, Reason

MOST = 501
"""Photos of the largest page, and one to see whether another follows."""
SENT = "sent"
"""Key of the photos that were sent here, and lie in no folder of the user's."""
COUNTS_KEPT = 100
NO_FILE = Digest("0" * 64)


@dataclass(frozen=True, slots=True)
class SeenFace:
    """A face of a photo, and all that is known of how it came to be whose it is."""

    face: Face
    who: str | None
    """Name of the person; None: nobody knows."""
    group: str | None
    """Label of the unknown group that it is in."""
    tie: Decision | None
    claim: Claim | None
    """What the source of the tie said, if one made it."""
    probability: float | None = None
    """That the machine's tie is right; None: it was not learnt how often such scores are."""

    @property
    def refused(self) -> bool:
        """Whether it is not used."""
        return self.face.role is FaceRole.REFUSED


@dataclass(frozen=True, slots=True)
class SeenPhoto:
    """A photo with its faces, from left to right."""

    image: Image
    faces: tuple[SeenFace, ...]

    @property
    def used(self) -> tuple[SeenFace, ...]:
        """The faces that are not refused."""
        return tuple(seen for seen in self.faces if not seen.refused)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The photos beside one, among those that a filter lists."""

    newer: Image | None
    older: Image | None


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that photos lie in; where it is on the machine is not told."""

    key: str
    """Names it in addresses."""
    name: str
    """Its last part, with the one before it where two are called so."""
    uri: str
    count: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What photos can be told apart by."""

    folders: tuple[Folder, ...]
    sources: dict[str, int]
    reasons: dict[str, int]
    """Photos and faces that were refused, by reason, most frequent first."""


class Photos:
    """The photos of one project."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._folders: Memo[tuple[str, tuple[Folder, ...]]] = Memo()
        self._choices: Memo[tuple[str, Choices]] = Memo()
        self._counts: Memo[tuple[str, dict[PhotoFilter, int]]] = Memo()

    def listed(self, which: PhotoFilter, before: int | None = None, limit: int = 60) -> list[SeenPhoto]:
        """Return the photos older than one, newest first. Raises InputError for a limit that is none."""
        if not 1 <= limit <= MOST:
            raise InputError(f"1 to {MOST} photos are listed at once, not {limit}")
        with self._parts.store.read() as tx:
            return _seen(tx, tx.photos.before(which, None if before is None else ImageId(before), limit))

    def count(self, which: PhotoFilter) -> int:
        """Return how many photos there are of these; each is counted once until something is written."""
        stamp = self._parts.store.stamp()
        known = self._counts.value
        if known is None or known[0] != stamp or len(known[1]) > COUNTS_KEPT:
            self._counts.value = known = stamp, {}
        if which not in known[1]:
            with self._parts.store.read() as tx:
                known[1][which] = tx.photos.count(which)
        return known[1][which]

    def one(self, image_id: int) -> tuple[SeenPhoto, datetime]:
        """Return one photo, and when it was taken in. Raises NotFound."""
        with self._parts.store.read() as tx:
            taken_in = tx.photos.taken_in(ImageId(image_id))
            return _seen(tx, tx.images.get([ImageId(image_id)]))[0], taken_in

    def beside(self, image_id: int, which: PhotoFilter) -> Neighbours:
        """Return the photos before and after one in the list of a filter, whether or not it is in it itself."""
        with self._parts.store.read() as tx:
            newer = tx.photos.after(which, ImageId(image_id), 1)
            older = tx.photos.before(which, ImageId(image_id), 1)
        return Neighbours(*(found[0] if found else None for found in (newer, older)))

    def choices(self) -> Choices:
        """Return what photos can be told apart by, as far as there is more than one of it."""
        stamp = self._parts.store.stamp()
        known = self._choices.value
        if known is None or known[0] != stamp:
            with self._parts.store.read() as tx:
                reasons, sources = tx.photos.reasons(), tx.photos.sources()
            by_reason = {reason.value: count for reason, count in reasons.items()}
            self._choices.value = known = stamp, Choices(self.folders(), sources, by_reason)
        return known[1]

    def folders(self) -> tuple[Folder, ...]:
        """Return the folders that photos lie in, by name."""
        stamp = self._parts.store.stamp()
        known = self._folders.value
        if known is None or known[0] != stamp:
            with self._parts.store.read() as tx:
                known = stamp, _folders(tx.photos.folders(), sent_folder(self._parts))
            self._folders.value = known
        return known[1]

    def folder(self, key: str) -> Folder:
        """Return the folder of a key. Raises NotFound."""
        for folder in self.folders():
            if folder.key == key:
                return folder
        raise NotFound("there is no such folder, or no photo lies in it any more")

    def unreadable(self, limit: int = 100, reason: Reason | None = None) -> list[str]:
        """Return files that could not even be opened, or that were sent in vain, which are no photos here: URIs."""
        with self._parts.store.read() as tx:
            return tx.photos.unreadable(limit, reason)

    def preview(self, image_id: int) -> bytes:
        """Return a copy of a photo that fills a screen; see `personae.engine.copies.reduced`."""
        from personae.engine import copies  # noqa: PLC0415 - OpenCV comes with it: not before a photo is shown

        return copies.reduced(self._parts, image_id, copies.PREVIEW_SIDE)


def sent_folder(parts: Parts) -> str:
    """Return the folder of what was sent, as a URI with a slash at the end."""
    return f"{parts.photos.path(NO_FILE).parent.parent.as_uri()}/"


def _seen(tx: Transaction, images: Sequence[Image]) -> list[SeenPhoto]:
    found = tx.faces.of_images([image.id for image in images])
    ties = last_ties(tx, [face.id for face in found])
    stated = [face_id for face_id, tie in ties.items() if tie.source]
    claims = {(claim.face_id, claim.source): claim for claim in tx.sources.claims_on(stated)} if stated else {}
    names = tx.photos.names([face.person_id for face in found if face.person_id is not None])
    groups = tx.photos.labels([face.cluster_id for face in found if face.cluster_id is not None])
    sure = dict(zip(ties, of_ties(tx, list(ties.values())), strict=True))
    faces: dict[ImageId, list[SeenFace]] = {}
    for face in sorted(found, key=lambda face: (face.box.x + face.box.width / 2, face.id)):
        tie = ties.get(face.id)
        faces.setdefault(face.image_id, []).append(SeenFace(
            face, None if face.person_id is None else names.get(face.person_id),
            None if face.cluster_id is None else groups.get(face.cluster_id), tie,
            None if tie is None else claims.get((face.id, tie.source or "")), sure.get(face.id),
        ))  # fmt: skip
    return [SeenPhoto(image, tuple(faces.get(image.id, ()))) for image in images]


def _folders(counts: dict[str, int], sent: str) -> tuple[Folder, ...]:
    """Make one folder of all that was sent here, and give the others a name that tells them apart."""
    ours = sum(count for uri, count in counts.items() if uri.startswith(sent))
    others = {uri: count for uri, count in counts.items() if not uri.startswith(sent)}
    last = Counter(_last(uri, 1) for uri in others)
    named = [
        Folder(hashlib.sha256(uri.encode()).hexdigest()[:16], _last(uri, 1 if last[_last(uri, 1)] == 1 else 2), uri, n)
        for uri, n in others.items()
    ]
    listed = sorted(named, key=lambda folder: (folder.name.casefold(), folder.uri))
    return (*([Folder(SENT, "Sent here", sent, ours)] if ours else []), *listed)


def _last(uri: str, parts: int) -> str:
    """Return the last parts of a folder's path."""
    return " / ".join(unquote(part) for part in uri.removeprefix("file://").strip("/").split("/")[-parts:]) or "/"
