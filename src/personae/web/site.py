"""What every request is given: the engines, the keys, the figures."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastapi import Request

from personae.settings import Settings
from personae.web.agenda import Agendas
from personae.web.remember import Given, Remembered

if TYPE_CHECKING:
    from personae.engine.keys import Keyring
    from personae.engine.sign_in import SignIns
    from personae.web.engines import Engines
    from personae.web.metrics import Metrics
    from personae.web.runner import JobThreads


@dataclass(frozen=True)
class Site:
    """One server: made by `personae.web.serve.open_site`, closed when the server has stopped."""

    settings: Settings
    engines: Engines
    keyring: Keyring
    sign_ins: SignIns
    metrics: Metrics
    runner: JobThreads
    loopback: bool
    """Whether it listens on this machine alone: then it may be used without a key until there is one."""
    agendas: Agendas = field(default_factory=Agendas)
    remembered: Remembered = field(default_factory=Remembered)
    given: Given = field(default_factory=Given)
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the server is asked to stop: what streams without an end, ends."""


async def site_dep(request: Request) -> Site:
    """Return the site that a request belongs to; as a dependency it must not wait for a thread."""
    return site_of(request)


def site_of(request: Request) -> Site:
    """Return the site that a request belongs to."""
    site: Site = request.app.state.site
    return site
