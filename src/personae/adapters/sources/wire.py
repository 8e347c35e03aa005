"""Connections: to checked addresses only, or through a proxy, and never longer than a request may take."""

from __future__ import annotations

import logging
import math
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import httpcore
import httpx

from personae.adapters.sources.address import Guard
from personae.adapters.sources.limits import Limits, Machine, TransientError
from personae.errors import SourceError

_IDLE_SECONDS = 30.0


class _Deadline(threading.local):
    """When the request that this thread makes has to be over. A request stays in one thread."""

    at: float = math.inf


class _Stream(httpcore.NetworkStream):
    """A connection that keeps the deadline, however often a byte comes."""

    def __init__(self, inner: httpcore.NetworkStream, left: Callable[[], float]) -> None:
        self._inner = inner
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._within(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            inner = self._inner.start_tls(ssl_context, server_hostname, self._within(timeout))
        except httpcore.ConnectError as error:
            # Told apart here: the pool takes the cause away.
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise SourceError("bad_certificate", f"{server_hostname} does not prove to be itself") from None
            raise
        return _Stream(inner, self._left)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)

    def _within(self, timeout: float | None) -> float:
        left = self._left()
        return left if timeout is None else min(timeout, left)


class _Backend(httpcore.NetworkBackend):
    """Opens connections. `addresses` says where a host may be reached; the connection goes there and nowhere else."""

    def __init__(self, addresses: Callable[[str, int], list[str]], left: Callable[[], float]) -> None:
        self._addresses = addresses
        self._left = left
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in self._addresses(host, port):
            within = min(self._left(), math.inf if timeout is None else timeout)
            try:
                stream = self._inner.connect_tcp(address, port, within, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._left)
        raise failure or httpcore.ConnectError("no address")


class Wire:
    """Carries single requests, and says in our words what went wrong.

    Args:
        guard: decides where connections may go.
        limits: of time.
        machine: its clock and resolver.
    """

    def __init__(self, guard: Guard, limits: Limits, machine: Machine) -> None:
        # At DEBUG it writes down the headers of every answer, with cookies and signed addresses.
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        self._guard, self._limits, self._machine = guard, limits, machine
        self._deadline = _Deadline()
        self._proxies = urllib.request.getproxies_environment()
        self._tls = httpx.create_ssl_context()
        self._direct = httpcore.ConnectionPool(
            ssl_context=self._tls,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=_Backend(self._checked, self._left),
        )
        self._through: dict[str, httpcore.HTTPProxy] = {}
        self._lock = threading.Lock()

    @contextmanager
    def answer(self, request: httpx.Request) -> Iterator[httpcore.Response]:
        """Send a request, without following anything; the body is read inside the block.

        Raises:
            TransientError: it may go better another time.
            SourceError: it will not.
        """
        url = request.url
        pool = self._pool(url)
        self._deadline.at = self._machine.clock() + self._limits.total_seconds
        try:
            with (
                self._translated(url.host),
                pool.stream(
                    request.method,
                    httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.read() or None,
                    extensions={"timeout": self._timeouts()},
                ) as response,
            ):
                yield response
        finally:
            self._deadline.at = math.inf

    def close(self) -> None:
        """Close every connection."""
        self._direct.close()
        for pool in self._through.values():
            pool.close()

    def _timeouts(self) -> dict[str, float]:
        limits = self._limits
        return {
            "connect": limits.connect_seconds,
            "read": limits.read_seconds,
            "write": limits.read_seconds,
            "pool": limits.total_seconds,
        }

    def _left(self) -> float:
        left = self._deadline.at - self._machine.clock()
        if left <= 0:
            raise httpcore.ReadTimeout("deadline")
        return left

    def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._machine.resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError("no such name") from error
        return self._guard.allowed(host, addresses)

    def _pool(self, url: httpx.URL) -> httpcore.ConnectionPool:
        host = url.raw_host.decode("ascii")
        proxy = self._proxies.get(url.scheme) or self._proxies.get("all")
        port = url.port or (443 if url.scheme == "https" else 80)
        if not proxy or urllib.request.proxy_bypass(f"{host}:{port}"):
            return self._direct
        self._guard.check_name(host)
        with self._lock:
            if proxy not in self._through:
                self._through[proxy] = self._proxy(proxy)
            return self._through[proxy]

    def _proxy(self, proxy: str) -> httpcore.HTTPProxy:
        try:
            url = httpx.URL(proxy if "://" in proxy else f"http://{proxy}")
        except httpx.InvalidURL:
            raise SourceError("bad_proxy", "the proxy in the environment has no address that can be read") from None
        if "%" in url.host or not url.host:
            raise SourceError("bad_proxy", "the proxy in the environment has no host")
        if url.scheme not in ("http", "https"):
            raise SourceError("bad_proxy", f"a proxy of the kind {url.scheme}: is not supported, only http: and https:")
        return httpcore.HTTPProxy(
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/"),
            proxy_auth=(url.username, url.password) if url.username else None,
            ssl_context=self._tls,
            keepalive_expiry=_IDLE_SECONDS,
            # The operator chose the proxy, and it is as a rule on the own network.
            network_backend=_Backend(lambda host, _port: [host], self._left),
        )

    @contextmanager
    def _translated(self, host: str) -> Iterator[None]:
        # None of these errors is chained: they quote headers and bodies.
        try:
            yield
        except httpcore.TimeoutException:
            if self._deadline.at <= self._machine.clock():
                seconds = self._limits.total_seconds
                raise SourceError("timeout", f"{host} did not finish its answer within {seconds:g} s") from None
            raise TransientError("timeout", f"{host} was silent for too long") from None
        except httpcore.NetworkError:
            raise TransientError("unreachable", f"{host} cannot be reached, or broke off") from None
        except httpcore.RemoteProtocolError:
            raise TransientError("broken_answer", f"{host} broke off, or does not speak HTTP") from None
        except httpcore.LocalProtocolError:
            raise SourceError("bad_request", f"what was to be sent to {host} is no HTTP") from None
        except httpcore.ProxyError:
            raise SourceError("proxy_refused", f"the proxy does not connect to {host}") from None
