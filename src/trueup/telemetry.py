"""Traces over OTLP, for those who have a collector: a span per job, per run, per request to Zoho.

An option: without an endpoint nothing is imported and every span is an empty one. A span is handed
from hand to hand, not found in the context of a thread: a run works in several. A collector that is
slow or gone costs nothing but its spans, and one line in the log.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final

from trueup import __version__
from trueup.domain.errors import UsageError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

EXPORT_SECONDS: Final = 3.0  # for one batch of spans, with everything that goes wrong
STOP_SECONDS: Final = 5.0  # for the last ones, when the program ends
_BETWEEN_BATCHES: Final = 2.0  # seconds
_WORST_GOOD_STATUS: Final = 399
# What paths of Zoho's APIs consist of; anything else in one is an id, a code or an SKU.
_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        """crm billing oauth v1 v2 v8 bulk read write result upload products plans items addons
        taxes subscriptions organizations org settings fields layouts modules coql token upsert
        search actions count deleted active inactive markasactive markasinactive""",
    )
)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of work; an empty one where nobody traces. A fact without a dot is `trueup.…`."""

    tracer: Tracer | None = None
    inner: Any = None

    def child(self, name: str, **facts: Any) -> Span:
        """A part of it that begins now."""
        return self if self.tracer is None else _begin(self.tracer, self, name, facts)

    def request(self, method: str, path: str, status: int, seconds: float, **facts: Any) -> None:
        """A request to Zoho that was a part of it and is over now; `status` 0: no answer came."""
        if self.tracer is None:
            return
        end = time.time_ns()
        start = end - round(seconds * 1e9)
        template = path_template(path)
        known = {"http.request.method": method, "url.template": template, **facts}
        if status:
            known["http.response.status_code"] = status
        span = _begin(self.tracer, self, f"{method} {template}", known, start=start)
        span.end("" if 0 < status <= _WORST_GOOD_STATUS else f"status {status or 'none'}", at=end)

    def note(self, **facts: Any) -> None:
        """Something that became known on the way."""
        if self.inner is not None:
            self.inner.set_attributes(_named(facts))

    def end(self, trouble: str = "", *, at: int | None = None) -> None:
        """It is over, now or at a Unix time in nanoseconds; `trouble` is a word, not a message."""
        if self.inner is None:
            return
        from opentelemetry.trace import StatusCode

        if trouble:
            self.inner.set_status(StatusCode.ERROR, trouble)
        self.inner.end(at)


class _Exporting:
    """Who traces in this process."""

    tracer: Tracer | None = None


def span(name: str, **facts: Any) -> Span:
    """A stretch of work of its own that begins now; whoever began it ends it."""
    tracer = _Exporting.tracer
    return Span() if tracer is None else _begin(tracer, Span(), name, facts)


@contextmanager
def exporting(endpoint: str) -> Iterator[None]:
    """Send the spans that begin within this block to a collector (OTLP over HTTP).

    Nothing is done, nor imported, without an endpoint. Raises `UsageError` when the extra is not
    installed. The end of the block waits for the last spans, `STOP_SECONDS` at most.
    """
    if not endpoint:
        yield
        return
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise UsageError(
            "traces need OpenTelemetry, which is not installed",
            "install `trueup[otel]`, or unset OTEL_EXPORTER_OTLP_ENDPOINT",
        ) from None
    resource = Resource.create({"service.name": "trueup", "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    over, pause = Event(), _BETWEEN_BATCHES * 1000
    provider.add_span_processor(
        BatchSpanProcessor(_exporter(endpoint, over), schedule_delay_millis=pause)
    )
    _Exporting.tracer = provider.get_tracer("trueup", __version__)
    try:
        yield
    finally:
        _Exporting.tracer = None
        # Its own way to stop may take half a minute; nobody's shutdown is to wait for that.
        stopping = Thread(target=provider.shutdown, name="last-spans", daemon=True)
        stopping.start()
        stopping.join(STOP_SECONDS)
        over.set()


def path_template(path: str) -> str:
    """A path of Zoho's APIs without what is particular to one record."""
    return "/".join(
        word if not word or word.lower() in _WORDS else "{id}" for word in path.split("/")
    )


def _begin(
    tracer: Tracer, parent: Span, name: str, facts: Mapping[str, Any], start: int | None = None
) -> Span:
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind, set_span_in_context

    around = Context() if parent.inner is None else set_span_in_context(parent.inner, Context())
    kind = SpanKind.INTERNAL if start is None else SpanKind.CLIENT
    given = _named(facts)
    return Span(tracer, tracer.start_span(name, around, kind, given, start_time=start))


def _named(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name if "." in name else f"trueup.{name}": value
        for name, value in facts.items()
        if value is not None
    }


def _exporter(endpoint: str, over: Event) -> SpanExporter:
    """The way to the collector: it says when that is gone or back; nothing once it is `over`."""
    import structlog
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    log: Any = structlog.get_logger()
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)

    class Calm(SpanExporter):
        def __init__(self) -> None:
            url = f"{endpoint.rstrip('/')}/v1/traces"
            self._way: SpanExporter = OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS)
            self._well = True

        def export(self, spans: Any) -> SpanExportResult:
            batch: list[ReadableSpan] = list(spans)
            result = self._way.export(batch)
            well = result is SpanExportResult.SUCCESS
            if over.is_set():
                return result
            if self._well and not well:
                log.warning("traces_lost", reason="the collector did not take them")
            elif well and not self._well:
                log.warning("traces_sent_again")
            self._well = well
            return result

        def shutdown(self) -> None:
            self._way.shutdown()

    return Calm()
