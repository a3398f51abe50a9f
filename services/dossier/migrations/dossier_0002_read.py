"""The register that lists, counts, worklists and searches look at; search words; files of a dossier."""

from alembic import op

revision = "dossier_0002"
down_revision = "dossier_0001"
branch_labels = None
depends_on = None

UPPER = "ÀÁẢÃẠĂẰẮẲẴẶÂẦẤẨẪẬĐÈÉẺẼẸÊỀẾỂỄỆÌÍỈĨỊÒÓỎÕỌÔỒỐỔỖỘƠỜỚỞỠỢÙÚỦŨỤƯỪỨỬỮỰỲÝỶỸỴ"
LOWER = UPPER.lower()

# The folding is written out, so that it is the same under every locale of the server and needs no extension;
# dossier/search_words.py does the same to what is asked for, and a test compares the two.
SQL = rf"""
CREATE FUNCTION small_letters(line text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(translate(normalize(line, NFC), '{UPPER}', '{LOWER}'))
$$;
CREATE FUNCTION without_accents(line text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT lower(translate(regexp_replace(normalize(line, NFD), '[\u0300-\u036f]', '', 'g'), 'đĐ', 'dd'))
$$;
CREATE FUNCTION search_words(line text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT array_to_tsvector(array_remove(
        regexp_split_to_array(public.without_accents(line), '[^a-z0-9]+')
        || regexp_split_to_array(public.small_letters(line), '[^a-z0-9{LOWER}]+'), ''))
$$;

ALTER TABLE unit ADD COLUMN words tsvector GENERATED ALWAYS AS (search_words(code || ' ' || name)) STORED;
ALTER TABLE procedure
    ADD COLUMN words tsvector GENERATED ALWAYS AS (search_words(code || ' ' || name || ' ' || field_name)) STORED;
CREATE INDEX procedure_words ON procedure USING gin (words);
CREATE INDEX procedure_field ON procedure (field_code);

CREATE TABLE register_line (               -- one narrow line a dossier, kept by a trigger in the dossier's own transaction
    code           text PRIMARY KEY,
    unit           text NOT NULL,
    procedure_code text NOT NULL,
    channel        text NOT NULL,
    status         smallint NOT NULL,
    filed_at       timestamptz NOT NULL,
    due_at         timestamptz,            -- the promise as it stands; null: the clock stands still, or no limit
    work_due_at    timestamptz NOT NULL,   -- by when the unit that received it has something to do; infinity: no date
    step_unit      text,                   -- who has the step under way
    step_due_at    timestamptz NOT NULL,
    words          tsvector NOT NULL       -- of name, code and procedure, as written and without accents
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE register_line ALTER words SET STATISTICS 300, ALTER unit SET STATISTICS 500,
    ALTER procedure_code SET STATISTICS 1000;
-- Each holds what lists filter by, so that a line that is not shown is never fetched: only its index entry is looked at.
CREATE INDEX register_line_filed ON register_line (filed_at, code)
    INCLUDE (unit, procedure_code, channel, status, due_at);
CREATE INDEX register_line_open ON register_line (filed_at, code)
    INCLUDE (unit, procedure_code, channel, status, due_at) WHERE status IN (1, 2, 4, 5, 6);
CREATE INDEX register_line_unit ON register_line (unit, filed_at, code)
    INCLUDE (procedure_code, channel, status, due_at);
CREATE INDEX register_line_procedure ON register_line (procedure_code, filed_at, code)
    INCLUDE (unit, channel, status, due_at);
CREATE INDEX register_line_due ON register_line (due_at)
    INCLUDE (unit, procedure_code, channel, status, filed_at, code);
CREATE INDEX register_line_rare ON register_line (status, filed_at, code) WHERE status IN (3, 7, 8, 9);
CREATE INDEX register_line_work ON register_line (unit, work_due_at, code) WHERE status IN (1, 2, 4, 5, 6, 9);
CREATE INDEX register_line_step ON register_line (step_unit, step_due_at, code) WHERE step_unit IS NOT NULL;
CREATE INDEX register_line_words ON register_line USING gin (words) WITH (gin_pending_list_limit = 1024);

CREATE TABLE register_step (               -- the line in the register of a unit that has or had a step: it may be read there
    reader         text NOT NULL,
    code           text NOT NULL,
    unit           text NOT NULL,          -- who received it
    procedure_code text NOT NULL,
    channel        text NOT NULL,
    status         smallint NOT NULL,
    filed_at       timestamptz NOT NULL,
    due_at         timestamptz,
    PRIMARY KEY (code, reader)
);
CREATE INDEX register_step_reader ON register_step (reader, filed_at, code)
    INCLUDE (unit, procedure_code, channel, status, due_at);

CREATE FUNCTION keep_register_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    steps    jsonb := coalesce(NEW.state -> 'steps', '[]');
    now_done jsonb := steps -> -1;
    line     register_line;
BEGIN
    line.work_due_at := coalesce(CASE WHEN NEW.status = 1 THEN (NEW.state ->> 'intake_due_at')::timestamptz
                                      WHEN NEW.status IN (2, 4) THEN NEW.due_at END, 'infinity');
    IF NEW.status IN (2, 4, 5, 6) AND now_done ->> 'finished_at' IS NULL THEN
        line.step_unit := now_done -> 'plan' ->> 'unit';
        line.step_due_at := (now_done ->> 'due_at')::timestamptz;
    END IF;
    line.step_due_at := coalesce(line.step_due_at, 'infinity');
    UPDATE register_line SET status = NEW.status, due_at = NEW.due_at, work_due_at = line.work_due_at,
        step_unit = line.step_unit, step_due_at = line.step_due_at
    WHERE TG_OP = 'UPDATE' AND code = NEW.code;
    IF NOT FOUND THEN
        INSERT INTO register_line (code, unit, procedure_code, channel, status, filed_at, due_at, work_due_at,
                                   step_unit, step_due_at, words)
        SELECT NEW.code, NEW.unit, NEW.procedure_code, NEW.channel, NEW.status, NEW.filed_at, NEW.due_at,
               line.work_due_at, line.step_unit, line.step_due_at,
               search_words(NEW.full_name || ' ' || NEW.code) || p.words
        FROM procedure p WHERE (p.code, p.version) = (NEW.procedure_code, NEW.procedure_version);
    END IF;
    IF steps <> '[]' THEN
        INSERT INTO register_step (reader, code, unit, procedure_code, channel, status, filed_at, due_at)
        SELECT DISTINCT step -> 'plan' ->> 'unit', NEW.code, NEW.unit, NEW.procedure_code, NEW.channel, NEW.status,
               NEW.filed_at, NEW.due_at
        FROM jsonb_array_elements(steps) AS step
        ON CONFLICT (code, reader) DO UPDATE SET (status, due_at) = (excluded.status, excluded.due_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER dossier_register_line AFTER INSERT OR UPDATE ON dossier
    FOR EACH ROW EXECUTE FUNCTION keep_register_line();

CREATE TABLE dossier_file (                -- what was handed in or given out; the bytes lie in the file store
    id          uuid PRIMARY KEY,
    code        text NOT NULL REFERENCES dossier,
    name        text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('application', 'supplement', 'result', 'other')),
    media_type  text NOT NULL,             -- by content, never as the sender says
    size_bytes  bigint NOT NULL,
    sha256      text NOT NULL,
    added_at    timestamptz NOT NULL,
    added_by    text NOT NULL,
    removed_at  timestamptz,               -- the bytes are gone; that there was a file is not forgotten
    removed_by  text
);
CREATE INDEX dossier_file_code ON dossier_file (code, id);
"""

# Dossiers that were filed before the register was kept.
FILL = "UPDATE dossier SET version = version"


def upgrade() -> None:
    op.execute(SQL)
    op.execute(FILL)
