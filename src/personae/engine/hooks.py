"""Receivers of events (webhooks): each is told of every event at least once, in order, signed."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from personae.engine.events import as_json, shown
from personae.engine.parts import Parts
from personae.errors import BackendError, Conflict, InputError, NotFound, PersonaeError
from personae.ports import Hook, HookId, Post
from personae.types import Event

LEASE = timedelta(seconds=60)
"""How long a receiver belongs to the process that tells it, after that has noted how far it is."""
NOTED_EVERY = timedelta(seconds=1)
FIRST_RETRY = timedelta(seconds=5)
LAST_RETRY = timedelta(hours=1)
PAUSE_AFTER = timedelta(days=3)
"""A receiver that has failed for so long is told nothing more until it is resumed."""
AT_ONCE = 100
"""Events that are read at once."""
IDLE_EVENTS = 1000
"""After so many events that are none of its kinds the receiver's place is noted."""
LOOK_EVERY = 1.0
GONE = 410
"""Source: RFC 9110, 15.5.11."""

SIGNATURE, TIMESTAMP = "Personae-Signature", "Personae-Timestamp"
DELIVERY, EVENT = "Personae-Delivery", "Personae-Event"
_KIND = re.compile(r"[a-z_]+(\.[a-z_]+)*")

Stop = Callable[[], bool]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of telling one receiver."""

    id: HookId
    url: str
    events: int
    """How many it took."""
    error: str = ""


def add(parts: Parts, url: str, kinds: Sequence[str] = (), after: int | None = None) -> Hook:
    """Let a receiver be told of events.

    Args:
        parts: adapters and rules.
        url: http: or https:.
        kinds: of the events; empty: all.
        after: number of the event after which it begins; None: the latest.

    Returns:
        The receiver. Its secret is shown this once.

    Raises:
        InputError: the URL or a kind cannot be one, or the address is not allowed.
    """
    for kind in kinds:
        if not _KIND.fullmatch(kind):
            raise InputError(f"{kind!r} is no kind of event; they look like decision.made")
    if after is not None and after < 0:
        raise InputError("events are counted from 1")
    with closing(parts.open_post()) as post:
        post.check(url)
    with parts.store.write() as tx:
        last = tx.events.last()
        start = last if after is None else min(after, last)
        return tx.hooks.get(tx.hooks.add(url, tuple(dict.fromkeys(kinds)), secrets.token_hex(32), start))


def all_hooks(parts: Parts) -> list[Hook]:
    """Return the receivers, oldest first."""
    with parts.store.read() as tx:
        return tx.hooks.all()


def remove(parts: Parts, hook_id: int) -> None:
    """Tell a receiver nothing more. Raises NotFound."""
    with parts.store.write() as tx:
        tx.hooks.remove(HookId(hook_id))


def resume(parts: Parts, hook_id: int) -> Hook:
    """Go on with a receiver that was paused, or waits after a failure, where it stopped. Raises NotFound."""
    with parts.store.write() as tx:
        tx.hooks.resume(HookId(hook_id))
        return tx.hooks.get(HookId(hook_id))


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a message, as its header holds it.

    Args:
        secret: the receiver's.
        timestamp: seconds since 1970.
        body: of the message.

    Source: HMAC, RFC 2104, with SHA-256, over the timestamp, a dot and the body.
    """
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


