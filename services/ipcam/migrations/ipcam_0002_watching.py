"""Sites, leases of cameras to watchers, one history, maintenance, pictures and clips, and who looked at what."""

from alembic import op

revision = "ipcam_0002"
down_revision = "ipcam_0001"
branch_labels = None
depends_on = None

SQL = """
CREATE TABLE site (
    code           text PRIMARY KEY,
    name           text NOT NULL,
    unit           text NOT NULL,             -- whose officers may see it: QĐ 20/2020/QĐ-TTg, such as H52.17
    operator_name  text,
    operator_email text,                      -- who is told of a fault; leaves ipcam in commands to notify only
    version        integer NOT NULL DEFAULT 1,
    told_at        timestamptz,               -- when the operator was last written to
    removed_at     timestamptz
);
INSERT INTO site (code, name, unit) SELECT DISTINCT site, site, 'H52' FROM camera;

DROP INDEX camera_due;
ALTER TABLE camera
    DROP CONSTRAINT camera_site_name_key,
    DROP COLUMN next_probe_at,
    ADD FOREIGN KEY (site) REFERENCES site (code),
    ADD COLUMN sub_url    text CHECK (sub_url !~ '^[a-z]+://[^/]*@'),    -- watched where there is one; rtsp_url is for looking
    ADD COLUMN onvif_url  text CHECK (onvif_url !~ '^[a-z]+://[^/]*@'),
    ADD COLUMN transport  text NOT NULL DEFAULT 'tcp' CHECK (transport IN ('tcp', 'udp')),
    ADD COLUMN motion     jsonb,              -- {"areas": {name: [[x, y], …]}, "masks": [[[x, y], …]]}; null: not looked for
    ADD COLUMN faults     jsonb NOT NULL DEFAULT '{}',   -- fault → since when, those that are raised
    ADD COLUMN moving     jsonb NOT NULL DEFAULT '{}',   -- area → since when
    ADD COLUMN silenced   boolean NOT NULL DEFAULT false, -- what happened under maintenance was told to nobody yet
    ADD COLUMN relearn    integer NOT NULL DEFAULT 0,    -- raised when the camera was moved on purpose
    ADD COLUMN version    integer NOT NULL DEFAULT 1,
    ADD COLUMN removed_at timestamptz;
CREATE UNIQUE INDEX camera_site_name ON camera (site, name) WHERE removed_at IS NULL;

CREATE TABLE watcher (                        -- a process that watches; alive while it was seen lately
    name       text PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(),
    state      jsonb NOT NULL DEFAULT '{}'    -- how many cameras, and how far its CPU budget goes
);
-- Every write about a camera by a watcher names worker and epoch of its lease and locks this row in the same transaction:
-- who lost the lease changes nothing any more.
CREATE TABLE camera_lease (
    camera_id  uuid PRIMARY KEY REFERENCES camera (id),
    worker     text,
    epoch      bigint NOT NULL,               -- raised each time that the lease changes hands
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
INSERT INTO camera_lease (camera_id, epoch, expires_at) SELECT id, 0, now() FROM camera;

CREATE TABLE camera_line (                    -- the one history of a camera, whoever watched it
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    camera_id uuid NOT NULL REFERENCES camera (id),
    kind      text NOT NULL,                  -- registered, changed, online, fault_raised, motion_started, lease_moved, …
    at        timestamptz NOT NULL,           -- when it was believed
    since     timestamptz,                    -- when it began
    event_id  uuid,
    worker    text,
    epoch     bigint,
    planned   boolean NOT NULL DEFAULT false, -- under maintenance
    data      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX camera_line_camera ON camera_line (camera_id, id);

CREATE TABLE camera_reference (               -- what the camera usually shows, so that its next watcher need not learn anew
    camera_id uuid PRIMARY KEY REFERENCES camera (id),
    reference bytea NOT NULL,
    relearn   integer NOT NULL,
    kept_at   timestamptz NOT NULL DEFAULT now()
);
CREATE UNLOGGED TABLE camera_thumbnail (      -- the newest picture, small, for the mosaic: overwritten, in no backup
    camera_id uuid PRIMARY KEY REFERENCES camera (id),
    at        timestamptz NOT NULL,
    jpeg      bytea NOT NULL
);

CREATE TABLE maintenance (
    id           uuid PRIMARY KEY,
    site         text NOT NULL REFERENCES site (code),
    camera_id    uuid REFERENCES camera (id), -- null: every camera of the site
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    reason       text NOT NULL,
    planned_by   text NOT NULL,
    cancelled_at timestamptz,
    version      integer NOT NULL DEFAULT 1
);
CREATE INDEX maintenance_site ON maintenance (site, ends_at);

CREATE TABLE alarm (                          -- what an operator is owed; gathered, so that a power cut is one letter
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    site      text NOT NULL REFERENCES site (code),
    camera_id uuid NOT NULL REFERENCES camera (id),
    at        timestamptz NOT NULL,
    text      text NOT NULL,
    told_at   timestamptz
);
CREATE INDEX alarm_open ON alarm (site, id) WHERE told_at IS NULL;

CREATE TABLE recording (                      -- pictures and clips; the bytes lie in the object store under the id
    id         uuid PRIMARY KEY,
    camera_id  uuid NOT NULL REFERENCES camera (id),
    kind       text NOT NULL,                 -- snapshot, clip
    class      text NOT NULL,                 -- on_demand, event: how long it is kept
    event_id   uuid,
    taken_at   timestamptz NOT NULL,
    taken_by   text NOT NULL,
    media_type text NOT NULL,
    size_bytes bigint,
    sha256     text,
    state      text NOT NULL,                 -- reserved, kept, lost, deleted
    expires_at timestamptz NOT NULL,
    deleted_at timestamptz,
    proof      text                           -- how it was made sure that the object is gone
);
CREATE INDEX recording_camera ON recording (camera_id, id);
CREATE INDEX recording_event ON recording (event_id);
CREATE INDEX recording_expiring ON recording (expires_at) WHERE state <> 'deleted';

CREATE TABLE viewing (                        -- who looked at a living picture, and how long
    id           uuid PRIMARY KEY,
    camera_id    uuid NOT NULL REFERENCES camera (id),
    viewer       text NOT NULL,
    granted_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    began_at     timestamptz,
    last_seen_at timestamptz
);
CREATE INDEX viewing_camera ON viewing (camera_id, id);
"""


def upgrade() -> None:
    op.execute(SQL)
