"""Rows as they pass from one database to another, and a digest that is the same in both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from personae.adapters.store.columns import Words, storable
from personae.adapters.store.engine import BINARY, to_json

ROWS_AT_ONCE = 2_000
_NUL = "\\u0000"


class _JsonOfPostgres(sa.types.UserDefinedType[str]):
    """JSON as its text: NULL and the JSON null stay two things, and nothing is read only to be written again."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name the type."""
        return "jsonb"

    def column_expression(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        """Ask for the text."""
        return sa.cast(column, sa.Text)

    def bind_expression(self, bindvalue: sa.BindParameter[str]) -> sa.ColumnElement[str]:
        """Give the text."""
        return sa.cast(sa.type_coerce(bindvalue, sa.Text), JSONB)


class CarriedJson(sa.types.TypeDecorator[str]):
    """The text of a JSON value, without what PostgreSQL cannot hold in one (NUL)."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Choose by database."""
        return dialect.type_descriptor(_JsonOfPostgres() if dialect.name == "postgresql" else sa.Text())

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002
        """Write it as the store does."""
        if value is None:
            return None
        read = json.loads(value)
        return to_json(_without_nul(read) if _NUL in value else read)


def carried(table: sa.Table) -> sa.Table:
    """Return a table to read rows from and write them to as they are."""
    kinds = ((column, column.type) for column in table.columns)
    return sa.Table(
        table.name,
        sa.MetaData(),
        *(sa.Column(column.name, _carried(kind), primary_key=column.primary_key) for column, kind in kinds),
    )


def _carried(kind: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    if isinstance(kind, sa.JSON):
        return CarriedJson()
    return sa.Text() if isinstance(kind, Words) else kind


def batches(connection: sa.Connection, table: sa.Table, at_once: int = ROWS_AT_ONCE) -> Iterator[Sequence[sa.Row[Any]]]:
    """Yield the rows of a carried table in the order of its key, some at a time."""
    options = {"yield_per": at_once, BINARY: True}
    # PostgreSQL would order words by the rules of a language.
    plain = connection.dialect.name == "postgresql"
    words = [plain and isinstance(column.type, sa.String) for column in table.primary_key]
    order = [
        sa.collate(column, "C") if is_words else column
        for column, is_words in zip(table.primary_key, words, strict=True)
    ]
    query = sa.select(table).order_by(*order).execution_options(**options)
    with connection.execute(query) as rows:
        yield from rows.partitions()


class Digest:
    """SHA-256 over the rows of a table, and how many they were."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.rows = 0

    def add(self, rows: Sequence[sa.Row[Any]]) -> None:
        """Go on with these."""
        for row in rows:
            self._hash.update(repr([_plain(value) for value in row]).encode("utf-8", "surrogatepass"))
        self.rows += len(rows)

    def hexdigest(self) -> str:
        """Return the digest so far."""
        return self._hash.hexdigest()


def _plain(value: Any) -> Any:
    """Return what is the same wherever it was read."""
    if isinstance(value, bytes):
        return hashlib.sha256(value).digest()
    if isinstance(value, str) and value[:1] in {"{", "["}:
        return _plain_json(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def _plain_json(text: str) -> str:
    """Return JSON with its keys in order, and whole numbers without a fraction; other text as it is."""
    try:
        return json.dumps(json.loads(text, parse_float=_number), sort_keys=True)
    except ValueError:
        return text


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_without_nul(each) for each in value]
    if isinstance(value, dict):
        return {storable(key): _without_nul(each) for key, each in value.items()}
    return value