def deliver(parts: Parts, stop: Stop = lambda: False) -> list[Delivered]:
    """Tell every receiver what it has not been told, and return what became of it.

    Those that wait after a failure, or are told by another process, are left out.
    """
    found: list[Delivered] = []
    with closing(parts.open_post()) as post:
        threads = [
            threading.Thread(target=lambda h=hook_id: found.append(tell(parts, post, h, stop)))
            for hook_id in due(parts)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sorted(found, key=lambda each: each.id)


def due(parts: Parts) -> list[HookId]:
    """Return the receivers for whom there is something, and who can be told now."""
    now = parts.clock()
    with parts.store.read() as tx:
        last = tx.events.last()
        return [
            hook.id
            for hook in tx.hooks.all()
            if hook.seq < last
            and not hook.paused
            and (hook.not_before is None or hook.not_before <= now)
            and (last - hook.seq > IDLE_EVENTS or tx.events.after(hook.seq, 1, hook.kinds))
        ]


def tell(parts: Parts, post: Post, hook_id: HookId, stop: Stop = lambda: False) -> Delivered:
    """Tell one receiver all that it has not been told, one event after another, until it fails.

    Another process that tells it at the same time is left to it.
    """
    with parts.store.write() as tx:
        now = parts.clock()
        token = tx.hooks.claim(hook_id, now, now + LEASE)
        if token is None:
            return Delivered(hook_id, "", 0)
        hook = tx.hooks.get(hook_id)
    telling = _Telling(parts, post, hook, token)
    # It may have been removed meanwhile, or another process has taken it over.
    with suppress(Conflict, NotFound):
        telling.run(stop)
    return Delivered(hook_id, hook.url, telling.events, telling.error)


class _Telling:
    """One receiver being told."""

    def __init__(self, parts: Parts, post: Post, hook: Hook, token: str) -> None:
        self._parts, self._post, self._hook, self._token = parts, post, hook, token
        self._seq, self._noted = hook.seq, parts.clock()
        self.events = 0
        self.error = ""

    def run(self, stop: Stop) -> None:
        """Go on until everything is told, it fails, or it is to stop."""
        while not stop():
            with self._parts.store.read() as tx:
                events = tx.events.after(self._seq, AT_ONCE, self._hook.kinds)
                last = tx.events.last()
            if not events:
                self._note(max(last, self._seq), None)
                return
            for event in events:
                if stop() or not self._send(event):
                    break
            else:
                continue
            break
        if not self.error:
            self._note(self._seq, None)

    def _send(self, event: Event) -> bool:
        now = self._parts.clock()
        headers, body = message(self._hook, event, now)
        wait = None
        try:
            receipt = self._post.send(self._hook.url, headers, body)
        except PersonaeError as error:
            self.error = str(error)
        else:
            self.error = "" if 200 <= receipt.status < 300 else f"it answered {receipt.status}"
            wait = receipt.wait
            if receipt.status == GONE:
                self._pause("it answered that it is gone (410)")
        if self.error:
            self._fail(wait)
            return False
        self.events, self._seq = self.events + 1, event.seq
        if self._parts.clock() - self._noted >= NOTED_EVERY:
            self._note(self._seq, self._parts.clock() + LEASE)
        return True

    def _note(self, seq: int, until: datetime | None) -> None:
        with self._parts.store.write() as tx:
            tx.hooks.delivered(self._hook.id, self._token, seq, until)
        self._noted = self._parts.clock()

    def _fail(self, wait: float | None) -> None:
        """Note how far it came, and when it is tried again."""
        now = self._parts.clock()
        with self._parts.store.write() as tx:
            if self._seq > self._hook.seq:
                tx.hooks.delivered(self._hook.id, self._token, self._seq, now + LEASE)
            before = tx.hooks.get(self._hook.id)
            tx.hooks.failed(self._hook.id, self._token, self.error, now, now + _retry_after(before.failures, wait))
            since = before.failing_since or now
            if now - since >= PAUSE_AFTER:
                tx.hooks.pause(self._hook.id, f"it has failed since {since:%Y-%m-%d %H:%M}: {self.error}")

    def _pause(self, error: str) -> None:
        self.error = error
        with self._parts.store.write() as tx:
            tx.hooks.pause(self._hook.id, error)


def message(hook: Hook, event: Event, now: datetime) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body that tell a receiver of an event."""
    body = json.dumps(as_json(shown(event)), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    timestamp = int(now.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "personae (webhooks)",
        EVENT: event.kind,
        DELIVERY: f"{hook.id}-{event.seq}",
        TIMESTAMP: str(timestamp),
        SIGNATURE: sign(hook.secret, timestamp, body),
    }
    return headers, body


def _retry_after(failures: int, wait: float | None) -> timedelta:
    """Twice as long each time, or as long as the receiver asks for, up to an hour."""
    doubled = FIRST_RETRY * 2.0 ** min(failures, 20)
    return min(max(doubled, timedelta(seconds=min(wait or 0.0, LAST_RETRY.total_seconds()))), LAST_RETRY)


class Courier:
    """Tells receivers in threads of this process: one thread each, so that one that hangs holds up nobody else."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = threading.Event()
        self._telling: dict[HookId, threading.Thread] = {}
        self._thread: threading.Thread | None = None
        self._post: Post | None = None

    def start(self) -> None:
        """Begin."""
        self._stop.clear()
        self.revive()

    def revive(self) -> None:
        """Put a new thread in the place of one that a bug has ended."""
        if not (self._stop.is_set() or (self._thread is not None and self._thread.is_alive())):
            self._post = None
            self._thread = threading.Thread(target=self._run, name="personae-courier", daemon=True)
            self._thread.start()

    def stop(self, patience: float = 10.0) -> bool:
        """End when the messages that are under way have arrived, or so many seconds later; say which."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(patience)
        return self._thread is None or not self._thread.is_alive()

    def _run(self) -> None:
        with ExitStack() as opened:
            trouble = ""
            while not self._stop.is_set():
                try:
                    self._begin(opened)
                    trouble = ""
                except BackendError as error:
                    # Said once, however long it lasts.
                    if str(error) != trouble:
                        _log.warning("%s", error)
                    trouble = str(error)
                self._stop.wait(LOOK_EVERY)
            for thread in self._telling.values():
                thread.join()

    def _begin(self, opened: ExitStack) -> None:
        self._telling = {hook_id: thread for hook_id, thread in self._telling.items() if thread.is_alive()}
        for hook_id in due(self._parts):
            if hook_id not in self._telling:
                # Most projects have no receivers, and need not load what talks to them.
                self._post = self._post or opened.enter_context(closing(self._parts.open_post()))
                thread = threading.Thread(target=self._tell, args=(self._post, hook_id), daemon=True)
                self._telling[hook_id] = thread
                thread.start()

    def _tell(self, post: Post, hook_id: HookId) -> None:
        try:
            tell(self._parts, post, hook_id, self._stop.is_set)
        except BackendError as error:
            _log.warning("receiver %s: %s", hook_id, error)
