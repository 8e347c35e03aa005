"""People of a stash-box server, by its GraphQL API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from personae.adapters.sources.answers import (
    WRONG_SCHEMA,
    Client,
    asked,
    day,
    needed,
    optional_rows,
    pairs,
    rows,
    table,
    text,
    whole,
    words,
    wrong,
)
from personae.adapters.sources.cache import ImageCache
from personae.adapters.sources.listed import by_ids
from personae.adapters.sources.problems import Problems
from personae.adapters.sources.stash_walk import FullWalk, Key, Listed, changes
from personae.errors import InputError, SourceError
from personae.records import Gender, ImageRef, Page, PersonRecord, Problem, SourceSpec, moment

PAGE = 100
"""People asked for at once."""
OVERLAP = timedelta(hours=1)
"""Changes are asked for from this long before the last one seen: a change may become visible after a later one."""
MERGES = 20
"""Merged records are followed this far."""

_FIELDS = """
fragment Person on Performer {
  id name disambiguation aliases gender birth_date death_date ethnicity country eye_color hair_color height
  career_start_year career_end_year urls { url site { name } } images { id url width height }
  deleted merged_ids merged_into_id created updated
}
"""
_LIST = f"""
query People($input: PerformerQueryInput!) {{
  answer: queryPerformers(input: $input) {{ count performers {{ ...Person }} }}
}}
{_FIELDS}
"""
_FIND = f"query Person($id: ID!) {{ answer: findPerformer(id: $id) {{ ...Person }} }}{_FIELDS}"

_GENDERS = {
    "MALE": Gender.MALE,
    "FEMALE": Gender.FEMALE,
    "TRANSGENDER_MALE": Gender.MALE,
    "TRANSGENDER_FEMALE": Gender.FEMALE,
    "INTERSEX": Gender.OTHER,
    "NON_BINARY": Gender.OTHER,
}
_REFUSED = ("not authorized", "unauthorized", "forbidden", "access denied", "invalid api key", "expired")
_UNLIKE = ("cannot query field", "unknown argument", "unknown type", "unknown field", "is not defined by type")
_UNLIKE_CODES = frozenset({"GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"})


def headers(spec: SourceSpec) -> dict[str, str]:
    """Return the headers that the server's own origin gets, and no other."""
    return {"ApiKey": spec.api_key} if spec.api_key else {}


