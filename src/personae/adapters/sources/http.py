"""The polite, safe client: the only way out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import httpcore
import httpx

from personae.adapters.sources.address import Guard
from personae.adapters.sources.body import Check, answered, anything, parse, read, too_large
from personae.adapters.sources.limits import (
    Limits,
    Machine,
    RateLimit,
    TransientError,
    backoff,
    day_and_time,
    retry_after,
)
from personae.adapters.sources.wire import Wire
from personae.errors import SourceError
from personae.records import SourceSpec

_NONE: Mapping[str, str] = MappingProxyType({})
_LIMITS = Limits()
_MACHINE = Machine()
_AGENT = "personae (people enrichment)"
_REDIRECTS = (301, 302, 303, 307, 308)
_REPEATING = (307, 308)
_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class _Ask:
    """One question, whatever it takes to have it answered."""

    method: str
    url: httpx.URL = field(repr=False)
    accept: str
    most: int
    """Bytes."""
    check: Check
    body: bytes | None = field(default=None, repr=False)


class PoliteClient:
    """Asks one source over HTTP: slowly, with patience, and only where it is safe. Threads may share it.

    Args:
        spec: of the source: rate_limit, endpoint and allow_private are used.
        headers: for the endpoint's own origin; never sent anywhere else, but for User-Agent, which goes everywhere.
        limits: of time, size and patience.
        machine: clock, sleep and resolver; tests bring their own.

    Raises:
        SourceError: refused_key: a header holds what a header cannot carry.
    """

    def __init__(
        self,
        spec: SourceSpec,
        *,
        headers: Mapping[str, str] = _NONE,
        limits: Limits = _LIMITS,
        machine: Machine = _MACHINE,
    ) -> None:
        _check_headers(headers)
        self._home = _home(spec.endpoint)
        self._headers = {name: text for name, text in headers.items() if name.lower() != "user-agent"}
        self._agent = next((text for name, text in headers.items() if name.lower() == "user-agent"), _AGENT)
        self._limits, self._machine = limits, machine
        self._rate = RateLimit(spec.rate_limit, machine)
        own = self._home[1] if self._home and spec.allow_private else ""
        self._wire = Wire(Guard(own), limits, machine)
        self._closed_until: dict[Origin, float] = {}

    @property
    def request_times(self) -> tuple[float, ...]:
        """When the last 100,000 requests began, by the machine's clock, redirects and repeated attempts among them."""
        return self._rate.starts

    def get_json(self, url: str, params: Mapping[str, str] = _NONE) -> object:
        """Return what a URL answers, from JSON.

        Args:
            url: absolute.
            params: added to its query.

        Raises:
            SourceError: there is no answer, or it is not JSON.
        """
        return parse(self._fetch(_Ask("GET", _url(url, params), "application/json", self._limits.json_bytes, anything)))

    def post_json(self, url: str, body: object) -> object:
        """Send JSON and return what is answered. It is sent again after a failure, so it must only ask, not change.

        Raises:
            SourceError: there is no answer, or it is not JSON.
        """
        data = json.dumps(body, allow_nan=False).encode()
        return parse(self._fetch(_Ask("POST", _url(url), "application/json", self._limits.json_bytes, anything, data)))

    def get_image(self, url: str) -> bytes:
        """Return the bytes of a picture. That it is a JPEG, PNG or WebP is told by its first bytes alone.

        Raises:
            SourceError: it cannot be had, is too large or is something else.
        """
        accept = "image/jpeg, image/png, image/webp"
        return self._fetch(_Ask("GET", _url(url), accept, self._limits.image_bytes, answered))

    def close(self) -> None:
        """Close every connection."""
        self._wire.close()

    def _fetch(self, ask: _Ask) -> bytes:
        attempt = 1
        while True:
            try:
                return self._attempt(ask)
            except TransientError as error:
                if attempt >= self._limits.attempts:
                    raise SourceError(error.reason, f"{error}; asked {attempt} times") from None
                self._hold(error, attempt)
            attempt += 1

    def _hold(self, error: TransientError, attempt: int) -> None:
        """Wait before the next attempt; when the source is asked too much, every thread does."""
        seconds = backoff(attempt, self._limits.backoff_seconds, self._machine.jitter()) + (error.wait or 0.0)
        if error.overload or error.wait is not None:
            self._rate.pause(seconds)
        else:
            self._machine.sleep(seconds)

    def _attempt(self, ask: _Ask) -> bytes:
        """Ask, and follow where the answer leads."""
        url = ask.url
        at_home = _origin(url) == self._home
        for _ in range(self._limits.redirects + 1):
            answer = self._request(ask, url, at_home=at_home)
            if isinstance(answer, bytes):
                return answer
            url = answer
            # Once led away, a request does not get the key back, even where it is led home again.
            at_home = at_home and _origin(url) == self._home
        raise SourceError("too_many_redirects", f"{ask.url.host} leads on and on")

    def _request(self, ask: _Ask, url: httpx.URL, *, at_home: bool) -> bytes | httpx.URL:
        """Send one request. Returns the body, or where to ask instead."""
        _check_url(url)
        self._check_open(url)
        self._rate.wait()
        with self._wire.answer(self._message(ask, url, at_home=at_home)) as response:
            self._rate.answered()
            headers = httpx.Headers(response.headers)
            if response.status in _REDIRECTS and "location" in headers:
                return _next(ask, url, response.status, headers["location"])
            self._check_status(url, response, headers)
            length = headers.get("content-length", "")
            if length.isdecimal() and int(length) > ask.most:
                raise too_large(ask.most)
            return read(response.iter_stream(), headers.get("content-encoding", ""), ask.most, ask.check)

    def _message(self, ask: _Ask, url: httpx.URL, *, at_home: bool) -> httpx.Request:
        headers = {"User-Agent": self._agent, "Accept": ask.accept, "Accept-Encoding": "gzip"}
        if ask.body is not None:
            headers["Content-Type"] = "application/json"
        if at_home:
            headers.update(self._headers)
        return httpx.Request(ask.method, url, headers=headers, content=ask.body)

    def _check_open(self, url: httpx.URL) -> None:
        left = self._closed_until.get(_origin(url), 0.0) - self._machine.clock()
        if left > 0:
            raise self._closed(url, left)

    def _check_status(self, url: httpx.URL, response: httpcore.Response, headers: httpx.Headers) -> None:
        status = response.status
        if 200 <= status < 300:
            return
        if status in (401, 403):
            raise SourceError("refused_key", f"{url.host} does not allow it ({status})")
        if status in (404, 410):
            raise SourceError("gone", f"{url.host} does not have it ({status})")
        if status not in (408, 429) and status < 500:
            raise SourceError(f"http_{status}", f"{url.host} answers {status}")
        wait = retry_after(headers.get("retry-after"), self._machine.wall())
        if wait is not None and wait > self._limits.patience_seconds:
            self._closed_until[_origin(url)] = self._machine.clock() + wait
            raise self._closed(url, wait)
        reason = "busy" if status == 429 else f"http_{status}"
        raise TransientError(reason, f"{url.host} answers {status}", wait, overload=status == 429)

    def _closed(self, url: httpx.URL, seconds: float) -> SourceError:
        until = day_and_time(self._machine.wall() + seconds)
        return SourceError("busy", f"{url.host} asks to be left alone until {until}")


