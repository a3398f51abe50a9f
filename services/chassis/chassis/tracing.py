"""Traces that cross HTTP, outbox, AMQP and handlers (W3C Trace Context), with or without a collector behind them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.context import Context, running
from chassis.events import Event
from chassis.settings import LogSettings

PROPAGATOR = TraceContextTextMapPropagator()


def configure(settings: LogSettings, service: str, process: str) -> None:
    """Record and send spans where a collector is configured; without one, ids are still made and handed on."""
    resource = Resource.create({"service.name": service, "service.namespace": "ioc", "ioc.process": process})
    if settings.otlp_endpoint:  # the exporter is a sixth of a process's start: only who needs it pays
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    else:
        provider = TracerProvider(resource=resource, sampler=ParentBased(ALWAYS_OFF, remote_parent_sampled=ALWAYS_OFF))
    trace.set_tracer_provider(provider)


@contextlib.contextmanager
def span(name: str, context: Context, kind: trace.SpanKind) -> Iterator[Context]:
    """Run the block as one span under `context.traceparent`, with a context whose traceparent is the span's own."""
    parent = PROPAGATOR.extract({"traceparent": context.traceparent}) if context.traceparent else None
    with trace.get_tracer("ioc").start_as_current_span(name, context=parent, kind=kind):
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier)
        here = Context(
            correlation_id=context.correlation_id,
            causation_id=context.causation_id,
            traceparent=carrier.get("traceparent", context.traceparent),
            caller=context.caller,
        )
        with running(here):
            yield here


def handling(event: Event, handler: str) -> contextlib.AbstractContextManager[Context]:
    """The span and context of one event's handler: what it announces is caused by this event."""
    caused = Context(event.correlation_id, causation_id=event.id, traceparent=event.traceparent)
    return span(f"handle {event.type} by {handler}", caused, trace.SpanKind.CONSUMER)
