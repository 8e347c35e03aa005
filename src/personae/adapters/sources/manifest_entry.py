"""A row of a manifest, checked: what it says of a person and of one photo."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from personae.adapters.sources.local import tidy

COLUMNS = ("id", "name", "disambiguation", "aliases", "image", "sha256", "licence", "purpose", "expiry")
"""What a manifest may say; of these `id` and `name` must be there."""

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_OTHER_WORDS = {"license": "licence", "expires": "expiry", "path": "image", "url": "image", "alias": "aliases"}


class BadRowError(Exception):
    """A row cannot be used; it says why, and never leaves the source."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One person and at most one photo."""

    id: str
    name: str
    disambiguation: str = ""
    aliases: tuple[str, ...] = ()
    image: str = ""
    """URL, or path relative to the manifest with slashes; empty: none."""
    sha256: str | None = None
    licence: str = ""
    purpose: str = ""
    expires: date | None = None


def similar(name: str) -> str | None:
    """Return the column that somebody meant who wrote `name`; None when it resembles none."""
    if name in _OTHER_WORDS:
        return _OTHER_WORDS[name]
    return next(iter(difflib.get_close_matches(name, COLUMNS, n=1, cutoff=0.75)), None)


def entry(fields: Mapping[str, object]) -> Entry:
    """Check what a row says.

    Args:
        fields: by column; aliases a list or `a|b`.

    Raises:
        BadRowError: it cannot be used; the sentence says why.
    """
    for name in fields:
        meant = None if name in COLUMNS else similar(name)
        if meant:
            raise BadRowError(f"{tidy(name)[:40]} is not known: did you mean {meant}?")
    image = _image(_text(fields, "image"))
    sha256 = _text(fields, "sha256")
    if sha256 and not _SHA256.fullmatch(sha256):
        raise BadRowError("sha256 is not 64 digits of 0-9 and a-f")
    external_id = _id(fields)
    if not external_id:
        raise BadRowError("it has no id")
    return Entry(
        id=external_id,
        name=tidy(_text(fields, "name")),
        disambiguation=tidy(_text(fields, "disambiguation")),
        aliases=_aliases(fields.get("aliases")),
        image=image,
        sha256=sha256.lower() or None,
        licence=tidy(_text(fields, "licence")),
        purpose=tidy(_text(fields, "purpose")),
        expires=_day(_text(fields, "expiry")),
    )


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRowError(f"{name} is not text")
    return value.strip()


def _id(fields: Mapping[str, object]) -> str:
    value = fields.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return tidy(_text(fields, "id"))


def _aliases(value: object) -> tuple[str, ...]:
    """Return the aliases, each once, in their order."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = value.split("|")
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadRowError("aliases is neither text nor a list of texts")
    return tuple(unique(tidy(each) for each in value))


def unique(texts: Iterable[str]) -> list[str]:
    """Return the texts, each once whether in capitals or not, in their order, without empty ones."""
    found: dict[str, str] = {}
    for text in texts:
        if text:
            found.setdefault(text.casefold(), text)
    return [*found.values()]


def _image(value: str) -> str:
    """Return where the photo is: an http(s) URL, or a path without `..` that begins nowhere but at the manifest."""
    if any(unicodedata.category(each) == "Cc" for each in value):
        raise BadRowError("image holds characters that no path has")
    scheme, _, rest = value.partition("://")
    if rest:
        if scheme.lower() not in {"http", "https"}:
            raise BadRowError("image is neither a path nor an http or https URL")
        return _url(value)
    path = value.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
        raise BadRowError("image leads out of the manifest's folder: write the path from there")
    return "/".join(part for part in path.split("/") if part not in {"", "."})


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - it is only now looked at
    except ValueError as error:
        raise BadRowError("image is no URL") from error
    if not parts.hostname or any(each.isspace() for each in value):
        raise BadRowError("image is no URL")
    if parts.username is not None or parts.password is not None:
        raise BadRowError("image is a URL with a password in it")
    return value


def _day(value: str) -> date | None:
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadRowError("expiry is no day like 2031-12-31") from error
