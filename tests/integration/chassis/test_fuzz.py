"""schemathesis throws what the OpenAPI document allows, and what it forbids, at the probe: no answer is a 5xx."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from tests.integration.chassis.http_client import Client
from tests.integration.chassis.issuer import Issuer
from tests.integration.chassis.world import World

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]
OPERATIONS = [
    ("GET", "/v1/things"),
    ("POST", "/v1/things"),
    ("GET", "/v1/things/{number}"),
    ("PUT", "/v1/things/{number}"),
    ("GET", "/v1/events"),
    ("GET", "/v1/dead"),
    ("GET", "/v1/dead/groups"),
    ("GET", "/v1/dead/{number}"),
    ("POST", "/v1/dead/{number}/retry"),
    ("DELETE", "/v1/dead/{number}"),
]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """The module's issuer."""
    with Issuer() as running:
        yield running


@pytest.fixture(scope="module")
def client(new_world: Callable[[], World], issuer: Issuer) -> Client:
    """An officer who may call as often as it likes."""
    return Client(new_world(), issuer, requests_per_minute=10_000_000)


@pytest.fixture(scope="module")
def document(client: Client) -> schemathesis.BaseSchema:
    """The served document."""
    return schemathesis.openapi.from_wsgi("/openapi.json", client.app)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_input_makes_a_server_error(
    client: Client, document: schemathesis.BaseSchema, method: str, path: str, mode: GenerationMode
) -> None:
    operation = document[path][method]

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def throw(case: schemathesis.Case) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {client.token}"})
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"][0] == "application/problem+json"

    with contextlib.suppress(Unsatisfiable):  # nothing can be wrong with an operation that takes nothing
        throw()


def test_the_operations_are_all_there_are(document: schemathesis.BaseSchema) -> None:
    known = {(result.ok().method.upper(), result.ok().path) for result in document.get_all_operations()}
    apart = {"/v1/broken", "/v1/whoami", "/livez", "/readyz", "/metrics"}

    assert {(method, path) for method, path in known if path not in apart} == set(OPERATIONS)
