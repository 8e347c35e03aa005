"""The verbs on who is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from personae.engine import hiding
from personae.engine.parts import Parts

if TYPE_CHECKING:
    from personae.types import Operation


class PeopleVerbs:
    """What `Engine` does about people that nobody wants to see."""

    parts: Parts

    def hide(self, reference: str) -> Operation:
        """Leave a person, or an unknown group, out where people are listed."""
        return hiding.hide(self.parts, reference)

    def show_again(self, reference: str) -> Operation:
        """Show a person, or an unknown group, that was hidden."""
        return hiding.show_again(self.parts, reference)
