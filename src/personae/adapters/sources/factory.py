"""From an entry of sources.yaml to a source that answers."""

# Each type is imported when it is needed: a folder of photos needs no HTTP.
# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from personae.adapters.sources.content import MAX_IMAGE_BYTES
from personae.adapters.sources.local import now
from personae.errors import InputError
from personae.ports.sources import PeopleSource
from personae.records import SourceSpec

if TYPE_CHECKING:
    from personae.adapters.sources.http import PoliteClient


def open_source(
    spec: SourceSpec, cache: Path | None = None, max_bytes: int = MAX_IMAGE_BYTES, clock: Callable[[], datetime] = now
) -> PeopleSource:
    """Return a source; it is asked nothing yet. Closing it closes its connections.

    Args:
        spec: its entry.
        cache: folder where photos are kept by their id, for servers that cannot say whether one has changed.
        max_bytes: of a photo that comes over the network.
        clock: says what day it is, for photos that may be used until one, and when a walk of files began.

    Raises:
        InputError: there is no such type, or the entry lacks what the type needs.
    """
    if spec.type == "folder":
        from personae.adapters.sources.folder import FolderSource

        return FolderSource(spec, clock)
    if spec.type == "manifest":
        from personae.adapters.sources.manifest import ManifestSource

        return ManifestSource(spec, _client(spec, max_bytes), clock)
    if spec.type == "stash_box":
        return _stash_box(spec, cache, max_bytes)
    if spec.type == "immich":
        from personae.adapters.sources import immich

        return immich.ImmichSource(spec, _client(spec, max_bytes, immich.headers(spec)))
    if spec.type == "wikidata":
        from personae.adapters.sources import wikidata

        return wikidata.WikidataSource(spec, _client(spec, max_bytes, wikidata.headers(spec)))
    raise InputError(f"source {spec.name} (line {spec.line}): there is no type {spec.type}")


def _stash_box(spec: SourceSpec, cache: Path | None, max_bytes: int) -> PeopleSource:
    from personae.adapters.sources import stash_box
    from personae.adapters.sources.cache import ImageCache

    kept = None if cache is None else ImageCache(cache / spec.name)
    return stash_box.StashBoxSource(spec, _client(spec, max_bytes, stash_box.headers(spec)), kept)


def _client(spec: SourceSpec, max_bytes: int, headers: Mapping[str, str] | None = None) -> PoliteClient:
    from personae.adapters.sources.http import PoliteClient
    from personae.adapters.sources.limits import Limits

    return PoliteClient(spec, headers=headers or {}, limits=Limits(image_bytes=min(max_bytes, MAX_IMAGE_BYTES)))
