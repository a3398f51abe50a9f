"""Areas of a camera's picture where nobody may be, and who was seen there since when. Code that does not know them leaves them alone."""

from alembic import op

revision = "ipcam_0003"
down_revision = "ipcam_0002"
branch_labels = None
depends_on = None

SQL = """
ALTER TABLE camera
    ADD COLUMN forbidden_areas jsonb,                    -- {name: [[x, y], …]}; null: nobody is looked for
    ADD COLUMN persons         jsonb NOT NULL DEFAULT '{}';  -- area → since when somebody is there
"""


def upgrade() -> None:
    op.execute(SQL)
