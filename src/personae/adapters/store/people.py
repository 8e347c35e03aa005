"""People: names, aliases, external ids, URLs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.faces import best_faces
from personae.adapters.store.schema import aliases, external_ids, faces, people, urls
from personae.adapters.store.scope import Scope, in_parts, unique
from personae.errors import Conflict, InputError, NotFound
from personae.types import FaceId, Person, PersonId

_KINDS = frozenset({"real", "character"})
_ONE_BY_ONE = 100
"""Up to so many people only their own faces are looked at."""
_LONGEST = 2000
"""Characters of an alias or URL; PostgreSQL indexes no more than 2,700 bytes."""


@dataclass(frozen=True, slots=True)
class SqlPeople:
    """`personae.ports.PeopleTable` in SQL.

    What belongs to a person that was merged shows at the one it was merged into, its name as an alias.
    """

    scope: Scope

    def add(self, name: str, kind: str = "real") -> PersonId:
        """See the port."""
        if kind not in _KINDS:
            raise InputError(f"a person is real or character, not {kind}")
        row = {
            "project_id": self.scope.project_id,
            "name": _short(name),
            "name_key": _key(name),
            "kind": kind,
            "disambiguation": "",
            "active": False,
            "created_at": self.scope.clock(),
        }
        return PersonId(self.scope.connection.execute(sa.insert(people).returning(people.c.id), row).scalar_one())

    def get(self, person_id: PersonId) -> Person:
        """See the port."""
        for person in self._select(people.c.id == person_id):
            return person
        raise NotFound(f"there is no person #{person_id}")

    def find(self, name: str) -> list[Person]:
        """See the port; by id."""
        wanted = _key(name)
        owner = sa.func.coalesce(people.c.merged_into, people.c.id)
        named = sa.select(owner).where(people.c.name_key == wanted)
        # A merged person counts through the one it is now, whether or not it still has a name of its own.
        called = (
            sa.select(owner)
            .select_from(people.join(aliases, aliases.c.person_id == people.c.id))
            .where(aliases.c.alias_key == wanted)
        )
        found = self._select(people.c.id.in_(named.union(called)))
        return sorted(found, key=lambda person: person.id)

    def all(self) -> list[Person]:
        """See the port."""
        return sorted(self._select(sa.true()), key=lambda person: (-person.face_count, person.id))

    def set_state(self, person_id: PersonId, *, name: str | None, merged_into: PersonId | None) -> None:
        """See the port; a person merged into another is not active either."""
        values: dict[str, Any] = {"active": name is not None and merged_into is None, "merged_into": merged_into}
        if name is not None:
            values |= {"name": _short(name), "name_key": _key(name)}
        self._known(person_id)
        self.scope.connection.execute(sa.update(people).where(people.c.id == person_id).values(values))

    def add_alias(self, person_id: PersonId, alias: str) -> None:
        """See the port."""
        self._known(person_id)
        row = {"person_id": person_id, "alias_key": _key(alias), "alias": _short(alias)}
        self.scope.connection.execute(self.scope.upsert(aliases).on_conflict_do_nothing(), row)

    def add_external_id(self, person_id: PersonId, source: str, external_id: str) -> None:
        """See the port; one held by a person that is no longer active is taken over."""
        self._known(person_id)
        holder = self.by_external_id(source, external_id)
        if holder is not None and holder != person_id:
            raise Conflict(f"{source} {external_id} belongs to person #{holder} already")
        if holder is None:
            statement = self.scope.upsert(external_ids)
            self.scope.connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["project_id", "source", "external_id"],
                    set_={"person_id": statement.excluded.person_id},
                ),
                {
                    "project_id": self.scope.project_id,
                    "source": _short(source),
                    "external_id": _short(external_id),
                    "person_id": person_id,
                },
            )

    def add_url(self, person_id: PersonId, url: str, site: str = "") -> None:
        """See the port."""
        self._known(person_id)
        row = {"person_id": person_id, "url": _short(url), "site": site}
        self.scope.connection.execute(self.scope.upsert(urls).on_conflict_do_nothing(), row)

    def by_external_id(self, source: str, external_id: str) -> PersonId | None:
        """See the port; only active people, a merged one through the one it is now."""
        holder = people.alias()
        query = (
            sa.select(people.c.id)
            .select_from(
                external_ids.join(holder, external_ids.c.person_id == holder.c.id).join(
                    people, people.c.id == sa.func.coalesce(holder.c.merged_into, holder.c.id)
                )
            )
            .where(
                external_ids.c.project_id == self.scope.project_id,
                external_ids.c.source == source,
                external_ids.c.external_id == external_id,
                people.c.active,
            )
        )
        found = self.scope.connection.execute(query).scalar()
        return None if found is None else PersonId(found)

    def _known(self, person_id: PersonId) -> None:
        query = sa.select(people.c.id).where(people.c.id == person_id, people.c.project_id == self.scope.project_id)
        if self.scope.connection.execute(query).first() is None:
            raise NotFound(f"there is no person #{person_id}")

    def _select(self, condition: sa.ColumnElement[bool]) -> list[Person]:
        query = (
            sa.select(people)
            .where(people.c.project_id == self.scope.project_id, people.c.active, condition)
            .order_by(people.c.id)
        )
        rows = self.scope.connection.execute(query).all()
        ids = [row.id for row in rows]
        details, best = self._details(ids), self._best(ids)
        return [_person(row, details[row.id], *best.get(row.id, (0, None))) for row in rows]

    def _best(self, person_ids: Sequence[int]) -> dict[int, tuple[int, FaceId]]:
        if len(person_ids) > _ONE_BY_ONE:
            return best_faces(self.scope, faces.c.person_id)
        return best_faces(self.scope, faces.c.person_id, faces.c.person_id.in_(person_ids))

    def _details(self, person_ids: Sequence[int]) -> dict[int, _Details]:
        """What is kept beside the record, of each person and those merged into it."""
        details = {i: _Details([], {}, []) for i in person_ids}
        owner = sa.func.coalesce(people.c.merged_into, people.c.id).label("owner")
        former = sa.select(owner, people.c.name).where(people.c.merged_into.is_not(None)).order_by(people.c.id)

        def of(table: sa.Table, *columns: sa.Column[Any]) -> sa.Select[Any]:
            joined = people.join(table, table.c.person_id == people.c.id)
            return sa.select(owner, *columns).select_from(joined).order_by(people.c.id, *columns)

        for part in in_parts(person_ids):
            mine = owner.in_(part)
            for i, alias in self.scope.connection.execute(of(aliases, aliases.c.alias).where(mine)):
                details[i].aliases.append(alias)
            for i, name in self.scope.connection.execute(former.where(mine)):
                details[i].aliases.append(name)
            ids = of(external_ids, external_ids.c.source, external_ids.c.external_id)
            for i, source, external_id in self.scope.connection.execute(ids.where(mine)):
                details[i].external_ids.setdefault(source, external_id)
            for i, url in self.scope.connection.execute(of(urls, urls.c.url).where(mine)):
                details[i].urls.append(url)
        return details


@dataclass(frozen=True, slots=True)
class _Details:
    """Aliases, external ids by source and URLs of one person."""

    aliases: list[str]
    external_ids: dict[str, str]
    urls: list[str]


def _person(row: Any, details: _Details, face_count: int, best_face: FaceId | None) -> Person:
    return Person(
        id=PersonId(row.id),
        name=row.name,
        kind=row.kind,
        disambiguation=row.disambiguation,
        aliases=tuple(alias for alias in unique(details.aliases) if alias != row.name),
        external_ids=details.external_ids,
        urls=tuple(unique(details.urls)),
        face_count=face_count,
        best_face=best_face,
    )


def _key(name: str) -> str:
    """What two spellings of one name have in common."""
    return unicodedata.normalize("NFKC", name).casefold()


def _short(text: str) -> str:
    if len(text) > _LONGEST:
        raise InputError(f"it is longer than {_LONGEST} characters: {text[:60]}...")
    return text
