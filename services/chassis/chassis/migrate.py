"""Runs the numbered migrations of the chassis and of one service, once, under a lock, with time limits."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config

from chassis.service import Service
from chassis.settings import MigrationSettings

HERE = Path(__file__).resolve().parent
LOCK = "SELECT pg_advisory_lock(7110003)"
# A migration must not stop running code for long: it gives up instead of queueing behind a lock.
LIMITS = "SET lock_timeout = '4s'; SET statement_timeout = '15min'"
# The app role reads and writes rows and owns nothing; append-only tables defend themselves with triggers.
GRANTS = """
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role};
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role};
"""


def upgrade(service: Service, settings: MigrationSettings) -> None:
    """Bring the database to the newest migration; running it again changes nothing."""
    engine = sqlalchemy.create_engine(settings.url.replace("postgresql://", "postgresql+psycopg2://", 1))
    with engine.connect() as lock:
        lock.exec_driver_sql(LOCK)
        command.upgrade(configuration(service, settings.url), "heads")
        with engine.begin() as tx:
            role = tx.dialect.identifier_preparer.quote(service.name)
            tx.exec_driver_sql(GRANTS.format(role=role))
    engine.dispose()


def configuration(service: Service, url: str) -> Config:
    """alembic with two version folders, the chassis' and the service's."""
    config = Config()
    config.set_main_option("script_location", str(HERE / "alembic"))
    config.set_main_option("path_separator", "space")
    folders = [HERE / "migrations", service.root / "migrations"]
    config.set_main_option("version_locations", " ".join(str(folder) for folder in folders if folder.exists()))
    config.attributes["url"] = url
    config.attributes["limits"] = LIMITS
    return config
