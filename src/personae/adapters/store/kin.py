"""Who people were before they were merged: queries that are asked with nearly every person, built once.

Each goes from ids to rows by an index; a condition on who somebody is now would go through everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.schema import aliases, external_ids, people, person_facts, urls
from personae.adapters.store.scope import Scope, in_parts

_OWNERS: sa.BindParameter[Any] = sa.bindparam("owners", expanding=True)
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_GONE: sa.BindParameter[Any] = sa.bindparam("gone", expanding=True)

IDS_OF = sa.union_all(
    sa.select(people.c.id).where(people.c.id.in_(_OWNERS)),
    sa.select(people.c.id).where(people.c.merged_into.in_(_OWNERS)),
)
"""Ids of these people, and of those who have become them."""
_MEMBERS = sa.union_all(
    sa.select(people.c.id, people.c.id.label("owner"), sa.null().label("name")).where(
        people.c.id.in_(_OWNERS), people.c.merged_into.is_(None)
    ),
    sa.select(people.c.id, people.c.merged_into, people.c.name).where(people.c.merged_into.in_(_OWNERS)),
)
FACTS_OF = (
    sa.select(person_facts.c.source, person_facts.c.record)
    .where(person_facts.c.person_id.in_(_IDS))
    .order_by(person_facts.c.id)
)
"""What sources say of these people, the oldest first."""


def _stated(table: sa.Table, *columns: sa.Column[str]) -> sa.Select[Any]:
    return (
        sa.select(table.c.person_id, *columns)
        .where(table.c.person_id.in_(_IDS), table.c.stated_by.not_in(_GONE))
        .order_by(table.c.person_id, *columns)
    )


_ALIASES = _stated(aliases, aliases.c.alias)
_EXTERNAL_IDS = _stated(external_ids, external_ids.c.source, external_ids.c.external_id)
_URLS = _stated(urls, urls.c.url)


@dataclass(frozen=True, slots=True)
class Details:
    """Aliases, external ids by source and URLs of one person."""

    aliases: list[str]
    external_ids: dict[str, str]
    urls: list[str]


def details_of(scope: Scope, person_ids: Sequence[int], gone: Sequence[str]) -> dict[int, Details]:
    """Return what is kept beside the record, of each person and those merged into it.

    Args:
        scope: the transaction.
        person_ids: people who stand for themselves.
        gone: sources that are revoked.
    """
    details = {i: Details([], {}, []) for i in person_ids}
    for part in in_parts(person_ids):
        members = sorted(tuple(row) for row in scope.connection.execute(_MEMBERS, {"owners": list(part)}))
        owners = {i: owner for i, owner, _ in members}
        for ids in in_parts(list(owners)):
            given = {"ids": list(ids), "gone": list(gone)}
            for i, alias in scope.connection.execute(_ALIASES, given):
                details[owners[i]].aliases.append(alias)
            for i, source, external_id in scope.connection.execute(_EXTERNAL_IDS, given):
                details[owners[i]].external_ids.setdefault(source, external_id)
            for i, url in scope.connection.execute(_URLS, given):
                details[owners[i]].urls.append(url)
        for _, owner, name in members:
            if name is not None:
                details[owner].aliases.append(name)
    return details
