"""Reading what a server answered: its shape is checked, its values are taken as they are stated."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from personae.errors import InputError, SourceError
from personae.records import moment

WRONG_SCHEMA = "wrong_schema"
GONE = frozenset({"gone", "not_found", "http_404", "http_410"})
"""Reasons of a client that say: there is no such thing."""
_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")


class Client(Protocol):
    """What a source needs of the polite client."""

    def get_json(self, url: str, params: Mapping[str, str] = ...) -> object:
        """Return the document at this address."""
        ...

    def post_json(self, url: str, body: object) -> object:
        """Return the answer to this document."""
        ...

    def get_image(self, url: str) -> bytes:
        """Return the bytes of a picture."""
        ...

    def close(self) -> None:
        """Let go of the connections."""
        ...


def wrong(source: str, what: str) -> SourceError:
    """Return the error of an answer that has another shape than the source's public schema."""
    return SourceError(WRONG_SCHEMA, f"{source} answers in another shape than expected: {what}")


def table(value: object, source: str, what: str) -> Mapping[str, object]:
    """Return a JSON object.

    Raises:
        SourceError: it is something else.
    """
    if isinstance(value, dict):
        return value
    raise wrong(source, f"{what} is no object")


def rows(value: object, source: str, what: str) -> list[Mapping[str, object]]:
    """Return a JSON array of objects.

    Raises:
        SourceError: it is something else.
    """
    if isinstance(value, list):
        return [table(each, source, f"an entry of {what}") for each in value]
    raise wrong(source, f"{what} is no list")


def optional_rows(value: object) -> list[Mapping[str, object]]:
    """Return the objects of a JSON array; what is something else is left out."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def needed(entry: Mapping[str, object], field: str, source: str) -> str:
    """Return a text that a record cannot do without.

    Raises:
        SourceError: it is missing or empty.
    """
    found = text(entry.get(field))
    if found:
        return found
    raise wrong(source, f"a record has no {field}")


def text(value: object) -> str:
    """Return a text without the blanks around it; empty when it is none."""
    return value.strip() if isinstance(value, str) else ""


def whole(value: object) -> int | None:
    """Return a whole number above 0; None when it is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if value > 0 else None


def day(value: object) -> str:
    """Return an ISO 8601 date, perhaps only the year or month; empty when it is none."""
    found = text(value)
    return found if _DATE.fullmatch(found) else ""


def words(values: object) -> tuple[str, ...]:
    """Return the texts of a list, each once, in its order."""
    found = [text(each) for each in values] if isinstance(values, list | tuple) else []
    return tuple(dict.fromkeys(each for each in found if each))


def asked(said: str) -> datetime:
    """Return the moment that a caller gave; before all others when it is empty.

    Raises:
        InputError: it is no ISO 8601 moment.
    """
    found = moment(said) if said else datetime.min.replace(tzinfo=UTC)
    if found is None:
        raise InputError(f"{said[:40]!r} is no ISO 8601 moment")
    return found


def pairs(found: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return (url, site) pairs, each url once, without those that are no web address."""
    kept: dict[str, str] = {}
    for url, site in found:
        if url.startswith(("https://", "http://")):
            kept.setdefault(url, site)
    return tuple(kept.items())
