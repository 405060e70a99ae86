"""Whatever happens to a session in whatever order, the contract's rules hold.

`python -m tests.contract` lives longer.
"""

from __future__ import annotations

from pathlib import Path

from tests.contract.life import live

_SEED = 20261121


def test_a_sessions_life(tmp_path: Path) -> None:
    assert live(examples=12, seed_=_SEED, steps=14, folder=tmp_path) == 12
