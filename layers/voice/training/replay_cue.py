"""Whether any plain measure tells simulated replay from people in the same rooms: one command.

    python -m layers.voice.training.replay_cue --data ../shared/data/voice

Fitted on train, limits from dev (1 % of people flagged), reported on test. The people are there
twice: as recorded, and in the rooms, microphones and codecs of the replays without a loudspeaker.
Measures that tell replay from the former only have learnt that the collections are studio speech.
"""

import argparse
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import signal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.training.association import separation
from layers.voice.training.augment import Wave
from layers.voice.training.confound_tables import table
from layers.voice.training.data import Row, load_waveform, read_manifest
from layers.voice.training.replay import Loudspeaker, draw_chain, replay
from layers.voice.training.replay_measures import replay_measures
from layers.voice.training.species import live_elsewhere
from verdict.error_rates import Rate
from verdict.policy import load_policy

Floats = npt.NDArray[np.float64]
_PER_SOURCE = {"train": 6, "dev": 40, "test": 25}
_FLAGGED_PEOPLE = 0.01
_TELEPHONE_HZ = (300.0, 3_400.0)  # ITU-T G.712
_CUE = "low_end_db"


@dataclass(frozen=True, slots=True)
class Measured:
    """The measures of one split, a row for each person: as recorded, in a room, replayed there."""

    names: tuple[str, ...]
    sources: tuple[str, ...]
    speakers: tuple[str, ...]
    recorded: Floats
    in_room: Floats
    replayed: Floats
    telephone: Floats


def telephone(wave: Wave) -> Wave:
    """A person on a telephone line: the bass is cut and nothing was replayed."""
    sections = signal.butter(4, _TELEPHONE_HZ, "band", fs=SAMPLE_RATE_HZ, output="sos")
    return np.asarray(signal.sosfilt(sections, wave), dtype=np.float32)


def loudspeaker_kind(loudspeaker: Loudspeaker | None) -> str:
    """Name the loudspeaker by where its bass ends."""
    if loudspeaker is None:
        return "none"
    if loudspeaker.low_hz < 150.0:
        return "hi-fi"
    return "laptop or large phone" if loudspeaker.low_hz < 450.0 else "phone"


def chosen_rows(rows: Sequence[Row], split: str) -> Iterator[Row]:
    """Bona fide rows of a split, at most so many of one source."""
    taken: dict[str, int] = {}
    for row in rows:
        if row.bonafide and row.split == split and taken.get(row.source, 0) < _PER_SOURCE[split]:
            taken[row.source] = taken.get(row.source, 0) + 1
            yield row


def measure(folder: Path, rows: Sequence[Row], split: str) -> Measured:
    """Measure the chosen rows of a split, each in its four forms."""
    kept = list(chosen_rows(rows, split))
    forms: tuple[list[list[float]], ...] = ([], [], [], [])
    speakers, names = [], tuple[str, ...]()
    for row in kept:
        wave, seed = load_waveform(folder / row.path), zlib.crc32(row.path.encode())
        speakers.append(loudspeaker_kind(draw_chain(np.random.default_rng(seed)).loudspeaker))
        made = (
            wave,
            live_elsewhere(wave, np.random.default_rng(seed)),
            replay(wave, np.random.default_rng(seed)),
            telephone(wave),
        )
        for values, one in zip(forms, made, strict=True):
            found = replay_measures(one)
            names = tuple(found)
            values.append(list(found.values()))
    sys.stderr.write(f"{split}: {len(kept)} people\n")
    tables = (np.array(values) for values in forms)
    return Measured(names, tuple(row.source for row in kept), tuple(speakers), *tables)


def separation_table(splits: dict[str, Measured]) -> str:
    """Area under the ROC of each measure alone, against both kinds of people."""
    head = ["measure (area under the ROC)"]
    head += [
        f"{split}, {people}" for split in splits for people in ("as recorded", "in such rooms")
    ]
    rows = []
    for index, name in enumerate(splits["dev"].names):
        cells = [
            separation(
                np.concatenate((people[:, index], one.replayed[:, index])),
                np.arange(2 * len(people)) < len(people),
            ).as_list()
            for one in splits.values()
            for people in (one.recorded, one.in_room)
        ]
        rows.append((name, *(f"{value:.2f} [{low:.2f}, {high:.2f}]" for value, low, high in cells)))
    return table(head, rows)


def all_measures(splits: dict[str, Measured]) -> str:
    """Log-odds of replay from all measures, fitted on train; the limit is dev's."""
    train, dev, test = splits["train"], splits["dev"], splits["test"]
    people = np.concatenate((train.recorded, train.in_room))
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    model.fit(
        np.concatenate((people, train.replayed)),
        np.arange(len(people) + len(train.replayed)) >= len(people),
    )
    on_dev = model.decision_function(np.concatenate((dev.recorded, dev.in_room)))
    limit = float(np.quantile(on_dev, 1.0 - _FLAGGED_PEOPLE))
    flagged = {
        name: model.decision_function(values) > limit
        for name, values in (
            ("replayed", test.replayed),
            ("as recorded", test.recorded),
            ("in such rooms", test.in_room),
            ("on a telephone line", test.telephone),
        )
    }
    return table(
        ["all measures, test", "flagged"], ((name, share(of)) for name, of in flagged.items())
    )


def bass_table(splits: dict[str, Measured], limit: float) -> str:
    """Share below the policy's level of the bass alone, by loudspeaker and kind of people."""
    rows = []
    for split, one in splits.items():
        column = one.names.index(_CUE)
        kinds = np.array(one.speakers)
        forms = [("replayed, all", one.replayed)]
        forms += [(f"replayed, {kind}", one.replayed[kinds == kind]) for kind in sorted(set(kinds))]
        forms += [
            ("people as recorded", one.recorded),
            ("people in such rooms", one.in_room),
            ("people on a telephone line", one.telephone),
        ]
        rows += [(split, name, share(values[:, column] < limit)) for name, values in forms]
        below = one.recorded[:, column] < limit
        for source in sorted(set(np.array(one.sources)[below])):
            of = below[np.array(one.sources) == source]
            rows.append((split, f"people as recorded: {source}", share(of)))
    return table(["split", f"below {limit:g} dB", "flagged"], rows)


def share(flags: npt.NDArray[np.bool_]) -> str:
    """Share in percent with its interval and n."""
    rate = Rate(int(flags.sum()), len(flags))
    low, high = rate.interval
    return f"{100 * rate.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}], n {rate.n}"


def main() -> None:
    """Print what each measure, all of them, and the bass alone can tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of manifest.csv")
    args = parser.parse_args()
    rows = read_manifest(args.data)
    splits = {split: measure(args.data, rows, split) for split in _PER_SOURCE}
    limit = load_policy().number(f"voice.replay.{_CUE}")
    parts = (separation_table(splits), all_measures(splits), bass_table(splits, limit))
    sys.stdout.write("\n".join(parts))


if __name__ == "__main__":
    main()
