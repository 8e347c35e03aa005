"""From an entry of sources.yaml to a source that answers."""

# Each type is imported when it is needed: a folder of photos needs no HTTP.
# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from personae.errors import InputError
from personae.ports.sources import PeopleSource
from personae.records import SourceSpec

if TYPE_CHECKING:
    from personae.adapters.sources.http import PoliteClient


def open_source(spec: SourceSpec, cache: Path | None = None) -> PeopleSource:
    """Return a source; it is asked nothing yet. Closing it closes its connections.

    Args:
        spec: its entry.
        cache: folder where photos are kept by their id, for servers that cannot say whether one has changed.

    Raises:
        InputError: there is no such type, or the entry lacks what the type needs.
    """
    if spec.type == "folder":
        from personae.adapters.sources.folder import FolderSource

        return FolderSource(spec)
    if spec.type == "manifest":
        from personae.adapters.sources.manifest import ManifestSource

        return ManifestSource(spec, _client(spec))
    if spec.type == "stash_box":
        return _stash_box(spec, cache)
    if spec.type == "immich":
        from personae.adapters.sources import immich

        return immich.ImmichSource(spec, _client(spec, immich.headers(spec)))
    if spec.type == "wikidata":
        from personae.adapters.sources import wikidata

        return wikidata.WikidataSource(spec, _client(spec, wikidata.headers(spec)))
    raise InputError(f"source {spec.name} (line {spec.line}): there is no type {spec.type}")


def _stash_box(spec: SourceSpec, cache: Path | None) -> PeopleSource:
    from personae.adapters.sources import stash_box
    from personae.adapters.sources.cache import ImageCache

    kept = None if cache is None else ImageCache(cache / spec.name)
    return stash_box.StashBoxSource(spec, _client(spec, stash_box.headers(spec)), kept)


def _client(spec: SourceSpec, headers: Mapping[str, str] | None = None) -> PoliteClient:
    from personae.adapters.sources.http import PoliteClient

    return PoliteClient(spec, headers=headers or {})
