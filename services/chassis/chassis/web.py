"""The HTTP side of a service: flask-smorest with problem+json, one transaction a request, idempotency, ETags."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import flask
import flask_smorest
import marshmallow
import sqlalchemy
from flask import Flask, Response, current_app, g, make_response, request
from gunicorn.http.errors import ParseException
from opentelemetry.trace import SpanKind
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from chassis import idempotency, logs, metrics, tracing
from chassis.auth import Authenticator, public
from chassis.context import Context, correlation_from, current
from chassis.database import Database, is_away
from chassis.problems import CONTENT_TYPE, Problem, ProblemSchema, field_errors
from chassis.settings import AuthSettings, WebSettings
from chassis.storable import may_be_unstorable, unstorable

log = logs.get(__name__)


class StrictParser(FlaskParser):
    """Refuses unknown fields wherever they stand, and text that no database can keep."""

    DEFAULT_UNKNOWN_BY_LOCATION = FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION | {"query": marshmallow.RAISE}

    def load_json(self, req: Any, schema: Any) -> Any:
        """The JSON body; its strings hold no NUL and no lone surrogate."""
        body = req.get_data(cache=True)
        if body and not req.is_json:
            raise Problem(415, "Unsupported media type", "The body must be application/json", code="media-type")
        try:
            loaded = super().load_json(req, schema)
        except (ValueError, RecursionError) as error:  # a number of 5,000 digits, arrays 10,000 deep
            raise Problem(400, "Bad request", "The body cannot be read", code="json") from error
        for place in unstorable(loaded) if may_be_unstorable(body) else ():
            raise Problem(422, "Unprocessable", errors=[{"field": place, "rule": "has a character that is no text"}])
        return loaded


class Blueprint(flask_smorest.Blueprint):
    """A group of views with the strict parser."""

    ARGUMENTS_PARSER = StrictParser()

    def arguments(self, schema: Any, **options: Any) -> Any:
        """As flask-smorest's, with one instance of the schema for all requests: to build one costs as much as to use it."""
        return super().arguments(schema() if isinstance(schema, type) else schema, **options)


class Api(flask_smorest.Api):
    """flask-smorest whose every error is a problem, in the answers and in the OpenAPI document."""

    ERROR_SCHEMA = ProblemSchema

    def _register_responses(self) -> None:
        """flask-smorest documents errors with the media type of successes."""
        self.DEFAULT_RESPONSE_CONTENT_TYPE = CONTENT_TYPE
        super()._register_responses()
        del self.DEFAULT_RESPONSE_CONTENT_TYPE

    def handle_http_exception(self, error: HTTPException) -> Any:
        messages = (getattr(error, "data", None) or {}).get("messages")
        errors = (
            field_errors({key: value for inner in messages.values() for key, value in as_fields(inner)})
            if (messages)
            else None
        )
        headers = dict((getattr(error, "data", None) or {}).get("headers") or {})
        if allow := error.get_response().headers.get("Allow"):
            headers["Allow"] = allow
        status = error.code or 500
        return answer(
            Problem(status, error.name, None if errors else error.description, errors=errors, headers=headers)
        )


def as_fields(messages: Any) -> Sequence[tuple[str, Any]]:
    """webargs groups messages by location; what is below may be a plain list."""
    return list(messages.items()) if isinstance(messages, dict) else [("_schema", messages)]


def answer(problem: Problem) -> Response:
    """A problem as a response; `instance` is the correlation id that the logs carry."""
    body = flask.json.dumps(problem.body | {"instance": f"urn:ioc:correlation:{current().correlation_id}"})
    return Response(body, problem.status, problem.headers, content_type=CONTENT_TYPE)


def transactional(view: Callable[..., Any]) -> Callable[..., Response]:
    """Run a view as `view(tx, …)` in one transaction; a POST with an Idempotency-Key has one effect and one answer.

    Stands above `@blp.arguments` and `@blp.response`, below `@require`.
    """

    @functools.wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Response:
        key = idempotency.key() if request.method == "POST" else None
        for _ in range(3):
            with contextlib.suppress(idempotency.Repeated), database().transaction() as tx:
                if key and (known := idempotency.find_answer(tx, key)):
                    return known
                response = make_response(view(tx, *args, **kwargs))
                if key:
                    idempotency.keep_answer(tx, key, response)
                return response
        raise Problem(409, "Conflict", "The same request is being answered", headers={"Retry-After": "1"})

    return wrapped


def database() -> Database:
    """The database of the running application."""
    found: Database = current_app.extensions["database"]
    return found


