"""What was let in before every source had come to its end: it is asked for again when more is known.

A face that was let in while the faces that speak against it had not come yet would draw others after it, and the end
would depend on which server was down that day.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from personae.engine import ledger
from personae.ports import Transaction
from personae.records import Claim
from personae.types import Maker, OperationId

KEY = "enrich_provisional"
"""Under which settings keep the operations that may still be taken back."""


def operations(tx: Transaction) -> list[OperationId]:
    """Return the operations that may still be taken back, without those that somebody has undone."""
    kept = tx.settings.get(KEY)
    ids = [OperationId(int(each)) for each in kept] if isinstance(kept, list) else []
    return [each for each in ids if not tx.decisions.operation(each).undone]


def reopened(tx: Transaction, accepted: Sequence[Claim]) -> list[Claim]:
    """Return those of the accepted claims that are to be settled again."""
    stated = {(said.source, said.face_id) for each in operations(tx) for said in tx.decisions.of_operation(each)}
    return [claim for claim in accepted if (claim.source, claim.face_id) in stated]


def withdraw(tx: Transaction, lost: Collection[tuple[str | None, int | None]]) -> None:
    """Take back what sources said of faces; what else the same operations said is said again.

    Args:
        tx: the transaction.
        lost: source and face.
    """
    left = []
    for each in operations(tx):
        said = tx.decisions.of_operation(each)
        rest = [decision for decision in said if (decision.source, decision.face_id) not in lost]
        if len(rest) == len(said):
            left.append(each)
            continue
        ledger.undo(tx, each, Maker.SOURCE)
        if rest:
            left.append(ledger.record(tx, "enrich", Maker.SOURCE, f"{rest[0].source}: {len(rest):,} accepted", rest))
    keep(tx, left)


def keep(tx: Transaction, ids: Collection[OperationId]) -> None:
    """Note which operations may still be taken back."""
    if ids or tx.settings.get(KEY):
        tx.settings.set(KEY, [int(each) for each in ids])
