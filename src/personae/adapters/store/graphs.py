"""The graphs (HNSW) by which pgvector finds near vectors: one for each table, model and dimension."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from personae.adapters.store.rows import STORED
from personae.adapters.store.scope import Scope
from personae.types import ModelId

LINKS, BUILD_EFFORT = 32, 200
"""Of the faces' graphs: see docs/adr/0084."""
LIGHT = 16, 64
"""Links and effort of the graphs of references: few vectors, which come one by one while somebody waits."""
DIMENSIONS_AT_MOST = 2_000
"""pgvector has no graph of longer vectors."""
KILOBYTES_AT_MOST = 2_000_000
"""Memory that PostgreSQL is asked for while it builds a graph; one that does not fit is built slowly."""


def graph_name(table: sa.Table, model_id: ModelId, dimension: int) -> str:
    """Return the name of the index of a graph: no longer than names may be, and no two models have the same."""
    plain = re.sub(r"[^a-z0-9]+", "_", model_id.lower())[:16]
    return f"ix_{table.name[:16]}_near_{plain}_{dimension}_{hashlib.sha256(model_id.encode()).hexdigest()[:8]}"


def has_graph(scope: Scope, table: sa.Table, model_id: ModelId, dimension: int) -> bool:
    """Return whether the graph is there."""
    name = {"name": f'"{graph_name(table, model_id, dimension)}"'}
    return scope.connection.execute(sa.text("SELECT to_regclass(:name)"), name).scalar() is not None


def make_graph(
    scope: Scope, table: sa.Table, model_id: ModelId, dimension: int, *, anew: bool = False, light: bool = False
) -> None:
    """Build the graph where there is none; until the transaction ends, others may read the table and not write to it.

    Args:
        scope: a transaction that writes, on PostgreSQL.
        table: has the columns model_id and vector.
        model_id: of the vectors.
        dimension: their length.
        anew: also where there is one, which is then thrown away.
        light: with fewer links, for few vectors.
    """
    if dimension > DIMENSIONS_AT_MOST:
        return
    name, execute = graph_name(table, model_id, dimension), scope.connection.exec_driver_sql
    if anew:
        # Searched until the new one is there.
        execute(f'ALTER INDEX IF EXISTS "{name}" RENAME TO "{name}_"')
    execute(f"SET LOCAL maintenance_work_mem = '{_kilobytes(scope, table, model_id, dimension)}kB'")
    # Its workers share memory that containers are short of.
    execute("SET LOCAL max_parallel_maintenance_workers = 0")
    model = "'" + model_id.replace("'", "''").replace("%", "%%") + "'"
    links, effort = LIGHT if light else (LINKS, BUILD_EFFORT)
    execute(
        f'CREATE INDEX IF NOT EXISTS "{name}" ON {table.name} USING hnsw ((vector::vector({dimension})) '
        f"vector_cosine_ops) WITH (m = {links}, ef_construction = {effort}) WHERE model_id = {model}"
    )
    execute(f'DROP INDEX IF EXISTS "{name}_"')
    execute(f"ANALYZE {table.name}")


def make_graphs(scope: Scope, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Build the graph of each model of which these rows, which are about to come, may be the first. SQLite has none."""
    if not scope.on_postgres:
        return
    for model_id, dimension in {(row["model_id"], len(row["vector"]) // STORED.itemsize) for row in rows}:
        name = graph_name(table, model_id, dimension)
        if name not in scope.found:
            if not has_graph(scope, table, model_id, dimension):
                make_graph(scope, table, model_id, dimension, light=True)
            scope.found[name] = True


def _kilobytes(scope: Scope, table: sa.Table, model_id: ModelId, dimension: int) -> int:
    """Return the memory that the graph takes while it is built."""
    query = sa.select(sa.func.count()).select_from(table).where(table.c.model_id == model_id)
    each = 4 * dimension + 24 * LINKS + 200
    return min(KILOBYTES_AT_MOST, 65_536 + int(scope.connection.execute(query).scalar_one()) * each // 800)
