"""Peer: a bare WSGI view that writes the dossier and its event with psycopg2, no framework, no validation."""

import json
import os
import threading
import uuid
from datetime import UTC, datetime

import psycopg2

from tests.load import workload

INSERT_DOSSIER = (
    "INSERT INTO dossier (code, procedure, unit, channel, applicant, received_at) VALUES (%s, %s, %s, %s, %s, %s)"
)
local = threading.local()


def application(environ, start_response):
    body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    code, now = receive(body)
    answer = json.dumps({"code": code, "received_at": now.isoformat()}).encode()
    start_response("201 Created", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def receive(body):
    if not hasattr(local, "database"):
        local.database = psycopg2.connect(os.environ["BENCH_DATABASE_URL"])
    code, now = f"000.00.01.H17-{uuid.uuid4().hex}", datetime.now(UTC)
    row = (code, body["procedure"], body["unit"], body["channel"], body["applicant"], now)
    data = {name: body[name] for name in ("procedure", "unit", "channel")}
    data |= {"code": code, "received_at": now.isoformat()}
    with local.database, local.database.cursor() as cursor:
        cursor.execute(INSERT_DOSSIER, row)
        cursor.execute(workload.INSERT_OUTBOX, (str(uuid.uuid4()), workload.EVENT_TYPE, code, 1, now, json.dumps(data)))
    return code, now
