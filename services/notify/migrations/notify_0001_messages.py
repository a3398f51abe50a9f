"""Messages."""

from alembic import op

revision = "notify_0001"
down_revision = None
branch_labels = ("notify",)
depends_on = "chassis_0001"

SQL = """
CREATE TABLE message (
    id              uuid PRIMARY KEY,      -- the command's id: the same order twice is one message
    reference       text NOT NULL,
    template        text NOT NULL,
    channel         text NOT NULL CHECK (channel IN ('email')),
    full_name       text NOT NULL,
    email           text NOT NULL,
    subject         text NOT NULL,         -- as rendered: what the person was told, word for word
    body            text NOT NULL,
    status          text NOT NULL DEFAULT 'created'
                    CHECK (status IN ('created', 'sending', 'sent', 'failed', 'uncertain')),
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    claimed_at      timestamptz,
    detail          text,
    correlation_id  text NOT NULL,
    created_at      timestamptz NOT NULL,
    sent_at         timestamptz
);
CREATE INDEX message_due ON message (next_attempt_at) WHERE status = 'created';
CREATE INDEX message_in_hand ON message (claimed_at) WHERE status = 'sending';
CREATE INDEX message_reference ON message (reference, id);
"""


def upgrade() -> None:
    op.execute(SQL)
