"""A client of the HTTP API that looks at every answer: no vector leaves, no mistake of the server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.served import Served

MOST_FLOATS = 64
"""More numbers in a row are taken for an embedding."""


def vectors_in(value: object, place: str = "") -> Iterator[str]:
    """Yield the places of a JSON value where a list of many numbers is."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from vectors_in(member, f"{place}.{name}")
    if isinstance(value, list):
        if sum(isinstance(member, float) for member in value) > MOST_FLOATS:
            yield place
        for number, member in enumerate(value):
            yield from vectors_in(member, f"{place}[{number}]")


class Watched(httpx.Client):
    """A client whose every answer is looked at; `seen` has each (method, path) that was asked."""

    def __init__(self, served: Served, key: str = "") -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        super().__init__(base_url=served.url, headers=headers, timeout=120, trust_env=False)
        self.seen: set[tuple[str, str]] = set()

    def request(self, method: str, url: httpx.URL | str, **options: Any) -> httpx.Response:
        """Ask, and look at the answer."""
        answer = super().request(method, url, **options)
        self.seen.add((method, answer.request.url.path))
        assert answer.status_code < 500 or answer.status_code == 503, (method, url, answer.text)
        if answer.headers.get("content-type", "").startswith("application/json") and answer.content:
            value = answer.json()
            assert not list(vectors_in(value)), (method, url)
            if answer.status_code >= 400 and answer.request.url.path != "/ready":
                assert set(value) == {"error", "detail"}, (method, url, value)
                assert not re.search(r"Traceback|\.py\b", value["detail"]), (method, url, value)
        return answer

    def all_of(self, path: str, limit: int = 3, **params: Any) -> list[Any]:
        """Return the members of every page of a list."""
        found: list[Any] = []
        after = None
        while True:
            asked = {**params, "limit": limit} | ({} if after is None else {"after": after})
            answer = self.get(path, params=asked)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert len(page["items"]) <= limit
            found += page["items"]
            after = page["next"]
            if after is None:
                return found


@contextmanager
def watched(served: Served, key: str = "") -> Iterator[Watched]:
    """Open such a client, and close it."""
    with Watched(served, key) as client:
        yield client
