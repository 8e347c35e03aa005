"""Embeddings of faces as vectors on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

from personae.adapters.store.pgvector import PgVector, install, register

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 5_000


def upgrade() -> None:
    """Make the column of bytes one of vectors.

    PostgreSQL has no function from bytes to a vector, so the rows pass through here once. What is rewritten in the end
    is the whole table: keys, rights and indexes stay, and no old vector is left on the disk.
    """
    bind = op.get_bind()
    if bind.dialect.name != "postgresql":
        return
    install(bind)
    driver = bind.connection.driver_connection
    if driver is not None:
        register(driver.adapters)
    op.execute(
        "CREATE TEMP TABLE moved (face_id bigint, model_id text, vector vector, PRIMARY KEY (face_id, model_id)) "
        "ON COMMIT DROP"
    )
    _fill(bind)
    op.execute(
        "CREATE FUNCTION pg_temp.moved(bigint, text) RETURNS vector LANGUAGE plpgsql STABLE AS "
        "$$ BEGIN RETURN (SELECT m.vector FROM moved m WHERE m.face_id = $1 AND m.model_id = $2); END $$"
    )
    op.execute("ALTER TABLE embeddings ALTER COLUMN vector TYPE vector USING pg_temp.moved(face_id, model_id)")
    op.execute("ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE EXTERNAL")
    op.execute("DROP FUNCTION pg_temp.moved(bigint, text)")
    op.execute("DROP TABLE moved")


def _fill(bind: sa.Connection) -> None:
    """Copy keys and vectors, some at a time, in the order of the keys."""
    old, moved = (
        sa.table(name, sa.column("face_id", sa.BigInteger), sa.column("model_id", sa.Text), sa.column("vector", kind))
        for name, kind in (("embeddings", sa.LargeBinary()), ("moved", PgVector()))
    )
    query = sa.select(old).order_by(old.c.face_id, old.c.model_id).limit(ROWS_AT_ONCE)
    rows = bind.execute(query).all()
    while rows:
        bind.execute(sa.insert(moved), [row._asdict() for row in rows])
        after = sa.tuple_(old.c.face_id, old.c.model_id) > sa.tuple_(*rows[-1][:2])
        rows = bind.execute(query.where(after)).all()
