"""Settings of the studio and of a project."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from personae.adapters.store.schema import preferences
from personae.adapters.store.scope import Scope
from personae.preferences import Preference, PreferenceScope, Value


@dataclass(frozen=True, slots=True)
class SqlPreferences:
    """`personae.ports.PreferenceTable` in SQL; those of the studio have no project."""

    scope: Scope

    def all(self) -> list[Preference]:
        """See the port."""
        own = sa.or_(preferences.c.project_id.is_(None), preferences.c.project_id == self.scope.project_id)
        rows = self.scope.connection.execute(sa.select(preferences).where(own)).all()
        found = [
            Preference(
                row.name,
                row.value,
                PreferenceScope.STUDIO if row.project_id is None else PreferenceScope.PROJECT,
                row.set_by,
                row.set_at,
            )
            for row in rows
        ]
        return sorted(found, key=lambda each: (each.name, each.scope is PreferenceScope.PROJECT))

    def set(self, scope: PreferenceScope, name: str, value: Value, set_by: str) -> None:
        """See the port."""
        project_id = None if scope is PreferenceScope.STUDIO else self.scope.project_id
        said = {"value": value, "set_by": set_by, "set_at": self.scope.clock()}
        # There is one writer: nobody comes between the two.
        changed = self.scope.connection.execute(sa.update(preferences).where(self._row(scope, name)).values(**said))
        if not changed.rowcount:
            self.scope.connection.execute(sa.insert(preferences), {"project_id": project_id, "name": name, **said})

    def unset(self, scope: PreferenceScope, name: str) -> bool:
        """See the port."""
        return bool(self.scope.connection.execute(sa.delete(preferences).where(self._row(scope, name))).rowcount)

    def _row(self, scope: PreferenceScope, name: str) -> sa.ColumnElement[bool]:
        studio = scope is PreferenceScope.STUDIO
        owner = preferences.c.project_id.is_(None) if studio else preferences.c.project_id == self.scope.project_id
        return sa.and_(owner, preferences.c.name == name)
