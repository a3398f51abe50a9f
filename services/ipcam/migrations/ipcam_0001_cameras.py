"""Cameras and what is believed of them."""

from alembic import op

revision = "ipcam_0001"
down_revision = None
branch_labels = ("ipcam",)
depends_on = "chassis_0001"

SQL = """
CREATE TABLE camera (
    id            uuid PRIMARY KEY,
    site          text NOT NULL,
    name          text NOT NULL,
    placement     text NOT NULL,           -- CV 4403/CV-BCĐ 2021: never inside rooms, toilets, bathrooms
    rtsp_url      text NOT NULL CHECK (rtsp_url !~ '^[a-z]+://[^/]*@'),  -- without credentials
    credentials   bytea,                   -- encrypted
    status        text NOT NULL DEFAULT 'unknown',
    reason        text,
    since         timestamptz,
    health        jsonb NOT NULL,          -- domain.Health, whole
    seen          jsonb,                   -- codec, size, fps and latency at the last probe that was answered
    probed_at     timestamptz,
    next_probe_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (site, name)
);
CREATE INDEX camera_due ON camera (next_probe_at);
"""


def upgrade() -> None:
    op.execute(SQL)
