"""Receivers of events as rows, on every store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from personae.adapters.store.store import SqlStore
from personae.errors import Conflict, NotFound
from personae.ports import HookId

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
URL = "https://example.org/told"


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_receivers_are_added_listed_and_removed(store: SqlStore) -> None:
    with store.write() as tx:
        first = tx.hooks.add(URL, ["a.b", "c.d"], "secret", 7)
        second = tx.hooks.add(URL, [], "other", 0)
        hook = tx.hooks.get(first)
        assert (hook.url, hook.kinds, hook.secret, hook.seq) == (URL, ("a.b", "c.d"), "secret", 7)
        assert (hook.paused, hook.failures, hook.failing_since, hook.not_before, hook.error) == (
            False,
            0,
            None,
            None,
            "",
        )
        assert "secret" not in repr(hook)
        assert [found.id for found in tx.hooks.all()] == [first, second]
        tx.hooks.remove(first)
        assert [found.id for found in tx.hooks.all()] == [second]
        for act in (tx.hooks.get, tx.hooks.remove, tx.hooks.resume):
            with pytest.raises(NotFound):
                act(first)


def test_one_at_a_time_tells_a_receiver(store: SqlStore) -> None:
    with store.write() as tx:
        hook_id = tx.hooks.add(URL, [], "s", 0)
        token = tx.hooks.claim(hook_id, NOW, after(60))
        assert token
        assert tx.hooks.claim(hook_id, after(59), after(119)) is None
        tx.hooks.delivered(hook_id, token, 5, after(90))
        assert tx.hooks.claim(hook_id, after(89), after(119)) is None
        heir = tx.hooks.claim(hook_id, after(90), after(150))
        assert heir not in (None, token)
        for late in (
            lambda: tx.hooks.delivered(hook_id, token, 9, None),
            lambda: tx.hooks.failed(hook_id, token, "late", NOW, NOW),
        ):
            with pytest.raises(Conflict):
                late()
        tx.hooks.delivered(hook_id, str(heir), 6, None)
        assert tx.hooks.get(hook_id).seq == 6
        assert tx.hooks.claim(hook_id, after(90), after(150))
        assert tx.hooks.claim(HookId(99), NOW, after(60)) is None


def test_a_receiver_that_fails_waits_and_may_be_paused(store: SqlStore) -> None:
    with store.write() as tx:
        hook_id = tx.hooks.add(URL, [], "s", 0)
        for failures, now in ((1, NOW), (2, after(10))):
            token = tx.hooks.claim(hook_id, now, now + timedelta(seconds=60))
            tx.hooks.failed(hook_id, str(token), "it answered 500", now, now + timedelta(seconds=5))
            hook = tx.hooks.get(hook_id)
            assert (hook.failures, hook.failing_since, hook.error) == (failures, NOW, "it answered 500")
            assert hook.not_before == now + timedelta(seconds=5)
        assert tx.hooks.claim(hook_id, after(14), after(60)) is None
        token = tx.hooks.claim(hook_id, after(15), after(60))
        tx.hooks.delivered(hook_id, str(token), 3, None)
        assert (tx.hooks.get(hook_id).failures, tx.hooks.get(hook_id).failing_since) == (0, None)
        tx.hooks.pause(hook_id, "enough")
        assert (tx.hooks.get(hook_id).paused, tx.hooks.get(hook_id).error) == (True, "enough")
        assert tx.hooks.claim(hook_id, after(1000), after(1060)) is None
        tx.hooks.resume(hook_id)
        assert (tx.hooks.get(hook_id).paused, tx.hooks.get(hook_id).seq) == (False, 3)
        assert tx.hooks.claim(hook_id, after(1000), after(1060))


def test_projects_have_receivers_of_their_own(store: SqlStore, store_url: str) -> None:
    other = SqlStore.open(store_url, "other", store._clock)
    with store.write() as tx:
        hook_id = tx.hooks.add(URL, [], "s", 0)
    with other.write() as tx:
        assert tx.hooks.all() == []
        assert tx.hooks.claim(hook_id, NOW, after(60)) is None
        with pytest.raises(NotFound):
            tx.hooks.remove(hook_id)
    other.close()
