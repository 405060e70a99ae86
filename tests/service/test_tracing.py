"""Spans around requests, jobs and layers with the SDK's exporter in memory; nothing without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.tracing import span, use_tracing
from tests.service.running_service import StartService
from tests.service.service_builders import BuilderAnalyser


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """The provider can be set once in a process."""
    made = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(made))
    trace.set_tracer_provider(provider)
    return made


@pytest.fixture
def finished(exporter: InMemorySpanExporter) -> Iterator[InMemorySpanExporter]:
    exporter.clear()
    yield exporter
    use_tracing(wanted=False)


def _named(finished: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {one.name: one for one in finished.get_finished_spans()}


def _attributes(one: ReadableSpan) -> Mapping[str, Any]:
    return one.attributes or {}


def test_requests_jobs_and_layers_have_spans(
    start_service: StartService, finished: InMemorySpanExporter
) -> None:
    service = start_service(tracing=True)
    session_id = service.captured()
    service.judged(session_id)
    found = _named(finished)
    request = found["POST /v1/captures/{token}"]
    assert _attributes(request)["http.response.status_code"] == 202
    analysis, layer = found["analysis"], found["layer capture"]
    assert _attributes(analysis)["session_id"] == session_id
    assert layer.parent is not None
    assert analysis.context is not None
    assert layer.parent.span_id == analysis.context.span_id
    assert layer.end_time is not None
    assert layer.start_time is not None
    assert layer.end_time - layer.start_time == 12_000_000  # the builder's 12 ms


def test_failures_are_named_and_nothing_else_is_told(
    start_service: StartService, finished: InMemorySpanExporter
) -> None:
    assert use_tracing(wanted=True)
    with pytest.raises(RuntimeError), span("probe"):
        raise RuntimeError("ada@example.com")
    probe = _named(finished)["probe"]
    assert (probe.status.is_ok, probe.status.description) == (False, "RuntimeError")
    service = start_service(BuilderAnalyser(analyse_errors=[RuntimeError("secret")]), tracing=True)
    created = service.create()
    token = service.token_of(created)
    service.capture(token)
    service.judged(created["id"])
    told = " ".join(one.to_json() for one in finished.get_finished_spans())
    assert [one for one in (token, service.key, "ada@example.com", "secret") if one in told] == []


def test_without_the_setting_there_is_nothing(
    start_service: StartService, finished: InMemorySpanExporter
) -> None:
    service = start_service()
    service.judged(service.captured())
    assert finished.get_finished_spans() == ()
