"""Deposits: the state whose every change is announced."""

from alembic import op

revision = "teller_0001"
down_revision = None
branch_labels = ("teller",)
depends_on = "chassis_0001"

SQL = """
CREATE TABLE deposit (
    event_id uuid PRIMARY KEY,            -- of its announcement
    account  text NOT NULL,
    amount   bigint NOT NULL,
    trouble  text NOT NULL
);
"""


def upgrade() -> None:
    op.execute(SQL)
