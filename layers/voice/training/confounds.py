"""How far the label, and our score, follow the channel: one command, two tables as JSON."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.detector.embedded import EmbeddedDetector
from layers.voice.training.augment import low_pass, resample, set_level, through_codec
from layers.voice.training.data import Row, load_waveform, read_manifest

Wave = npt.NDArray[np.float32]
_FRAME = 320


def _edge_s(loud: npt.NDArray[np.bool_]) -> float:
    """Seconds before the first loud frame."""
    return float(np.argmax(loud)) * _FRAME / SAMPLE_RATE_HZ if loud.any() else 0.0


def channel_measures(wave: Wave) -> dict[str, float]:
    """Loudness, bandwidth, silence and duration of one clip."""
    frames = wave[: len(wave) // _FRAME * _FRAME].reshape(-1, _FRAME)
    energy = np.square(frames).mean(1) + 1e-12
    loud = energy > energy.max() * 10.0**-3.8
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(_FRAME)))).mean(0)
    rolled = np.searchsorted(np.cumsum(power) / power.sum(), 0.99)
    return {
        "loudness_db": float(10.0 * np.log10(energy.mean())),
        "bandwidth_hz": float(rolled * SAMPLE_RATE_HZ / _FRAME),
        "below_80_hz_db": float(10.0 * np.log10((power[:2].sum() + 1e-12) / power.sum())),
        "leading_silence_s": _edge_s(loud),
        "trailing_silence_s": _edge_s(loud[::-1]),
        "duration_s": len(wave) / SAMPLE_RATE_HZ,
    }


def separation(values: npt.NDArray[np.float64], real: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC of one measure, folded to 0.5-1 (0.5 = tells nothing)."""
    rank = stats.rankdata(values)
    n_real, n_fake = int(real.sum()), int((~real).sum())
    area = (rank[real].sum() - n_real * (n_real + 1) / 2) / (n_real * n_fake)
    return float(max(area, 1.0 - area))


def changes() -> dict[str, Callable[[Wave], Wave]]:
    """The same clip again through another channel."""
    return {
        "level -20 dB": lambda wave: set_level(wave, -46.0),
        "Opus 24 kbit/s": lambda wave: through_codec(wave, "libopus", "ogg", 48_000, 24_000),
        "MP3 64 kbit/s": lambda wave: through_codec(wave, "libmp3lame", "mp3", 44_100, 64_000),
        "AAC 48 kbit/s": lambda wave: through_codec(wave, "aac", "adts", 44_100, 48_000),
        "AMR-NB 12.2 kbit/s": lambda wave: through_codec(
            wave, "libopencore_amrnb", "amr", 8_000, 12_200
        ),
        "low-pass 4 kHz": lambda wave: low_pass(wave, 4_000.0, 8),
        "low-pass 6.5 kHz": lambda wave: low_pass(wave, 6_500.0, 8),
        "22.05 kHz and back": lambda wave: resample(
            resample(wave, SAMPLE_RATE_HZ, 22_050), 22_050, SAMPLE_RATE_HZ
        ),
        "0.5 s of silence before": lambda wave: np.pad(wave, (8_000, 0)),
    }


def score_shifts(
    folder: Path, rows: tuple[Row, ...], detector: EmbeddedDetector
) -> dict[str, dict[str, float]]:
    """Shift of the score of each class when only the channel changes."""
    waves = [load_waveform(folder / row.path) for row in rows]
    real = np.array([row.bonafide for row in rows])
    before = np.array([detector.score(wave) for wave in waves])
    found = {"unchanged": {"score_sd": float(before.std()), "n": float(len(rows))}}
    for name, change in changes().items():
        after = np.array([detector.score(change(wave)) for wave in waves])
        shift = after - before
        found[name] = {
            "bonafide_mean": float(shift[real].mean()),
            "synthetic_mean": float(shift[~real].mean()),
            "shift_sd": float(shift.std()),
            "rank_correlation": float(stats.spearmanr(before, after).statistic),
        }
    return found


def main() -> None:
    """Print both tables for one split."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of manifest.csv")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--every", type=int, default=3, help="clip step for the score shifts")
    args = parser.parse_args()
    rows = tuple(row for row in read_manifest(args.data) if row.split == args.split)
    measured = [channel_measures(load_waveform(args.data / row.path)) for row in rows]
    real = np.array([row.bonafide for row in rows])
    areas = {
        name: round(separation(np.array([one[name] for one in measured]), real), 3)
        for name in measured[0]
    }
    shifts = score_shifts(args.data, rows[:: args.every], EmbeddedDetector())
    json.dump({"label_auc": areas, "score_shift": shifts}, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
