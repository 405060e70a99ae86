"""A session's life as a state machine: what may happen, whenever it happens, and what never does.

The machine knows the contract in its own words (`Expected`), sends requests in any order and
compares. After each step the tables, Retrieve Session and the list must agree; at the end the
webhooks, too.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from layers.capture.errors import UnreadableMediaError
from tests.contract.expected import OUTCOMES, Expected
from tests.contract.life_service import MAX_TRIES, LifeService, life_service
from tests.service.service_builders import capture_parts, description, json_part

_LEGAL = {
    "PENDING": {"SUBMITTED", "VERIFIED", "REJECTED", "VOIDED", "EXPIRED"},
    "SUBMITTED": {"PENDING", "SUBMITTED", "VERIFIED", "REJECTED", "VOIDED", "FAILED"},
    "REJECTED": {"PENDING", "VERIFIED", "VOIDED"},
    "VERIFIED": set[str](),
    "VOIDED": set[str](),
    "EXPIRED": set[str](),
    "FAILED": set[str](),
}

# What moves a life on comes more often than what is only refused.
_WHICH = st.sampled_from([0, 0, 0, 0, 1, 2])
_KIND = st.sampled_from(["good", "good", "good", "good", "json", "steps", "empty", "media"])
_STATUS = st.sampled_from(
    ["REJECTED", "REJECTED", "REJECTED", "VERIFIED", "VOIDED", "PENDING", "SUBMITTED", "EXPIRED"]
)


class SessionLife(RuleBasedStateMachine):
    """One session of one workflow."""

    service: LifeService

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[str] = []
        self.is_erased = False

    @initialize(limit=st.integers(1, 3), auto_verify=st.booleans(), n_steps=st.integers(1, 2))
    def begin(self, limit: int, auto_verify: bool, n_steps: int) -> None:
        self.workflow = self.service.workflow(
            attempt_limit=limit, auto_verify=auto_verify, n_steps=n_steps
        )
        created = self.service.create(self.workflow)
        self.id = created["id"]
        self.tokens = [_token(created)]
        self.expected = Expected(limit, auto_verify, n_steps, max_tries=MAX_TRIES)
        self.path = f"/v1/sessions/{self.id}"

    @rule(which=_WHICH)
    def open_link(self, which: int) -> None:
        token = self._link(which)
        response = self.service.client.get(f"/v1/captures/{token}")
        _same(response, self.expected.opened(self._is_latest(token), 200))

    @rule(which=_WHICH, kind=_KIND)
    def upload(self, which: int, kind: str) -> None:
        token = self._link(which)
        opened = self.service.client.get(f"/v1/captures/{token}")
        is_open = opened.status_code == 200
        steps = opened.json()["challenge"]["steps"] if is_open else ["neutral"]
        shown = steps[::-1] if kind == "steps" else steps
        parts = capture_parts(description(shown), frame=b"" if kind == "empty" else b"\xff\xd8\xff")
        if kind == "json":
            parts[-1] = json_part({"version": 2})
        if kind == "media":
            self.service.analyser.inspect_error = UnreadableMediaError("cut off; record it again")
        response = self.service.client.post(f"/v1/captures/{token}", files=parts)
        self.service.analyser.inspect_error = None
        wanted = self.expected.opened(self._is_latest(token), 202 if kind == "good" else 422)
        _same(response, wanted)
        if response.status_code == 202:
            self.expected.captured()

    @precondition(lambda self: self.expected.is_queued)
    @rule(outcome=st.sampled_from(sorted(OUTCOMES)))
    def analyse(self, outcome: str) -> None:
        analyser = self.service.analyser
        if outcome == "raises":
            analyser.analyse_errors.append(RuntimeError("a layer is broken"))
        else:
            analyser.evidence = OUTCOMES[outcome].evidence()
        self.service.analyse()
        self.expected.analysed(outcome)

    @rule(status=_STATUS, short=st.booleans())
    def set_status(self, status: str, short: bool) -> None:
        path, name = (self.path, "status") if short else (f"{self.path}/update-status", "newStatus")
        response = self.service.client.patch(path, json={name: status})
        _same(response, self.expected.set_by_hand(status))

    @rule()
    def start_attempt(self) -> None:
        response = self.service.client.post(f"{self.path}/attempts")
        _same(response, self.expected.attempt_asked())
        if response.status_code == 201:
            assert response.json()["attempt"] == self.expected.attempt
            self.tokens.append(_token(response.json()))

    @precondition(lambda self: not self.is_erased)
    @rule(session_too=st.booleans())
    def time_passes(self, session_too: bool) -> None:
        self.service.run_out(self.id, session_too=session_too)
        self.expected.ran_out(session_too=session_too)

    @precondition(lambda self: self.expected.is_final and not self.is_erased)
    @rule()
    def erase(self) -> None:
        said = self.service.recorded(self.id).events
        self._check_webhooks(len(said))
        assert self.service.client.delete(self.path).status_code == 200
        self.is_erased = True
        self.expected.erased()

    @invariant()
    def tables_and_answers_agree(self) -> None:
        if not hasattr(self, "id"):
            return
        response = self.service.client.get(self.path)
        own = self.service.client.get(f"/v1/sessions?externalId={self.workflow}").json()["data"]
        if self.is_erased:
            assert (response.status_code, own) == (404, [])
            return
        record = response.json()["session_record"]
        self._check_record(record)
        self._check_tables(record)
        bare = {**record, "analysis_data": dict(record.get("analysis_data", {}))}
        bare["analysis_data"].pop("deepfake_detection_evidence", None)
        assert own == [bare if bare["analysis_data"] else {**record}]

    def teardown(self) -> None:
        if hasattr(self, "id") and not self.is_erased:
            self._check_webhooks(len(self.service.recorded(self.id).events))
            # What waits must not be the next life's.
            while self.expected.is_queued:
                self.analyse("live")

    def _check_record(self, record: dict[str, Any]) -> None:
        expected = self.expected
        if self.statuses and record["status"] != self.statuses[-1]:
            assert record["status"] in _LEGAL[self.statuses[-1]], (self.statuses, record["status"])
        self.statuses.append(record["status"])
        shown = (
            record["status"],
            record["attempt"],
            record["attempts_left"],
            record["is_final"],
            record["review_required"],
            record["analysis_pending"],
        )
        assert shown == (
            expected.status,
            expected.attempt,
            expected.limit - expected.attempt,
            expected.is_final,
            expected.in_review,
            expected.is_queued,
        )
        data = record.get("analysis_data")
        assert (data is not None) == (expected.verdict is not None)
        if data is not None:
            assert data["deepfake_detection_data"]["verdict"] == expected.verdict

    def _check_tables(self, record: dict[str, Any]) -> None:
        kept = self.service.recorded(self.id)
        assert [one.number for one in kept.attempts] == list(range(1, record["attempt"] + 1))
        assert len(kept.attempts) <= self.expected.limit
        judged = [one.attempt_id for one in kept.verdicts]
        assert len(judged) == len(set(judged)) == self.expected.n_verdicts
        assert [one.sequence for one in kept.events] == list(range(1, record["sequence"] + 1))
        numbers = [one.attempt for one in kept.events]
        assert numbers == sorted(numbers)

    def _check_webhooks(self, n_events: int) -> None:
        posted = self.service.posted(self.id, n_events)
        assert [one["sequence"] for one in posted] == list(range(1, n_events + 1))
        assert len({one["id"] for one in posted}) == n_events
        record = self.service.client.get(self.path).json()["session_record"]
        last = posted[-1]["data"]["session_record"]
        names = ("status", "attempt", "sequence", "is_final", "review_required", "analysis_data")
        assert {name: last.get(name) for name in names} == {
            name: record.get(name) for name in names
        }

    def _link(self, which: int) -> str:
        return self.tokens[-1 - which % len(self.tokens)]

    def _is_latest(self, token: str) -> bool:
        return token == self.tokens[-1]


def live(
    *, examples: int, seed_: int, steps: int = 20, shrinks: bool = True, folder: Path | None = None
) -> int:
    """Live `examples` lives of up to `steps` steps; return how many there were."""
    phases = (Phase.generate, Phase.shrink) if shrinks else (Phase.generate,)
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    with tempfile.TemporaryDirectory() as own, life_service(folder or Path(own)) as service:
        machine = seed(seed_)(type("Life", (SessionLife,), {"service": service}))
        run_state_machine_as_test(machine, settings=chosen)
    return examples


def _token(answer: dict[str, Any]) -> str:
    return str(answer["session_url"].rsplit("/", 1)[1])


def _same(response: Any, expected: tuple[int, str | None]) -> None:
    code = None if response.is_success else response.json()["error"]["code"]
    if expected[0] == 422:
        assert response.status_code == 422, response.text
        return
    assert (response.status_code, code) == expected, response.text
