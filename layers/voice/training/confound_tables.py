"""The confound report as markdown."""

from collections.abc import Iterable, Sequence
from typing import Any

Report = dict[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def markdown(report: Report) -> str:
    """Return every table of every split."""
    parts = [f"Detector {report['detector_sha256'][:12]}; 95 % intervals in brackets.\n"]
    for split, found in report["splits"].items():
        parts += [
            f"### {split}\n",
            _label_table(found["label_auc"], found["label_auc_paired"]),
            _correlation_table(found["score_correlation"]),
            _shift_table(found["score_shift"]),
        ]
    return "\n".join(parts)


def _with_interval(figure: Sequence[float]) -> str:
    return f"{figure[0]:.2f} [{figure[1]:.2f}, {figure[2]:.2f}]"


def _label_table(everything: Report, paired: Report) -> str:
    """Area under the ROC of the label by each measure, by all together, by our score."""
    head = [
        "label from (area under the ROC)",
        *(f"{name}, n {one['n'][0]}/{one['n'][1]}" for name, one in _named(everything, paired)),
    ]
    singles = [
        (name, *(_with_interval(one["single"][name]) for one in (everything, paired)))
        for name in everything["single"]
    ]
    both = (everything, paired)
    last = [
        ("all of them, cross-validated", *(_with_interval(one["all_together"]) for one in both)),
        ("our score", *(_with_interval(one["our_score"]) for one in both)),
    ]
    return table(head, [*singles, *last])


def _named(everything: Report, paired: Report) -> Iterable[tuple[str, Report]]:
    return (("all rows", everything), ("paired rows", paired))


def _correlation_table(found: Report) -> str:
    head = ["our score follows (Spearman)", "bona fide", "synthetic"]
    return table(
        head,
        (
            (
                name,
                _with_interval(found["bonafide"][name]),
                _with_interval(found["synthetic"][name]),
            )
            for name in found["bonafide"]
        ),
    )


def _shift_table(found: Report) -> str:
    first = f"same clip (n {found['n'][0]}/{found['n'][1]}, score deviation {found['score_sd']})"
    head = [first, "bona fide shift", "synthetic shift", "shift deviation", "rank correlation"]
    return table(
        head,
        (
            (
                name,
                f"{one['bonafide_mean']:+.2f}",
                f"{one['synthetic_mean']:+.2f}",
                f"{one['shift_sd']:.2f}",
                f"{one['rank_correlation']:.3f}",
            )
            for name, one in found["changes"].items()
        ),
    )
