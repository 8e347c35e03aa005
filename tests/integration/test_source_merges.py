"""stash-box over real HTTP: a full walk, and records that became part of others before it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.test_source_stash_box import opened
from tests.servers.stash_box import StashBoxServer, performer


@pytest.fixture
def server() -> Iterator[StashBoxServer]:
    started = StashBoxServer([])
    yield started
    started.close()


@pytest.mark.parametrize("size", [1, 2, 10])
def test_a_full_walk_tells_of_records_that_were_merged_and_goes_on_behind_any(
    server: StashBoxServer, size: int
) -> None:
    days = {"a": 1, "late": 9, "b": 2, "mid": 8, "c": 3, "early": 1, "d": 4}
    into = {"late": "b", "mid": "c", "early": "c"}
    ids = {"b": ["late"], "mid": ["early"], "c": ["mid", "early"]}
    server.people = [
        performer(each, created=f"2024-01-0{day}T00:00:00Z", deleted=each in into, merged_into_id=into.get(each),
                  merged_ids=ids.get(each, []))
        for each, day in days.items()
    ]  # fmt: skip
    order = ["a", "b", "late", "c", "mid", "early", "d"]
    with opened(server, size=size) as source:
        people = list(source.people())
        assert [each.external_id for each in people] == order
        assert [each.merged_into for each in people] == [None, None, "b", None, "c", "c", None]
        assert [each.deleted for each in people] == [each in into for each in order]
        for place, last in enumerate(order):
            # Somebody may come again, but nobody is missed.
            rest = [each.external_id for each in source.people(after=last)]
            assert set(rest) >= set(order[place + 1 :])
            assert len(rest) == len(set(rest))
        # Servers differ in whether the list shows what was merged.
        for each in server.people:
            each["deleted"] = False
        listed = [each.external_id for each in source.people()]
        assert sorted(listed) == sorted(order)
