"""Characters: people that somebody has thought up, and whose likeness a reference anchors."""

from __future__ import annotations

from personae.core.ledger import resolve_people
from personae.engine.parts import Parts
from personae.engine.reference import CHANGED, UNFINISHED, find_character, forget_checked, forget_pictures
from personae.engine.review import clean_name, record
from personae.errors import Conflict
from personae.ports import Transaction
from personae.references import Character
from personae.types import Decision, DecisionKind, Maker, Operation, PersonId


def add_character(parts: Parts, name: str) -> Character:
    """Make a character of this name.

    Raises:
        InputError: the name is empty, too long or cannot be shown.
        Conflict: somebody is called so already.
    """
    wanted = clean_name(name)
    with parts.store.write() as tx:
        if tx.people.find(wanted):
            raise Conflict(f"somebody is called {wanted!r} already: choose another name")
        person_id = tx.people.add(wanted, "character")
        named = Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name=wanted)
        record(tx, "name", f"{wanted} is a character", [named])
        return find_character(tx, f"#{person_id}")


def delete_character(parts: Parts, who: str) -> Operation:
    """Remove a character with all that anchors it: references, detected faces, history, checks and source images.

    Its name stays in the ledger, where nothing is removed. Undoing the operation brings the name back, and no more.

    Raises:
        NotFound: there is no such character.
        Conflict: several people are called so.
    """
    with parts.store.write() as tx:
        character = find_character(tx, who)
        for reference in character.references:
            job_id = tx.references.job_of(reference.id)
            if job_id is not None and tx.jobs.get(job_id).state in UNFINISHED:
                tx.jobs.cancel(job_id)
        version = tx.references.version(character.person_id)
        checked = {check.digest for check in tx.likeness.of_person(character.person_id)}
        digests = tx.references.erase(character.person_id)
        gone = [
            Decision(DecisionKind.NAME, Maker.HUMAN, person_id=person_id, name="")
            for person_id in _all_of(tx, character.person_id)
        ]
        operation = record(tx, "delete", f"{character.name} is deleted", gone)
        payload = {"person_id": character.person_id, "reference_id": None, "status": "deleted", "version": version}
        tx.events.emit(CHANGED, payload)
    forget_pictures(parts, digests)
    forget_checked(parts, checked)
    return operation


def _all_of(tx: Transaction, person_id: PersonId) -> list[PersonId]:
    """Return the person and all that are merged into it: none of them shall come back when it goes."""
    states = resolve_people(tx.decisions.active_people(tx.decisions.kin([person_id])))
    return [person_id, *sorted(i for i, state in states.items() if state.merged_into == person_id)]
