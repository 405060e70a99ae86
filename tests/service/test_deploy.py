"""What is shipped for operation fits the service: image, compose file, dashboard, alerts."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client.metrics_core import Metric

from service.database import Database
from service.metrics.expose import registry_of
from service.settings import Settings
from tests.service.service_builders import settings_in

_ROOT = Path(__file__).parents[2]
_DEPLOY = _ROOT / "service" / "deploy"
_TOOLS = Path(sysconfig.get_path("scripts"))
_OURS = ("api", "worker", "migrate")
# What Prometheus adds by itself.
_UP = {"up": {"job", "instance"}}
_ALWAYS = {"job", "instance", "le"}


def _yaml(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((_DEPLOY / name).read_text(encoding="utf-8"))
    return document


def _lint(*command: object) -> None:
    result = subprocess.run(
        [str(one) for one in command], capture_output=True, text=True, check=False, cwd=_ROOT
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_dockerfile_has_no_finding() -> None:
    _lint(_TOOLS / "hadolint", _DEPLOY / "Dockerfile")


def test_the_compose_file_fits_its_schema() -> None:
    tool = _TOOLS / "check-jsonschema"
    _lint(tool, "--builtin-schema", "vendor.compose-spec", _DEPLOY / "compose.yaml")


def test_our_containers_can_write_little_and_are_not_root() -> None:
    services = _yaml("compose.yaml")["services"]
    for name in _OURS:
        one = services[name]
        assert one["read_only"] is True
        assert one["user"].split(":")[0] not in ("0", "root")
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]
    published = [port for one in services.values() for port in one.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert all(":" in one["image"] for name, one in services.items() if name not in _OURS)
    assert not any(str(one.get("image")).endswith(":latest") for one in services.values())


def test_every_variable_is_a_setting_and_asked_for() -> None:
    compose = _yaml("compose.yaml")
    known = {f"BONAFIDE_{name.upper()}" for name in Settings.model_fields}
    for name in _OURS:
        environment = compose["services"][name]["environment"]
        assert {one for one in environment if one.startswith("BONAFIDE_")} <= known
    wanted = set(re.findall(r"\$\{(\w+)", (_DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    example = (_DEPLOY / "example.env").read_text(encoding="utf-8")
    assert wanted == set(re.findall(r"^(\w+)=", example, re.MULTILINE))
    assert re.findall(r"_KEY=(.+)", example) == []  # none that somebody could leave as it is


def test_the_image_has_the_variables_of_the_service() -> None:
    text = (_DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    known = {f"BONAFIDE_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"BONAFIDE_\w+", text)) <= known
    assert re.search(r"^USER 10001", text, re.MULTILINE)
    for source in re.findall(r"^COPY (\w[\w. ]*) \S+$", text, re.MULTILINE):
        for one in source.split():
            assert (_ROOT / one).exists(), one


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every sample that a process can expose, with its labels."""
    database = Database(settings_in(tmp_path_factory.mktemp("deploy")))
    database.create()
    families = list(registry_of(database).collect())
    database.close()
    return _UP | {name: labels for one in families for name, labels in _samples_of(one)}


def _samples_of(family: Metric) -> Iterator[tuple[str, set[str]]]:
    """Also of counters with labels that nothing has been counted in yet."""
    labels: set[str] = set().union(*(sample.labels for sample in family.samples))
    ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    for end in ends.get(family.type, ("",)):
        yield family.name + end, labels | _labels_of(family.name)


def _labels_of(name: str) -> set[str]:
    from service.metrics import series

    for one in vars(series).values():
        if getattr(one, "_name", None) == name:
            return set(one._labelnames)
    return set()


def _expressions() -> list[tuple[str, str]]:
    rules = [rule for group in _yaml("alerts.yaml")["groups"] for rule in group["rules"]]
    found = [(rule["alert"], rule["expr"]) for rule in rules]
    panels = json.loads((_DEPLOY / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    for panel in panels:
        for target in panel["targets"]:
            found.append((panel["title"], target["expr"].replace("$__rate_interval", "5m")))
    return found


def _selectors(node: Any) -> Iterator[promql.VectorSelector]:
    if isinstance(node, promql.VectorSelector):
        yield node
    elif isinstance(node, promql.MatrixSelector):
        yield node.vector_selector
    for name in ("lhs", "rhs", "expr", "param"):
        if (inner := getattr(node, name, None)) is not None:
            yield from _selectors(inner)
    for argument in getattr(node, "args", []):
        yield from _selectors(argument)


def _grouped(node: Any) -> Iterator[str]:
    if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
        yield from node.modifier.labels
    for name in ("lhs", "rhs", "expr", "param"):
        if (inner := getattr(node, name, None)) is not None:
            yield from _grouped(inner)
    for argument in getattr(node, "args", []):
        yield from _grouped(argument)


@pytest.mark.parametrize(("title", "expression"), _expressions())
def test_dashboard_and_alerts_ask_for_what_there_is(
    known: dict[str, set[str]], title: str, expression: str
) -> None:
    node = promql.parse(expression)
    selectors = list(_selectors(node))
    assert selectors, title
    labels = set()
    for one in selectors:
        assert one.name in known, f"{title}: {one.name} is not exposed"
        asked = {matcher.name for matcher in one.matchers.matchers}
        assert asked <= known[one.name] | _ALWAYS, title
        labels |= known[one.name]
    assert set(_grouped(node)) <= labels | _ALWAYS, title


def test_every_alert_is_explained() -> None:
    book = (_ROOT / "docs" / "operation.md").read_text(encoding="utf-8")
    for group in _yaml("alerts.yaml")["groups"]:
        for rule in group["rules"]:
            assert f"`{rule['alert']}`" in book
