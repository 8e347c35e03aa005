"""Messages to receivers of events over HTTP, by the rules that hold for sources: checked addresses, and deadlines."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import httpx

from personae.adapters.sources.address import Guard
from personae.adapters.sources.limits import Limits, Machine, TransientError, retry_after
from personae.adapters.sources.wire import Wire
from personae.errors import BackendError, InputError, SourceError
from personae.ports import Receipt

LIMITS = Limits(connect_seconds=5.0, read_seconds=10.0, total_seconds=10.0)
LONGEST_URL = 2000
_MACHINE = Machine()
_READ_BYTES = 65536
"""So much of an answer is read, so that the connection can be used again; nobody looks at it."""
_PRIVATE = "set hooks_allow_private if it is your own network"


class HttpPost:
    """`personae.ports.Post` over HTTP. Threads may share it.

    Args:
        allow_private: whether messages may go to this machine and the operator's own network.
        limits: of time.
        machine: clock and resolver; tests bring their own.
    """

    def __init__(self, *, allow_private: bool = False, limits: Limits = LIMITS, machine: Machine = _MACHINE) -> None:
        self._allow_private = allow_private
        self._limits, self._machine = limits, machine
        self._wires: dict[str, Wire] = {}
        self._lock = threading.Lock()

    def check(self, url: str) -> None:
        """See the port."""
        parsed = _url(url)
        try:
            self._guard(parsed).check_name(parsed.host)
        except SourceError:
            raise InputError(
                f"nothing is sent to {parsed.host}: it is not on the public internet; {_PRIVATE}"
            ) from None

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """See the port; redirects are not followed."""
        parsed = _url(url)
        request = httpx.Request("POST", parsed, headers=dict(headers), content=body)
        receipt: Receipt | None = None
        try:
            with self._wire(parsed).answer(request) as response:
                wait = retry_after(httpx.Headers(response.headers).get("retry-after"), self._machine.wall())
                receipt = Receipt(response.status, wait)
                read = 0
                for chunk in response.iter_stream():
                    read += len(chunk)
                    if read > _READ_BYTES:
                        break
        except (TransientError, SourceError) as error:
            # What comes after the status does not matter: it was received.
            if receipt is None:
                hint = f"; {_PRIVATE}" if error.reason == "forbidden_address" and not self._allow_private else ""
                raise BackendError(f"{error.reason}: {_said(error)}{hint}") from None
        if receipt is None:
            raise BackendError("no answer")
        return receipt

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for wire in self._wires.values():
                wire.close()
            self._wires.clear()

    def _guard(self, url: httpx.URL) -> Guard:
        return Guard(url.host if self._allow_private else "")

    def _wire(self, url: httpx.URL) -> Wire:
        """Return the connections of a host; only where private addresses are allowed does each need its own."""
        host = url.host if self._allow_private else ""
        with self._lock:
            if host not in self._wires:
                self._wires[host] = Wire(self._guard(url), self._limits, self._machine)
            return self._wires[host]


def _said(error: Exception) -> str:
    return str(error).partition(" (allow_private")[0]


def _url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise InputError("what is given is no URL") from None
    if url.scheme not in ("http", "https") or not url.host or "%" in url.host or len(text) > LONGEST_URL:
        raise InputError("only http: and https: URLs with a host can be told of events")
    if url.userinfo:
        raise InputError("the URL holds a name or password; messages are signed instead")
    return url.copy_with(fragment=None)
