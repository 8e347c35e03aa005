"""Learning a head in a benchmark, without a store."""

from __future__ import annotations

from personae.core.guard import Verdict
from personae.core.head import Head, make_head
from personae.engine.lesson import Material, divide, make_lesson
from personae.engine.train import examine
from personae.ports import Plan
from personae.types import Thresholds

LIMITS = {
    1: Thresholds(verify=0.27, review=0.34, match=0.7, cluster=0.45),
    2: Thresholds(verify=0.33, review=0.388, match=0.7, cluster=0.5),
}
"""By models."""


def learn(material: Material, plan: Plan, split: int) -> tuple[Verdict, Head, Thresholds]:
    """Return the guard's verdict, the head, and its thresholds. Raises InputError for too few labels."""
    from personae.adapters.train.torch import train  # noqa: PLC0415 - it needs PyTorch

    parts = divide(material, split)
    *_, last = train(make_lesson(material, parts), plan, {}, lambda _done, _total: None, "auto")
    head = make_head("base", last.weight)
    verdict, own = examine(head, material, parts, LIMITS[len(material.blocks)], split)
    return verdict, head, own