def _next(ask: _Ask, url: httpx.URL, status: int, location: str) -> httpx.URL:
    """Where a redirect leads, when it may be followed."""
    try:
        target = url.join(location).copy_with(fragment=None)
    except (httpx.InvalidURL, ValueError):
        raise SourceError("bad_redirect", f"{url.host} leads to what is no URL") from None
    if url.scheme == "https" and target.scheme == "http":
        raise SourceError("bad_redirect", f"{url.host} leads from https to http")
    if ask.body is not None and (status not in _REPEATING or _origin(target) != _origin(url)):
        raise SourceError("bad_redirect", f"{url.host} is not where questions are answered, it leads to {target.host}")
    return target


def _url(text: str, params: Mapping[str, str] = _NONE) -> httpx.URL:
    try:
        url = httpx.URL(text)
        url = url.copy_merge_params(params) if params else url
    except (httpx.InvalidURL, ValueError):
        # The error quotes the URL, and a URL may hold a key.
        raise SourceError("bad_url", "what is given is no URL") from None
    return url.copy_with(fragment=None)


def _check_url(url: httpx.URL) -> None:
    # A host with % is one that no name can have, or an address of one network card.
    if url.scheme not in _PORTS or not url.host or "%" in url.host:
        raise SourceError("bad_url", "only http: and https: URLs with a host can be asked")
    if url.userinfo:
        raise SourceError("bad_url", f"the URL at {url.host} holds a name or password; that is not sent")


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, text in headers.items():
        if not (text.isascii() and text.isprintable()) or text != text.strip():
            raise SourceError("refused_key", f"the header {name} holds characters that a header cannot carry")


def _origin(url: httpx.URL) -> Origin:
    return (url.scheme, url.raw_host.decode("ascii"), url.port or _PORTS.get(url.scheme, 0))


def _home(endpoint: str) -> Origin | None:
    """The origin of an endpoint; None: it is a path."""
    try:
        url = httpx.URL(endpoint)
    except (httpx.InvalidURL, ValueError):
        return None
    return _origin(url) if url.scheme in _PORTS and url.host else None
