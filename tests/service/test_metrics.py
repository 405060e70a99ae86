"""Metrics: what a session leaves in them, several processes, and a database that is away."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.database import Database
from service.metrics.expose import exposed, registry_of
from tests.service.running_service import Service, StartService
from tests.service.service_builders import BuilderAnalyser, evidence, settings_in
from tests.service.webhook_builders import Hooks
from verdict.evidence import FailureKind, LayerName, NotExecuted, SignalCode

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _read(database: Database) -> Samples:
    return samples(generate_latest(registry_of(database)).decode())


def _grown(before: Samples, after: Samples) -> Callable[..., float]:
    def grown(name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return after.get(key, 0) - before.get(key, 0)

    return grown


def test_a_session_is_counted(start_service: StartService) -> None:
    found = evidence(vision=(0.82, 0.9), signals=[SignalCode.TEXTURE_SMOOTHING])
    service = start_service(BuilderAnalyser(found))
    before = _read(service.context.database)
    service.judged(service.captured())
    after = _read(service.context.database)
    grown = _grown(before, after)
    labels = {"verdict": "DEEPFAKE", "rule": "vision_risk", "reason": "visual_deepfake"}
    assert grown("bonafide_verdicts_total", **labels) == 1
    assert grown("bonafide_deepfakes_detected_total") == 1
    assert grown("bonafide_submit_to_verdict_seconds_count") == 1
    assert grown("bonafide_risk_score_bucket", layer="vision", le="80.0") == 0
    assert grown("bonafide_risk_score_bucket", layer="vision", le="90.0") == 1
    assert grown("bonafide_risk_score_bucket", layer="voice", le="20.0") == 1
    route = {"method": "POST", "route": "/v1/captures/{token}", "status": "202"}
    assert grown("bonafide_http_request_seconds_count", **route) == 1
    assert after["bonafide_database_up", frozenset()] == 1
    assert after["bonafide_attempts_waiting", frozenset({("state", "QUEUED")})] == 0


def test_a_layer_that_failed_has_no_risk(start_service: StartService) -> None:
    broken = NotExecuted(LayerName.VISION, FailureKind.TIMED_OUT, "")
    service = start_service(BuilderAnalyser(replace(evidence(), vision=broken)))
    before = _read(service.context.database)
    service.judged(service.captured())
    grown = _grown(before, _read(service.context.database))
    assert grown("bonafide_layer_failures_total", layer="vision", kind="timed_out") == 1
    assert grown("bonafide_risk_score_count", layer="vision") == 0
    assert grown("bonafide_risk_score_count", layer="voice") == 1


def test_tries_that_crash_are_counted(start_service: StartService) -> None:
    crashes: list[Exception] = [RuntimeError(), RuntimeError()]
    service = start_service(BuilderAnalyser(analyse_errors=crashes), max_tries=2, retry_pause_s=0.0)
    before = _read(service.context.database)
    service.judged(service.captured())
    grown = _grown(before, _read(service.context.database))
    for final in ("yes", "no"):
        failed = {"reason": "analysis_crashed", "final": final}
        assert grown("bonafide_analysis_tries_failed_total", **failed) == 1


def test_webhooks_are_counted(hooks: Hooks) -> None:
    endpoint = hooks.endpoint()
    before = _read(hooks.service.context.database)
    hooks.receiver.script = [500]
    hooks.service.create()
    hooks.settled(endpoint["id"])
    after = _read(hooks.service.context.database)
    grown = _grown(before, after)
    assert grown("bonafide_webhook_tries_total", outcome="refused") == 1
    assert grown("bonafide_webhook_tries_total", outcome="delivered") == 1
    assert after["bonafide_deliveries_waiting", frozenset()] == 0


def test_paths_and_methods_of_strangers_make_no_series(service: Service) -> None:
    service.client.request("BREW", "/secret-token-in-a-path")
    text = generate_latest(registry_of(service.context.database)).decode()
    assert "BREW" not in text
    assert "secret-token" not in text
    assert 'method="other",route="none",status="404"' in text or 'status="405"' in text


def test_each_process_has_a_port_of_its_own(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        first = probe.getsockname()[1]
    settings = settings_in(tmp_path, metrics_port=first)
    database = Database(settings)
    database.create()
    with (
        exposed(settings, database, "api") as one,
        exposed(settings, database, "worker") as other,
    ):
        assert one == first
        assert other is not None
        assert other > first
        for port in (one, other):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                found = samples(answer.read().decode())
            assert found["process_resident_memory_bytes", frozenset()] > 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{first}/metrics")
    database.close()


def test_nothing_listens_by_default(service: Service) -> None:
    assert service.context.settings.metrics_port is None
    assert service.client.get("/metrics").status_code == 404


def test_a_database_that_is_away_is_said_so(tmp_path: Path) -> None:
    database = Database(settings_in(tmp_path))  # no tables
    found = _read(database)
    assert found["bonafide_database_up", frozenset()] == 0
    assert not any(name == "bonafide_deliveries_waiting" for name, _ in found)
    database.close()


def test_the_backlog_on_both_databases(tmp_path: Path, database_url: str) -> None:
    database = Database(settings_in(tmp_path, database_url=database_url))
    database.create()
    found = _read(database)
    assert found["bonafide_database_up", frozenset()] == 1
    assert found["bonafide_oldest_capture_waiting_seconds", frozenset()] == 0
    database.close()