class StashBoxSource:
    """`personae.ports.sources.PeopleSource` on a stash-box server.

    Args:
        spec: its entry of sources.yaml; `endpoint` is the address of the GraphQL API.
        client: sends `headers(spec)`; closed with the source.
        cache: where photos are kept, since the server cannot say whether one has changed; None: nowhere.
        size: people asked for at once.

    Raises:
        InputError: the entry neither lists ids nor states purpose and legal basis.
    """

    def __init__(self, spec: SourceSpec, client: Client, cache: ImageCache | None = None, size: int = PAGE) -> None:
        if not spec.ids and not (spec.purpose.strip() and spec.legal_basis.strip()):
            raise InputError(
                f"source {spec.name} (line {spec.line}): list the ids of the people to fetch, "
                "or state both purpose and legal_basis"
            )
        if not spec.endpoint:
            raise InputError(f"source {spec.name} (line {spec.line}): state the endpoint, the GraphQL API's address")
        self.spec = spec
        self._client = client
        self._cache = cache
        self._size = size
        self._problems = Problems()

    @property
    def source_name(self) -> str:
        """See the port; likewise below."""
        return self.spec.name

    @property
    def source_type(self) -> str:
        """Its type."""
        return "stash_box"

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Records without a name so far."""
        return self._problems.all()

    @property
    def rate_limit_delay(self) -> float:
        """Seconds."""
        return self.spec.rate_limit

    def person(self, external_id: str) -> PersonRecord | None:
        """One person; of a merged one, the person that it became part of."""
        found = self._find(external_id)
        met = {external_id}
        while found is not None and found.merged_into is not None:
            if found.merged_into in met or len(met) > MERGES:
                raise SourceError("merged_in_a_circle", f"{self.source_name} merges people in a circle")
            met.add(found.merged_into)
            found = self._find(found.merged_into) or _without_target(found)
        return found

    def page(self, number: int, size: int) -> Page:
        """A page, by the moment of creation; people of one moment may change places between pages."""
        if self.spec.ids:
            ids = self.spec.ids[(number - 1) * size : number * size]
            found = [self._find(each) for each in ids]
            return Page(tuple(each for each in found if each is not None), len(self.spec.ids))
        people, count = self._list(number, size, "CREATED_AT", "ASC")
        found = [self._record(each) for each in people]
        return Page(tuple(each for each in found if each is not None), count)

    def people(self, after: str | None = None) -> Iterator[PersonRecord]:
        """Every person, by the moment of creation and id, and behind each the records that were merged into it.

        Listed ids in their own order.
        """
        if self.spec.ids:
            yield from by_ids(self.spec.ids, after, self._find)
            return
        last = self._entry(after) if after is not None else None
        behind = self._key(last) if last is not None else None
        kept: dict[str, PersonRecord | None] = {}
        merged: dict[str, tuple[str, ...]] = {}
        told: set[str] = set()
        record = self._record(last) if last is not None else None
        if last is not None and record is not None:
            # Those behind the last one have perhaps not been handed on.
            yield from _merged(record, words(last.get("merged_ids")), told)
        for _, person_id in FullWalk(self._reader("CREATED_AT", "ASC", "created", kept, merged), self._size, behind):
            record = kept.pop(person_id)
            if record is not None and person_id not in told:
                told.add(person_id)
                yield record
                yield from _merged(record, merged.pop(person_id, ()), told)

    def changed_since(self, moment: str) -> Iterator[PersonRecord]:
        """What changed, latest first; of each person, the records that were merged into it come behind it."""
        since = _since(moment)
        if self.spec.ids:
            found = by_ids(self.spec.ids, None, self._find)
            yield from (each for each in found if _changed(each, since))
            return
        kept: dict[str, PersonRecord | None] = {}
        merged: dict[str, tuple[str, ...]] = {}
        told: set[str] = set()
        read = self._reader("UPDATED_AT", "DESC", "updated", kept, merged)
        for _, person_id in changes(read, self._size, since):
            record = kept[person_id]
            if record is None:
                continue
            yield record
            yield from _merged(record, merged.get(person_id, ()), told)

    def image(self, ref: ImageRef) -> bytes:
        """The photo, from the cache when it is there."""
        kept = self._cache.get(ref.id) if self._cache is not None else None
        if kept is not None:
            return kept
        photo = self._client.get_image(ref.url)
        if self._cache is not None:
            self._cache.put(ref.id, photo)
        return photo

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _reader(
        self,
        sort: str,
        direction: str,
        stamp: str,
        kept: dict[str, PersonRecord | None],
        merged: dict[str, tuple[str, ...]],
    ) -> Callable[[int], Listed]:
        """Return what reads a page for a walk and keeps its records that the walk has not seen in this state."""
        met: set[Key] = set()

        def read(page: int) -> Listed:
            people, count = self._list(page, self._size, sort, direction)
            keys = tuple((self._moment(each, stamp), needed(each, "id", self.source_name)) for each in people)
            for key, each in zip(keys, people, strict=True):
                if key not in met:
                    met.add(key)
                    kept[key[1]] = self._record(each)
                    merged[key[1]] = words(each.get("merged_ids"))
            return Listed(keys, count)

        return read

    def _key(self, entry: Mapping[str, object]) -> Key | None:
        """Return the place to go on behind; None to begin anew, rather than to miss somebody.

        A merged record has come behind one that it became part of, perhaps by steps, whenever that one was made: the
        walk goes on before the earliest of them.
        """
        key = self._moment(entry, "created"), needed(entry, "id", self.source_name)
        met = {key[1]}
        while (into := text(entry.get("merged_into_id"))) and into not in met:
            met.add(into)
            found = self._entry(into) if len(met) <= MERGES else None
            if found is None:
                return None
            entry = found
            key = min(key[0], self._moment(entry, "created")), ""
        return key

    def _entry(self, person_id: str) -> Mapping[str, object] | None:
        found = self._ask(_FIND, {"id": person_id})
        return None if found is None else table(found, self.source_name, "a person")

    def _find(self, person_id: str) -> PersonRecord | None:
        found = self._entry(person_id)
        return None if found is None else self._record(found)

    def _list(self, page: int, size: int, sort: str, direction: str) -> tuple[list[Mapping[str, object]], int]:
        wanted = {"page": page, "per_page": size, "sort": sort, "direction": direction}
        answer = table(self._ask(_LIST, {"input": wanted}), self.source_name, "the list of people")
        count = answer.get("count")
        if isinstance(count, bool) or not isinstance(count, int):
            raise wrong(self.source_name, "the list of people has no count")
        return rows(answer.get("performers"), self.source_name, "the list of people"), count

    def _ask(self, query: str, variables: Mapping[str, object]) -> object:
        """Return the field `answer` of what the server says; None when it knows nothing of the kind."""
        try:
            document = self._client.post_json(self.spec.endpoint, {"query": query, "variables": dict(variables)})
        except SourceError as error:
            # A server refuses a query that its schema does not know with one of these.
            if error.reason in {"http_400", "http_422"}:
                raise wrong(self.source_name, "it does not know the query") from error
            raise
        answer = table(document, self.source_name, "the answer")
        if answer.get("errors"):
            raise self._trouble(optional_rows(answer["errors"]))
        data = table(answer.get("data"), self.source_name, "data")
        if "answer" not in data:
            raise wrong(self.source_name, "data is empty")
        return data["answer"]

    def _trouble(self, errors: list[Mapping[str, object]]) -> SourceError:
        """Return what errors in an answer mean, without their text: it may quote the query or its variables."""
        said = " ".join(text(each.get("message")) for each in errors).lower()
        extensions = optional_rows([each.get("extensions") for each in errors])
        codes = {text(each.get("code")) for each in extensions}
        if codes & _UNLIKE_CODES or any(part in said for part in _UNLIKE):
            return SourceError(WRONG_SCHEMA, f"{self.source_name} has another version of the schema")
        if any(part in said for part in _REFUSED):
            return SourceError("refused_key", f"{self.source_name} refuses the key: it may have expired")
        return SourceError("graphql_error", f"{self.source_name} answers with {len(errors)} error(s)")

    def _moment(self, entry: Mapping[str, object], field: str) -> datetime:
        found = moment(text(entry.get(field)))
        if found is None:
            raise wrong(self.source_name, f"a person has no moment {field}")
        return found

    def _record(self, entry: Mapping[str, object]) -> PersonRecord | None:
        """Return the person of an entry; None, and a problem, when it has no name."""
        person_id, name = needed(entry, "id", self.source_name), text(entry.get("name"))
        if not name:
            self._problems.add(person_id, "no_name", f"{person_id} has no name")
            return None
        return PersonRecord(
            external_id=person_id,
            name=name,
            disambiguation=text(entry.get("disambiguation")),
            aliases=words(entry.get("aliases")),
            gender=_GENDERS.get(text(entry.get("gender"))),
            country=text(entry.get("country")),
            birth_date=day(entry.get("birth_date")),
            death_date=day(entry.get("death_date")),
            ethnicity=text(entry.get("ethnicity")),
            height_cm=whole(entry.get("height")),
            eye_color=text(entry.get("eye_color")),
            hair_color=text(entry.get("hair_color")),
            career_start=whole(entry.get("career_start_year")),
            career_end=whole(entry.get("career_end_year")),
            urls=pairs((text(each.get("url")), _site(each)) for each in optional_rows(entry.get("urls"))),
            images=_images(optional_rows(entry.get("images"))),
            deleted=entry.get("deleted") is True,
            merged_into=text(entry.get("merged_into_id")) or None,
            updated=text(entry.get("updated")),
        )


def _merged(record: PersonRecord, ids: Sequence[str], told: set[str]) -> Iterator[PersonRecord]:
    """Yield the records that became part of this one: the listing leaves them out. `told` is added to."""
    for each in ids:
        if each not in told:
            told.add(each)
            into = record.external_id
            yield PersonRecord(each, record.name, deleted=True, merged_into=into, updated=record.updated)


def _site(entry: Mapping[str, object]) -> str:
    site = entry.get("site")
    return text(site.get("name")) if isinstance(site, dict) else ""


def _images(entries: list[Mapping[str, object]]) -> tuple[ImageRef, ...]:
    refs: dict[str, ImageRef] = {}
    for each in entries:
        image_id, url = text(each.get("id")), text(each.get("url"))
        if image_id and url:
            refs.setdefault(image_id, ImageRef(image_id, url, whole(each.get("width")), whole(each.get("height"))))
    return tuple(refs.values())


def _without_target(record: PersonRecord) -> PersonRecord:
    """Return a merged record whose target is gone: all that is known of the person is that it was removed."""
    return PersonRecord(record.external_id, record.name, deleted=True, updated=record.updated)


def _since(said: str) -> datetime:
    found = asked(said)
    try:
        return found - OVERLAP
    except OverflowError:
        return found


def _changed(record: PersonRecord, since: datetime) -> bool:
    updated = moment(record.updated)
    return updated is None or updated >= since
