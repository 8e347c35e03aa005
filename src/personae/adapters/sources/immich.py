"""People of an Immich server: those whom its users gave a name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from personae.adapters.sources.answers import (
    GONE,
    Client,
    day,
    needed,
    optional_rows,
    rows,
    table,
    text,
    whole,
)
from personae.adapters.sources.listed import by_ids
from personae.errors import InputError, SourceError
from personae.records import ImageRef, Page, PersonRecord, Problem, SourceSpec

PAGE = 500
"""People or photos asked for at once; the server's limit is 1000."""
PHOTOS = 20
"""Photos offered for each face that the source may bring: gates and the trust rule refuse some."""
ASKED = 25
"""Photos of a person that are asked about one by one, where the server does not say at once who is on them."""
QUIET = 6
"""Readings of the list without anybody new that suffice, when the server counts more people than it shows."""
PASSES = 50
"""Readings of the list before it is taken for one that never stands still."""
_FORMATS = frozenset({"image/jpeg", "image/png", "image/webp"})


def headers(spec: SourceSpec) -> dict[str, str]:
    """Return the headers that the server's own origin gets, and no other."""
    return {"x-api-key": spec.api_key} if spec.api_key else {}


class ImmichSource:
    """`personae.ports.sources.PeopleSource` on an Immich server.

    What other versions of the server add is ignored, and what they leave out is done without: whether there is a next
    page, when a person changed, who is on a photo, how large it is.

    Args:
        spec: its entry of sources.yaml; `endpoint` is the server's address, with or without /api.
        client: sends `headers(spec)`; closed with the source.
        size: people or photos asked for at once.

    Raises:
        InputError: the entry states no endpoint.
    """

    def __init__(self, spec: SourceSpec, client: Client, size: int = PAGE) -> None:
        base = spec.endpoint.rstrip("/").removesuffix("/api")
        if not base:
            raise InputError(f"source {spec.name} (line {spec.line}): state the endpoint, the server's address")
        self.spec = spec
        self._api = f"{base}/api"
        self._client = client
        self._size = size
        self._count = 0
        """People in the list, as the server counts them."""
        self._named: list[Mapping[str, object]] | None = None
        """The list that pages are cut from."""

    @property
    def source_name(self) -> str:
        """See the port; likewise below."""
        return self.spec.name

    @property
    def source_type(self) -> str:
        """Its type."""
        return "immich"

    @property
    def problems(self) -> tuple[Problem, ...]:
        """None: whom the server has given no name is not left out, but nobody yet."""
        return ()

    @property
    def rate_limit_delay(self) -> float:
        """Seconds."""
        return self.spec.rate_limit

    def person(self, external_id: str) -> PersonRecord | None:
        """One person, when named. A merged one is gone: the server does not say into whom."""
        try:
            found = self._client.get_json(f"{self._api}/people/{quote(external_id, safe='')}")
        except SourceError as error:
            # The server answers 400 for an id that it does not know.
            if error.reason in GONE | {"http_400"}:
                return None
            raise
        entry = table(found, self.source_name, "a person")
        return self._record(entry) if text(entry.get("name")) else None

    def page(self, number: int, size: int) -> Page:
        """A page of the named, by id; the first page reads the list anew."""
        if self.spec.ids:
            ids = self.spec.ids[(number - 1) * size : number * size]
            found = [self.person(each) for each in ids]
            return Page(tuple(each for each in found if each is not None), len(self.spec.ids))
        if number == 1 or self._named is None:
            self._named = self._all_named()
        part = self._named[(number - 1) * size : number * size]
        return Page(tuple(self._record(each) for each in part), len(self._named))

    def people(self, after: str | None = None) -> Iterator[PersonRecord]:
        """Everybody who is named, by id; listed ids in their own order."""
        if self.spec.ids:
            yield from by_ids(self.spec.ids, after, self.person)
            return
        for entry in self._all_named():
            if after is None or needed(entry, "id", self.source_name) > after:
                yield self._record(entry)

    def changed_since(self, moment: str) -> Iterator[PersonRecord]:
        """Everybody: the server does not tell that a person has new photos."""
        del moment
        yield from self.people()

    def image(self, ref: ImageRef) -> bytes:
        """The photo as it was uploaded; thumbnails are too small for faces."""
        return self._client.get_image(ref.url)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _all_named(self) -> list[Mapping[str, object]]:
        """Return the people with a name, by id.

        The server sorts them by what changes while photos arrive, so the list is read until nobody new turns up.
        """
        found: dict[str, Mapping[str, object]] = {}
        quiet = 0
        for _ in range(PASSES):
            known = len(found)
            for entry in self._everybody():
                found[needed(entry, "id", self.source_name)] = entry
            quiet = quiet + 1 if len(found) == known else 0
            if quiet >= (1 if len(found) >= self._count else QUIET):
                break
        named = {person_id: entry for person_id, entry in found.items() if text(entry.get("name"))}
        return [named[person_id] for person_id in sorted(named)]

    def _everybody(self) -> Iterator[Mapping[str, object]]:
        """Read the list once."""
        met: set[str] = set()
        page = 1
        while True:
            asked = {"page": str(page), "size": str(self._size), "withHidden": "false"}
            answer = table(self._client.get_json(f"{self._api}/people", asked), self.source_name, "the list of people")
            entries = rows(answer.get("people"), self.source_name, "the list of people")
            self._count = (whole(answer.get("total")) or 0) - (whole(answer.get("hidden")) or 0)
            known = len(met)
            met.update(needed(each, "id", self.source_name) for each in entries)
            yield from entries
            more = answer.get("hasNextPage")
            if more is None:
                # Older servers do not say so, and the oldest answer with everybody whatever page is asked for.
                more = len(met) > known and len(entries) >= self._size
            if more is not True or not entries:
                return
            page += 1

    def _record(self, entry: Mapping[str, object]) -> PersonRecord:
        person_id = needed(entry, "id", self.source_name)
        return PersonRecord(
            external_id=person_id,
            name=needed(entry, "name", self.source_name),
            birth_date=day(text(entry.get("birthDate"))[:10]),
            images=self._photos(person_id),
            updated=text(entry.get("updatedAt")),
        )

    def _photos(self, person_id: str) -> tuple[ImageRef, ...]:
        """Return photos of a person, those first on which nobody else is known to be."""
        entries: dict[str, Mapping[str, object]] = {}
        most = PHOTOS * max(1, self.spec.max_faces)
        page = 1
        while len(entries) < most:
            found, following = self._search(person_id, page, most)
            fresh = {needed(each, "id", self.source_name): each for each in found}
            if not fresh.keys() - entries.keys():
                break
            entries.update({asset: each for asset, each in fresh.items() if asset not in entries})
            if following is None or following <= page:
                break
            page = following
        usable = [(asset, each) for asset, each in entries.items() if _usable(each)][:most]
        crowds = [self._others(asset, each, place) for place, (asset, each) in enumerate(usable)]
        order = sorted(range(len(usable)), key=lambda place: crowds[place])
        return tuple(self._ref(*usable[place]) for place in order)

    def _search(self, person_id: str, page: int, most: int) -> tuple[list[Mapping[str, object]], int | None]:
        asked = {
            "personIds": [person_id],
            "type": "IMAGE",
            "page": page,
            "size": min(self._size, most),
            "withExif": True,
            "withPeople": True,
        }
        answer = table(self._client.post_json(f"{self._api}/search/metadata", asked), self.source_name, "a search")
        assets = table(answer.get("assets"), self.source_name, "assets of a search")
        return rows(assets.get("items"), self.source_name, "assets of a search"), _number(assets.get("nextPage"))

    def _others(self, asset: str, entry: Mapping[str, object], place: int) -> int:
        """Return how many faces are known on a photo; of one that nothing is known of, more than any."""
        unknown = 1_000_000
        if isinstance(entry.get("people"), list):
            return max(1, len(optional_rows(entry["people"])) + len(optional_rows(entry.get("unassignedFaces"))))
        if place >= ASKED:
            return unknown
        try:
            faces = self._client.get_json(f"{self._api}/faces", {"id": asset})
        except SourceError as error:
            # The key may read photos but not faces, or the server is older than this address.
            if error.reason in GONE | {"refused_key", "http_400"}:
                return unknown
            raise
        return len(faces) if isinstance(faces, list) and faces else unknown

    def _ref(self, asset: str, entry: Mapping[str, object]) -> ImageRef:
        exif = entry.get("exifInfo")
        size = exif if isinstance(exif, dict) else {}
        return ImageRef(
            id=asset,
            url=f"{self._api}/assets/{quote(asset, safe='')}/original",
            width=whole(entry.get("width")) or whole(size.get("exifImageWidth")),
            height=whole(entry.get("height")) or whole(size.get("exifImageHeight")),
        )


def _usable(entry: Mapping[str, object]) -> bool:
    """Return whether a photo is one that can be read; what the server does not say counts for it."""
    kind = text(entry.get("type")) or "IMAGE"
    mime = text(entry.get("originalMimeType")).lower()
    hidden = any(entry.get(flag) is True for flag in ("isTrashed", "isOffline"))
    return kind == "IMAGE" and not hidden and (not mime or mime in _FORMATS)


def _number(value: object) -> int | None:
    """Return a page's number, which some servers write as a text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return whole(value)
