"""Who is learnt from, and who judges: nothing leaks from the one to the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core.holdout import hold_out
from personae.errors import InputError

FACES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 20)), max_size=60)


@given(FACES, st.integers(0, 5))
def test_no_person_and_no_photo_is_on_both_sides(faces: list[tuple[int, int]], seed: int) -> None:
    people, photos = np.array(faces, np.int64).reshape(-1, 2).T
    parts = hold_out(people, photos, seed)
    everything = np.concatenate([parts.train, parts.held, parts.fresh, parts.dropped])
    assert sorted(everything.tolist()) == list(range(len(faces)))
    learnt = set(photos[parts.train].tolist())
    assert not learnt & {*photos[parts.held].tolist(), *photos[parts.fresh].tolist()}
    known = {*people[parts.train].tolist(), *people[parts.held].tolist()}
    assert not known & set(people[parts.fresh].tolist())


def test_the_shares_are_those_asked_for() -> None:
    people = np.repeat(np.arange(100), 10)
    parts = hold_out(people, np.arange(1000))
    assert (len(parts.train), len(parts.held), len(parts.fresh), len(parts.dropped)) == (300, 300, 400, 0)
    assert set(people[parts.train]) == set(people[parts.held])


def test_a_seed_decides_and_numbers_do_not() -> None:
    people, photos = np.repeat(np.arange(30), 4), np.arange(120)
    one, same, other = hold_out(people, photos), hold_out(3 * people + 7, photos + 9), hold_out(people, photos, 1)
    assert np.array_equal(one.train, same.train)
    assert not np.array_equal(one.train, other.train)


def test_people_with_one_photo_only_judge() -> None:
    people, photos = np.array([0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 3])
    parts = hold_out(people, photos, new_people=0.0)
    assert parts.fresh.tolist() == [0, 1, 2]
    assert len(parts.train) == len(parts.held) == 1


def test_a_new_person_on_a_photo_that_is_learnt_from_is_dropped() -> None:
    people, photos = np.array([0, 0, 1]), np.array([0, 1, 0])
    parts = [hold_out(people, photos, seed, new_people=0.0) for seed in range(20)]
    assert {tuple(part.dropped.tolist()) for part in parts} == {(), (2,)}


@pytest.mark.parametrize(("new", "held"), [(1.0, 0.5), (-0.1, 0.5), (0.3, 0.0), (0.3, 1.0)])
def test_shares_that_leave_nothing_are_refused(new: float, held: float) -> None:
    with pytest.raises(InputError):
        hold_out(np.arange(3), np.arange(3), 0, new, held)
    with pytest.raises(InputError):
        hold_out(np.arange(3), np.arange(2))
