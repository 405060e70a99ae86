"""Inputs without end through the confined child, and the figures of what came of them."""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from layers.capture.errors import DecodeTimeoutError, MediaError
from layers.capture.types import Capture
from layers.runner import LayerRunner, MediaRequest, RunnerSettings
from layers.runner.tasks import Tasks
from tests.fuzz.mutate import mutated
from tests.fuzz.trial import UNTYPED, Told, Trial, tell
from tests.service.stub_layers import liveness, vision, voice, warm

_HANG_S = 20.0
_WHOLE_SHARE = 0.05


@dataclass
class Figures:
    """What a campaign found.

    Parameters
    ----------
    outcomes
        By target and outcome.
    failures
        One text for each distinct one; each names the input by its digest.
    """

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest_s: float = 0.0
    memory_kib: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    failed_inputs: dict[str, bytes] = field(default_factory=dict)
    first: dict[tuple[str, str, str], bytes] = field(default_factory=dict)

    @property
    def inputs(self) -> int:
        """How many there were."""
        return self.outcomes.total()

    def take(self, target: str, data: bytes, told: Told, *, whole: bool = False) -> None:
        """Add one; of a `whole` one the outcome is not that of the parser alone."""
        self.outcomes[target, told.outcome] += 1
        place = (target, told.outcome, told.detail)
        if not whole and (place not in self.first or len(data) < len(self.first[place])):
            self.first[place] = data
        self.slowest_s = max(self.slowest_s, told.seconds)
        self.memory_kib = max(self.memory_kib, told.memory_kib)
        if told.outcome.startswith(UNTYPED) or told.seconds > _HANG_S:
            name = f"{target}: {told.outcome} after {told.seconds:.1f} s\n{told.where}"
            digest = hashlib.sha256(data).hexdigest()[:16]
            if name not in self.failures:
                self.failures[name], self.failed_inputs[digest] = digest, data


@contextmanager
def confined() -> Iterator[LayerRunner]:
    """The runner of the service, with its limits; its decoder tells what it did."""
    # The runner hands on whatever its task returns.
    decode = cast("Callable[[MediaRequest], Capture]", tell)
    tasks = Tasks(decode=decode, liveness=liveness, vision=vision, voice=voice, warm=warm)
    settings = RunnerSettings(capture_timeout_s=2 * _HANG_S, decoder_cpu_s=_HANG_S)
    with LayerRunner(settings, tasks) as runner:
        runner.wait_until_warm()
        yield runner


def attempt(runner: LayerRunner, trial: Trial) -> Told:
    """Run one input; a child that died or hung is an outcome, too."""
    start = time.perf_counter()
    try:
        return cast("Told", runner.decode(trial))
    except DecodeTimeoutError:
        return Told(f"{UNTYPED} hang", time.perf_counter() - start, 0)
    except MediaError as error:
        # The child was ended by a limit, or crashed: the service refuses this with a finding.
        return Told(f"child ended, {error.code}", time.perf_counter() - start, 0)
    except Exception as error:
        return Told(f"{UNTYPED} {type(error).__name__}", time.perf_counter() - start, 0)


def campaign(
    seeds: Mapping[str, Sequence[bytes]],
    folder: Path,
    *,
    seed: int,
    end: float,
    most: int | None = None,
) -> Figures:
    """Mutate and run until monotonic time `end`, or `most` inputs; a seed gives its inputs."""
    chance = random.Random(seed)
    figures = Figures()
    path = folder / "input"
    targets = [name for name in seeds for _ in range(3 if name in ("video", "audio") else 2)]
    with confined() as runner:
        while time.monotonic() < end and (most is None or figures.inputs < most):
            target = chance.choice(targets)
            data = mutated(chance, seeds[target])
            path.write_bytes(data)
            whole = chance.random() < _WHOLE_SHARE
            told = attempt(runner, Trial(target=target, path=path, whole=whole))
            figures.take(target, data, told, whole=whole)
    return figures
