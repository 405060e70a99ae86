"""The figures of docs/injection.md, as Markdown tables; ``--data FOLDER --split dev``.

Real clips, bursts that an honest page would take of them, and injected ones made of the same
footage; one table of what was rejected and why, one of the figures that only inform.
"""

from __future__ import annotations

import argparse
import csv
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from layers.capture.types import Capture, MediaKind, Source, TimeArray
from layers.liveness.frame_timing import check_frame_timing
from layers.liveness.injection_attacks import page_times
from layers.liveness.injection_footage import Footage, read_clip
from layers.liveness.injection_forms import CAMERA, honest_forms, injected_forms
from layers.liveness.intervals import clock_of, rate_of
from verdict.error_rates import Rate
from verdict.evidence import CheckResult
from verdict.policy import Policy, load_policy

_LONGEST_S, _SIDE_PX = 4.0, 240
_SESSION_S = 17.5  # of service/page/capture.js: five steps
_SESSIONS = 1000
_INFORMING = (
    "interval_spread_ms",
    "interpolated_share",
    "repeated_share",
    "loop_ratio",
    "temporal_noise",
    "unchanged_flat_share",
    "noise_by_brightness",
    "block_grid",
    "foreign_block_grid",
    "spectrum_reach",
    "unusual_size",
    "edited_by_tag",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One capture of the table, judged."""

    name: str
    injected: bool
    clip: str
    result: CheckResult


def cases_of(
    name: str, footage: Footage | None, capture: Capture, policy: Policy
) -> Iterator[Case]:
    """Judge one clip in every form, honest and injected.

    Parameters
    ----------
    footage
        Its pictures; without them only what is beside the pictures can be made up.
    capture
        The clip as it was recorded.
    """
    chance = np.random.default_rng(zlib.crc32(name.encode()))
    forms = honest_forms(capture, chance)
    if footage is not None:
        forms = chain(forms, injected_forms(footage, chance))
    for form, injected, one in forms:
        yield Case(form, injected, name, check_frame_timing(one, policy))


def read_cases(data: Path, split: str, policy: Policy, every: int) -> Iterator[Case]:
    """Judge every bona fide video of a split, and one in `every` with its pictures changed."""
    with (data / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = [
            row
            for row in csv.DictReader(stream)
            if row["split"] == split
            and row["label"] == "bonafide"
            and row["path"].startswith("videos/")
        ]
    for number, row in enumerate(rows):
        footage, capture = read_clip(data / row["path"], _LONGEST_S, _SIDE_PX)
        changed = footage if every and number % every == 0 else None
        yield from cases_of(row["path"], changed, capture, policy)


def clock_table(policy: Policy, sessions: int = _SESSIONS) -> str:
    """Return what the times alone of whole sessions give away: a page's timer, and made up."""
    chance = np.random.default_rng(0)
    lines = ["| times | rejected | n | 95 % interval |", "|---|---|---|---|"]
    for fps in (8.0, 15.0, 30.0):
        for tick_ms in (0.1, 1.0):
            honest = [page_times(_SESSION_S, fps, tick_ms, chance) for _ in range(sessions)]
            name = f"page's timer, {fps:g} fps, clock of {tick_ms:g} ms"
            lines.append(_rate_line(name, [_clock_fault(t_s, policy) for t_s in honest]))
    for fps in (8.0, 10.0, 12.0, 15.0, 24.0, 25.0, 30.0):
        even = np.arange(round(_SESSION_S * fps)) / fps
        shaken = even + chance.uniform(0.0, 0.001, len(even))
        lines.append(_rate_line(f"**even, {fps:g} fps**", [_clock_fault(even, policy)]))
        name = f"**even, {fps:g} fps, shaken by 1 ms**"
        lines.append(_rate_line(name, [_clock_fault(shaken, policy)]))
    return "\n".join(lines)


def _clock_fault(t_s: TimeArray, policy: Policy) -> bool:
    page = Source(MediaKind.FRAMES, device=CAMERA)
    return any(one.reason for one in (*rate_of(t_s, policy), *clock_of(t_s, page, policy)))


def _rate_line(name: str, rejected: Sequence[bool]) -> str:
    rate = Rate(sum(rejected), len(rejected))
    low, high = rate.interval
    return f"| {name} | {rate.errors} | {rate.n} | {low:.1%} - {high:.1%} |"


def rejected_table(cases: Iterable[Case]) -> str:
    """Return the first table: what was rejected, and for which of its measurements."""
    lines = [
        "| capture | rejected | n | 95 % interval | by |",
        "|---|---|---|---|---|",
    ]
    for name, own in _by_name(cases).items():
        rate = Rate(sum(not case.result.passed for case in own), len(own))
        low, high = rate.interval
        reasons: dict[str, int] = defaultdict(int)
        for case in own:
            for cue in _fired(case.result):
                reasons[cue] += 1
        by = ", ".join(f"{cue} {n}" for cue, n in sorted(reasons.items(), key=lambda r: -r[1]))
        mark = "**" if own[0].injected else ""
        shown = f"{low:.0%} - {high:.0%}"
        lines.append(f"| {mark}{name}{mark} | {rate.errors} | {rate.n} | {shown} | {by} |")
    return "\n".join(lines)


def figures_table(cases: Iterable[Case]) -> str:
    """Return the second table: 10th, 50th and 90th percentile of every figure."""
    lines = ["| figure | " + "capture | n | 10 % | median | 90 % |", "|---|---|---|---|---|---|"]
    grouped = _by_name(cases)
    for figure in _INFORMING:
        for name, own in grouped.items():
            values = [value for case in own if (value := _value(case.result, figure)) is not None]
            if values:
                low, middle, high = np.percentile(values, [10, 50, 90])
                shown = f"{low:.3g} | {middle:.3g} | {high:.3g}"
                lines.append(f"| {figure} | {name} | {len(values)} | {shown} |")
    return "\n".join(lines)


def _fired(result: CheckResult) -> Iterator[str]:
    """Yield the measurements beyond their thresholds, by the way their reasons read."""
    if result.passed:
        return
    words = {
        "times": "frames_out_of_order",
        "calls itself": "camera_label_concern",
        "are alike within": "interval_spread_ms",
        "mean of their neighbours": "interpolated_share",
        "repeat the one before": "repeated_share",
        "stood still": "longest_still_s",
        "shown before": "loop_ratio",
        "clock are": "clock_skew_s",
        "arrived": "ahead_of_receipt_s",
        "longer than its link": "longer_than_open_s",
        "no frame for": "longest_gap_s",
        "far longer than usual": "long_interval_share",
    }
    known = [cue for said, cue in words.items() if said in result.reason]
    yield from known or [result.reason]


def _value(result: CheckResult, figure: str) -> float | None:
    return next((one.value for one in result.measurements if one.name == figure), None)


def _by_name(cases: Iterable[Case]) -> Mapping[str, list[Case]]:
    grouped: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        grouped[case.name].append(case)
    return grouped


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables of one split as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--split", default="dev")
    parser.add_argument(
        "--injected-every",
        type=int,
        default=1,
        help="change the pictures of every n-th clip only; 0: of none",
    )
    parser.add_argument(
        "--sessions", type=int, default=_SESSIONS, help="simulated sessions of each clock"
    )
    options = parser.parse_args(arguments)
    policy = load_policy()
    cases = list(read_cases(options.data, options.split, policy, options.injected_every))
    tables = (rejected_table(cases), clock_table(policy, options.sessions), figures_table(cases))
    sys.stdout.write("\n\n".join(tables) + "\n")


if __name__ == "__main__":
    main()
