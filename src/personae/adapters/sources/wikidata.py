"""People of Wikidata, with their photos on Wikimedia Commons."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from threading import Lock

from personae.adapters.sources.answers import Client, asked, day, pairs, rows, table, text, words, wrong
from personae.adapters.sources.commons import API, FILES, Commons, title_of
from personae.adapters.sources.listed import by_ids
from personae.errors import InputError, SourceError
from personae.records import Gender, ImageRef, Page, PersonRecord, Problem, SourceSpec
from personae.records import moment as stated

ENDPOINT = "https://query.wikidata.org/sparql"
AT_ONCE = 50
"""People that one question may name."""
MERGES = 20
"""Redirects are followed this far."""

_ID = re.compile(r"Q[1-9]\d{0,11}")
_CONTACT = re.compile(r"[^\s@<>()]+@[^\s@<>()]+\.[A-Za-z]{2,}|https?://[^\s<>()]+")
_PEOPLE = frozenset({"Q5", "Q15632617"})
"""A human, a fictional human."""
_LENGTHS = {"9": 4, "10": 7, "11": 10, "12": 10, "13": 10, "14": 10}
"""Of a date's text, by the precision that is stated."""
_LANGUAGES = ("en", "mul")
"""Of names; the first that there is."""

_GENDERS = {
    "Q6581097": Gender.MALE,
    "Q6581072": Gender.FEMALE,
    "Q2449503": Gender.MALE,  # trans man
    "Q1052281": Gender.FEMALE,  # trans woman
    "Q1097630": Gender.OTHER,  # intersex
    "Q48270": Gender.OTHER,  # non-binary
}
_IDS = {"P345": "imdb", "P4985": "tmdb", "P214": "viaf", "P434": "musicbrainz"}

# A row for each statement, not for each combination of them. The ids are the only part that varies, and have been
# checked to be ids.
_QUERY = """
SELECT ?item ?p ?v ?n WHERE {{
  VALUES ?item {{ {items} }}
  {{
    VALUES ?p {{
      wdt:P31 wdt:P18 wdt:P21 wdt:P742 wdt:P2031 wdt:P2032 wdt:P856 wdt:P345 wdt:P4985 wdt:P214 wdt:P434
      schema:dateModified owl:sameAs
    }}
    ?item ?p ?v
  }} UNION {{
    VALUES ?p {{ rdfs:label skos:altLabel schema:description }}
    ?item ?p ?v
    FILTER(LANG(?v) IN ("en", "mul"))
  }} UNION {{
    VALUES ?p {{ wdt:P172 wdt:P1340 wdt:P1884 }}
    ?item ?p ?entity . ?entity rdfs:label ?v
    FILTER(LANG(?v) = "en")
  }} UNION {{
    BIND(wdt:P27 AS ?p)
    ?item wdt:P27/wdt:P297 ?v
  }} UNION {{
    VALUES (?p ?statement ?value) {{ (wdt:P569 p:P569 psv:P569) (wdt:P570 p:P570 psv:P570) }}
    ?item ?statement ?s . ?s a wikibase:BestRank ; ?value ?t .
    ?t wikibase:timeValue ?v ; wikibase:timePrecision ?n
  }} UNION {{
    BIND(wdt:P2048 AS ?p)
    ?item p:P2048 ?s . ?s a wikibase:BestRank ; psn:P2048/wikibase:quantityAmount ?v
  }}
}}
"""


@dataclass(slots=True)
class _Value:
    text: str
    language: str = ""
    precision: str = ""


@dataclass(slots=True)
class _Item:
    """What is said of one id, by the last part of the property's address: P18, label, sameAs, ..."""

    said: dict[str, list[_Value]] = field(default_factory=dict)

    def all(self, name: str) -> list[str]:
        """Return the values, in an order that does not change between answers."""
        return sorted({each.text for each in self.said.get(name, ())})

    def first(self, name: str) -> str:
        """Return the first of them; empty when nothing is said."""
        return next(iter(self.all(name)), "")

    def spoken(self, name: str) -> str:
        """Return a text in the best language."""
        for language in _LANGUAGES:
            found = sorted(each.text for each in self.said.get(name, ()) if each.language == language)
            if found:
                return found[0]
        return ""


