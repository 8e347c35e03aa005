"""Look through a project page by page: images, faces, people, unknown groups, decisions, jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from personae.engine.browse_people import ListedFace, PeopleLooks, listed, within
from personae.engine.parts import Parts
from personae.engine.review import get_face
from personae.errors import NotFound
from personae.ports import FaceFilter, OperationFilter, Transaction
from personae.records import PersonRecord
from personae.types import (
    Cluster,
    ClusterId,
    Decision,
    Digest,
    FaceId,
    Image,
    ImageId,
    Job,
    Operation,
    OperationId,
    Person,
    PersonId,
)


@dataclass(frozen=True, slots=True)
class Stated:
    """What sources say of a person."""

    together: PersonRecord
    """Of each field what the oldest source that fills it says."""
    by_source: dict[str, PersonRecord]


class Browse(PeopleLooks):
    """The looks into one project. `limit` is 1 to 1,001; a page that is shorter is the last one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def images(self, after: int = 0, limit: int = 50, refused: bool | None = None) -> list[Image]:
        """Return the images behind one, oldest first; `refused`: only those that could not be used, or that could."""
        with self._parts.store.read() as tx:
            return tx.browse.images(after, within(limit), refused)

    def image(self, image_id: int) -> Image:
        """Return one image. Raises NotFound."""
        with self._parts.store.read() as tx:
            return _image(tx, image_id)

    def image_of(self, digest: str) -> Image | None:
        """Return the image of these bytes; None when it was never taken in."""
        with self._parts.store.read() as tx:
            found = [i for d, i in tx.images.find([Digest(digest)]).items() if d == digest]
            return next(iter(tx.images.get(found)), None)

    def faces(self, after: int = 0, limit: int = 50, which: FaceFilter | None = None) -> list[ListedFace]:
        """Return the faces behind one that are asked for, oldest first, each with its receipt."""
        with self._parts.store.read() as tx:
            return listed(tx, tx.browse.faces(after, within(limit), which or FaceFilter()))

    def face(self, face_id: int) -> ListedFace:
        """Return one face with its receipt. Raises NotFound."""
        with self._parts.store.read() as tx:
            return listed(tx, [get_face(tx, FaceId(face_id))])[0]

    def several(self, face_ids: Sequence[int]) -> list[ListedFace]:
        """Return these faces with their receipts, in the order asked; unknown ids are left out."""
        with self._parts.store.read() as tx:
            return listed(tx, tx.faces.get([FaceId(i) for i in face_ids]))

    def people(self, after: int = 0, limit: int = 50, kind: str | None = None) -> list[Person]:
        """Return the people behind one, oldest first; `kind`: only real people, or characters."""
        with self._parts.store.read() as tx:
            return tx.browse.people(after, within(limit), kind)

    def person(self, person_id: int) -> Person:
        """Return one person. Raises NotFound."""
        with self._parts.store.read() as tx:
            return tx.people.get(PersonId(person_id))

    def stated(self, person_id: int) -> Stated:
        """Return what sources say of a person. Raises NotFound."""
        with self._parts.store.read() as tx:
            person = tx.people.get(PersonId(person_id))
            gone = tx.sources.revoked()
            said = {source: tx.people.stated(person.id, source) for source in person.external_ids if source not in gone}
            by_source = {source: record for source, record in said.items() if record is not None}
            return Stated(tx.people.record(person.id), by_source)

    def clusters(self, after: int = 0, limit: int = 50) -> list[Cluster]:
        """Return the unknown groups behind one, oldest first."""
        with self._parts.store.read() as tx:
            return tx.browse.clusters(after, within(limit))

    def cluster(self, cluster_id: int) -> Cluster:
        """Return one unknown group. Raises NotFound."""
        with self._parts.store.read() as tx:
            return tx.clusters.get(ClusterId(cluster_id))

    def operations(
        self, before: int | None = None, limit: int = 50, which: OperationFilter | None = None
    ) -> list[Operation]:
        """Return the operations before one that are asked for, newest first."""
        with self._parts.store.read() as tx:
            return tx.browse.operations(before, within(limit), which)

    def operation(self, operation_id: int) -> Operation:
        """Return one operation. Raises NotFound."""
        with self._parts.store.read() as tx:
            return tx.decisions.operation(OperationId(operation_id))

    def decisions(self, operation_id: int, after: int = 0, limit: int = 1000) -> list[Decision]:
        """Return the decisions of an operation behind so many; none are ever added. Raises NotFound."""
        with self._parts.store.read() as tx:
            said = tx.decisions.of_operation(tx.decisions.operation(OperationId(operation_id)).id)
            return said[after : after + within(limit)]

    def jobs(self, before: int | None = None, limit: int = 50, states: Sequence[str] = ()) -> list[Job]:
        """Return the jobs before one, newest first; `states`: only those that are in one of them."""
        with self._parts.store.read() as tx:
            return tx.browse.jobs(before, within(limit), states)

    def crop(self, face_id: int) -> bytes:
        """Return the picture of a face, a JPEG.

        Raises:
            NotFound: there is no such face, or its picture is gone.
            BackendError: the picture is damaged.
        """
        with self._parts.store.read() as tx:
            crop = get_face(tx, FaceId(face_id)).crop
        if crop is None:
            raise NotFound(f"face {face_id} has no picture of its own")
        return self._parts.crops.get(crop)

    def thumbnail(self, image_id: int) -> bytes:
        """Return a reduced, upright copy of a photo for a grid; see `personae.engine.copies.reduced`."""
        from personae.engine import copies  # noqa: PLC0415 - OpenCV comes with it: not before a photo is shown

        return copies.reduced(self._parts, image_id, copies.THUMBNAIL_SIDE)


def _image(tx: Transaction, image_id: int) -> Image:
    for image in tx.images.get([ImageId(image_id)]):
        return image
    raise NotFound(f"there is no image {image_id}")
