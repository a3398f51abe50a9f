"""What open dossiers owe and when (the next-deadline table), and the recounting of open dossiers after a calendar change."""

from alembic import op

revision = "dossier_0003"
down_revision = "dossier_0002"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE promise (                     -- kept in the transaction of every act, so it cannot drift from the dossier
    code        text NOT NULL REFERENCES dossier,
    kind        text NOT NULL,             -- domain.promises.Kind
    step        smallint NOT NULL,         -- number of the step, from 1; 0: the dossier itself
    promised_at timestamptz NOT NULL,      -- the due time that this is about
    fires_at    timestamptz NOT NULL,      -- the moment at which it is to be said
    made_at     timestamptz NOT NULL,      -- since when this due time stands
    state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'still', 'said')),
    said_at     timestamptz,
    attempts    integer NOT NULL DEFAULT 0,
    held_until  timestamptz,               -- a row that could not be said waits alone, and holds up no other
    PRIMARY KEY (code, kind, step)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 2000);
CREATE INDEX promise_waiting ON promise (fires_at) WHERE state = 'waiting';
CREATE INDEX promise_foreseen ON promise (promised_at, code) WHERE kind = 'breach_foreseen';
CREATE INDEX dossier_running_due ON dossier (due_at, code) WHERE status IN (2, 4);

ALTER TABLE calendar_override
    ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    ADD COLUMN version integer NOT NULL DEFAULT 1;

CREATE TABLE recompute (                   -- one recounting of the open dossiers of some units
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reason         text NOT NULL,
    units          text[],                 -- null: all
    requested_by   text NOT NULL,
    correlation_id text NOT NULL,
    requested_at   timestamptz NOT NULL DEFAULT now(),
    horizon        xid8,                   -- acts older than this may still count by the old calendar: they end first
    seen_at        timestamptz,
    started_at     timestamptz,            -- when it was cut into slices
    finished_at    timestamptz
);
CREATE INDEX recompute_open ON recompute (id) WHERE finished_at IS NULL;

CREATE TABLE recompute_slice (             -- done in one transaction each: what a killed process leaves is taken again
    recompute  bigint NOT NULL REFERENCES recompute,
    number     integer NOT NULL,
    first_code text NOT NULL,
    last_code  text NOT NULL,
    dossiers   integer NOT NULL,
    moved      integer NOT NULL DEFAULT 0,
    failed     integer NOT NULL DEFAULT 0,
    attempts   integer NOT NULL DEFAULT 0, -- that failed; after some the slice is given up, and counted as failed
    done_at    timestamptz,
    PRIMARY KEY (recompute, number)
);
CREATE INDEX recompute_slice_open ON recompute_slice (recompute, number) WHERE done_at IS NULL;

-- What was filed before this table existed is entered by the first recounting.
INSERT INTO recompute (reason, requested_by, correlation_id)
SELECT 'Lập bảng theo dõi thời hạn', 'system', gen_random_uuid()::text WHERE EXISTS (SELECT 1 FROM dossier);
"""


def upgrade() -> None:
    op.execute(SQL)
