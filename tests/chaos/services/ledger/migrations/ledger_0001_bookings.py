"""Bookings, balances and totals; without any constraint that would hide a second effect."""

from alembic import op

revision = "ledger_0001"
down_revision = None
branch_labels = ("ledger",)
depends_on = "chassis_0001"

SQL = """
CREATE TABLE balance (account text PRIMARY KEY, bookings bigint NOT NULL, amount bigint NOT NULL);
CREATE TABLE total (account text PRIMARY KEY, deposits bigint NOT NULL, amount bigint NOT NULL);
CREATE TABLE booking (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account     text NOT NULL,
    ordinal     bigint NOT NULL,          -- 1, 2, 3 … in the order of commits
    event_id    uuid NOT NULL,
    sequence    bigint NOT NULL,
    amount      bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    booked_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE tenth (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    account  text NOT NULL,
    bookings bigint NOT NULL
);
CREATE TABLE attempt (                     -- at events that make trouble, counted in transactions of their own
    lane     text NOT NULL,
    event_id uuid NOT NULL,
    made     integer NOT NULL,
    PRIMARY KEY (lane, event_id)
);
"""


def upgrade() -> None:
    op.execute(SQL)
