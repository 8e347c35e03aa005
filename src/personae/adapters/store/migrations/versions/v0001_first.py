"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
APPEND_ONLY = ("operations", "decisions", "events")


def upgrade() -> None:
    _pictures()
    _people()
    _faces()
    _ledger()
    _work()
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgres()
        # A vector of 512 dimensions just passes the size from which rows are moved out of the table.
        op.execute("ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE embeddings SET (toast_tuple_target = 8160)")
    else:
        _guard_sqlite()


def _guard_sqlite() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _guard_postgres() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _pictures() -> None:
    op.create_table(
        "projects",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint("name", name=op.f("uq_projects_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "images",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("detector", sa.Text()),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_images_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_images")),
        sa.UniqueConstraint("project_id", "digest", name=op.f("uq_images_project_id_digest")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "files",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("uri_key", sa.String(length=64), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("image_id", ID),
        sa.Column("reason", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_files_image_id_images")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_files_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_files")),
        sa.UniqueConstraint("project_id", "uri_key", name=op.f("uq_files_project_id_uri_key")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_files_image_id"), "files", ["image_id"])


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("disambiguation", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("merged_into", ID),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["merged_into"], ["people.id"], name=op.f("fk_people_merged_into_people")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_people_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_people_merged_into"), "people", ["merged_into"])
    op.create_index(op.f("ix_people_project_id_name_key"), "people", ["project_id", "name_key"])
    op.create_table(
        "aliases",
        sa.Column("person_id", ID, nullable=False),
        sa.Column("alias_key", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_aliases_person_id_people")),
        sa.PrimaryKeyConstraint("person_id", "alias_key", name=op.f("pk_aliases")),
    )
    op.create_index(op.f("ix_aliases_alias_key"), "aliases", ["alias_key"])
    op.create_table(
        "external_ids",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_external_ids_person_id_people")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_external_ids_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "source", "external_id", name=op.f("pk_external_ids")),
    )
    op.create_index(op.f("ix_external_ids_person_id"), "external_ids", ["person_id"])
    op.create_table(
        "urls",
        sa.Column("person_id", ID, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_urls_person_id_people")),
        sa.PrimaryKeyConstraint("person_id", "url", name=op.f("pk_urls")),
    )
    op.create_table(
        "clusters",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_clusters_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clusters")),
        sa.UniqueConstraint("project_id", "number", name=op.f("uq_clusters_project_id_number")),
        sqlite_autoincrement=True,
    )


def _faces() -> None:
    op.create_table(
        "faces",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("image_id", ID, nullable=False),
        sa.Column("box_x", sa.Double(), nullable=False),
        sa.Column("box_y", sa.Double(), nullable=False),
        sa.Column("box_width", sa.Double(), nullable=False),
        sa.Column("box_height", sa.Double(), nullable=False),
        sa.Column("landmarks", JSON, nullable=False),
        sa.Column("det_score", sa.Double(), nullable=False),
        sa.Column("side", sa.Double(), nullable=False),
        sa.Column("sharpness", sa.Double(), nullable=False),
        sa.Column("yaw", sa.Double(), nullable=False),
        sa.Column("roll", sa.Double(), nullable=False),
        sa.Column("quality", sa.Double(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("reasons", JSON, nullable=False),
        sa.Column("crop", sa.String(length=64)),
        sa.Column("person_id", ID),
        sa.Column("cluster_id", ID),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name=op.f("fk_faces_cluster_id_clusters")),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name=op.f("fk_faces_image_id_images")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_faces_person_id_people")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_faces_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_faces")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_faces_cluster_id"), "faces", ["cluster_id"])
    op.create_index(op.f("ix_faces_image_id"), "faces", ["image_id"])
    op.create_index(op.f("ix_faces_person_id"), "faces", ["person_id"])
    op.create_index(op.f("ix_faces_project_id"), "faces", ["project_id"])
    op.create_table(
        "embeddings",
        sa.Column("face_id", ID, nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], name=op.f("fk_embeddings_face_id_faces")),
        sa.PrimaryKeyConstraint("face_id", "model_id", name=op.f("pk_embeddings")),
    )


def _ledger() -> None:
    op.create_table(
        "operations",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("undoes", ID),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_operations_project_id_projects")),
        sa.ForeignKeyConstraint(["undoes"], ["operations.id"], name=op.f("fk_operations_undoes_operations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_operations_project_id"), "operations", ["project_id"])
    op.create_index(op.f("ix_operations_undoes"), "operations", ["undoes"])
    op.create_table(
        "decisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("operation_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("maker", sa.Text(), nullable=False),
        sa.Column("face_id", ID),
        sa.Column("person_id", ID),
        sa.Column("into_person_id", ID),
        sa.Column("cluster_id", ID),
        sa.Column("name", sa.Text()),
        sa.Column("score", sa.Double()),
        sa.Column("threshold", sa.Double()),
        sa.Column("model_id", sa.Text()),
        sa.Column("runner_up", sa.Double()),
        sa.ForeignKeyConstraint(["cluster_id"], ["clusters.id"], name=op.f("fk_decisions_cluster_id_clusters")),
        sa.ForeignKeyConstraint(["face_id"], ["faces.id"], name=op.f("fk_decisions_face_id_faces")),
        sa.ForeignKeyConstraint(["into_person_id"], ["people.id"], name=op.f("fk_decisions_into_person_id_people")),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_decisions_operation_id_operations")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("fk_decisions_person_id_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_decisions_face_id"), "decisions", ["face_id"])
    op.create_index(op.f("ix_decisions_operation_id"), "decisions", ["operation_id"])
    op.create_index(op.f("ix_decisions_person_id"), "decisions", ["person_id"])


def _work() -> None:
    op.create_table(
        "events",
        sa.Column("seq", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_events_project_id_projects")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_events_project_id_seq"), "events", ["project_id", "seq"])
    op.create_table(
        "cursors",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_cursors_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "reader", name=op.f("pk_cursors")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("token", sa.Text()),
        sa.Column("lease_until", MOMENT),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_jobs_project_id_projects")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_jobs_project_id_kind_state"), "jobs", ["project_id", "kind", "state"])
    op.create_table(
        "settings",
        sa.Column("project_id", ID, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", JSON, nullable=False),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=op.f("fk_settings_project_id_projects")),
        sa.PrimaryKeyConstraint("project_id", "key", name=op.f("pk_settings")),
    )
