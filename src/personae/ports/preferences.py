"""Port of the settings that are changed while personae runs."""

from __future__ import annotations

from typing import Protocol

from personae.preferences import Preference, PreferenceScope, Value


class PreferenceTable(Protocol):
    """What the studio has set, and what was set for this project."""

    def all(self) -> list[Preference]:
        """By name, the studio's before the project's."""
        ...

    def set(self, scope: PreferenceScope, name: str, value: Value, set_by: str) -> None:
        """Set, in place of what was set for the same scope before."""
        ...

    def unset(self, scope: PreferenceScope, name: str) -> bool:
        """Take back; return whether there was anything."""
        ...
