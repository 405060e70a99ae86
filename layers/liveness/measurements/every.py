"""Every table by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from layers.liveness.measurements.attacks import attacks
from layers.liveness.measurements.binding import accepted_orders, rejected_bindings
from layers.liveness.measurements.clips import Clip, read_clips
from layers.liveness.measurements.conditions import as_recorded, made_conditions, read_photos
from layers.liveness.measurements.disturbed import disturbed
from layers.liveness.measurements.pictures import six_pictures
from layers.liveness.measurements.rates import blinks_by_rate
from layers.liveness.measurements.recorded import checks_as_recorded
from layers.liveness.measurements.sessions import Acts, acts_of
from layers.liveness.measurements.table import Table
from verdict.policy import Policy

NAMES = (
    "recorded", "rates", "pictures", "orders", "binding", "attacks", "disturbed", "quality",
    "conditions",
)  # fmt: skip


def tables(
    manifest: Path, split: str, policy: Policy, wanted: Sequence[str] = ()
) -> Mapping[str, Callable[[], Table]]:
    """Return the tables by name, each made when it is called; the clips are decoded now.

    Raises
    ------
    ValueError
        When one of `wanted` is no table.
    """
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        msg = f"no table {', '.join(unknown)}; there are {', '.join(NAMES)}"
        raise ValueError(msg)
    clips = list(read_clips(manifest, split, policy))
    acts = _acts(clips, policy)
    made: dict[str, Callable[[], Table]] = {
        "recorded": lambda: checks_as_recorded(clips, policy),
        "rates": lambda: blinks_by_rate(clips, policy),
        "pictures": lambda: six_pictures(clips, policy),
        "orders": lambda: accepted_orders(acts, policy),
        "binding": lambda: rejected_bindings(acts, policy),
        "attacks": lambda: attacks(clips, policy),
        "disturbed": lambda: disturbed(clips, policy),
        "quality": lambda: as_recorded(clips, read_photos(manifest, split), policy),
        "conditions": lambda: made_conditions(read_photos(manifest, split), policy),
    }
    return {name: make for name, make in made.items() if not wanted or name in wanted}


def _acts(clips: Sequence[Clip], policy: Policy) -> list[Acts]:
    real = (acts_of(clip.person, clip.capture, policy) for clip in clips if clip.bonafide)
    return [one for one in real if one is not None]
