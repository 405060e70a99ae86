"""Play the published document against a running service with schemathesis and collect failures.

Two of its checks are left out: both casings of a name are read and numbers are read from text, so
that a request may break the schema of one casing and be right; and a form can be right by its
schema and still hold no readable picture.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER

from service.casing import Casing
from tests.contract.document import in_camel_case, with_tokens
from tests.contract.running import Running
from tests.service.service_builders import capture_parts, description

_LEFT_OUT = ("positive_data_acceptance", "negative_data_rejection")
ALL_PHASES = ("examples", "coverage", "fuzzing", "stateful")
_SEND_A_CAPTURE = "POST /v1/captures/{token}"


@dataclass
class Played:
    """What was sent, and what came back that should not.

    Parameters
    ----------
    answers
        Requests by operation and status.
    failures
        One text for each distinct failure: where, what, and the curl command.
    """

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: dict[tuple[str, ...], str] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """How many requests were answered."""
        return self.answers.total()

    def take(self, recorder: ScenarioRecorder) -> None:
        """Add what one scenario recorded."""
        for case_id, interaction in recorder.interactions.items():
            label = recorder.cases[case_id].value.operation.label
            if interaction.response is not None:
                self.answers[label, interaction.response.status_code] += 1
        for case_id, checks in recorder.checks.items():
            label = recorder.cases[case_id].value.operation.label
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    key = (label, check.name, failure.title, failure.message[:80])
                    curl = check.failure_info.code_sample
                    self.failures.setdefault(
                        key, f"{label}: {failure.title}: {failure.message}\n{curl}"
                    )


def play(
    service: Running,
    casing: Casing,
    *,
    examples: int,
    seed: int,
    phases: tuple[str, ...] = ALL_PHASES,
    max_steps: int = 12,
    max_time_s: int | None = None,
) -> Played:
    """Run the phases and return what came of them.

    Parameters
    ----------
    casing
        Of the key; for camelCase the document is read in camelCase, requests included.
    examples
        Generated requests for each operation, and scenarios of the stateful phase.
    """
    document = with_tokens(service.document)
    if casing is Casing.CAMEL:
        document = in_camel_case(document)
    config: dict[str, Any] = {
        "seed": seed,
        "base-url": service.url,
        "headers": {"x-api-key": service.new_key(casing)},
        "generation": {"max-examples": examples, "database": "none", "no-shrink": True},
        "phases": {name: {"enabled": name in phases} for name in ALL_PHASES}
        | {"stateful": {"enabled": "stateful" in phases, "max-steps": max_steps}},
        "checks": {name: {"enabled": False} for name in _LEFT_OUT},
        "continue-on-failure": True,
        "request-timeout": 20,
        "suppress-health-check": ["all"],
    }
    if max_time_s is not None:
        config["max-time"] = max_time_s
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config))
    played = Played()
    with _good_captures(service):
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                played.take(event.recorder)
            elif isinstance(event, events.NonFatalError):
                told = f"{event.label}: {event.info.title}: {event.info.message}"
                played.failures.setdefault((event.label, "error", told[:120]), told)
            elif isinstance(event, events.FatalError):
                raise event.exception
    return played


@contextmanager
def _good_captures(service: Running) -> Iterator[None]:
    """Make every second upload a good capture: by chance none would name the steps in order."""
    turn = itertools.count()

    def before_call(_context: Any, case: Any, kwargs: dict[str, Any]) -> None:
        if case.operation.label != _SEND_A_CAPTURE or next(turn) % 2:
            return
        path = f"{service.url}/v1/captures/{case.path_parameters.get('token')}"
        with httpx.Client() as client:
            opened = client.get(path)
        if opened.status_code == 200:
            steps = opened.json()["challenge"]["steps"]
            case.body = NOT_SET
            case.headers.pop("Content-Type", None)
            kwargs["files"] = capture_parts(description(steps))

    GLOBAL_HOOK_DISPATCHER.register_hook_with_name(before_call, "before_call")
    try:
        yield
    finally:
        GLOBAL_HOOK_DISPATCHER.unregister(before_call)
