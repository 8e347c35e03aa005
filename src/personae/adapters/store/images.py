"""Images, the files they came from, and how a new one is taken in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.dates import date_key, read, written
from personae.adapters.store.events import add_events
from personae.adapters.store.rows import embedding_row, face_row
from personae.adapters.store.schema import embeddings, faces, files, images
from personae.adapters.store.scope import Scope, in_parts, unique
from personae.errors import InputError
from personae.types import Digest, FaceRole, FileStamp, Image, ImageId, NewFace, NewImage, Reason


@dataclass(frozen=True, slots=True)
class SqlImages:
    """`personae.ports.ImageTable` in SQL."""

    scope: Scope

    def stamps(self, uris: Sequence[str]) -> dict[str, FileStamp]:
        """See the port."""
        query = sa.select(files.c.uri, files.c.size, files.c.mtime_ns).where(
            files.c.project_id == self.scope.project_id
        )
        found = {}
        for part in in_parts([_key(uri) for uri in unique(uris)]):
            for uri, size, mtime_ns in self.scope.connection.execute(query.where(files.c.uri_key.in_(part))):
                found[uri] = FileStamp(size, mtime_ns)
        return found

    def find(self, digests: Sequence[Digest]) -> dict[Digest, ImageId]:
        """See the port."""
        query = sa.select(images.c.digest, images.c.id).where(images.c.project_id == self.scope.project_id)
        found = {}
        for part in in_parts(unique(digests)):
            for digest, image_id in self.scope.connection.execute(query.where(images.c.digest.in_(part))):
                found[Digest(digest)] = ImageId(image_id)
        return found

    def add(self, image: NewImage) -> ImageId:
        """See the port.

        Raises:
            InputError: an embedding is not a finite unit vector, or belongs to a refused face.
        """
        taken_in = self.scope.clock()
        key = date_key(image.taken_at, taken_in)
        image_id = self._insert(image, taken_in, key)
        if image_id is None:
            return self.find([image.digest])[image.digest]
        add_events(self.scope, "image.added", [{"image_id": image_id}])
        if image.faces:
            self._add_faces(image_id, key, image.faces)
        return image_id

    def _insert(self, image: NewImage, taken_in: datetime, key: int) -> ImageId | None:
        statement = (
            self.scope.upsert(images)
            .on_conflict_do_nothing(index_elements=["project_id", "digest"])
            .returning(images.c.id)
        )
        row = {
            "project_id": self.scope.project_id,
            "digest": image.digest,
            "size": image.size,
            "width": image.width,
            "height": image.height,
            "format": image.format,
            "detector": image.detector,
            "profile": image.profile,
            "reason": image.reason,
            "detail": image.detail,
            "created_at": taken_in,
            "taken_at": written(image.taken_at),
            "date_key": key,
        }
        image_id = self.scope.connection.execute(statement, row).scalar()
        return None if image_id is None else ImageId(image_id)

    def _add_faces(self, image_id: ImageId, key: int, found: Sequence[NewFace]) -> None:
        for face in found:
            if face.role is FaceRole.REFUSED and face.embeddings:
                raise InputError("a refused face is never embedded")
        statement = sa.insert(faces).returning(faces.c.id, sort_by_parameter_order=True)
        rows = [face_row(self.scope.project_id, image_id, key, face) for face in found]
        ids = list(self.scope.connection.execute(statement, rows).scalars())
        vectors = [
            embedding_row(face_id, model_id, vector)
            for face_id, face in zip(ids, found, strict=True)
            for model_id, vector in face.embeddings.items()
        ]
        if vectors:
            self.scope.connection.execute(sa.insert(embeddings), vectors)
        payloads = [
            {"face_id": face_id, "image_id": image_id, "models": sorted(face.embeddings)}
            for face_id, face in zip(ids, found, strict=True)
            if face.embeddings
        ]
        add_events(self.scope, "face.added", payloads)

    def place(
        self, uri: str, stamp: FileStamp, image_id: ImageId | None, reason: Reason | None = None, detail: str = ""
    ) -> None:
        """See the port."""
        statement = self.scope.upsert(files)
        changed = {name: statement.excluded[name] for name in ("size", "mtime_ns", "image_id", "reason", "detail")}
        row = {
            "project_id": self.scope.project_id,
            "uri_key": _key(uri),
            "uri": uri,
            "size": stamp.size,
            "mtime_ns": stamp.mtime_ns,
            "image_id": image_id,
            "reason": reason,
            "detail": detail,
        }
        self.scope.connection.execute(
            statement.on_conflict_do_update(index_elements=["project_id", "uri_key"], set_=changed), row
        )

    def get(self, image_ids: Sequence[ImageId]) -> list[Image]:
        """See the port; in the order asked."""
        wanted = unique(image_ids)
        # Not by an index of the project: SQLite would go through all of it for a few.
        query = sa.select(images).where(images.c.project_id + 0 == self.scope.project_id)
        places = sa.select(files.c.image_id, files.c.uri).order_by(files.c.uri)
        uris: dict[int, list[str]] = {}
        found: dict[int, Any] = {}
        for part in in_parts(wanted):
            for image_id, uri in self.scope.connection.execute(places.where(files.c.image_id.in_(part))):
                uris.setdefault(image_id, []).append(uri)
            for row in self.scope.connection.execute(query.where(images.c.id.in_(part))):
                found[row.id] = row
        return [_image(found[i], tuple(uris.get(i, ()))) for i in wanted if i in found]

    def by_uri(self, uri: str) -> Image | None:
        """See the port."""
        query = sa.select(files.c.image_id).where(
            files.c.project_id == self.scope.project_id, files.c.uri_key == _key(uri), files.c.image_id.is_not(None)
        )
        image_id = self.scope.connection.execute(query).scalar()
        return None if image_id is None else self.get([ImageId(image_id)])[0]

    def places(self) -> dict[ImageId, list[str]]:
        """See the port; by URI."""
        query = (
            sa.select(files.c.image_id, files.c.uri)
            .where(files.c.project_id == self.scope.project_id, files.c.image_id.is_not(None))
            .order_by(files.c.uri)
        )
        found: dict[ImageId, list[str]] = {}
        for image_id, uri in self.scope.connection.execute(query):
            found.setdefault(ImageId(image_id), []).append(uri)
        return found

    def forget(self, uri: str) -> None:
        """See the port."""
        mine = sa.and_(files.c.project_id == self.scope.project_id, files.c.uri_key == _key(uri))
        self.scope.connection.execute(sa.delete(files).where(mine))

    def refusals(self) -> list[tuple[str, Reason, str]]:
        """See the port."""
        reason = sa.func.coalesce(files.c.reason, images.c.reason)
        detail = sa.case((files.c.reason.is_not(None), files.c.detail), else_=images.c.detail)
        query = (
            sa.select(files.c.uri, reason, detail)
            .select_from(files.outerjoin(images, files.c.image_id == images.c.id))
            .where(files.c.project_id == self.scope.project_id, reason.is_not(None))
        )
        rows = self.scope.connection.execute(query)
        return sorted((uri, Reason(why), said) for uri, why, said in rows)

    def counts(self) -> dict[str, int]:
        """See the port; `refused:` counts files."""
        execute, project = self.scope.connection.execute, self.scope.project_id
        result = {
            name: execute(
                sa.select(sa.func.count()).select_from(table).where(table.c.project_id == project)
            ).scalar_one()
            for name, table in (("images", images), ("files", files))
        }
        of_files = sa.select(files.c.reason, sa.func.count()).where(files.c.project_id == project)
        of_images = (
            sa.select(images.c.reason, sa.func.count())
            .select_from(images.join(files, files.c.image_id == images.c.id))
            .where(images.c.project_id == project, images.c.reason.is_not(None), files.c.reason.is_(None))
        )
        for query in (of_files.where(files.c.reason.is_not(None)).group_by(files.c.reason),
                      of_images.group_by(images.c.reason)):  # fmt: skip
            for reason, count in execute(query):
                result[f"refused:{reason}"] = result.get(f"refused:{reason}", 0) + int(count)
        return result


def _key(uri: str) -> str:
    """A name of fixed length: a path of 4,096 bytes does not fit into an index of PostgreSQL."""
    return hashlib.sha256(uri.encode()).hexdigest()


def _image(row: Any, uris: tuple[str, ...]) -> Image:
    return Image(
        ImageId(row.id), Digest(row.digest), row.size, row.width, row.height, row.format,
        Reason(row.reason) if row.reason else None, row.detail, uris, read(row.taken_at),
    )  # fmt: skip
