"""Which catalogue it is: processes remember what they looked up until this changes."""

from alembic import op

revision = "dossier_0006"
down_revision = "dossier_0005"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE catalogue_version (           -- one row
    version xid8 NOT NULL,                 -- of the transaction that last changed the catalogue
    one     boolean PRIMARY KEY DEFAULT true CHECK (one)
);
INSERT INTO catalogue_version (version) VALUES (pg_current_xact_id());

CREATE FUNCTION catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalogue_version SET version = pg_current_xact_id() WHERE version <> pg_current_xact_id();
    RETURN NULL;
END $$;
-- before the rows: whoever changes the catalogue waits for the other here, and holds nothing that the other needs
CREATE TRIGGER unit_changed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON unit
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER procedure_changed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON procedure
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER calendar_override_changed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON calendar_override
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
"""


def upgrade() -> None:
    op.execute(SQL)
