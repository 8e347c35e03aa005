"""Whom a source's record is about: somebody known by an external id or by name, or somebody new."""

from __future__ import annotations

from dataclasses import dataclass, replace

from personae.engine.review import clean_name
from personae.ports import Transaction
from personae.records import PersonRecord
from personae.types import Decision, DecisionKind, Maker, PersonId


@dataclass(frozen=True, slots=True)
class Met:
    """The person of a record."""

    person_id: PersonId
    new: bool
    decisions: tuple[Decision, ...]
    """What has to be written to the ledger for it."""
    first: bool
    """Whether the source speaks of this record for the first time."""
    conflicts: int
    """External ids of the record that belong to other people, and were left out."""


def find(
    tx: Transaction, source: str, record: PersonRecord, own: PersonId | None
) -> tuple[PersonId | None, PersonRecord, int]:
    """Return who the record is about, None for nobody known, and the record without ids that belong to others.

    The source's own id, whose holder is `own`, decides. Where it is new, ids of other sources do, as far as they
    agree; else the name, when one person alone has it and nothing said speaks against it. Whom the source knows under
    another id is not meant: it tells the two apart.
    """
    held = {name: tx.people.by_external_id(name, external_id) for name, external_id in record.external_ids.items()}
    others = {person_id for person_id in held.values() if person_id is not None}
    person_id = own if own is not None else (next(iter(others)) if len(others) == 1 else None)
    if own is None and person_id is not None and source in tx.people.get(person_id).external_ids:
        person_id = None
    if person_id is None and not others:
        person_id = _namesake(tx, source, record)
    foreign = {name for name, holder in held.items() if holder is not None and holder != person_id}
    kept = {name: external_id for name, external_id in record.external_ids.items() if name not in foreign}
    return person_id, replace(record, external_ids=kept), len(foreign)


def _namesake(tx: Transaction, source: str, record: PersonRecord) -> PersonId | None:
    """Return the one person of this very name who may be meant."""
    name = " ".join(record.name.split()).casefold()
    found = [person for person in tx.people.find(record.name) if person.name.casefold() == name]
    if len(found) != 1 or source in found[0].external_ids:
        return None
    known = tx.people.record(found[0].id)
    apart = _differ(known.disambiguation, record.disambiguation) or _differ(known.birth_date, record.birth_date)
    return None if apart else found[0].id


def _former(tx: Transaction, source: str, record: PersonRecord) -> PersonId | None:
    """Return the person that the source made of the record before that was undone: its faces are still there."""
    return tx.people.by_external_id(source, record.external_id, active=False)


def _is_named(tx: Transaction, person_id: PersonId, source: str, record: PersonRecord) -> bool:
    """Whether the source has said this name of the person already."""
    before = tx.people.stated(person_id, source)
    # Of a person whom the source knows twice, one of the names is enough.
    return before is None or before.external_id != record.external_id or before.name == record.name


def merged(tx: Transaction, source: str, gone: str, stays: str) -> list[Decision]:
    """Return what the ledger has to say of two records of a source, by external id, that have become one.

    Nothing, when they are one person already, when one is not known, or when it was said before: who took that back
    knows better.
    """
    one, other = tx.people.by_external_id(source, gone), tx.people.by_external_id(source, stays)
    if one is None or other is None or one == other:
        return []
    said = Decision(DecisionKind.MERGE, Maker.SOURCE, person_id=one, into_person_id=other, source=source)
    before = {(each.person_id, each.into_person_id) for each in tx.decisions.of_source(source)}
    return [] if (one, other) in before else [said]


def _differ(one: str, other: str) -> bool:
    """Whether two statements contradict each other; a year does not contradict a day in it."""
    shorter = min(len(one), len(other))
    return one[:shorter].casefold() != other[:shorter].casefold()


def admit(tx: Transaction, source: str, record: PersonRecord) -> Met:
    """Create or update the person of a record, within the transaction.

    Raises:
        InputError: the name, an alias or an id cannot be kept; nothing shows of the record then.
    """
    name = clean_name(record.name)
    own = tx.people.by_external_id(source, record.external_id)
    found, kept, conflicts = find(tx, source, record, own)
    named = own is not None and _is_named(tx, own, source, record)
    person_id = found if found is not None else _former(tx, source, record) or tx.people.add(name)
    tx.people.set_record(person_id, source, kept)
    if found is None:
        # At once, so that the next record of this transaction finds it; the ledger says the same when it is written.
        tx.people.set_state(person_id, name=name, merged_into=None)
    said = Decision(DecisionKind.NAME, Maker.SOURCE, person_id=person_id, name=name, source=source)
    return Met(person_id, found is None, () if named else (said,), own is None, conflicts)
