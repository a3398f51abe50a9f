"""Outbox, event log, inbox, parked events."""

from alembic import op

revision = "chassis_0001"
down_revision = None
branch_labels = ("chassis",)
depends_on = None

SQL = """
CREATE TABLE outbox_sequence (
    exchange text NOT NULL,
    subject  text NOT NULL,
    last     bigint NOT NULL,             -- sequence of the newest event of the subject; without gaps
    PRIMARY KEY (exchange, subject)
);

CREATE TABLE outbox (                      -- a row lives from the commit of the change to the broker's confirm
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id       uuid NOT NULL,
    exchange       text NOT NULL,
    type           text NOT NULL,
    subject        text NOT NULL,
    sequence       bigint NOT NULL,
    occurred_at    timestamptz NOT NULL,
    data           text NOT NULL,         -- the JSON text exactly as published
    correlation_id text NOT NULL,
    causation_id   text,
    traceparent    text,
    is_command     boolean NOT NULL,      -- mandatory, private to its receiver, never in the event log
    written_at     timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE event_log_head (              -- one row; its lock makes commit order and position order the same
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO event_log_head (position) VALUES (0);

CREATE TABLE event_log (                   -- append only; every event ever published, in publishing order
    position       bigint NOT NULL,
    published_at   timestamptz NOT NULL,
    event_id       uuid NOT NULL,
    type           text NOT NULL,
    subject        text NOT NULL,
    sequence       bigint NOT NULL,
    occurred_at    timestamptz NOT NULL,
    data           text NOT NULL,
    correlation_id text NOT NULL,
    causation_id   text,
    traceparent    text,
    PRIMARY KEY (position, published_at)
) PARTITION BY RANGE (published_at);
CREATE INDEX event_log_subject ON event_log (subject, position);

-- Runs with the rights of the owner, so that the app role needs no right to create tables.
CREATE FUNCTION ensure_event_log_month(month date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    first date := date_trunc('month', month);
    part  text := format('event_log_%s', to_char(first, 'YYYYMM'));
BEGIN
    IF to_regclass(part) IS NULL THEN
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF event_log FOR VALUES FROM (%L) TO (%L)',
                       part, first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month') AT TIME ZONE 'UTC');
    END IF;
END $$;
SELECT ensure_event_log_month(((now() AT TIME ZONE 'UTC') + make_interval(months => n))::date)
FROM generate_series(0, 1) AS n;

CREATE FUNCTION forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER event_log_append_only BEFORE UPDATE OR DELETE ON event_log FOR EACH ROW EXECUTE FUNCTION forbid_change();

CREATE TABLE inbox (                       -- the event ids that a consumer has settled: a repeated event changes nothing
    consumer    text NOT NULL,
    event_id    uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_occurred_at ON inbox USING brin (occurred_at);

CREATE TABLE inbox_watermark (             -- events older than this are refused: their ids are no longer kept
    consumer     text PRIMARY KEY,
    pruned_until timestamptz NOT NULL
);

CREATE TABLE parked_event (                -- parked: waits for its next attempt; dead: waits for a person
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- order within a subject
    consumer        text NOT NULL,
    event_id        text,                  -- as it came; null when it had none
    type            text,
    subject         text,
    body            bytea NOT NULL,        -- byte for byte as it arrived
    headers         jsonb NOT NULL,
    content_type    text,
    state           text NOT NULL CHECK (state IN ('parked', 'dead')),
    attempts        integer NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    error_kind      text,                  -- groups what failed alike; null: only waits behind another event
    error           text,
    parked_at       timestamptz NOT NULL DEFAULT now(),
    died_at         timestamptz
);
CREATE INDEX parked_event_subject ON parked_event (consumer, subject, id) WHERE state = 'parked';
CREATE INDEX parked_event_due ON parked_event (next_attempt_at) WHERE state = 'parked';
CREATE INDEX parked_event_dead ON parked_event (consumer, error_kind) WHERE state = 'dead';
"""


def upgrade() -> None:
    op.execute(SQL)
