"""Answers that are kept: those asked for again and again while nothing changes, and those lost on the way."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from personae.engine.facade import Engine

KEPT = 4096
"""Answers in memory; the one longest not asked for makes room. They are small: no pictures, no long lists."""
JSON = "application/json"


class Remembered:
    """Answers, each with the stamp of the store that it was made from. For the event loop's thread alone."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[str, bytes]] = OrderedDict()

    async def answer(self, engine: Engine, what: Hashable, make: Callable[[], BaseModel]) -> Response:
        """Return the answer of before if nothing was committed since, else make it in a thread.

        Args:
            engine: of the project that is asked.
            what: names the question within the project.
            make: reads the answer from the store, and from nothing else.
        """
        key = engine.folder, what
        store = engine.parts.store
        stamp = await run_in_threadpool(store.stamp) if store.stamp_waits else store.stamp()
        known = self._answers.get(key)
        if known is None or known[0] != stamp:
            # The stamp is older than the answer, if they differ: then it is made once more than needed.
            known = stamp, await run_in_threadpool(lambda: make().model_dump_json().encode())
            self._answers[key] = known
        self._answers.move_to_end(key)
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)
        return Response(known[1], media_type=JSON)


@dataclass
class _Given:
    response: Response | None = None
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


class Given:
    """Answers, each with the request that it was given to. For the event loop's thread alone."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, _Given] = OrderedDict()

    async def answer(self, what: Hashable, make: Callable[[], Awaitable[Response]]) -> Response:
        """Return the answer of before, waiting for it if it is being made; what was refused is tried again.

        Args:
            what: names the request.
            make: does what it asks for.
        """
        given = self._answers.setdefault(what, _Given())
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)
        async with given.making:
            if given.response is not None:
                before = given.response
                return Response(before.body, before.status_code, dict(before.headers))
            made = await make()
            if made.status_code < 300:
                given.response = made
            return made
