"""Settings that are changed while personae runs: the project's before the studio's before those of the start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from personae.engine.live import live
from personae.engine.parts import Parts, Rules
from personae.errors import Conflict, NotFound
from personae.ports import Transaction
from personae.preferences import Change, Changeable, InForce, Preference, PreferenceScope, Value

EVENT = "setting.changed"
RULES = {
    "person_match_threshold": "match_threshold",
    "unknown_method": "unknown_method",
    "unknown_eps": "unknown_eps",
    "unknown_min_cluster_size": "min_cluster_size",
    "reference_threshold": "reference_threshold",
}
"""Settings that may be changed, and the rules that they are."""


def rules_now(tx: Transaction, rules: Rules) -> Rules:
    """Return the rules with what the studio and the project have set in place of what was set at the start.

    Under a head nothing is matched below the threshold of the head either.
    """
    changed: dict[str, Any] = {RULES[each.name]: each.value for each in tx.preferences.all() if each.name in RULES}
    now = replace(rules, **changed)
    # Scores lie elsewhere under a head: what it needs for a match holds as well.
    return replace(now, match_threshold=max(now.match_threshold, live(tx).match))


def listed(parts: Parts) -> list[InForce]:
    """Return every setting that may be changed, as it is now, and who has set it."""
    with parts.store.read() as tx:
        chosen = {each.name: each for each in tx.preferences.all()}
    return [_in_force(each, chosen.get(each.name)) for each in parts.changeable]


def change(parts: Parts, name: str, value: object, scope: PreferenceScope, by: str) -> InForce:
    """Set a setting from now on.

    Args:
        parts: the outfit.
        name: of the setting.
        value: as the setting takes it.
        scope: for this project, or for all that have none of their own.
        by: who does it.

    Returns:
        What is in force now: for the studio's the project's own, where it has one.

    Raises:
        NotFound: there is no such setting that may be changed.
        InputError: it cannot have this value.
    """
    checked = _changeable(parts, name).check(value)
    with parts.store.write() as tx:
        tx.preferences.set(scope, name, checked, by)
        tx.events.emit(EVENT, {"name": name, "scope": str(scope), "value": checked})
    return now(parts, name)


def take_back(parts: Parts, name: str, scope: PreferenceScope) -> InForce:
    """Go by what was set before it: of the project by the studio's, of the studio by what was set at the start.

    Raises:
        NotFound: there is no such setting that may be changed, or nothing was set.
    """
    _changeable(parts, name)
    with parts.store.write() as tx:
        if not tx.preferences.unset(scope, name):
            raise NotFound(
                f"{name} is not set for {'the studio' if scope is PreferenceScope.STUDIO else 'the project'}"
            )
        tx.events.emit(EVENT, {"name": name, "scope": str(scope), "value": None})
    return now(parts, name)


def chosen(parts: Parts, name: str, scope: PreferenceScope) -> Value | None:
    """Return what is set for a scope; None: nothing is. Raises NotFound."""
    _changeable(parts, name)
    with parts.store.read() as tx:
        return _chosen(tx, name, scope)


def undo(parts: Parts, change: Change, by: str) -> InForce:
    """Set back a change of a setting.

    Raises:
        NotFound: there is no such setting that may be changed.
        InputError: it cannot have the value that it had.
        Conflict: somebody has changed it since.
    """
    changeable = _changeable(parts, change.name)
    before = None if change.before is None else changeable.check(change.before)
    with parts.store.write() as tx:
        if _chosen(tx, change.name, change.scope) != change.after:
            raise Conflict(f"{change.name} has been changed since")
        if before is None:
            tx.preferences.unset(change.scope, change.name)
        else:
            tx.preferences.set(change.scope, change.name, before, by)
        tx.events.emit(EVENT, {"name": change.name, "scope": str(change.scope), "value": before})
    return now(parts, change.name)


def now(parts: Parts, name: str) -> InForce:
    """Return one setting as it is now. Raises NotFound."""
    _changeable(parts, name)
    return next(each for each in listed(parts) if each.name == name)


def _chosen(tx: Transaction, name: str, scope: PreferenceScope) -> Value | None:
    return next((each.value for each in tx.preferences.all() if each.name == name and each.scope is scope), None)


def _changeable(parts: Parts, name: str) -> Changeable:
    for each in parts.changeable:
        if each.name == name:
            return each
    raise NotFound(
        f"there is no setting {name} that may be changed while personae runs; there are: "
        f"{', '.join(each.name for each in parts.changeable)}"
    )


def _in_force(changeable: Changeable, chosen: Preference | None) -> InForce:
    if chosen is None:
        return InForce(changeable.name, changeable.value, changeable.source)
    return InForce(changeable.name, chosen.value, str(chosen.scope), chosen.set_by, chosen.set_at)
