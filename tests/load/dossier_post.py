"""Section `file`: POST /v1/dossiers of the dossier service beside a bare WSGI view that writes the same rows."""

import os
import subprocess
import sys
from typing import Any

import psycopg2

from tests.load import identity, post
from tests.load.servers import ROOT, Servers
from tests.load.web import Web

NAME = "dossier"
PEER_PORT, PORT = 30181, 30193
SCOPE = "dossier:write dossier:read"
BODY = {
    "procedure": "2.000488",
    "unit": "H52.17",
    "applicant": {"full_name": "Lò Văn An", "email": "an@example.vn", "phone": "0912345678"},
}
EMPTY = """
TRUNCATE dossier, register_line, register_step, promise, dossier_code_counter, outbox, outbox_sequence, idempotency_key,
    audit_entry CASCADE
"""


def run(servers: Servers, rounds: int, seconds: float) -> dict[str, Any]:
    """Ours validates, judges by the law and remembers the answer; the peer only writes what ours has written."""
    owner_url = servers.database_url(NAME)
    app_url = servers.role_url(owner_url, role=NAME)
    with identity.provider(SCOPE) as known:
        environment = {
            "DATABASE_URL": app_url, "MIGRATION_DATABASE_URL": owner_url, "AMQP_URL": servers.amqp_url,
            "HTTP_PORT": str(PORT), "HTTP_WORKERS": str(post.WORKERS), "HTTP_THREADS": str(post.THREADS),
            "RATE_LIMIT_PER_MINUTE": "1000000000", "DOSSIER_LOOKUP_KEY": "bench" * 8, **known.environment,
        }  # fmt: skip
        for job in (["migrate"], ["catalogue", "load", str(ROOT / "infra" / "seed" / "province.json")]):
            _dossier(job, environment)
        with psycopg2.connect(owner_url) as database, database.cursor() as cursor:
            cursor.execute(EMPTY)
        database.close()
        return post.compare(_webs(app_url, environment, known.token), servers, rounds, seconds)


def _dossier(job: list[str], environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", NAME, *job]
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)


def _webs(app_url: str, environment: dict[str, str], token: str) -> list[Web]:
    rows = "SELECT least((SELECT count(*) FROM dossier), (SELECT count(*) FROM outbox) / 2)"
    peer = Web(
        name="bare view, the same rows",
        argv=post.gunicorn("post_dossier", PEER_PORT),
        environment={"BENCH_DATABASE_URL": app_url},
        url=f"http://127.0.0.1:{PEER_PORT}/v1/dossiers",
        body=BODY,
        token=None,
        idempotency_keys=False,
        database_url=app_url,
        rows=rows,
    )
    ours = Web(
        name="ours",
        argv=(sys.executable, "-W", "ignore", "-m", NAME, "web"),
        environment=environment,
        url=f"http://127.0.0.1:{PORT}/v1/dossiers",
        body=BODY,
        token=token,
        idempotency_keys=False,
        database_url=app_url,
        rows=rows,
    )
    return [peer, ours]