def check_if_match(version: int) -> None:
    """Compare If-Match with the version of what is to be changed. Raises Problem 428 without it, 412 when it is old."""
    if not request.if_match:
        raise Problem(428, "If-Match is required", "Send the ETag that you last read", code="if-match")
    if not request.if_match.contains(str(version)):
        raise Problem(412, "Changed meanwhile", "Read it again", code="if-match", headers={"ETag": f'"{version}"'})


def etag(version: int) -> dict[str, str]:
    """The header that names a version."""
    return {"ETag": f'"{version}"'}


def create_app(
    service: str,
    blueprints: Sequence[Blueprint],
    database: Database,
    auth: AuthSettings,
    settings: WebSettings,
    domain_errors: Callable[[Exception], Problem | None] = lambda error: None,
) -> Flask:
    """The WSGI application; `domain_errors` maps a domain's named errors to problems in one place."""
    app = Flask(service)
    app.config |= {
        "API_TITLE": f"IOC {service}",
        "API_VERSION": "v1",
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
        "MAX_CONTENT_LENGTH": settings.body_limit_bytes,
        "JSON_SORT_KEYS": False,
    }
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies)  # type: ignore[method-assign]
    app.extensions |= {"database": database, "authenticator": Authenticator(auth, database)}
    _watch_requests(app)
    api = Api(app)
    api.spec.components.security_scheme(
        "oidc", {"type": "openIdConnect", "openIdConnectUrl": f"{auth.issuer}/.well-known/openid-configuration"}
    )
    for blueprint in (*blueprints, probes()):
        api.register_blueprint(blueprint)
    app.register_error_handler(Exception, functools.partial(_on_error, domain_errors))
    return app


def _on_error(domain_errors: Callable[[Exception], Problem | None], error: Exception) -> Any:
    if isinstance(error, HTTPException):
        return error
    problem = error if isinstance(error, Problem) else domain_errors(error) or _technical(error)
    return answer(problem)


def _technical(error: Exception) -> Problem:
    """What is not the caller's fault says so, without telling how we are built."""
    if isinstance(error, ParseException):
        return Problem(400, "Bad request", "The body is not sent as HTTP asks for", code="body")
    if isinstance(error, sqlalchemy.exc.DataError):
        return Problem(422, "Unprocessable", "A value is out of range", code="range")
    if is_away(error) or isinstance(error, sqlalchemy.exc.OperationalError):
        log.warning("database away", error=type(error).__name__, detail=str(error))
        return Problem(503, "Temporarily unavailable", headers={"Retry-After": "2"})
    log.exception("request failed", exc_info=error)
    return Problem(500, "Internal error", "It was recorded under the correlation id")


def _watch_requests(app: Flask) -> None:
    """Give every request its context and span, and leave a log line and a measurement."""

    @app.before_request
    def enter() -> None:
        g.started = time.perf_counter()
        g.scope = contextlib.ExitStack()
        context = Context(
            correlation_from(request.headers.get("X-Correlation-Id")), traceparent=request.headers.get("traceparent")
        )
        name = f"{request.method} {request.url_rule or 'unmatched'}"
        g.scope.enter_context(tracing.span(name, context, SpanKind.SERVER))
        query = [text for item in request.args.items(multi=True) for text in item]
        if any("\x00" in text for text in (request.path, *query)):
            raise Problem(400, "Bad request", "U+0000 in the URL")

    @app.after_request
    def leave(response: Response) -> Response:
        seconds = time.perf_counter() - g.started
        route = str(request.url_rule or "unmatched")
        response.headers["X-Correlation-Id"] = current().correlation_id
        response.headers["Cache-Control"] = response.headers.get("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        metrics.REQUEST_SECONDS.labels(request.method, route, response.status_code).observe(seconds)
        if route not in ("/livez", "/readyz", "/metrics"):
            log.info(
                "request", method=request.method, route=route, status=response.status_code, ms=round(seconds * 1000, 1)
            )
        return response

    @app.teardown_request
    def end(_error: BaseException | None) -> None:
        g.scope.close()


def probes() -> Blueprint:
    """Liveness, readiness and metrics. The broker is no part of readiness here: this side keeps accepting work."""
    blueprint = Blueprint("probes", "probes", description="Probes")

    @blueprint.route("/livez")
    @public
    def livez() -> Response:
        """The process answers."""
        return Response("ok\n", content_type="text/plain")

    @blueprint.route("/readyz")
    @public
    def readyz() -> Response:
        """The database answers and can be written to."""
        ready = database().answers()
        return Response(f"database {'ok' if ready else 'away'}\n", 200 if ready else 503, content_type="text/plain")

    @blueprint.route("/metrics")
    @public
    def prometheus() -> Response:
        """Prometheus, over all processes of this pod."""
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        registry.register(metrics.WaitingEvents(database()))
        return Response(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")

    return blueprint
