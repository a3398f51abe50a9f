"""Peer: a bare WSGI view that writes the rows of a filed dossier with psycopg2; no rules, no validation, no framework."""

import hashlib
import json
import os
import threading
import uuid
from datetime import UTC, datetime

import psycopg2
from psycopg2.extras import execute_values

NUMBER = """
INSERT INTO dossier_code_counter AS c (unit, day, last) VALUES (%s, %s, 1)
ON CONFLICT (unit, day) DO UPDATE SET last = c.last + 1 RETURNING last
"""
DOSSIER = """
INSERT INTO dossier (code, unit, procedure_code, procedure_version, channel, status, filed_at, state, full_name, email, phone)
VALUES (%s, %s, %s, 1, 'direct', 1, %s, %s, %s, %s, %s)
"""
HISTORY = "INSERT INTO dossier_history (code, fact, status, at, actor, data) VALUES (%s, 'DossierReceived', 1, %s, 'bench', %s)"
SEQUENCE = "INSERT INTO outbox_sequence (exchange, subject, last) VALUES %s"
OUTBOX = """
INSERT INTO outbox (event_id, exchange, type, subject, sequence, occurred_at, data, correlation_id, is_command) VALUES %s
"""
AUDIT = """
INSERT INTO audit_entry (at, actor, role, unit, address, action, object, after_hash, result, correlation_id)
VALUES (%s, 'bench', 'officer', '*', '127.0.0.1', 'dossier.receive', %s, %s, 'ok', %s)
"""
local = threading.local()


def application(environ, start_response):
    body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    answer = json.dumps(receive(body), ensure_ascii=False).encode()
    start_response("201 Created", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def receive(body):
    if not hasattr(local, "database"):
        local.database = psycopg2.connect(os.environ["BENCH_DATABASE_URL"])
    now, correlation, who = datetime.now(UTC), str(uuid.uuid4()), body["applicant"]
    with local.database, local.database.cursor() as cursor:
        cursor.execute(NUMBER, (body["unit"], now.date()))
        code = f"{body['unit']}-{now:%y%m%d}-{cursor.fetchone()[0]:04}"
        state = {"code": code, "unit": body["unit"], "status": 1, "filed_at": now.isoformat(), "rule_set_id": "bench",
                 "channel": "direct", "terms": {"procedure": body["procedure"], "limit": ["working_days", 10]}}  # fmt: skip
        text = json.dumps(state)
        cursor.execute(
            DOSSIER,
            (code, body["unit"], body["procedure"], now, text, who["full_name"], who["email"], who["phone"]),
        )
        cursor.execute(HISTORY, (code, now, json.dumps({"at": now.isoformat(), "answer_due_at": None})))
        execute_values(cursor, SEQUENCE, [("dossier.events", code, 1), ("notify.commands", code, 1)])
        event = json.dumps({"code": code, "procedure": body["procedure"], "unit": body["unit"], "at": now.isoformat()})
        order = json.dumps({"template": "dossier_received", "recipient": who, "values": state}, ensure_ascii=False)
        execute_values(
            cursor,
            OUTBOX,
            [
                (str(uuid.uuid4()), "dossier.events", "dossier.received.v1", code, 1, now, event, correlation, False),
                (str(uuid.uuid4()), "notify.commands", "notify.send.v1", code, 1, now, order, correlation, True),
            ],
        )
        cursor.execute(AUDIT, (now, f"dossier/{code}", hashlib.sha256(text.encode()).hexdigest(), correlation))
    return state
