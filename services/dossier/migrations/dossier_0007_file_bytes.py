"""When the bytes of a file were kept, and when they were gone: what a crash left in between is found by it."""

from alembic import op

revision = "dossier_0007"
down_revision = "dossier_0006"
branch_labels = None
depends_on = None

# The default is for those who still write rows only after the bytes.
SQL = """
ALTER TABLE dossier_file
    ADD COLUMN kept_at timestamptz DEFAULT now(),  -- null: announced, its bytes are on their way
    ADD COLUMN gone_at timestamptz;                -- after removed_at, when the bytes are no longer in the store
UPDATE dossier_file SET gone_at = removed_at WHERE removed_at IS NOT NULL;
CREATE INDEX dossier_file_unsettled ON dossier_file (added_at)
    WHERE kept_at IS NULL OR (removed_at IS NOT NULL AND gone_at IS NULL);
"""


def upgrade() -> None:
    op.execute(SQL)
