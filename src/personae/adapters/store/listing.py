"""Lists of people, groups and their faces in the orders that humans look through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.clusters import LABEL
from personae.adapters.store.decisions import SqlDecisions, to_operation, undone_in
from personae.adapters.store.faces import RANK, best_faces, best_of
from personae.adapters.store.people import name_key
from personae.adapters.store.rows import to_face
from personae.adapters.store.schema import ABOUT_PEOPLE, aliases, clusters, decisions, faces, operations, people
from personae.adapters.store.scope import Scope
from personae.core.ledger import hidden as hidden_now
from personae.ports import FaceFilter, FaceOrder, Key, PeopleFilter, PeopleOrder
from personae.types import Cluster, ClusterId, DecisionKind, Face, FaceId, Maker, Operation, PersonId

_OWNER = sa.func.coalesce(people.c.merged_into, people.c.id)


def named(
    scope: Scope, which: PeopleFilter, order: PeopleOrder, after: tuple[Key, int] | None, limit: int
) -> Sequence[int]:
    """Return the ids of a page of people."""
    query = sa.select(people.c.id).where(people.c.project_id == scope.project_id, people.c.active)
    if which.kind is not None:
        query = query.where(people.c.kind == which.kind)
    if which.text.split():
        query = query.where(people.c.id.in_(_called(scope, which.text)))
    if which.hidden is not None:
        away = scope.among(people.c.id, _hidden(scope)[0])
        query = query.where(away if which.hidden else sa.not_(away))
    if order is PeopleOrder.NEWEST:
        query = query.order_by(people.c.id.desc())
        query = query if after is None else query.where(people.c.id < after[1])
    elif order is PeopleOrder.NAME:
        query = query.order_by(people.c.name_key, people.c.id)
        if after is not None:
            query = query.where(_behind(people.c.name_key, name_key(str(after[0])), after[1]))
    else:
        query = _most_faces(scope, query, after)
    return scope.connection.execute(query.limit(limit)).scalars().all()


def with_faces(scope: Scope) -> int:
    """Return how many people that are not hidden have a face."""
    owned = sa.select(faces.c.person_id).where(faces.c.project_id == scope.project_id, faces.c.person_id.is_not(None))
    query = sa.select(sa.func.count()).where(
        people.c.project_id == scope.project_id,
        people.c.active,
        people.c.id.in_(owned),
        sa.not_(scope.among(people.c.id, _hidden(scope)[0])),
    )
    return int(scope.connection.execute(query).scalar_one())


def groups(scope: Scope, after: tuple[int, int] | None, limit: int, hidden: bool | None) -> list[Cluster]:
    """Return a page of unknown groups, largest first."""
    ordered = [(-count, i) for i, count in group_sizes(scope, hidden).items()]
    if after is not None:
        ordered = [pair for pair in ordered if pair > (-after[0], after[1])]
    ids = [i for _, i in ordered[:limit]]
    numbers = sa.select(clusters.c.id, clusters.c.number).where(scope.among(clusters.c.id, ids))
    number_of = {row.id: row.number for row in scope.connection.execute(numbers)}
    mine = scope.among(faces.c.cluster_id, ids)
    best = best_faces(scope, faces.c.cluster_id, mine, faces.c.person_id.is_(None))
    return [Cluster(ClusterId(i), f"{LABEL}{number_of[i]}", *best[i]) for i in ids]


def group_sizes(scope: Scope, hidden: bool | None) -> dict[ClusterId, int]:
    """Return the nameless faces of each unknown group, largest first."""
    counts = _sizes(scope)
    if hidden is not None:
        away_ids = _hidden(scope)[1]
        away = _sizes(scope, scope.among(faces.c.id, away_ids)) if away_ids else {}
        counts = {i: n for i, n in counts.items() if (2 * away.get(i, 0) >= n) is hidden}
    return {ClusterId(i): count for i, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))}


def members(scope: Scope, which: FaceFilter, order: FaceOrder, after: FaceId | None, limit: int) -> list[Face]:
    """Return a page of faces in this order."""
    conditions = [faces.c.project_id == scope.project_id, *of_filter(which)]
    columns = (RANK.label("rank"), faces.c.quality, faces.c.date_key)
    last = scope.connection.execute(sa.select(*columns).where(faces.c.id == after)).first() if after else None
    if order is FaceOrder.NEWEST:
        if not scope.on_postgres:
            # Not by an index of the project: SQLite would take one that sorts otherwise.
            conditions[0] = faces.c.project_id + 0 == scope.project_id
        if last is not None:
            place = sa.tuple_(sa.literal(last.date_key), sa.literal(after))
            conditions.append(sa.tuple_(faces.c.date_key, faces.c.id) < place)
        newest = sa.select(faces).where(*conditions).order_by(faces.c.date_key.desc(), faces.c.id.desc())
        return [to_face(row) for row in scope.connection.execute(newest.limit(limit))]
    if last is not None:
        worse = sa.or_(faces.c.quality < last.quality, sa.and_(faces.c.quality == last.quality, faces.c.id > after))
        conditions.append(sa.or_(last.rank < RANK, sa.and_(last.rank == RANK, worse)))
    return [to_face(row) for row in scope.connection.execute(best_of(conditions, limit))]


def of_filter(which: FaceFilter) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the conditions of a filter."""
    if which.roles:
        yield faces.c.role.in_(which.roles)
    for column, wanted in (
        (faces.c.image_id, which.image_id), (faces.c.person_id, which.person_id),
        (faces.c.cluster_id, which.cluster_id),
    ):  # fmt: skip
        if wanted is not None:
            yield column == wanted
    if which.unknown:
        yield faces.c.person_id.is_(None)
    if which.unclustered:
        yield faces.c.cluster_id.is_(None)


