"""Walks through a listing with shuffled ties, without a server."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.adapters.sources.stash_walk import FullWalk, Key, Listed, Read, changes

START = datetime(2024, 1, 1, tzinfo=UTC)


class Listing:
    """A listing whose ties come in another order each time, and which people enter and leave."""

    def __init__(self, moments: list[int], size: int, seed: int) -> None:
        self.people = {f"p{number:03}": START + timedelta(seconds=moment) for number, moment in enumerate(moments)}
        self.size = size
        self.random = random.Random(seed)
        self.readings = 0
        self.added = self.removed = 0.0
        """How often a reading is preceded by one."""
        self.gone: set[str] = set()

    def read(self, page: int) -> Listed:
        self.readings += 1
        if self.random.random() < self.added:
            self.people[f"new{self.readings:03}"] = START + timedelta(days=1, seconds=self.readings)
        if self.people and self.random.random() < self.removed:
            self.gone.add(leaving := self.random.choice(sorted(self.people)))
            del self.people[leaving]
        order = sorted(self.people.items(), key=lambda each: (each[1], self.random.random()))
        part = order[(page - 1) * self.size : page * self.size]
        return Listed(tuple((moment, person) for person, moment in part), len(order))


@settings(max_examples=200)
@given(moments=st.lists(st.integers(0, 5), max_size=60), size=st.integers(4, 20), seed=st.integers(0, 10_000))
def test_nobody_is_missed_or_met_twice_while_people_are_added_all_the_time(
    moments: list[int], size: int, seed: int
) -> None:
    listing = Listing(moments, size, seed)
    listing.added = 0.2
    there = set(listing.people)
    met = [person for _, person in FullWalk(listing.read, size)]
    assert len(met) == len(set(met))
    assert there <= set(met)


@settings(max_examples=100)
@given(moments=st.lists(st.integers(0, 5), max_size=60), size=st.integers(4, 20), seed=st.integers(0, 10_000))
def test_a_walk_ends_while_people_come_and_go(moments: list[int], size: int, seed: int) -> None:
    listing = Listing(moments, size, seed)
    listing.added, listing.removed = 0.1, 0.05
    met = [person for _, person in FullWalk(listing.read, size)]
    assert len(met) == len(set(met))


@pytest.mark.parametrize("size", [7, 10, 50])
def test_without_ties_the_listing_is_read_twice(size: int) -> None:
    listing = Listing(list(range(50)), size, 0)
    met = [person for _, person in FullWalk(listing.read, size)]
    assert met == sorted(listing.people)
    assert listing.readings == 2 * -(-50 // size)


def test_changes_end_where_people_change_all_the_time() -> None:
    listing = Listing([number % 5 for number in range(60)], 10, 0)
    listing.added = 0.3
    met: set[Key] = set(changes(_latest_first(listing), 10, START))
    assert {f"p{number:03}" for number in range(60)} <= {person for _, person in met}


def _latest_first(listing: Listing) -> Read:
    def read(page: int) -> Listed:
        everybody = listing.size, len(listing.people) + 1
        listing.size = everybody[1]
        keys = listing.read(1).keys[::-1]
        listing.size = everybody[0]
        part = keys[(page - 1) * listing.size : page * listing.size]
        return Listed(part, len(keys))

    return read
