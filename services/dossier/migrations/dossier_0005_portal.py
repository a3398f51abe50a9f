"""What is owed to the national portal, what it is known to hold, its codes for ours, and the comparisons of the two books."""

from alembic import op

revision = "dossier_0005"
down_revision = "dossier_0004"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE portal_delivery (             -- written in the transaction of the act; ids of one dossier are in the order of its acts
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code            text NOT NULL REFERENCES dossier,
    service         text NOT NULL CHECK (service IN ('DongBoHoSoMC', 'CapNhatTienDoHoSoMC')),
    content         jsonb NOT NULL,        -- status and times as they stood after the act; no personal data
    history_id      bigint NOT NULL,       -- the last line of the history by then
    correlation_id  text NOT NULL,
    owed_at         timestamptz NOT NULL DEFAULT now(),
    state           text NOT NULL DEFAULT 'waiting'
                    CHECK (state IN ('waiting', 'reserved', 'sent', 'dead', 'dropped')),
    next_attempt_at timestamptz,           -- null: behind a dead one, so that looks for work do not pass by it again and again
    reservation     uuid,                  -- who has it in hand; what a killed process leaves is taken again after reserved_until
    reserved_until  timestamptz,
    tries           integer NOT NULL DEFAULT 0,  -- all calls
    failures        integer NOT NULL DEFAULT 0,  -- those that count against this delivery, not against a portal that was away
    tried_at        timestamptz,
    sent_at         timestamptz,
    error_code      text,
    error           text
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE INDEX portal_delivery_code ON portal_delivery (code, id);
CREATE INDEX portal_delivery_waiting ON portal_delivery (next_attempt_at, id) WHERE state = 'waiting';
CREATE INDEX portal_delivery_reserved ON portal_delivery (reserved_until) WHERE state = 'reserved';
CREATE INDEX portal_delivery_sent ON portal_delivery (sent_at) WHERE state = 'sent';
CREATE INDEX portal_delivery_state ON portal_delivery (state, id);

CREATE TABLE portal_dossier (              -- what the portal is known to hold of a dossier, and how it differed
    code       text PRIMARY KEY REFERENCES dossier,
    synced_at  timestamptz,                -- when it last took a whole dossier; null: never
    checked_at timestamptz,                -- when it was last asked
    drift      text CHECK (drift IN ('missing', 'status', 'due_date')),
    ours       jsonb,                      -- what stood on each side when the difference was found
    theirs     jsonb,
    found_at   timestamptz,
    mended_at  timestamptz
) WITH (fillfactor = 80);
CREATE INDEX portal_dossier_drift ON portal_dossier (code) WHERE drift IS NOT NULL;

CREATE TABLE portal_mapping (              -- the portal's code for one of ours; without a row ours is sent as it is
    kind       text NOT NULL CHECK (kind IN ('procedure', 'agency', 'status', 'channel', 'applicant')),
    ours       text NOT NULL,
    theirs     text NOT NULL CHECK (length(theirs) BETWEEN 1 AND 100),
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by text NOT NULL,
    PRIMARY KEY (kind, ours)
);

CREATE TABLE portal_procedure (            -- the national catalogue as it was last read (LayDanhSachTTHC, LayThuTuc)
    code       text PRIMARY KEY,
    name       text NOT NULL,
    field_code text,
    field_name text,
    detail     jsonb,
    seen_at    timestamptz NOT NULL
);

CREATE TABLE portal_reconciliation (       -- one comparison of the two books; one a day by itself, more by hand
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    day          date UNIQUE,              -- of the daily one; null: ordered by hand
    since        date NOT NULL,            -- dossiers filed from this day on, and all that are open
    mend         boolean NOT NULL,
    requested_by text NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    seen_at      timestamptz NOT NULL DEFAULT now(), -- a run that is silent for minutes was killed: another process goes on after after_code
    after_code   text NOT NULL DEFAULT '',
    counts       jsonb NOT NULL DEFAULT '{}',
    finished_at  timestamptz
);
"""


def upgrade() -> None:
    op.execute(SQL)
