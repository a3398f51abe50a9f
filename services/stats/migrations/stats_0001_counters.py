"""Counters by unit, local day and measure."""

from alembic import op

revision = "stats_0001"
down_revision = None
branch_labels = ("stats",)
depends_on = "chassis_0001"

SQL = """
CREATE TABLE counter (
    unit    text NOT NULL,
    day     date NOT NULL,                 -- local day, UTC+7
    measure text NOT NULL,
    value   bigint NOT NULL,
    PRIMARY KEY (unit, day, measure)
);
"""


def upgrade() -> None:
    op.execute(SQL)
