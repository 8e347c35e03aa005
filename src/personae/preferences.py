"""Settings that are changed while personae runs: by the studio for all its projects, or for one project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Value = str | int | float


class PreferenceScope(StrEnum):
    """What a value is set for."""

    STUDIO = "studio"
    """All projects that have none of their own."""
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Preference:
    """A value that somebody has set."""

    name: str
    value: Value
    scope: PreferenceScope
    set_by: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A change of what is set for a scope; None: nothing is."""

    name: str
    scope: PreferenceScope
    before: Value | None
    after: Value | None


@dataclass(frozen=True, slots=True)
class Changeable:
    """A setting that may be changed while personae runs, as it was at the start."""

    name: str
    value: Value
    source: str
    """command line, environment, personae.toml or default."""
    check: Callable[[object], Value]
    """Returns a value as it is to be kept; raises InputError for what is none."""


@dataclass(frozen=True, slots=True)
class InForce:
    """A setting that may be changed while personae runs, as it is now."""

    name: str
    value: Value
    source: str
    """project, studio, command line, environment, personae.toml or default."""
    set_by: str | None = None
    set_at: datetime | None = None
