"""Which windows put a clip over the threshold: those without which the rest would not be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from verdict.voice_evidence import WindowScore


def explained(
    windows: Sequence[WindowScore],
    clip_score: float,
    p_attack: Callable[[float], float],
    is_over: Callable[[float], bool],
) -> tuple[WindowScore, ...]:
    """Return the windows with their calibrated risk, those that decided marked.

    The windows are taken away from the most attack-like on until the mean of the rest is no
    longer over the threshold: what was taken away decided. None did for a clip that is not over,
    all did where every window is over by itself.

    Parameters
    ----------
    clip_score
        Score of the clip. Where it is not the mean of these windows (an ensemble shows the windows
        of one member), the difference goes with every mean.
    p_attack
        Calibration of the clip's score.
    is_over
        Whether a `p_attack` rejects.
    """
    rated = [replace(window, p_attack=p_attack(window.score)) for window in windows]
    if not rated:
        return ()
    shift = clip_score - sum(window.score for window in rated) / len(rated)
    left = sorted(range(len(rated)), key=lambda place: rated[place].score, reverse=True)
    while left:
        mean = sum(rated[place].score for place in left) / len(left)
        if not is_over(p_attack(mean + shift)):
            break
        place = left.pop()
        rated[place] = replace(rated[place], decided=True)
    return tuple(rated)
