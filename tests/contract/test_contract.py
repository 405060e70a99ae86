"""What the document promises is what the service does, in both casings, over real HTTP.

No answer is a server error, has a status, content type or header that is not documented, or a
body that its schema does not allow. `python -m tests.contract` plays for longer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from service.casing import Casing
from tests.contract.play import play
from tests.contract.running import running
from tests.service.webhook_builders import INSIDE

_SEED = 20261121


@pytest.mark.parametrize("casing", list(Casing))
def test_the_service_keeps_to_its_document(tmp_path: Path, casing: Casing) -> None:
    with running(tmp_path, **INSIDE) as service:
        phases = ("examples", "fuzzing", "stateful")
        played = play(service, casing, examples=2, seed=_SEED, phases=phases, max_steps=6)
    assert not played.failures, "\n\n".join(played.failures.values())
    assert played.requests > 70, played.answers
    statuses = {status for _, status in played.answers}
    assert {200, 201, 404, 422} <= statuses


def test_a_document_that_promises_less_is_found_out(tmp_path: Path) -> None:
    with running(tmp_path, **INSIDE) as service:
        answers = service.document["paths"]["/v1/sessions"]["get"]["responses"]
        page = service.document["components"]["schemas"]["SessionPage"]
        answers.pop("422")
        page["required"].append("cursor")
        played = play(service, Casing.SNAKE, examples=1, seed=_SEED, phases=("fuzzing",))
    checks = {(label, check) for label, check, *_ in played.failures}
    assert ("GET /v1/sessions", "response_schema_conformance") in checks, played.failures
