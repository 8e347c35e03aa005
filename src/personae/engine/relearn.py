"""Judge faces again, with what can be learnt from what humans have said since."""

from __future__ import annotations

from dataclasses import dataclass

from personae.engine.cluster import GroupSummary, reassign
from personae.engine.live import live
from personae.engine.methods import SETTINGS, GroupOptions, choose
from personae.engine.parts import Parts
from personae.engine.preferences import rules_now
from personae.engine.progress import NOBODY, Progress
from personae.engine.switch import SwitchOptions, switch
from personae.engine.train import AS_SET, HeadReport, learnt_from_this, train
from personae.errors import InputError

BY = "reassign --smart"
"""Who switches to what was learnt."""


@dataclass(frozen=True, slots=True)
class Relearnt:
    """What one smart judging again did."""

    head: HeadReport | None
    """What was learnt; None: nothing."""
    why: str
    """Why nothing was learnt; empty: something was."""
    switched: str
    """The head that is live from now on; empty: nothing changed."""
    grouping: GroupSummary


def reassign_smart(parts: Parts, options: GroupOptions = SETTINGS, progress: Progress = NOBODY) -> Relearnt:
    """Learn a head where something new was said, go by it if the guard accepts it, and judge every tie again.

    Where nothing can be learnt, faces are judged again all the same, and it is said why. A head that somebody has
    rolled back is not gone by again.

    Raises:
        InputError: an option cannot be used.
        Cancelled: `progress` says to stop.
        Conflict: another runner has taken the work over, or somebody switches to another model meanwhile.
        BackendError: the disk is full.
    """
    with parts.store.read() as tx:
        choose(options, rules_now(tx, parts.rules))
    report, why, head = _learn(parts, progress)
    with parts.store.read() as tx:
        now = live(tx)
    switched = head if head and head not in {now.model, now.before} else ""
    if switched:
        switch(parts, SwitchOptions(switched, by=BY), progress)
    return Relearnt(report, why, switched, reassign(parts, options, progress))


def _learn(parts: Parts, progress: Progress) -> tuple[HeadReport | None, str, str]:
    """Return what was learnt, or why nothing was, and the head of these labels that the guard accepts, if any."""
    try:
        kept = learnt_from_this(parts)
        if kept is None:
            report = train(parts, AS_SET, progress)
            return report, "", report.head if report.accepted else ""
    except InputError as error:
        # Too few labels, say, or no PyTorch: what is there serves as it is.
        return None, str(error), ""
    # Who was killed before the switch goes on there.
    accepted = str(kept["head"]) if kept.get("accepted") is True else ""
    return None, "nobody has said anything new since it was learnt last", accepted
