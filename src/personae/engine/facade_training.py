"""The verbs on what is learnt from labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from personae.engine.methods import SETTINGS, GroupOptions
from personae.engine.parts import Parts
from personae.engine.progress import NOBODY
from personae.engine.progress import Progress as Watcher

if TYPE_CHECKING:
    from personae.engine.lesson import Learnable
    from personae.engine.relearn import Relearnt
    from personae.engine.train import HeadReport, TrainOptions


class TrainingVerbs:
    """What `Engine` learns."""

    parts: Parts

    def train(self, options: TrainOptions, progress: Watcher = NOBODY) -> HeadReport:
        """Learn a head from what humans said, and judge it; nothing that is live changes."""
        from personae.engine import train

        return train.train(self.parts, options, progress)

    def learnable(self) -> Learnable:
        """Return what there is to learn from, and what is missing."""
        from personae.engine import train

        return train.learnable(self.parts)

    def heads(self) -> list[Mapping[str, object]]:
        """Return the reports of the heads that were kept, newest first."""
        from personae.engine import train

        return train.reports(self.parts)

    def reassign_smart(self, options: GroupOptions = SETTINGS, progress: Watcher = NOBODY) -> Relearnt:
        """Learn from what was said since, then judge every tie of the machine again."""
        from personae.engine import relearn

        return relearn.reassign_smart(self.parts, options, progress)
