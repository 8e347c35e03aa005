"""Figures for Prometheus: requests, how long they take, jobs and faces."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from personae.errors import BackendError

if TYPE_CHECKING:
    from personae.engine.facade import Engine

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
UNMATCHED = "unmatched"
"""Route of a request that leads nowhere: its path is not told, for there are as many as somebody likes to try."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """A registry of its own: nothing is shared with other servers of the process.

    Args:
        engines: gives the engines that are open, by project.
    """

    def __init__(self, engines: Callable[[], Mapping[str, Engine]]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "personae_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "personae_request_seconds", "Seconds until the answer begins.", ["method", "route"],
            buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._registry.register(_Collection(engines))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a request."""
        known = method if method in METHODS else "other"
        self._requests.labels(known, route, str(status)).inc()
        self._seconds.labels(known, route).observe(seconds)

    def text(self) -> bytes:
        """Return the figures as Prometheus reads them; asks the store."""
        return generate_latest(self._registry)


class _Collection(Collector):
    """Looks into the stores when the figures are asked for."""

    def __init__(self, engines: Callable[[], Mapping[str, Engine]]) -> None:
        self._engines = engines

    def describe(self) -> Iterable[Metric]:
        """Say what there will be, without asking the stores."""
        return self._families()

    def collect(self) -> Iterable[Metric]:
        """Return the figures of every open project; a store that does not answer gives `up` 0 and no more."""
        jobs, faces, up = families = self._families()
        for project, engine in self._engines().items():
            try:
                with engine.parts.store.read() as tx:
                    states, counts = tx.jobs.counts(), tx.faces.counts()
            except BackendError:
                up.add_metric([project], 0)
                continue
            up.add_metric([project], 1)
            for state, number in states.items():
                jobs.add_metric([project, state], number)
            for role in ("founding", "supporting", "refused"):
                faces.add_metric([project, role], counts.get(role, 0))
        return families

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily("personae_jobs", "Jobs by state.", labels=["project", "state"]),
            GaugeMetricFamily("personae_faces", "Faces by role.", labels=["project", "role"]),
            GaugeMetricFamily("personae_store_up", "Whether the store answers.", labels=["project"]),
        )


class Counted:
    """Middleware that counts every request, by the route that it took."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note its answer's status."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", UNMATCHED)
                self._metrics.count(scope["method"], route, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, noting)
