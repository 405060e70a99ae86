"""Whatever happens to a session in whatever order, the contract's rules hold.

`python -m tests.contract` lives longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.life import SessionLife, live
from tests.contract.life_service import LifeService, life_service

_SEED = 20261121
Deed = tuple[str, dict[str, Any]]
_SEND: Deed = ("upload", {"which": 0, "kind": "good"})
_AGAIN: Deed = ("start_attempt", {})
_ERASE: Deed = ("erase", {})


def _judged(outcome: str) -> Deed:
    return "analyse", {"outcome": outcome}


def _by_hand(status: str) -> Deed:
    return "set_status", {"status": status, "short": False}


_LIVES: dict[str, list[Deed]] = {
    "decided by hand before the verdict": [_SEND, _by_hand("REJECTED"), _judged("live"), _AGAIN],
    "voided before the verdict": [_SEND, _by_hand("VOIDED"), _judged("deepfake"), _ERASE],
    "noisy twice": [_SEND, _judged("noisy"), _AGAIN, _SEND, _judged("noisy"), _AGAIN],
    "noisy on the last attempt": [
        *(_SEND, _judged("words"), _AGAIN, _SEND, _judged("liveness"), _AGAIN),
        *(_SEND, _judged("noisy"), _AGAIN, _by_hand("VERIFIED"), _by_hand("VOIDED")),
    ],
    "rejected to the last": [
        *(_SEND, _judged("deepfake"), _AGAIN, _SEND, _judged("voice"), _AGAIN, _SEND),
        *(_judged("raises"), _judged("liveness"), _AGAIN, _by_hand("VERIFIED")),
    ],
    "crashed for good": [_SEND, _judged("raises"), _judged("nothing ran"), _AGAIN, _SEND],
    "a link that ran out": [("time_passes", {"session_too": False}), _SEND, _AGAIN, _SEND],
    "nobody came": [("time_passes", {"session_too": True}), _SEND, _AGAIN, _ERASE, _AGAIN],
    "unsure, then reviewed": [_SEND, _judged("unsure"), _AGAIN, _by_hand("VERIFIED")],
    "the first of two steps": [_SEND, _judged("live"), _AGAIN, _SEND, _by_hand("VERIFIED")],
    "sent twice": [_SEND, _SEND, ("open_link", {"which": 0}), _judged("live"), _SEND],
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LifeService]:
    with life_service(tmp_path_factory.mktemp("life")) as running:
        yield running


@pytest.mark.parametrize("name", sorted(_LIVES))
def test_lives_that_were_thought_of(service: LifeService, name: str) -> None:
    life = type("Life", (SessionLife,), {"service": service})()
    life.begin(limit=3, auto_verify=True, n_steps=2 if "two steps" in name else 1)
    for deed, arguments in _LIVES[name]:
        getattr(life, deed)(**arguments)
        life.tables_and_answers_agree()
    life.teardown()


def test_lives_that_chance_makes(tmp_path: Path) -> None:
    assert live(examples=8, seed_=_SEED, steps=12, folder=tmp_path) == 8
