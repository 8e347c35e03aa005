"""What is wrong in the store, by its own account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from personae.adapters.store.decisions import SqlDecisions
from personae.adapters.store.facts import is_record
from personae.adapters.store.rows import STORED, UNIT_TOLERANCE
from personae.adapters.store.schema import (
    claims,
    decisions,
    embeddings,
    events,
    faces,
    images,
    operations,
    people,
    person_facts,
)
from personae.adapters.store.scope import Scope
from personae.core.ledger import FaceState, PersonState, resolve_faces, resolve_people
from personae.records import ClaimState
from personae.types import DecisionKind, FaceRole

_NAMED_AT_MOST = 5
"""Ids listed in one sentence."""


def differences(scope: Scope) -> list[str]:
    """Return one sentence for each kind of difference found."""
    checks: tuple[Callable[[Scope], Iterator[str]], ...] = (
        _sqlite,
        _dangling,
        _vectors,
        _bare_faces,
        _people,
        _faces,
        _silent_faces,
        _claims,
        _facts,
    )
    return [sentence for check in checks for sentence in check(scope)]


def _sqlite(scope: Scope) -> Iterator[str]:
    """Damage of the file itself, and keys that lead nowhere; PostgreSQL does not let either happen unseen."""
    if scope.on_postgres:
        return
    for row in scope.connection.exec_driver_sql("PRAGMA integrity_check(20)"):
        if row[0] != "ok":
            yield f"the database file is damaged: {row[0]}"
    lost: dict[tuple[str, str], list[int]] = {}
    for table, rowid, parent, _ in scope.connection.exec_driver_sql("PRAGMA foreign_key_check"):
        lost.setdefault((table, parent), []).append(rowid)
    for (table, parent), rows in lost.items():
        yield _sentence("rows of {what} point to no row of {parent}", rows, what=table, parent=parent)


def _dangling(scope: Scope) -> Iterator[str]:
    """Decisions whose subject belongs to another project."""
    subjects = ((decisions.c.face_id, faces), (decisions.c.other_face_id, faces), (decisions.c.person_id, people))
    for column, table in subjects:
        query = (
            sa.select(decisions.c.id)
            .select_from(
                decisions.join(operations, decisions.c.operation_id == operations.c.id).outerjoin(
                    table, column == table.c.id
                )
            )
            .where(
                operations.c.project_id == scope.project_id,
                column.is_not(None),
                table.c.project_id.is_distinct_from(scope.project_id),
            )
        )
        yield from _ids(scope, query, f"decisions speak of {table.name} that this project does not have")
    query = (
        sa.select(faces.c.id)
        .select_from(faces.join(images, faces.c.image_id == images.c.id))
        .where(faces.c.project_id == scope.project_id, images.c.project_id != scope.project_id)
    )
    yield from _ids(scope, query, "faces are in an image of another project")


def _vectors(scope: Scope) -> Iterator[str]:
    """Embeddings that are not unit vectors of their model's dimension, and those of refused faces."""
    mine = embeddings.join(faces, embeddings.c.face_id == faces.c.id)
    vector = embeddings.c.vector
    size = sa.func.vector_dims(vector) * STORED.itemsize if scope.on_postgres else sa.func.length(vector)
    lengths = (
        sa.select(embeddings.c.model_id, size.label("size"), sa.func.count())
        .select_from(mine)
        .where(faces.c.project_id == scope.project_id)
        .group_by(embeddings.c.model_id, sa.text("size"))
    )
    usual: dict[str, tuple[int, int]] = {}
    for model_id, length, count in scope.connection.execute(lengths):
        usual[model_id] = max(usual.get(model_id, (0, 0)), (count, length))
    query = (
        sa.select(embeddings.c.face_id, embeddings.c.model_id, embeddings.c.vector)
        .select_from(mine)
        .where(faces.c.project_id == scope.project_id)
        .execution_options(yield_per=1000)
    )
    wrong: dict[str, list[int]] = {}
    for part in scope.connection.execute(query).partitions():
        for model_id, (_, length) in usual.items():
            rows = [(face_id, data) for face_id, model, data in part if model == model_id]
            wrong.setdefault(model_id, []).extend(_not_units(rows, length))
    for model_id, face_ids in wrong.items():
        if face_ids:
            yield _sentence("embeddings of {model} are not unit vectors of its dimension", face_ids, model=model_id)
    refused = sa.select(embeddings.c.face_id).select_from(mine)
    condition = sa.and_(faces.c.project_id == scope.project_id, faces.c.role == FaceRole.REFUSED)
    yield from _ids(scope, refused.where(condition), "refused faces have embeddings")


def _not_units(rows: Sequence[tuple[int, bytes]], length: int) -> list[int]:
    """Face ids of the rows whose vector has not that many bytes, or not length 1."""
    if length == 0 or length % STORED.itemsize:
        return [face_id for face_id, _ in rows]
    right = [(face_id, data) for face_id, data in rows if len(data) == length]
    vectors = np.frombuffer(b"".join(data for _, data in right), dtype=STORED).reshape(len(right), -1)
    # NaN is in no range: it is found as well.
    good = np.abs(np.einsum("ij,ij->i", vectors, vectors) - 1) < UNIT_TOLERANCE
    units = {face_id for (face_id, _), is_good in zip(right, good.tolist(), strict=True) if is_good}
    return [face_id for face_id, _ in rows if face_id not in units]


