"""Reference identities: source images of characters, the faces on them, and what anchored a character before."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from personae.adapters.store import reference_queries as queries
from personae.adapters.store.columns import storable
from personae.adapters.store.graphs import make_graphs
from personae.adapters.store.likeness_tables import likeness_checks
from personae.adapters.store.reference_rows import (
    anchors_of,
    reference_values,
    to_detected,
    to_history,
    to_json_box,
    to_json_quality,
    to_reference,
    to_vector,
    unit_bytes,
)
from personae.adapters.store.reference_tables import (
    character_references,
    character_versions,
    detected_embeddings,
    detected_faces,
    embedding_history,
)
from personae.adapters.store.scope import Scope
from personae.errors import Conflict, InputError, NotFound
from personae.references import (
    Character,
    DetectedFace,
    DetectedFaceId,
    NewDetectedFace,
    PastEmbedding,
    Reference,
    ReferenceId,
)
from personae.types import Digest, JobId, ModelId, PersonId, Vector

_LONGEST = 200
"""Characters of a label."""


@dataclass(frozen=True, slots=True)
class SqlReferences:
    """`personae.ports.ReferenceTable` in SQL."""

    scope: Scope

    def characters(self, person_ids: Sequence[PersonId] | None = None) -> list[Character]:
        """See the port."""
        every = person_ids is None
        named = self._run(queries.characters(self.scope.on_postgres, every), person_ids or ())
        own: dict[int, list[Reference]] = {row.id: [] for row in named}
        for row in self._run(queries.references(self.scope.on_postgres, "every" if every else "people"), own):
            if row.owner in own:
                own[row.owner].append(to_reference(row))
        versions = self._versions(own)
        return [
            Character(PersonId(row.id), row.name, tuple(own[row.id]), versions.get(row.id, 0)) for row in named
        ]  # fmt: skip

    def add(self, person_id: PersonId, label: str, digest: Digest) -> Reference:
        """See the port.

        Raises:
            InputError: the label is too long.
            NotFound: there is no such person.
        """
        if len(label) > _LONGEST:
            raise InputError(f"the label is longer than {_LONGEST} characters")
        if self._person(person_id, label).taken:
            raise Conflict(f"the character has a reference {label!r} already")
        row = {
            "project_id": self.scope.project_id, "person_id": person_id, "label": label, "digest": digest,
            "status": "pending", "error": "", "warning": "", "generation": 1, "created_at": self.scope.clock(),
        }  # fmt: skip
        statement = sa.insert(character_references).returning(character_references.c.id)
        return self.get(ReferenceId(self.scope.connection.execute(statement, row).scalar_one()))

    def get(self, reference_id: ReferenceId) -> Reference:
        """See the port."""
        for row in self._run(queries.references(self.scope.on_postgres, "own"), [reference_id]):
            return to_reference(row)
        raise NotFound(f"there is no reference {reference_id}")

    def put(self, reference: Reference) -> None:
        """See the port."""
        self._update(reference.id, **reference_values(reference))

    def remove(self, reference_id: ReferenceId) -> list[Digest]:
        """See the port."""
        gone = self.get(reference_id)
        past = sa.select(embedding_history.c.digest).where(embedding_history.c.reference_id == reference_id).distinct()
        digests = {gone.digest, *map(Digest, self.scope.connection.execute(past).scalars())}
        self.scope.connection.execute(
            sa.delete(character_references).where(character_references.c.id == reference_id)
        )  # fmt: skip
        return sorted(digests)

    def job_of(self, reference_id: ReferenceId) -> JobId | None:
        """See the port."""
        query = sa.select(character_references.c.job_id).where(character_references.c.id == reference_id)
        found = self.scope.connection.execute(query).scalar()
        return None if found is None else JobId(found)

    def set_job(self, reference_id: ReferenceId, job_id: JobId) -> None:
        """See the port."""
        self._update(reference_id, job_id=job_id)

    def held(self, digest: Digest) -> bool:
        """See the port."""
        now = sa.select(sa.literal(1)).where(self._mine(), character_references.c.digest == digest).limit(1)
        past = self._past(sa.literal(1)).where(embedding_history.c.digest == digest).limit(1)
        return any(self.scope.connection.execute(query).first() is not None for query in (now, past))

    def digests(self) -> dict[Digest, ReferenceId]:
        """See the port."""
        query = (
            sa.select(character_references.c.digest, sa.func.min(character_references.c.id))
            .where(self._mine())
            .group_by(character_references.c.digest)
        )
        return {Digest(digest): ReferenceId(i) for digest, i in self.scope.connection.execute(query)}

    def past_digests(self) -> set[Digest]:
        """See the port."""
        rows = self.scope.connection.execute(self._past(embedding_history.c.digest).distinct()).scalars()
        return {Digest(digest) for digest in rows}

    def faces(self, person_id: PersonId) -> list[DetectedFace]:
        """See the port."""
        query = sa.select(detected_faces).where(detected_faces.c.person_id.in_(self._part(person_id)))
        rows = self.scope.connection.execute(query.order_by(detected_faces.c.reference_id, detected_faces.c.id))
        return [to_detected(row) for row in rows]

    def face(self, face_id: DetectedFaceId) -> DetectedFace:
        """See the port."""
        row = self._one(queries.face(), face_id=face_id)
        if row is None:
            raise NotFound(f"there is no detected face {face_id}")
        return to_detected(row)

    def set_faces(self, reference_id: ReferenceId, faces: Sequence[NewDetectedFace]) -> list[DetectedFaceId]:
        """See the port.

        Raises:
            InputError: an embedding is not a finite unit vector, or a measure is not finite.
        """
        owner = self._row(reference_id)
        connection = self.scope.connection
        connection.execute(sa.delete(detected_faces).where(detected_faces.c.reference_id == reference_id))
        made = []
        for face in faces:
            row = {
                "reference_id": reference_id, "person_id": owner.person_id, "bounding_box": to_json_box(face.box),
                "confidence": float(face.det_score), "is_primary": False, "quality": to_json_quality(face.quality),
            }  # fmt: skip
            face_id = connection.execute(sa.insert(detected_faces).returning(detected_faces.c.id), row).scalar_one()
            vectors = [
                {"detected_face_id": face_id, "model_id": model_id, "vector": unit_bytes(model_id, vector)}
                for model_id, vector in face.embeddings.items()
            ]
            if vectors:
                make_graphs(self.scope, detected_embeddings, vectors)
                connection.execute(sa.insert(detected_embeddings), vectors)
            made.append(DetectedFaceId(face_id))
        return made

    def set_primary(self, reference_id: ReferenceId, face_id: DetectedFaceId) -> None:
        """See the port."""
        if self.face(face_id).reference_id != reference_id:
            raise NotFound(f"there is no detected face {face_id} on reference {reference_id}")
        own = detected_faces.c.reference_id == reference_id
        chosen = detected_faces.c.id == face_id
        self.scope.connection.execute(sa.update(detected_faces).where(own).values(is_primary=chosen))

    def keep_history(self, reference_id: ReferenceId) -> bool:
        """See the port; under each model a row."""
        owner = self._row(reference_id)
        query = (
            sa.select(detected_faces.c.confidence, detected_faces.c.bounding_box,
                      detected_embeddings.c.model_id, detected_embeddings.c.vector)
            .join(detected_embeddings, detected_embeddings.c.detected_face_id == detected_faces.c.id)
            .where(detected_faces.c.reference_id == reference_id, detected_faces.c.is_primary)
            .order_by(detected_embeddings.c.model_id)
        )  # fmt: skip
        now, version = self.scope.clock(), self.version(owner.owner)
        rows = [
            {
                "person_id": owner.person_id, "reference_id": reference_id, "label": owner.label,
                "digest": owner.digest, "model_id": row.model_id, "vector": row.vector, "confidence": row.confidence,
                "bounding_box": row.bounding_box, "version": version, "replaced_at": now,
            }
            for row in self.scope.connection.execute(query)
        ]  # fmt: skip
        if rows:
            make_graphs(self.scope, embedding_history, rows)
            self.scope.connection.execute(sa.insert(embedding_history), rows)
        return bool(rows)

    def history(self, person_id: PersonId) -> list[PastEmbedding]:
        """See the port."""
        columns = [column for column in embedding_history.c if column.name != "vector"]
        query = sa.select(*columns).where(embedding_history.c.person_id.in_(self._part(person_id)))
        return to_history(person_id, self.scope.connection.execute(query.order_by(embedding_history.c.id.desc())).all())

    def anchors(self, person_id: PersonId) -> list[Mapping[ModelId, Vector]]:
        """See the port."""
        query = (
            sa.select(detected_faces.c.reference_id, detected_embeddings.c.model_id, detected_embeddings.c.vector)
            .join(detected_embeddings, detected_embeddings.c.detected_face_id == detected_faces.c.id)
            .where(detected_faces.c.person_id.in_(self._part(person_id)), detected_faces.c.is_primary)
            .order_by(detected_faces.c.reference_id, detected_embeddings.c.model_id)
        )
        return anchors_of(self.scope.connection.execute(query).all())

    def lacking(self, model_id: ModelId) -> list[DetectedFace]:
        """See the port."""
        has = self._has(model_id).where(detected_embeddings.c.detected_face_id == detected_faces.c.id)
        query = sa.select(detected_faces).join(character_references).where(self._mine(), ~has.exists())
        rows = self.scope.connection.execute(query.order_by(detected_faces.c.reference_id, detected_faces.c.id))
        return [to_detected(row) for row in rows]

    def embeddings(self, model_id: ModelId, face_ids: Sequence[DetectedFaceId]) -> Mapping[DetectedFaceId, Vector]:
        """See the port."""
        among = self.scope.among(detected_embeddings.c.detected_face_id, face_ids)
        rows = self.scope.connection.execute(self._has(model_id).where(among))
        return {DetectedFaceId(row.detected_face_id): to_vector(row.vector) for row in rows}

    def add_embeddings(self, model_id: ModelId, vectors: Mapping[DetectedFaceId, Vector]) -> None:
        """See the port.

        Raises:
            InputError: an embedding is not a finite unit vector.
        """
        there = sa.select(detected_faces.c.id).join(character_references)
        there = there.where(self._mine(), self.scope.among(detected_faces.c.id, list(vectors)))
        present = set(self.scope.connection.execute(there).scalars())
        wanted = present - set(self.embeddings(model_id, list(vectors)))
        rows = [
            {"detected_face_id": int(i), "model_id": model_id, "vector": unit_bytes(model_id, vectors[i])}
            for i in sorted(wanted)
        ]
        if rows:
            make_graphs(self.scope, detected_embeddings, rows)
            self.scope.connection.execute(sa.insert(detected_embeddings), rows)

    def version(self, person_id: PersonId) -> int:
        """See the port."""
        return self._versions([person_id]).get(person_id, 0)

    def renew(self, person_id: PersonId) -> int:
        """See the port."""
        self._person(person_id)
        statement = self.scope.upsert(character_versions)
        self.scope.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["person_id"], set_={"version": character_versions.c.version + 1}
            ),
            {"person_id": person_id, "version": 1},
        )
        return self.version(person_id)

    def erase(self, person_id: PersonId) -> list[Digest]:
        """See the port."""
        part = self._part(person_id)
        query = sa.union(
            *(sa.select(table.c.digest).where(table.c.person_id.in_(part))
              for table in (character_references, embedding_history))
        )  # fmt: skip
        digests = [Digest(digest) for digest in self.scope.connection.execute(query).scalars()]
        for table in (likeness_checks, embedding_history, character_references, character_versions):
            self.scope.connection.execute(sa.delete(table).where(table.c.person_id.in_(part)))
        return digests

    def _versions(self, person_ids: Iterable[int]) -> dict[int, int]:
        """Return the version of each template; that of a character with merged ones changes with whoever they are."""
        said: dict[int, list[tuple[int, int]]] = {}
        for row in self._run(queries.versions(self.scope.on_postgres), person_ids):
            said.setdefault(row.owner, []).append((row.id, row.version))
        return {
            owner: each[0][1] if [i for i, _ in each] == [owner] else zlib.crc32(repr(each).encode())
            for owner, each in said.items()
        }

    def _run(self, query: sa.Select[Any], ids: Iterable[int]) -> Sequence[Any]:
        return self.scope.connection.execute(query, queries.parameters(self.scope, ids)).all()

    def _one(self, query: sa.Select[Any], **asked: Any) -> Any:
        return self.scope.connection.execute(query, {"project_id": self.scope.project_id, **asked}).first()

    def _row(self, reference_id: ReferenceId) -> Any:
        row = self._one(queries.owned(), reference_id=reference_id)
        if row is None:
            raise NotFound(f"there is no reference {reference_id}")
        return row

    def _update(self, reference_id: ReferenceId, **values: Any) -> None:
        statement = sa.update(character_references).where(self._mine(), character_references.c.id == reference_id)
        if not self.scope.connection.execute(statement.values(**values)).rowcount:
            raise NotFound(f"there is no reference {reference_id}")

    def _person(self, person_id: PersonId, label: str = "") -> Any:
        row = self._one(queries.person(), person_id=person_id, label=storable(label))
        if row is None:
            raise NotFound(f"there is no person #{person_id}")
        return row

    def _part(self, person_id: int) -> list[int]:
        """This person and those merged into it."""
        return [row.id for row in self._run(queries.parts(self.scope.on_postgres), [person_id])]

    def _past(self, column: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Return the query of what references had before; of those that were removed nothing is held."""
        references = character_references
        joined = sa.select(column).join_from(
            embedding_history, references, embedding_history.c.reference_id == references.c.id
        )
        return joined.where(self._mine())

    def _has(self, model_id: ModelId) -> sa.Select[Any]:
        columns = detected_embeddings.c
        return sa.select(columns.detected_face_id, columns.vector).where(columns.model_id == str(model_id))

    def _mine(self) -> sa.ColumnElement[bool]:
        return character_references.c.project_id == self.scope.project_id
