"""The queries behind every look at a character, built once: to build them takes longer than to run them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from personae.adapters.store.reference_tables import character_references, character_versions, detected_faces
from personae.adapters.store.schema import people
from personae.adapters.store.scope import Scope

_PROJECT = sa.bindparam("project_id", type_=sa.BigInteger)


def parameters(scope: Scope, ids: Iterable[int] = ()) -> dict[str, Any]:
    """Return what the queries are run with."""
    listed = [int(i) for i in ids]
    return {"project_id": scope.project_id, "ids": listed if scope.on_postgres else json.dumps(listed)}


@cache
def characters(on_postgres: bool, every: bool) -> sa.Select[Any]:
    """Return the query of id and name of active characters, by id: `every`, or those of the ids."""
    query = (
        sa.select(people.c.id, people.c.name)
        .where(people.c.project_id == _PROJECT, people.c.active, people.c.kind == "character")
        .order_by(people.c.id)
    )
    return query if every else query.where(_among(people.c.id, on_postgres))


@cache
def references(on_postgres: bool, which: str) -> sa.Select[Any]:
    """Return the query of references of active people with `owner` and `face_count`, the main one of each first.

    Args:
        on_postgres: or on SQLite.
        which: "every", "people" (the ids are those of people, as they are now), or "own" (those of references).
    """
    count = sa.select(sa.func.count()).where(detected_faces.c.reference_id == character_references.c.id)
    whose, now = people.alias(), people.alias()
    query = (
        sa.select(character_references, now.c.id.label("owner"), count.scalar_subquery().label("face_count"))
        .join(whose, character_references.c.person_id == whose.c.id)
        .join(now, now.c.id == sa.func.coalesce(whose.c.merged_into, whose.c.id))
        .where(character_references.c.project_id == _PROJECT, now.c.active)
        .order_by(now.c.id, now.c.id != whose.c.id, character_references.c.label != "", character_references.c.id)
    )
    if which == "people":
        return query.where(_part_of(whose, on_postgres))
    return query if which == "every" else query.where(_among(character_references.c.id, on_postgres))


@cache
def versions(on_postgres: bool) -> sa.Select[Any]:
    """Return the query of the versions of these people, and of those merged into them, by id."""
    owner = sa.func.coalesce(people.c.merged_into, people.c.id).label("owner")
    return (
        sa.select(owner, people.c.id, character_versions.c.version)
        .join(character_versions, character_versions.c.person_id == people.c.id)
        .where(people.c.project_id == _PROJECT, _part_of(people, on_postgres))
        .order_by(people.c.id)
    )


@cache
def person() -> sa.Select[Any]:
    """Return the query of one person's id, and whether there is a reference of a label: person_id, label."""
    same = sa.select(character_references.c.id).where(
        character_references.c.person_id == people.c.id, character_references.c.label == sa.bindparam("label")
    )
    return sa.select(people.c.id, same.exists().label("taken")).where(
        people.c.project_id == _PROJECT, people.c.id == sa.bindparam("person_id")
    )


@cache
def owned() -> sa.Select[Any]:
    """Return the query of what the faces of a reference are kept with: reference_id."""
    return (
        sa.select(
            character_references.c.person_id, character_references.c.label, character_references.c.digest,
            sa.func.coalesce(people.c.merged_into, people.c.id).label("owner"),
        )
        .join(people, character_references.c.person_id == people.c.id)
        .where(character_references.c.project_id == _PROJECT, character_references.c.id == sa.bindparam("reference_id"))
    )  # fmt: skip


@cache
def face() -> sa.Select[Any]:
    """Return the query of one detected face: face_id."""
    return (
        sa.select(detected_faces)
        .join(character_references, detected_faces.c.reference_id == character_references.c.id)
        .where(character_references.c.project_id == _PROJECT, detected_faces.c.id == sa.bindparam("face_id"))
    )


@cache
def parts(on_postgres: bool) -> sa.Select[Any]:
    """Return the query of the ids of these people, and of those merged into them."""
    return sa.select(people.c.id).where(people.c.project_id == _PROJECT, _part_of(people, on_postgres))


def _part_of(table: sa.FromClause, on_postgres: bool) -> sa.ColumnElement[bool]:
    return sa.or_(_among(table.c.id, on_postgres), _among(table.c.merged_into, on_postgres))


def _among(column: sa.ColumnElement[Any], on_postgres: bool) -> sa.ColumnElement[bool]:
    if on_postgres:
        return column == sa.func.any(sa.bindparam("ids", type_=postgresql.ARRAY(sa.BigInteger)))
    given = sa.func.json_each(sa.bindparam("ids", type_=sa.Text)).table_valued("value")
    return column.in_(sa.select(given.c.value))
