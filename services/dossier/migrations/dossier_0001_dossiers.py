"""Units, procedures, calendar overrides, dossiers and their history."""

from alembic import op

revision = "dossier_0001"
down_revision = None
branch_labels = ("dossier",)
depends_on = "chassis_0001"

SQL = """
CREATE TABLE unit (                        -- an agency of one of the three levels
    code        text PRIMARY KEY,          -- QĐ 20/2020/QĐ-TTg, art. 4: H52.17
    legacy_code text UNIQUE,               -- QCVN 102:2016: 000.00.17.H52
    name        text NOT NULL,
    level       text NOT NULL CHECK (level IN ('province', 'district', 'commune')),
    parent      text REFERENCES unit,
    hours       text,                      -- such as 07:00-11:30, 13:30-17:00; null: the default
    valid_from  date NOT NULL,
    valid_to    date
);
CREATE INDEX unit_parent ON unit (parent);

CREATE TABLE procedure (                   -- a version is never changed once it is valid
    code                   text NOT NULL,
    version                integer NOT NULL,
    name                   text NOT NULL,
    field_code             text NOT NULL,
    field_name             text NOT NULL,
    unit_levels            text[] NOT NULL,
    online_level           smallint NOT NULL CHECK (online_level BETWEEN 1 AND 4),
    online_scope           text CHECK (online_scope IN ('partial', 'full')),
    limit_kind             text NOT NULL,
    limit_count            integer NOT NULL,
    supplement_clock       text CHECK (supplement_clock IN ('restart', 'pause')),
    supplement_within_days integer,
    on_the_spot            boolean NOT NULL DEFAULT false,
    fee_vnd                bigint NOT NULL DEFAULT 0,
    steps                  jsonb NOT NULL DEFAULT '[]',
    documents              jsonb NOT NULL DEFAULT '[]',
    result                 text,
    valid_from             date NOT NULL,
    valid_to               date,
    PRIMARY KEY (code, version)
);

CREATE TABLE calendar_override (           -- wins over the holiday library; unit null: everywhere
    day    date NOT NULL,
    unit   text REFERENCES unit,
    works  boolean NOT NULL,
    reason text NOT NULL,
    hours  text,
    UNIQUE NULLS NOT DISTINCT (day, unit)
);

CREATE TABLE dossier_code_counter (        -- the last number drawn per unit and local day
    unit text NOT NULL,
    day  date NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (unit, day)
);

CREATE TABLE dossier (
    code              text PRIMARY KEY,
    unit              text NOT NULL REFERENCES unit,
    procedure_code    text NOT NULL,
    procedure_version integer NOT NULL,
    channel           text NOT NULL CHECK (channel IN ('direct', 'online', 'post')),
    status            smallint NOT NULL CHECK (status BETWEEN 1 AND 10),
    filed_at          timestamptz NOT NULL,
    accepted_at       timestamptz,
    due_at            timestamptz,         -- the promise as it stands; null: the clock stands still, or no limit
    completed_at      timestamptz,
    closed_at         timestamptz,
    state             jsonb NOT NULL,      -- domain.Dossier, whole: what the rules judge by
    full_name         text NOT NULL,
    email             text,
    phone             text,
    identity_number   text,
    address           text,
    version           integer NOT NULL DEFAULT 1,
    FOREIGN KEY (procedure_code, procedure_version) REFERENCES procedure (code, version)
);
CREATE INDEX dossier_unit ON dossier (unit, status, due_at);

CREATE TABLE dossier_history (             -- append only; what happened, in order
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code   text NOT NULL REFERENCES dossier,
    fact   text NOT NULL,
    status smallint NOT NULL,
    at     timestamptz NOT NULL,
    actor  text NOT NULL,
    unit   text,
    data   jsonb NOT NULL                  -- texts that people wrote stay here and go into no event
);
CREATE INDEX dossier_history_code ON dossier_history (code, id);
CREATE TRIGGER dossier_history_append_only BEFORE UPDATE OR DELETE ON dossier_history
    FOR EACH ROW EXECUTE FUNCTION forbid_change();
"""


def upgrade() -> None:
    op.execute(SQL)
