"""OpenTelemetry spans of this process, exported where REACT1_TRACE says.

REACT1_TRACE=FILE    OTLP as JSON lines, appended to a file
REACT1_TRACE=otlp    OTLP over HTTP, by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT, …_HEADERS)

Without the variable nothing of OpenTelemetry is imported. Spans of other processes join by their `traceparent` (W3C
Trace Context); that of the environment (TRACEPARENT) makes a run part of a trace that its caller has begun.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from .errors import MissingExtra, StorageFailed
from .version import version_text

OTLP = "otlp"
Attributes = Mapping[str, str | float | bool]
_providers: dict[str, Any] = {}
_current: ContextVar[str] = ContextVar("react1_traceparent", default="")


def trace_target(environ: Mapping[str, str] | None = None) -> str:
    """Return REACT1_TRACE; "" if nothing is traced."""
    return (os.environ if environ is None else environ).get("REACT1_TRACE", "").strip()


def current_traceparent() -> str:
    """Return the span that the running task works for; "" without one."""
    return _current.get()


def set_current(traceparent: str) -> None:
    """Set the span that this task, and what it starts, works for."""
    _current.set(traceparent)


def open_tracer(target: str) -> Any:
    """Return the tracer that exports to a target.

    Raises:
        MissingExtra: the extra `trace` is not installed.
        StorageFailed: the file cannot be written.
    """
    if target not in _providers:
        _providers[target] = _open_provider(target)
    return _providers[target].get_tracer("react1", version_text())


def flush(target: str) -> None:
    """Export all spans that have ended."""
    if target in _providers:
        _providers[target].force_flush()


def start_span(tracer: Any, name: str, traceparent: str, attributes: Attributes, *, client: bool = False) -> Any:
    """Start a span below another one; a root without."""
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
    return tracer.start_span(name, parent, kind=kind, attributes=dict(attributes))


def traceparent_of(span: Any) -> str:
    """Return a span as W3C Trace Context."""
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, trace.set_span_in_context(span))
    return carrier.get("traceparent", "")


def end_span(span: Any, error: BaseException | None = None) -> None:
    """End a span, with the error that ended its work."""
    from opentelemetry.trace import Status, StatusCode

    if error is not None:
        span.set_attribute("error.type", type(error).__name__)
        span.record_exception(error)
        span.set_status(Status(StatusCode.ERROR, str(error)))
    span.end()


@contextlib.contextmanager
def worker_span(name: str, traceparent: str, attributes: Attributes) -> Iterator[None]:
    """Trace work for a span of the coordinator, on whatever machine it runs; nothing if that traces nothing."""
    target = trace_target() if traceparent else ""
    if not target:
        yield
        return
    span = start_span(open_tracer(target), name, traceparent, attributes)
    try:
        yield
    except BaseException as error:
        end_span(span, error)
        raise
    else:
        end_span(span)
    finally:
        if target != OTLP:
            flush(target)  # a worker may be stopped at any moment


def _open_provider(target: str) -> Any:
    try:
        from opentelemetry.exporter.otlp.json.file import FileSpanExporter
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
    except ImportError as error:
        raise MissingExtra(
            f"trace {target}: needs OpenTelemetry (--trace, REACT1_TRACE): pip install 'react1-nodes[trace]'"
        ) from error
    exporter: SpanExporter
    if target == OTLP:
        exporter = OTLPSpanExporter()
    else:
        try:
            Path(target).absolute().parent.mkdir(parents=True, exist_ok=True)
            exporter = FileSpanExporter(target)
        except OSError as error:
            raise StorageFailed(f"trace {target}: {error.strerror or error}") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "react1", "service.version": version_text()}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
