"""personae: knows who is in your pictures, on your own machine.

from personae import Settings, open_engine

with open_engine(Settings(home="people")) as engine:
    engine.organise("~/Pictures")
    engine.name("unknown_cluster_1", "Ann")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from personae.bootstrap import open_engine
    from personae.engine.facade import Engine
    from personae.settings import Settings

__all__ = ["Engine", "Settings", "open_engine"]

_HOMES = {"Engine": "personae.engine.facade", "Settings": "personae.settings", "open_engine": "personae.bootstrap"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: `personae --help` must not wait for the numeric libraries."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
