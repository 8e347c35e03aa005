"""The photos, the newest first, by what is in them and where they come from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.clusters import LABEL
from personae.adapters.store.dates import date_key, seconds, written
from personae.adapters.store.decisions import revoked_sources
from personae.adapters.store.events import add_events
from personae.adapters.store.images import SqlImages
from personae.adapters.store.schema import claims, clusters, faces, files, images, people
from personae.adapters.store.scope import Scope
from personae.errors import NotFound
from personae.ports import PhotoFilter
from personae.types import ClusterId, FaceRole, Image, ImageId, PersonId, Reason


@dataclass(frozen=True, slots=True)
class SqlPhotos:
    """`personae.ports.PhotoTable` in SQL."""

    scope: Scope

    def before(self, which: PhotoFilter, before: ImageId | None, limit: int) -> list[Image]:
        """See the port."""
        query = self._ids(which).order_by(images.c.date_key.desc(), images.c.id.desc()).limit(limit)
        place = None if before is None else self._place(before)
        return self._get(query if place is None else query.where(_by_date() < place))

    def after(self, which: PhotoFilter, after: ImageId, limit: int) -> list[Image]:
        """See the port."""
        query = self._ids(which).order_by(images.c.date_key, images.c.id).limit(limit)
        place = self._place(after)
        return self._get(query if place is None else query.where(_by_date() > place))

    def count(self, which: PhotoFilter) -> int:
        """See the port."""
        query = sa.select(sa.func.count()).select_from(self._ids(which).subquery())
        return int(self.scope.connection.execute(query).scalar_one())

    def folders(self) -> dict[str, int]:
        """See the port."""
        query = sa.select(files.c.uri).where(self._of_mine(), files.c.image_id.is_not(None))
        uris = self.scope.connection.execute(query).scalars()
        # Here: SQL has no word for the last slash, and what says it takes four times as long.
        return dict(sorted(Counter(uri[: uri.rfind("/") + 1] for uri in uris).items()))

    def reasons(self) -> dict[Reason, int]:
        """See the port."""
        mine = images.c.project_id + 0 == self.scope.project_id
        of_images = sa.select(images.c.reason, sa.func.count()).where(mine, images.c.reason.is_not(None))
        found: Counter[Reason] = Counter()
        for reason, count in self.scope.connection.execute(of_images.group_by(images.c.reason)):
            found[Reason(reason)] += int(count)
        said = sa.cast(faces.c.reasons, sa.Text)
        of_faces = (
            sa.select(said, sa.func.count())
            .where(faces.c.project_id == self.scope.project_id, faces.c.role == FaceRole.REFUSED)
            .group_by(said)
        )
        for text, count in self.scope.connection.execute(of_faces):
            found.update({Reason(reason): int(count) for reason in json.loads(text)})
        return dict(found.most_common())

    def unreadable(self, limit: int, reason: Reason | None = None) -> list[str]:
        """See the port."""
        why = files.c.reason.is_not(None) if reason is None else files.c.reason == reason
        mine = files.c.project_id == self.scope.project_id, files.c.image_id.is_(None), why
        query = sa.select(files.c.uri).where(*mine).order_by(files.c.uri).limit(limit)
        return [str(uri) for uri in self.scope.connection.execute(query).scalars()]

    def sources(self) -> dict[str, int]:
        """See the port."""
        query = (
            sa.select(claims.c.source, sa.func.count(sa.distinct(faces.c.image_id)))
            .select_from(claims.join(faces, claims.c.face_id == faces.c.id))
            .where(claims.c.project_id == self.scope.project_id)
            .group_by(claims.c.source)
        )
        gone = revoked_sources(self.scope)
        rows = self.scope.connection.execute(query)
        return dict(sorted((source, int(count)) for source, count in rows if source not in gone))

    def taken_in(self, image_id: ImageId) -> datetime:
        """See the port."""
        query = sa.select(images.c.created_at).where(
            images.c.project_id == self.scope.project_id, images.c.id == image_id
        )
        found: datetime | None = self.scope.connection.execute(query).scalar()
        if found is None:
            raise NotFound(f"there is no image {image_id}")
        return found

    def undated(self) -> list[ImageId]:
        """See the port."""
        query = sa.select(images.c.id).where(images.c.project_id == self.scope.project_id, images.c.taken_at.is_(None))
        return [ImageId(i) for i in self.scope.connection.execute(query.order_by(images.c.id)).scalars()]

    def set_taken(self, image_id: ImageId, taken_at: datetime | None) -> None:
        """See the port."""
        key = date_key(taken_at, self.taken_in(image_id))
        change = sa.update(images).where(images.c.id == image_id).values(taken_at=written(taken_at), date_key=key)
        self.scope.connection.execute(change)
        self.scope.connection.execute(sa.update(faces).where(faces.c.image_id == image_id).values(date_key=key))
        add_events(self.scope, "image.dated", [{"image_id": image_id}])

    def names(self, person_ids: Collection[PersonId]) -> dict[PersonId, str]:
        """See the port."""
        query = sa.select(people.c.id, people.c.name).where(people.c.project_id == self.scope.project_id)
        rows = self.scope.connection.execute(query.where(self.scope.among(people.c.id, set(person_ids))))
        return {PersonId(person_id): str(name) for person_id, name in rows}

    def labels(self, cluster_ids: Collection[ClusterId]) -> dict[ClusterId, str]:
        """See the port."""
        query = sa.select(clusters.c.id, clusters.c.number).where(clusters.c.project_id == self.scope.project_id)
        rows = self.scope.connection.execute(query.where(self.scope.among(clusters.c.id, set(cluster_ids))))
        return {ClusterId(cluster_id): f"{LABEL}{number}" for cluster_id, number in rows}

    def _of_mine(self) -> sa.ColumnElement[bool]:
        # Not by the index of the project: to fetch all its rows one by one takes SQLite five times as long.
        return files.c.project_id + 0 == self.scope.project_id

    def _get(self, query: sa.Select[Any]) -> list[Image]:
        found = self.scope.connection.execute(query).scalars()
        return SqlImages(self.scope).get([ImageId(i) for i in found])

    def _ids(self, which: PhotoFilter) -> sa.Select[Any]:
        mine = images.c.project_id == self.scope.project_id
        return sa.select(images.c.id).where(mine, *self._conditions(which))

    def _place(self, image_id: ImageId) -> sa.ColumnElement[Any] | None:
        """Where a photo stands among the others; None: it is not there."""
        query = sa.select(images.c.date_key).where(
            images.c.project_id == self.scope.project_id, images.c.id == image_id
        )
        key = self.scope.connection.execute(query).scalar()
        return None if key is None else sa.tuple_(sa.literal(key), sa.literal(image_id))

    def _conditions(self, which: PhotoFilter) -> Iterator[sa.ColumnElement[bool]]:
        if which.person_id is not None:
            yield images.c.id.in_(sa.select(faces.c.image_id).where(faces.c.person_id == which.person_id))
        if which.unknown:
            yield _shows(faces.c.person_id.is_(None), faces.c.role != FaceRole.REFUSED)
        if which.empty:
            yield images.c.reason.is_(None)
            yield ~_shows(faces.c.role != FaceRole.REFUSED)
        if which.refused:
            yield images.c.reason.is_not(None)
        if which.reason is not None:
            yield sa.or_(images.c.reason == which.reason, _refused_for(which.reason))
        if which.folder:
            # Not LIKE: SQLite's takes a letter and its capital for the same.
            within = sa.func.substr(files.c.uri, 1, len(which.folder)) == which.folder
            mine = sa.select(files.c.image_id).where(self._of_mine(), within)
            yield images.c.id.in_(mine.where(files.c.image_id.is_not(None)))
        if which.source:
            yield images.c.id.in_(self._brought_by(which.source))
        if which.since is not None:
            yield images.c.date_key >= seconds(which.since)
        if which.until is not None:
            yield images.c.date_key < seconds(which.until)

    def _brought_by(self, source: str) -> sa.Select[Any]:
        brought = claims.join(faces, claims.c.face_id == faces.c.id)
        mine = claims.c.project_id == self.scope.project_id, claims.c.source == source
        return sa.select(faces.c.image_id).select_from(brought).where(*mine)


def _by_date() -> sa.Tuple:
    return sa.tuple_(images.c.date_key, images.c.id)


def _shows(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return the condition that a photo shows a face of these."""
    return sa.exists().where(faces.c.image_id == images.c.id, *conditions)


def _refused_for(reason: Reason) -> sa.ColumnElement[bool]:
    """Return the condition that a face of the photo was refused for this."""
    said = sa.cast(faces.c.reasons, sa.Text).contains(f'"{reason.value}"', autoescape=True)
    return _shows(faces.c.role == FaceRole.REFUSED, said)
