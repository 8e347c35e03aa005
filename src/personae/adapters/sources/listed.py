"""The people that an entry of sources.yaml lists by their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from personae.records import PersonRecord

Find = Callable[[str], PersonRecord | None]


def by_ids(ids: Sequence[str], after: str | None, find: Find) -> Iterator[PersonRecord]:
    """Yield the listed people in their order, each once.

    A record that was merged comes behind the person that it became part of. When that one is listed too, both keep
    their places.

    Args:
        ids: external ids; what the source does not know is left out.
        after: go on behind this one; an id that is not listed begins anew.
        find: looks one up, without following merges.
    """
    unique = list(dict.fromkeys(ids))
    start = unique.index(after) + 1 if after in unique else 0
    done: set[str] = set(unique)
    for each in unique[start:]:
        done.discard(each)
        chain: list[PersonRecord] = []
        wanted: str | None = each
        while wanted is not None and wanted not in done:
            done.add(wanted)
            found = find(wanted)
            if found is None:
                break
            chain.append(found)
            wanted = found.merged_into
        yield from reversed(chain)