def contact(spec: SourceSpec) -> str:
    """Return the e-mail or web address by which the operator can be reached.

    Raises:
        InputError: purpose states none; Wikimedia asks for one and blocks who does not give it.

    Source: the User-Agent policy of the Wikimedia Foundation.
    """
    found = _CONTACT.search(spec.purpose)
    if found and found[0].isascii() and found[0].isprintable():
        return found[0].rstrip(".,;")
    raise InputError(
        f"source {spec.name} (line {spec.line}): Wikimedia asks who is asking; write an e-mail or web address "
        "by which you can be reached into purpose"
    )


def headers(spec: SourceSpec) -> dict[str, str]:
    """Return the headers that every server is sent.

    Raises:
        InputError: see `contact`.
    """
    try:
        number = version("personae")
    except PackageNotFoundError:
        number = "0"
    return {"User-Agent": f"personae/{number} ({contact(spec)})"}


class WikidataSource:
    """`personae.ports.sources.PeopleSource` on Wikidata: the people whose ids are listed, none else.

    Args:
        spec: its entry of sources.yaml; an empty `endpoint` means Wikidata's own query service.
        client: sends `headers(spec)`; closed with the source.
        commons: address of the API of Wikimedia Commons.
        files: photos are fetched from below this address only.

    Raises:
        InputError: no ids are listed, one is none, or there is no contact.
    """

    def __init__(self, spec: SourceSpec, client: Client, commons: str = API, files: str = FILES) -> None:
        contact(spec)
        if not spec.ids:
            raise InputError(f"source {spec.name} (line {spec.line}): list the ids of the people to fetch, like Q42")
        strange = next((each for each in spec.ids if not _ID.fullmatch(each)), None)
        if strange is not None:
            raise InputError(f"source {spec.name} (line {spec.line}): {strange[:40]!r} is no id of Wikidata, like Q42")
        self.spec = spec
        self._client = client
        self._one = Lock()
        self._commons = Commons(self._get, spec.name, commons, files)

    @property
    def source_name(self) -> str:
        """See the port; likewise below."""
        return self.spec.name

    @property
    def source_type(self) -> str:
        """Its type."""
        return "wikidata"

    @property
    def problems(self) -> tuple[Problem, ...]:
        """None: what is listed by ids is there, or is not."""
        return ()

    @property
    def rate_limit_delay(self) -> float:
        """Seconds."""
        return self.spec.rate_limit

    def person(self, external_id: str) -> PersonRecord | None:
        """One person; of a redirect, the person that it leads to."""
        wanted, met = external_id, {external_id}
        while _ID.fullmatch(wanted):
            found = self._records([wanted]).get(wanted)
            if found is None or found.merged_into is None:
                return found
            wanted = found.merged_into
            if wanted in met or len(met) > MERGES:
                raise SourceError("merged_in_a_circle", f"{self.source_name} leads in a circle")
            met.add(wanted)
        return None

    def page(self, number: int, size: int) -> Page:
        """A page of the listed ids."""
        ids = self.spec.ids[(number - 1) * size : number * size]
        found = self._records(ids)
        return Page(tuple(found[each] for each in dict.fromkeys(ids) if each in found), len(self.spec.ids))

    def people(self, after: str | None = None) -> Iterator[PersonRecord]:
        """The listed people, in their order."""
        known: dict[str, PersonRecord | None] = {}
        unique = list(dict.fromkeys(self.spec.ids))
        places = {each: place for place, each in enumerate(unique)}

        def find(wanted: str) -> PersonRecord | None:
            if wanted not in known:
                start = places.get(wanted)
                part = [wanted] if start is None else unique[start : start + AT_ONCE]
                known.clear()
                known.update(dict.fromkeys(part))
                known.update(self._records(part))
            return known[wanted]

        yield from by_ids(unique, after, find)

    def changed_since(self, moment: str) -> Iterator[PersonRecord]:
        """The listed people whose entry changed."""
        since = asked(moment)
        for record in self.people():
            updated = stated(record.updated)
            if updated is None or updated >= since:
                yield record

    def image(self, ref: ImageRef) -> bytes:
        """The photo, from Commons only."""
        if not self._commons.holds(ref.url):
            raise SourceError("forbidden_address", f"{self.source_name} fetches photos from Wikimedia Commons only")
        with self._one:
            return self._client.get_image(ref.url)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _get(self, url: str, params: Mapping[str, str]) -> object:
        """Ask; one request at a time, whoever asks."""
        with self._one:
            return self._client.get_json(url, params)

    def _records(self, ids: Sequence[str]) -> dict[str, PersonRecord]:
        """Return the people of some ids; redirects have `merged_into` set."""
        items: dict[str, _Item] = {}
        wanted = list(dict.fromkeys(each for each in ids if _ID.fullmatch(each)))
        for start in range(0, len(wanted), AT_ONCE):
            items.update(self._items(wanted[start : start + AT_ONCE]))
        photos = self._commons.photos(
            [title for item in items.values() for title in map(title_of, item.all("P18")) if title]
        )
        found = {each: _record(each, item, photos) for each, item in items.items()}
        return {each: record for each, record in found.items() if record is not None}

    def _items(self, ids: Sequence[str]) -> dict[str, _Item]:
        query = _QUERY.format(items=" ".join(f"wd:{each}" for each in ids))
        document = self._get(self.spec.endpoint or ENDPOINT, {"query": query, "format": "json"})
        answer = table(document, self.source_name, "the answer")
        results = table(answer.get("results"), self.source_name, "results")
        items: dict[str, _Item] = {}
        for row in rows(results.get("bindings"), self.source_name, "bindings"):
            item, name, value = (_cell(row, column) for column in ("item", "p", "v"))
            if not item.text or not name.text:
                raise wrong(self.source_name, "a row says nothing")
            value.precision = _cell(row, "n").text
            said = items.setdefault(_last(item.text), _Item()).said
            if value.text:
                said.setdefault(_last(name.text), []).append(value)
        return {each: item for each, item in items.items() if each in ids}