def _bare_faces(scope: Scope) -> Iterator[str]:
    has = sa.exists().where(embeddings.c.face_id == faces.c.id)
    query = sa.select(faces.c.id).where(faces.c.project_id == scope.project_id, faces.c.role != FaceRole.REFUSED, ~has)
    yield from _ids(scope, query, "faces that are not refused have no embedding")


def _people(scope: Scope) -> Iterator[str]:
    """People whose record is not what the ledger resolves to."""
    resolved = resolve_people(SqlDecisions(scope).active_people())
    query = sa.select(people.c.id, people.c.name, people.c.active, people.c.merged_into).where(
        people.c.project_id == scope.project_id
    )
    wrong = []
    for row in scope.connection.execute(query):
        state = resolved.get(row.id, PersonState(None, None))
        active = state.name is not None and state.merged_into is None
        same_name = state.name is None or state.name == row.name
        if (row.active, row.merged_into) != (active, state.merged_into) or not same_name:
            wrong.append(row.id)
    if wrong:
        yield _sentence("people are not what the ledger says", sorted(wrong))


def _faces(scope: Scope) -> Iterator[str]:
    """Faces whose person or cluster is not what the ledger resolves to."""
    table = SqlDecisions(scope)
    resolved = resolve_faces(table.active(), resolve_people(table.active_people()))
    query = sa.select(faces.c.id, faces.c.person_id, faces.c.cluster_id).where(faces.c.project_id == scope.project_id)
    nothing = FaceState()
    wrong: dict[str, list[int]] = {"person": [], "cluster": []}
    for face_id, person_id, cluster_id in scope.connection.execute(query):
        state = resolved.get(face_id, nothing)
        if person_id != state.person_id:
            wrong["person"].append(face_id)
        if cluster_id != state.cluster_id:
            wrong["cluster"].append(face_id)
    for what, face_ids in wrong.items():
        if face_ids:
            yield _sentence("faces have another {what} than the ledger says", face_ids, what=what)


def _silent_faces(scope: Scope) -> Iterator[str]:
    """More faces than events about them: an index that follows the events would miss some."""
    embedded = sa.select(sa.func.count(embeddings.c.face_id.distinct())).select_from(
        embeddings.join(faces, embeddings.c.face_id == faces.c.id)
    )
    have = scope.connection.execute(embedded.where(faces.c.project_id == scope.project_id)).scalar_one()
    told = scope.connection.execute(
        sa.select(sa.func.count()).where(
            events.c.project_id == scope.project_id, events.c.kind.in_(("face.added", "face.embedded"))
        )
    ).scalar_one()
    if have > told:
        yield f"{have - told} faces were added without an event"


def _claims(scope: Scope) -> Iterator[str]:
    """Claims that speak of another project, and accepted faces that the ledger never tied to anybody."""
    for column, table in ((claims.c.face_id, faces), (claims.c.person_id, people), (claims.c.other_person_id, people)):
        query = (
            sa.select(claims.c.id)
            .select_from(claims.join(table, column == table.c.id))
            .where(claims.c.project_id == scope.project_id, table.c.project_id != scope.project_id)
        )
        yield from _ids(scope, query, f"claims speak of {table.name} that this project does not have")
    tied = sa.exists().where(
        decisions.c.face_id == claims.c.face_id, decisions.c.kind.in_([DecisionKind.STATE, DecisionKind.CONFIRM])
    )
    query = sa.select(claims.c.id).where(
        claims.c.project_id == scope.project_id, claims.c.state == ClaimState.ACCEPTED, claims.c.face_id.is_not(None)
    )
    yield from _ids(scope, query.where(~tied), "claims are accepted, but the ledger never tied their faces to anybody")


def _facts(scope: Scope) -> Iterator[str]:
    """What is kept of a source's record that is no record."""
    query = (
        sa.select(person_facts.c.id, person_facts.c.record)
        .select_from(person_facts.join(people, person_facts.c.person_id == people.c.id))
        .where(people.c.project_id == scope.project_id)
        .order_by(person_facts.c.id)
    )
    wrong = [i for i, values in scope.connection.execute(query) if not is_record(values)]
    if wrong:
        yield _sentence("records of people cannot be read", wrong)


def _ids(scope: Scope, query: sa.Select[Any], text: str) -> Iterator[str]:
    ids = sorted(set(scope.connection.execute(query).scalars()))
    if ids:
        yield _sentence(text, ids)


def _sentence(text: str, ids: list[int], **names: str) -> str:
    listed = ", ".join(map(str, ids[:_NAMED_AT_MOST])) + (", ..." if len(ids) > _NAMED_AT_MOST else "")
    return f"{len(ids)} {text.format(**names)}: {listed}"
