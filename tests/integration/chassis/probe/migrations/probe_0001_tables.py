"""Effects, orders to the handlers, things."""

from alembic import op

revision = "probe_0001"
down_revision = None
branch_labels = ("probe",)
depends_on = "chassis_0001"

SQL = """
CREATE TABLE effect (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id       uuid NOT NULL,          -- not unique: an effect that comes twice must be seen twice
    type           text NOT NULL,
    subject        text NOT NULL,
    sequence       bigint NOT NULL,
    pid            integer NOT NULL,
    correlation_id text NOT NULL,
    at             timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE told (
    subject text PRIMARY KEY,              -- '*': every subject
    what    text NOT NULL,                 -- fail, kill, hang, slow
    times   integer NOT NULL
);
CREATE TABLE thing (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name    text NOT NULL,
    amount  integer NOT NULL,
    due_on  date,
    tags    text[] NOT NULL,
    version integer NOT NULL DEFAULT 1
);
"""


def upgrade() -> None:
    op.execute(SQL)
