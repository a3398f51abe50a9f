"""Traces that cross HTTP, outbox, AMQP and handlers (W3C Trace Context), with or without a collector behind them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
from collections.abc import Iterator

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.context import Context, running
from chassis.events import Event
from chassis.settings import LogSettings

PROPAGATOR = TraceContextTextMapPropagator()
SOUND = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def configure(settings: LogSettings, service: str, process: str) -> None:
    """Record and send spans where a collector is configured."""
    if not settings.otlp_endpoint:
        return
    # The SDK is a fifth of a process's start: only who needs it pays.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": service, "service.namespace": "ioc", "ioc.process": process})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def begun(context: Context) -> Context:
    """The context with a trace that it hands on: its own, or where it has no sound one, one that begins here and that
    nobody samples."""
    if context.traceparent and SOUND.fullmatch(context.traceparent):
        return context
    ids = os.urandom(24).hex()
    return dataclasses.replace(context, traceparent=f"00-{ids[:32]}-{ids[32:]}-00")


@contextlib.contextmanager
def span(name: str, context: Context, kind: trace.SpanKind) -> Iterator[Context]:
    """Run the block as one span under `context.traceparent`, with a context whose traceparent is the span's own.

    Without a collector no span is made, for nobody would see it: the trace is handed on as it came.
    """
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # nothing was configured
        with running(begun(context)) as here:
            yield here
        return
    parent = PROPAGATOR.extract({"traceparent": context.traceparent}) if context.traceparent else None
    with trace.get_tracer("ioc").start_as_current_span(name, context=parent, kind=kind):
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier)
        with running(dataclasses.replace(context, traceparent=carrier.get("traceparent", context.traceparent))) as here:
            yield here


def handling(event: Event, handler: str) -> contextlib.AbstractContextManager[Context]:
    """The span and context of one event's handler: what it announces is caused by this event."""
    caused = Context(event.correlation_id, causation_id=event.id, traceparent=event.traceparent)
    return span(f"handle {event.type} by {handler}", caused, trace.SpanKind.CONSUMER)