def _record(item_id: str, item: _Item, photos: Mapping[str, ImageRef]) -> PersonRecord | None:
    """Return a person; None when this is none, or has no name."""
    target = _last(item.first("sameAs"))
    if _ID.fullmatch(target):
        return PersonRecord(item_id, item_id, deleted=True, merged_into=target)
    name = item.spoken("label")
    if not name or not _PEOPLE & {_last(each) for each in item.all("P31")}:
        return None
    titles = [title_of(each) for each in item.all("P18")]
    aliases = words(item.all("altLabel") + item.all("P742"))
    return PersonRecord(
        external_id=item_id,
        name=name,
        disambiguation=item.spoken("description"),
        aliases=tuple(each for each in aliases if each != name),
        gender=_GENDERS.get(_last(item.first("P21"))),
        country=item.first("P27"),
        birth_date=_date(item, "P569"),
        death_date=_date(item, "P570"),
        ethnicity=item.first("P172"),
        height_cm=_centimetres(item.first("P2048")),
        eye_color=item.first("P1340"),
        hair_color=item.first("P1884"),
        career_start=_year(item.first("P2031")),
        career_end=_year(item.first("P2032")),
        external_ids={site: item.first(name) for name, site in _IDS.items() if item.first(name)},
        urls=pairs((each, "official website") for each in item.all("P856")),
        images=tuple({photos[each].id: photos[each] for each in titles if each in photos}.values()),
        updated=item.first("dateModified"),
    )


def _cell(row: Mapping[str, object], column: str) -> _Value:
    """Return a cell; a value that is stated to be unknown is empty."""
    cell = row.get(column)
    if not isinstance(cell, dict) or cell.get("type") == "bnode" or "/.well-known/genid/" in text(cell.get("value")):
        return _Value("")
    return _Value(text(cell.get("value")), text(cell.get("xml:lang")))


def _last(address: str) -> str:
    """Return the last part of an entity's or a property's address."""
    return re.split(r"[/#]", address)[-1]


def _date(item: _Item, name: str) -> str:
    """Return a date as precisely as it is stated: 9 means the year, 10 the month, 11 the day."""
    stated_dates = sorted((each.text, each.precision) for each in item.said.get(name, ()))
    for value, precision in stated_dates:
        length = _LENGTHS.get(precision, 0)
        if day(value[:length]):
            return value[:length]
    return ""


def _year(value: str) -> int | None:
    found = day(value[:4])
    return int(found) or None if found else None


def _centimetres(metres: str) -> int | None:
    try:
        return round(float(metres) * 100) or None
    except (ValueError, OverflowError):
        return None
