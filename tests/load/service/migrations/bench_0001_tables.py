"""The same two tables as the peers have."""

from alembic import op

revision = "bench_0001"
down_revision = None
branch_labels = ("bench",)
depends_on = "chassis_0001"

SQL = """
CREATE TABLE counter (
    unit text NOT NULL, day date NOT NULL, received bigint NOT NULL, PRIMARY KEY (unit, day));
CREATE TABLE dossier (
    code text PRIMARY KEY, procedure text NOT NULL, unit text NOT NULL, channel text NOT NULL,
    applicant text NOT NULL, received_at timestamptz NOT NULL);
"""


def upgrade() -> None:
    op.execute(SQL)
