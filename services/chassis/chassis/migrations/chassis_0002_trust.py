"""Audit chain, idempotency keys, API keys, rate limits."""

from alembic import op

revision = "chassis_0002"
down_revision = "chassis_0001"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE audit_entry (                 -- append only
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL,
    actor          text NOT NULL,
    role           text NOT NULL,
    unit           text,
    address        text,
    action         text NOT NULL,
    object         text NOT NULL,
    before_hash    text,
    after_hash     text,
    result         text NOT NULL,
    correlation_id text NOT NULL
);
CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION forbid_change();

CREATE TABLE audit_seal (                  -- append only; hash = sha256 of the one before, the position and the entry
    position bigint PRIMARY KEY,           -- 1, 2, 3 … without gaps
    entry_id bigint NOT NULL UNIQUE,
    hash     text NOT NULL
);
CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE ON audit_seal
    FOR EACH ROW EXECUTE FUNCTION forbid_change();

CREATE TABLE idempotency_key (             -- the answer to a POST, kept so that a repeated one gets it again
    caller       text NOT NULL,
    key          text NOT NULL,
    request_hash text NOT NULL,
    status       integer NOT NULL,
    headers      jsonb NOT NULL,
    body         text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotency_key_created_at ON idempotency_key (created_at);

CREATE TABLE api_key (                     -- machines; the secret itself is nowhere
    prefix              text PRIMARY KEY,
    secret_sha256       text NOT NULL,
    name                text NOT NULL,
    scopes              text[] NOT NULL,
    unit                text,
    requests_per_minute integer,
    created_at          timestamptz NOT NULL DEFAULT now(),
    expires_at          timestamptz,
    revoked_at          timestamptz
);

CREATE UNLOGGED TABLE rate_bucket (        -- token buckets; losing them in a crash only refills them
    bucket     text PRIMARY KEY,
    tokens     double precision NOT NULL,
    updated_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    op.execute(SQL)
