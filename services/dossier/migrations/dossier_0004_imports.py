"""Imports of other systems' dossiers with their histories, and blocks of codes that are given out ahead."""

from alembic import op

revision = "dossier_0004"
down_revision = "dossier_0003"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE import_run (                  -- one file or body; where it stands is kept with every batch, so it can go on
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source          text NOT NULL,         -- the system that the dossiers come from
    state           text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'interrupted', 'finished')),
    requested_by    text NOT NULL,
    idempotency_key text,
    started_at      timestamptz NOT NULL DEFAULT now(),
    touched_at      timestamptz NOT NULL DEFAULT now(),
    finished_at     timestamptz,
    lines           bigint NOT NULL DEFAULT 0,   -- that are done, good or bad
    offset_bytes    bigint NOT NULL DEFAULT 0,   -- where the next one begins
    prefix_sha256   text NOT NULL,               -- of everything before it: only the same file goes on from there
    added           bigint NOT NULL DEFAULT 0,
    extended        bigint NOT NULL DEFAULT 0,
    unchanged       bigint NOT NULL DEFAULT 0,
    bad             bigint NOT NULL DEFAULT 0,
    UNIQUE (requested_by, idempotency_key)
);
CREATE INDEX import_run_open ON import_run (source, id) WHERE state <> 'finished';

CREATE TABLE import_error (                -- what is wrong with a bad line: places and rules, never values
    import bigint NOT NULL REFERENCES import_run,
    line   bigint NOT NULL,
    number smallint NOT NULL,
    field  text NOT NULL,
    rule   text NOT NULL,
    PRIMARY KEY (import, line, number)
);

CREATE TABLE imported_dossier (            -- which line of which system a dossier came from
    source      text NOT NULL,
    source_code text NOT NULL,
    code        text NOT NULL UNIQUE REFERENCES dossier,
    acts        text[] NOT NULL,           -- a digest of each act that was replayed, in order
    import      bigint NOT NULL REFERENCES import_run,
    PRIMARY KEY (source, source_code)
);

CREATE TABLE code_block (                  -- numbers drawn ahead from dossier_code_counter; the day is that of receipt
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    unit         text NOT NULL REFERENCES unit,
    day          date NOT NULL,
    first_number bigint NOT NULL CHECK (first_number > 0),
    last_number  bigint NOT NULL CHECK (last_number >= first_number),
    reason       text,
    reserved_by  text NOT NULL,
    reserved_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (unit, day, first_number)
);
"""


def upgrade() -> None:
    op.execute(SQL)
