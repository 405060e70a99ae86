"""Spans around requests, jobs and layers, for deployments that run the OpenTelemetry SDK.

Only its API is used: where and how spans are sent is set up outside (docs/operation.md), because
the usual exporters want a protobuf that the face models can't live with. Without
`BONAFIDE_TRACING`, or without the library, nothing happens here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

_NAME = "bonafide"
_tracer: Tracer | None = None


def use_tracing(*, wanted: bool) -> bool:
    """Switch spans on or off for this process; return whether they are on."""
    global _tracer
    _tracer = None
    if wanted:
        try:
            from opentelemetry import trace
        except ImportError:
            return False
        _tracer = trace.get_tracer(_NAME)
    return _tracer is not None


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[Span | None]:
    """Wrap what is done in a span; None where there is no tracing.

    An exception marks the span as failed, by its type only: messages could hold what was sent.
    """
    if _tracer is None:
        yield None
        return
    from opentelemetry.trace import Status, StatusCode

    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def add_layer_spans(timings_ms: Mapping[str, float]) -> None:
    """Add what ran in other processes: spans that end now and last as long as was measured."""
    if _tracer is None:
        return
    end_ns = time.time_ns()
    for layer, took_ms in timings_ms.items():
        started = _tracer.start_span(f"layer {layer}", start_time=end_ns - round(1e6 * took_ms))
        started.end(end_ns)
