"""People: names, aliases, external ids, URLs, and what sources say of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.columns import storable
from personae.adapters.store.decisions import revoked_sources
from personae.adapters.store.faces import best_faces, best_query, read_best
from personae.adapters.store.facts import to_json, to_record, together
from personae.adapters.store.kin import FACTS_OF, IDS_OF, Details, details_of
from personae.adapters.store.schema import aliases, external_ids, faces, people, person_facts, urls
from personae.adapters.store.scope import Scope, unique
from personae.errors import Conflict, InputError, NotFound
from personae.records import PersonRecord
from personae.types import FaceId, Person, PersonId

_KINDS = frozenset({"real", "character"})
_ONE_BY_ONE = 100
"""Up to so many people only their own faces are looked at."""
_LONGEST = 2000
"""Bytes of a name or URL; PostgreSQL indexes no more than 2,700, with all else of the key."""
_ANYBODY = ""
"""Who states what no source does."""

_KEEPER = people.alias()
# Asked for several times with each person that a source brings: built once, since that takes as long as asking.
_HOLDER = (
    sa.select(people.c.id)
    .select_from(
        external_ids.join(_KEEPER, external_ids.c.person_id == _KEEPER.c.id).join(
            people, people.c.id == sa.func.coalesce(_KEEPER.c.merged_into, _KEEPER.c.id)
        )
    )
    .where(
        external_ids.c.project_id == sa.bindparam("project"),
        external_ids.c.source == sa.bindparam("source"),
        external_ids.c.external_id == sa.bindparam("external_id"),
        external_ids.c.stated_by.not_in(sa.bindparam("gone", expanding=True)),
        people.c.active == sa.bindparam("active"),
    )
    .order_by(people.c.id)
)
_NOW = sa.select(sa.func.coalesce(people.c.merged_into, people.c.id)).where(
    people.c.id == sa.bindparam("person"), people.c.project_id == sa.bindparam("project")
)
_PROJECT = people.c.project_id == sa.bindparam("project")
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_ACTIVE = sa.select(people).where(_PROJECT, people.c.active).order_by(people.c.id)
_OF_THESE = _ACTIVE.where(people.c.id.in_(_IDS))
# Not by project: with it SQLite would go through all of its faces.
_BEST_OF = best_query(faces.c.person_id, faces.c.project_id == sa.bindparam("project"), faces.c.person_id.in_(_IDS))
_OWNER = sa.func.coalesce(people.c.merged_into, people.c.id)
_CALLED = sa.union(
    sa.select(_OWNER).where(_PROJECT, people.c.name_key == sa.bindparam("key")),
    # A merged person counts through the one it is now, whether or not it still has a name of its own.
    sa.select(_OWNER)
    .select_from(people.join(aliases, aliases.c.person_id == people.c.id))
    .where(aliases.c.alias_key == sa.bindparam("key"),
           aliases.c.stated_by.not_in(sa.bindparam("gone", expanding=True))),
)  # fmt: skip
_STATE: dict[str, Any] = {"active": sa.bindparam("is_active"), "merged_into": sa.bindparam("into")}
_NAMES: dict[str, Any] = {"name": sa.bindparam("called"), "name_key": sa.bindparam("key")}
_SET_STATE = sa.update(people).where(people.c.id == sa.bindparam("person")).values(_STATE)
_SET_NAME = sa.update(people).where(people.c.id == sa.bindparam("person")).values(_STATE | _NAMES)


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
            "name_key": _short(name_key(name)),
            "kind": kind,
            "disambiguation": "",
            "active": False,
            "created_at": self.scope.clock(),
        }
        return PersonId(self.scope.connection.execute(sa.insert(people).returning(people.c.id), row).scalar_one())

    def get(self, person_id: PersonId) -> Person:
        """See the port."""
        for person in self.these([int(person_id)]):
            return person
        raise NotFound(f"there is no person #{person_id}")

    def find(self, name: str) -> list[Person]:
        """See the port; by id."""
        gone = sorted(revoked_sources(self.scope))
        given = {"project": self.scope.project_id, "key": name_key(name), "gone": gone}
        return self.these(self.scope.connection.execute(_CALLED, given).scalars().all())

    def all(self) -> list[Person]:
        """See the port."""
        return sorted(self._people(_ACTIVE, {}), key=lambda person: (-person.face_count, person.id))

    def set_state(self, person_id: PersonId, *, name: str | None, merged_into: PersonId | None) -> None:
        """See the port; a person merged into another is not active either."""
        active = name is not None and merged_into is None
        values: dict[str, Any] = {"person": int(person_id), "is_active": active, "into": merged_into}
        if name is not None:
            values |= {"called": _short(name), "key": _short(name_key(name))}
        self._known(person_id)
        self.scope.connection.execute(_SET_STATE if name is None else _SET_NAME, values)

    def add_alias(self, person_id: PersonId, alias: str) -> None:
        """See the port."""
        self._known(person_id)
        self._add(aliases, [_alias(person_id, alias, _ANYBODY)])

    def add_external_id(self, person_id: PersonId, source: str, external_id: str) -> None:
        """See the port; one held by a person that is no longer active is taken over."""
        self._add_external_ids(person_id, {source: external_id}, _ANYBODY)

    def add_url(self, person_id: PersonId, url: str, site: str = "") -> None:
        """See the port."""
        self._known(person_id)
        self._add(urls, [_url(person_id, url, site, _ANYBODY)])

    def set_record(self, person_id: PersonId, source: str, record: PersonRecord) -> None:
        """See the port; the record's name is one of the aliases.

        Raises:
            Conflict: an external id belongs to another person.
            InputError: there is no name of a source, or a name, id or URL is too long.
        """
        if not source:
            raise InputError("a record needs the name of its source")
        own = {source: record.external_id} if record.external_id else {}
        # Before anything is written, so that whoever catches the conflict may go on.
        called = [_alias(person_id, name, source) for name in unique([record.name, *record.aliases]) if name]
        places = [_url(person_id, url, site, source) for url, site in record.urls]
        self._add_external_ids(person_id, dict(record.external_ids) | own, source)
        self._add(aliases, called)
        self._add(urls, places)
        self.scope.connection.execute(
            self.scope.put(person_facts, ("person_id", "source"), ("record",)),
            {"person_id": person_id, "source": source, "record": to_json(record)},
        )

    def record(self, person_id: PersonId) -> PersonRecord:
        """See the port; of lists what any source says. Without a source it is the name alone.

        Raises:
            NotFound: there is no such person, or it is not active.
        """
        mine = people.c.project_id == self.scope.project_id
        query = sa.select(people.c.name).where(mine, people.c.active, people.c.id == person_id)
        name = self.scope.connection.execute(query).scalar()
        if name is None:
            raise NotFound(f"there is no person #{person_id}")
        ids = self.scope.connection.execute(IDS_OF, {"owners": [int(person_id)]}).scalars().all()
        gone = revoked_sources(self.scope)
        rows = self.scope.connection.execute(FACTS_OF, {"ids": ids})
        records = [(source, to_record(values)) for source, values in rows if source not in gone]
        return together(records) if records else PersonRecord("", name)

    def stated(self, person_id: PersonId, source: str) -> PersonRecord | None:
        """See the port."""
        query = (
            sa.select(person_facts.c.record)
            .select_from(person_facts.join(people, person_facts.c.person_id == people.c.id))
            .where(people.c.project_id == self.scope.project_id, people.c.id == person_id)
            .where(person_facts.c.source == source)
        )
        found = self.scope.connection.execute(query).scalar()
        return None if found is None else to_record(found)

    def by_external_id(self, source: str, external_id: str, *, active: bool = True) -> PersonId | None:
        """See the port; a merged person through the one it is now."""
        given = {"project": self.scope.project_id, "source": source, "external_id": external_id, "active": active}
        found = self.scope.connection.execute(_HOLDER, {**given, "gone": sorted(revoked_sources(self.scope))}).scalar()
        return None if found is None else PersonId(found)

    def _known(self, person_id: PersonId) -> PersonId:
        """Return the person that this one is now."""
        given = {"project": self.scope.project_id, "person": int(person_id)}
        found = self.scope.connection.execute(_NOW, given).scalar()
        if found is None:
            raise NotFound(f"there is no person #{person_id}")
        return PersonId(found)

    def _add(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        """Insert what is not there yet."""
        if rows:
            self.scope.connection.execute(self.scope.put(table), rows)

    def _add_external_ids(self, person_id: PersonId, ids: Mapping[str, str], stated_by: str) -> None:
        now = self._known(person_id)
        for source, external_id in ids.items():
            holder = self.by_external_id(source, external_id)
            if holder is not None and holder != now:
                raise Conflict(f"{source} {external_id} belongs to person #{holder} already")
        rows = [
            {
                "project_id": self.scope.project_id,
                "source": _short(source),
                "external_id": _short(external_id),
                "stated_by": stated_by,
                "person_id": person_id,
            }
            for source, external_id in ids.items()
        ]
        if rows:
            keys = ("project_id", "source", "external_id", "stated_by")
            self.scope.connection.execute(self.scope.put(external_ids, keys, ("person_id",)), rows)

    def these(self, person_ids: Sequence[int]) -> list[Person]:
        """Return those of these people who are active, by id."""
        return self._people(_OF_THESE, {"ids": list(person_ids)}) if person_ids else []

    def in_order(self, person_ids: Sequence[int]) -> list[Person]:
        """Return those of these people who are active, in the order asked."""
        found = {int(person.id): person for person in self.these(person_ids)}
        return [found[i] for i in person_ids if i in found]

    def now(self, person_id: PersonId) -> PersonId:
        """See the port."""
        return self._known(person_id)

    def all_now(self, person_ids: Collection[PersonId]) -> dict[PersonId, PersonId]:
        """See the port."""
        mine = people.c.project_id == self.scope.project_id
        query = sa.select(people.c.id, _OWNER).where(mine, self.scope.among(people.c.id, person_ids))
        return {PersonId(before): PersonId(now) for before, now in self.scope.connection.execute(query)}

    def _people(self, query: sa.Select[Any], given: Mapping[str, Any]) -> list[Person]:
        """Return active people; by id."""
        rows = self.scope.connection.execute(query, {"project": self.scope.project_id, **given}).all()
        if not rows:
            return []
        ids = [row.id for row in rows]
        details = details_of(self.scope, ids, sorted(revoked_sources(self.scope)))
        best = self._best(ids)
        return [_person(row, details[row.id], *best.get(row.id, (0, None))) for row in rows]

    def _best(self, person_ids: Sequence[int]) -> dict[int, tuple[int, FaceId]]:
        if len(person_ids) > _ONE_BY_ONE:
            return best_faces(self.scope, faces.c.person_id)
        return read_best(self.scope, _BEST_OF, {"project": self.scope.project_id, "ids": list(person_ids)})


def _person(row: Any, details: Details, face_count: int, best_face: FaceId | None) -> Person:
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


def name_key(name: str) -> str:
    """What two spellings of one name have in common."""
    return unicodedata.normalize("NFKC", name).casefold()


def _alias(person_id: PersonId, alias: str, stated_by: str) -> dict[str, Any]:
    return {
        "person_id": person_id,
        "alias_key": _short(name_key(alias)),
        "stated_by": stated_by,
        "alias": _short(alias),
    }


def _url(person_id: PersonId, url: str, site: str, stated_by: str) -> dict[str, Any]:
    return {"person_id": person_id, "url": _short(url), "stated_by": stated_by, "site": site}


def _short(text: str) -> str:
    if len(storable(text).encode()) > _LONGEST:
        raise InputError(f"it is longer than {_LONGEST} bytes: {text[:60]}...")
    return text
