"""One thread from the HTTP request to the last announcement: trace, correlation, cause, log lines that hide people."""

from __future__ import annotations

import contextlib
import functools
import http.client
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import kombu
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.conditions import wait_until
from tests.integration.chassis.issuer import Issuer
from tests.integration.chassis.processes import Process
from tests.integration.chassis.world import World

pytestmark = pytest.mark.timeout(180)
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """The module's issuer."""
    with Issuer() as running:
        yield running


class Collector(http.server.BaseHTTPRequestHandler):
    """An OpenTelemetry collector: keeps the spans that it is sent over OTLP/HTTP."""

    spans: ClassVar[dict[str, Span]] = {}  # by span id, in hexadecimal digits as in a traceparent

    def do_POST(self) -> None:
        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                self.spans.update({span.span_id.hex(): span for span in scope.spans})
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def collected() -> Iterator[dict[str, str]]:
    """The environment of processes that send their spans to a collector."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        yield {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        server.shutdown()


@pytest.fixture(scope="module")
def whole(new_world: Callable[[], World], issuer: Issuer, collected: dict[str, str]) -> World:
    """Web, relay and worker."""
    world = new_world()
    processes = [
        world.start("web", **issuer.environment, **collected),
        world.start("relay"),
        world.start("worker", **collected),
    ]
    for process in processes:
        process.wait_ready()
    return world


def process_of(world: World, job: str) -> Process:
    """A process by its job."""
    return next(process for process in world.processes if process.job == job)


def request(
    world: World, token: str, method: str = "POST", path: str = "/v1/things", body: Any = None, **headers: str
) -> http.client.HTTPResponse:
    """One request over the wire; the answer is read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", process_of(world, "web").port, timeout=20)
    sent = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | headers
    with contextlib.closing(connection):
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        answer.text = answer.read().decode()  # type: ignore[attr-defined]
    return answer


def log_lines(process: Process) -> list[dict[str, Any]]:
    """The JSON lines of a process's log."""
    return [json.loads(line) for line in process.text.splitlines() if line.startswith("{")]


def test_one_trace_and_one_correlation_lead_from_the_request_to_the_handler_s_own_announcement(
    whole: World, issuer: Issuer
) -> None:
    with whole.connection() as connection:
        queue = kombu.Queue(
            f"{whole.name}.watch", kombu.Exchange(f"{whole.name}.events", passive=True), "#", exclusive=True
        )
        seen: list[kombu.Message] = []
        with kombu.Consumer(connection, [queue], on_message=seen.append, no_ack=True):
            headers = {"X-Correlation-Id": "click-1", "traceparent": f"00-{TRACE}-{SPAN}-01"}
            answer = request(whole, issuer.token(), body={"name": "thread"}, **headers)
            assert answer.status == 201

            def ours() -> list[dict[str, Any]]:
                with contextlib.suppress(TimeoutError):
                    connection.drain_events(timeout=1)
                headers = [message.headers for message in seen]
                return [found for found in headers if found["cloudEvents:correlationid"] == "click-1"]

            wait_until(lambda: len(ours()) == 2, "both events")
            counted, echoed = ours()

    assert counted["cloudEvents:type"].endswith("counted.v1")
    assert echoed["cloudEvents:type"].endswith("echoed.v1")
    assert answer.headers["X-Correlation-Id"] == "click-1"
    assert "cloudEvents:causationid" not in counted
    assert echoed["cloudEvents:causationid"] == counted["cloudEvents:id"]
    parents = [headers["cloudEvents:traceparent"].split("-") for headers in (counted, echoed)]
    assert {parent[1] for parent in parents} == {TRACE}
    asked, handled = (wait_until(functools.partial(Collector.spans.get, span), "a span") for _, _, span, _ in parents)
    assert (asked.name, asked.parent_span_id.hex()) == ("POST /v1/things", SPAN)
    assert handled.name.startswith(f"handle {counted['cloudEvents:type']} by ")
    assert handled.parent_span_id == asked.span_id
    (effect,) = wait_until(lambda: [row for row in whole.effects() if row.correlation_id == "click-1"], "the effect")
    assert str(effect.event_id) == counted["cloudEvents:id"]
    (entry,) = whole.sql("SELECT * FROM audit_entry WHERE correlation_id = 'click-1'")
    assert (entry.action, entry.actor, entry.unit) == ("thing.create", "officer-1", "H48.01")


