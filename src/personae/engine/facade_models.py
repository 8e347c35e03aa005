"""The verbs on what a project recognises by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from personae.engine import live
from personae.engine.live import InUse
from personae.engine.parts import Parts
from personae.engine.progress import NOBODY
from personae.engine.progress import Progress as Watcher

if TYPE_CHECKING:
    from personae.engine.switch import SwitchOptions, SwitchSummary


class ModelVerbs:
    """What `Engine` recognises by."""

    parts: Parts

    def live_model(self) -> InUse:
        """Return what is live, and since when."""
        return live.in_use(self.parts)

    def base_model(self) -> str:
        """Return the embedders, joined by +, that a head has to be learnt on to be gone by now."""
        with self.parts.store.read() as tx:
            return "+".join(live.base_ids(tx, self.parts.rules))

    def switch_model(self, options: SwitchOptions, progress: Watcher = NOBODY) -> SwitchSummary:
        """Embed everything under another model, say what would change, and go by it."""
        from personae.engine import switch

        return switch.switch(self.parts, options, progress)

    def rollback_options(self, by: str = "") -> SwitchOptions:
        """Return what `switch_model` takes to go back to the model before."""
        from personae.engine import switch

        return switch.rollback_options(self.parts, by)
