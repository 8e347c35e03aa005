"""Values that a project remembers."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from personae.adapters.store.schema import settings
from personae.adapters.store.scope import Scope


@dataclass(frozen=True, slots=True)
class SqlSettings:
    """`personae.ports.SettingTable` in SQL."""

    scope: Scope

    def get(self, key: str) -> object | None:
        """See the port."""
        query = sa.select(settings.c.value).where(settings.c.project_id == self.scope.project_id, settings.c.key == key)
        value: object | None = self.scope.connection.execute(query).scalar()
        return value

    def set(self, key: str, value: object) -> None:
        """See the port."""
        statement = self.scope.upsert(settings)
        self.scope.connection.execute(
            statement.on_conflict_do_update(
                index_elements=["project_id", "key"], set_={"value": statement.excluded.value}
            ),
            {"project_id": self.scope.project_id, "key": key, "value": value},
        )

    def all(self) -> dict[str, object]:
        """See the port."""
        query = (
            sa.select(settings.c.key, settings.c.value)
            .where(settings.c.project_id == self.scope.project_id)
            .order_by(settings.c.key)
        )
        return {key: value for key, value in self.scope.connection.execute(query)}  # noqa: C416
