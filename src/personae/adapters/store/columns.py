"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from personae.adapters.store.pgvector import PgVector

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite counts up by itself only in a column that is exactly INTEGER."""
Json = sa.JSON().with_variant(JSONB(), "postgresql")
Hex = sa.String(64)
Embedding = sa.LargeBinary().with_variant(PgVector(), "postgresql")
"""The numbers of a vector, little-endian float32 bytes; on PostgreSQL a `vector`, which pgvector can search."""


class Moment(sa.types.TypeDecorator[datetime]):
    """A point in time; given and returned in UTC with its zone, which SQLite would drop."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Turn into UTC."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Say that it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(sa.types.TypeDecorator[str]):
    """Text that people wrote; what UTF-8 or PostgreSQL cannot hold (lone surrogates, NUL) is kept as an escape."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """Escape what cannot be stored."""
        return None if value is None else storable(value)


def storable(text: str) -> str:
    r"""Return `text` with lone surrogates as \udcXX and NUL as \x00."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")
