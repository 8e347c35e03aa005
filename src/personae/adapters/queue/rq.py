"""Jobs carried by RQ on Redis: its queue holds their numbers, and nothing else (law 8).

Only RQ's queue is used. Its worker keeps a truth of its own (who runs what, results, retries, time limits) beside the
rows', forks for every job, so that models would be loaded for each, and leaves a job in its hands when it is killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import DequeueTimeout
from rq.job import Job as Ticket
from rq.serializers import JSONSerializer

from personae.errors import BackendError, InputError
from personae.types import JobId

ANSWER_SECONDS = 5.0
"""Longest silence of the server, beyond what it is asked to wait."""
CONNECT_SECONDS = 1.0
AWAY_SECONDS = 2.0
"""So long after it did not answer nobody who queues a job, or looks at jobs, waits for it again; a sweep asks all the
same."""
FUNCTION = "personae.adapters.queue.rq.run"
"""What RQ is told to run. `personae worker` does, RQ's own worker must not."""


def run(job_id: int) -> None:
    """Say that RQ's own worker was started in the place of ours. Raises InputError."""
    raise InputError(f"job {job_id} is run by `personae worker --redis URL`, not by RQ's own worker")


class RqQueue:
    """`personae.ports.JobQueue` and `JobFeed` on Redis. Threads may share it; it connects when it is first needed.

    Args:
        url: redis://host:6379/0, rediss:// or unix://.
        namespace: returns what tells this project of this store from every other on that server.

    Raises:
        InputError: the address is none.
    """

    def __init__(self, url: str, namespace: Callable[[], str]) -> None:
        try:
            self._redis = Redis.from_url(
                url,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=CONNECT_SECONDS,
                retry=Retry(NoBackoff(), 0),
                health_check_interval=30,
            )
        except ValueError as error:
            raise InputError("the address of Redis is not one: redis://host:6379/0") from error
        self._where = urlsplit(url).hostname or "this machine"
        self._namespace = namespace
        self._away_until = 0.0
        self._opened: Queue | None = None

    def carry(self, job_id: JobId, *, first: bool = False) -> None:
        """See the port."""
        if time.monotonic() < self._away_until:
            raise self._absence()
        with self._translated():
            queue = self._queue()
            ticket = f"{queue.name}-{job_id}"
            # A job that RQ knows already is carried once more: whoever comes second finds that it has ended.
            queue.enqueue_call(
                FUNCTION, (int(job_id),), timeout=-1, result_ttl=0, failure_ttl=0, job_id=ticket, at_front=first
            )

    def lacking(self, job_ids: Sequence[JobId]) -> list[JobId]:
        """See the port."""
        with self._translated():
            queue = self._queue()
            carried = set(queue.get_job_ids())
            return [job_id for job_id in job_ids if f"{queue.name}-{job_id}" not in carried]

    def attend(self, ring: Callable[[], None] | None) -> None:
        """See the port; here jobs are fetched."""

    def trouble(self) -> str:
        """See the port."""
        if time.monotonic() < self._away_until:
            return str(self._absence())
        try:
            with self._translated():
                self._redis.ping()
        except BackendError as error:
            return str(error)
        return ""

    def take(self, seconds: float) -> JobId | None:
        """See the port; waits for whole seconds, one at least."""
        with self._translated():
            queue = self._queue()
            try:
                found = Queue.lpop([queue.key], max(1, int(seconds)), connection=self._redis)
            except DequeueTimeout:
                return None
            ticket = found[1].decode()
            self._redis.delete(Ticket.key_for(ticket))
        number = ticket.rpartition("-")[2]
        return JobId(int(number)) if number.isascii() and number.isdecimal() else None

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()

    def _queue(self) -> Queue:
        if self._opened is None:
            self._opened = Queue(f"personae-{self._namespace()}", connection=self._redis, serializer=JSONSerializer)
        return self._opened

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except RedisError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            # Not its words: they may quote an address with a password.
            raise self._absence() from error
        self._away_until = 0.0

    def _absence(self) -> BackendError:
        return BackendError(
            f"Redis on {self._where} does not answer; jobs wait in the store, and are carried when it is back"
        )