def test_the_correlation_id_stands_in_the_log_lines_of_request_and_handler(whole: World, issuer: Issuer) -> None:
    request(whole, issuer.token(), "GET", "/v1/broken", **{"X-Correlation-Id": "find-me"})
    lines = wait_until(
        lambda: [line for line in log_lines(process_of(whole, "web")) if line.get("correlation_id") == "find-me"],
        "log lines",
    )

    assert {"request failed", "request"} <= {line["event"] for line in lines}
    access = next(line for line in lines if line["event"] == "request")
    assert (access["method"], access["route"], access["status"], access["service"]) == (
        "GET",
        "/v1/broken",
        500,
        whole.name,
    )


def test_log_lines_hide_people_and_secrets(whole: World, issuer: Issuer) -> None:
    whole.tell("leak", "fail", times=100)
    whole.announce("counted", "leak")
    worker = process_of(whole, "worker")
    wait_until(lambda: "was told to fail" in worker.text, "the failure in the log")
    whole.forgive("leak")
    token = issuer.token()
    request(whole, token, path="/v1/things?email=citizen@example.vn", body={"name": "Nguyễn Văn A 0912345678"})

    everything = "".join(process.text for process in whole.processes)

    assert "c***@example.vn" in everything
    for secret in (
        "citizen@example.vn",
        "Nguyễn Văn A",
        "0912345678",
        token,
        whole.database_url.split(":")[2].split("@")[0],
    ):
        assert secret not in everything


def test_every_log_line_is_json(whole: World, issuer: Issuer) -> None:
    """A worker with nothing to tell of says nothing."""
    request(whole, issuer.token(), body={"name": "logged"})
    wait_until(lambda: all(process_of(whole, job).text for job in ("web", "relay")), "a line of each")
    for process in whole.processes:
        if process.job != "web":  # gunicorn greets in words
            assert [line for line in process.text.splitlines() if not line.startswith("{")] == []


def test_metrics_tell_what_happened(whole: World, issuer: Issuer) -> None:
    request(whole, issuer.token(), body={"name": "metrics"})
    wait_until(lambda: metric(whole, "worker", "ioc_inbox_handled_total") >= 1, "a handled event")
    wait_until(lambda: metric(whole, "relay", "ioc_outbox_relayed_total") >= 1, "a relayed event")
    answer = request(whole, issuer.token(), "GET", "/metrics")

    assert answer.status == 200
    assert 'ioc_http_request_seconds_count{method="POST",route="/v1/things",status="201"}' in answer.text  # type: ignore[attr-defined]


def metric(world: World, job: str, name: str) -> float:
    """The sum of a metric of a process."""
    connection = http.client.HTTPConnection("127.0.0.1", process_of(world, job).port, timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def test_the_web_side_finishes_an_open_request_and_stops(whole: World, issuer: Issuer) -> None:
    web = whole.run("web", **issuer.environment)
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=20)
    with contextlib.closing(connection), whole.database.transaction() as tx:
        tx.exec_driver_sql("INSERT INTO thing (name, amount, tags) VALUES ('locked', 1, '{}')")
        tx.exec_driver_sql("LOCK TABLE thing IN ACCESS EXCLUSIVE MODE")
        headers = {"Authorization": f"Bearer {issuer.token()}"}
        connection.request("GET", "/v1/things", headers=headers)
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        wait_until(lambda: whole.sql(waiting)[0][0] == 1, "the request to wait")
        web.terminate()
        tx.rollback()
        assert connection.getresponse().status == 200
    assert web.ended() == 0


@pytest.mark.parametrize("tail", [b"zz\r\n", b"5\r\nabc", b"-1\r\n\r\n"])
def test_chunks_that_are_none_are_the_sender_s_error(whole: World, issuer: Issuer, tail: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", process_of(whole, "web").port, timeout=20)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/v1/things")
        for name, value in {
            "Authorization": f"Bearer {issuer.token()}",
            "Content-Type": "application/json",
            "Transfer-Encoding": "chunked",
        }.items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(tail)
        assert connection.sock is not None
        connection.sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(http.client.HTTPException, ConnectionError):
            assert connection.getresponse().status == 400
