"""Between JSON and records of people, and what several records say together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from typing import Any, TypeVar

from personae.adapters.store.columns import storable
from personae.adapters.store.scope import unique
from personae.records import Gender, ImageRef, PersonRecord

T = TypeVar("T", PersonRecord, ImageRef)

_OF_THE_RECORD = frozenset({"deleted", "merged_into", "updated"})
"""What speaks of the source's record, not of the person."""


def to_json(record: PersonRecord | ImageRef) -> dict[str, Any]:
    """Return what the record says, without what it leaves empty; as text that both databases hold."""
    return {
        field.name: _plain(value)
        for field in fields(record)
        if (value := getattr(record, field.name)) not in (None, "", (), {}, False)
    }


def to_record(values: Mapping[str, Any]) -> PersonRecord:
    """Return the record of what `to_json` returned; what it lacks is empty."""
    converted: dict[str, Callable[[Any], Any]] = {
        "gender": Gender,
        "aliases": tuple,
        "urls": lambda urls: tuple((url, site) for url, site in urls),
        "images": lambda images: tuple(map(_to_image, images)),
    }
    said = {name: converted[name](value) if name in converted else value for name, value in values.items()}
    return PersonRecord(**{"external_id": "", "name": ""} | said)


def is_record(values: object) -> bool:
    """Return whether `to_record` takes this."""
    if not isinstance(values, Mapping):
        return False
    try:
        to_record(values)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def together(records: Sequence[tuple[str, PersonRecord]]) -> PersonRecord:
    """Return what the records say together.

    Of each field the oldest that fills it; of lists what any says, the oldest first. Whether a record is deleted,
    merged or updated is the oldest's own affair. The ids of the other sources are among the external ids.

    Args:
        records: (source, record), the oldest first; at least one.
    """
    every = [record for _, record in records]
    first = every[0]
    values: dict[str, Any] = {}
    for field in fields(PersonRecord):
        if field.name not in _OF_THE_RECORD:
            said = [getattr(record, field.name) for record in every]
            values[field.name] = _merged(said)
    ids = values["external_ids"]
    for source, record in records[1:]:
        if source != records[0][0]:
            ids.setdefault(source, record.external_id)
    return replace(first, **values)


def _merged(said: Sequence[Any]) -> Any:
    if isinstance(said[0], tuple):
        return tuple(unique(value for values in said for value in values))
    if isinstance(said[0], Mapping):
        return {name: value for values in reversed(said) for name, value in values.items()}
    return next((value for value in said if value not in (None, "")), said[0])


def _plain(value: Any) -> Any:
    """Return a JSON value; texts without what the databases cannot hold."""
    if isinstance(value, ImageRef):
        return to_json(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(name): _plain(each) for name, each in value.items()}
    if isinstance(value, Iterable):
        return [_plain(each) for each in value]
    return value


def _to_image(values: Mapping[str, Any]) -> ImageRef:
    expires = values.get("expires")
    said = {"id": "", "url": ""} | dict(values)
    return ImageRef(**said | {"expires": None if expires is None else date.fromisoformat(expires)})