def said_of(
    scope: Scope, person_ids: Sequence[PersonId], face_ids: Sequence[FaceId], before: int | None, limit: int
) -> list[Operation]:
    """Return a page of what humans and sources said of these people and faces."""
    merged = sa.and_(ABOUT_PEOPLE, decisions.c.kind == DecisionKind.MERGE)
    ties = [
        sa.select(decisions.c.operation_id).where(scope.among(decisions.c.person_id, person_ids)),
        sa.select(decisions.c.operation_id).where(merged, scope.among(decisions.c.into_person_id, person_ids)),
        sa.select(decisions.c.operation_id).where(scope.among(decisions.c.face_id, face_ids)),
    ]
    query = sa.select(operations).where(
        operations.c.project_id == scope.project_id,
        operations.c.maker != Maker.MACHINE,
        operations.c.id.in_(sa.union(*ties)),
    )
    if before is not None:
        query = query.where(operations.c.id < before)
    rows = scope.connection.execute(query.order_by(operations.c.id.desc()).limit(limit)).all()
    gone = undone_in(scope)
    return [to_operation(row, gone) for row in rows]


def _called(scope: Scope, text: str) -> sa.CompoundSelect[Any]:
    """People who have the text in their name or an alias; merged ones count through the one they are now."""
    mine, key = people.c.project_id == scope.project_id, name_key(" ".join(text.split()))
    joined = people.join(aliases, aliases.c.person_id == people.c.id)
    return sa.union(
        sa.select(_OWNER).where(mine, people.c.name_key.contains(key, autoescape=True)),
        sa.select(_OWNER).select_from(joined).where(mine, aliases.c.alias_key.contains(key, autoescape=True)),
    )


def _most_faces(scope: Scope, query: sa.Select[Any], after: tuple[Key, int] | None) -> sa.Select[Any]:
    mine = faces.c.project_id == scope.project_id
    sizes = (
        sa.select(faces.c.person_id, sa.func.count().label("size"))
        .where(mine, faces.c.person_id.is_not(None))
        .group_by(faces.c.person_id)
        .subquery()
    )
    size = sa.func.coalesce(sizes.c.size, 0)
    query = query.select_from(people.outerjoin(sizes, sizes.c.person_id == people.c.id)).order_by(
        size.desc(), people.c.id
    )
    if after is None:
        return query
    return query.where(sa.or_(size < int(after[0]), sa.and_(size == int(after[0]), people.c.id > after[1])))


def _behind(column: sa.ColumnElement[Any], value: Key, row_id: int) -> sa.ColumnElement[bool]:
    return sa.or_(column > value, sa.and_(column == value, people.c.id > row_id))


def _hidden(scope: Scope) -> tuple[frozenset[PersonId], frozenset[FaceId]]:
    return hidden_now(SqlDecisions(scope).hides())


def _sizes(scope: Scope, *conditions: sa.ColumnElement[bool]) -> dict[int, int]:
    """Nameless faces of each group."""
    query = (
        sa.select(faces.c.cluster_id, sa.func.count())
        .where(faces.c.project_id == scope.project_id, faces.c.person_id.is_(None), faces.c.cluster_id.is_not(None))
        .where(*conditions)
        .group_by(faces.c.cluster_id)
    )
    return {int(cluster_id): int(count) for cluster_id, count in scope.connection.execute(query)}
