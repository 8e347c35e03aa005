"""Answers that are asked for again and again while nothing changes, as when a page waits for an extraction."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

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
