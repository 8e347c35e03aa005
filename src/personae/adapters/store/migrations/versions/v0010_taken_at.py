"""When a camera says that it took a photo, and the number that photos and faces are sorted by."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

OF_IMAGES = {
    "sqlite": "UPDATE images SET date_key = CAST(strftime('%s', created_at) AS INTEGER)",
    "postgresql": "UPDATE images SET date_key = CAST(FLOOR(EXTRACT(EPOCH FROM created_at)) AS BIGINT)",
}
OF_FACES = "UPDATE faces SET date_key = (SELECT date_key FROM images WHERE images.id = faces.image_id)"


def upgrade() -> None:
    # Of photos that are there already nobody has looked: `doctor --fix` does.
    op.add_column("images", sa.Column("taken_at", sa.Text()))
    for table in ("images", "faces"):
        op.add_column(table, sa.Column("date_key", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    op.execute(OF_IMAGES[op.get_bind().dialect.name])
    op.execute(OF_FACES)
    op.create_index(op.f("ix_images_project_id_date_key_id"), "images", ["project_id", "date_key", "id"])
    op.drop_index(op.f("ix_faces_person_id"), "faces")
    op.create_index(op.f("ix_faces_person_id_date_key_id"), "faces", ["person_id", "date_key", "id"])
