"""Fit the small generators on bona fide rows: spectral losses and spectrogram critics.

    python -m layers.voice.training.fit_vocoders --data ../shared/data/voice --out VOCODERS

One core needs about ten minutes a generator. The folder is then given to the training command.
"""

import argparse
import logging
from itertools import pairwise
from logging import Logger
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from layers.voice.training.augment import set_level, trim_silence
from layers.voice.training.data import load_waveform, read_manifest
from layers.voice.training.neural_vocoders import LEVEL_DB, RECIPES, Vocoder, VocoderRecipe

_SEGMENT = 12_800
_BATCH = 8
_RESOLUTIONS = (256, 512, 1024, 2048)


def _log_spectrum(wave: Tensor, n_fft: int) -> Tensor:
    window = torch.hann_window(n_fft)
    spectrum = torch.stft(wave, n_fft, n_fft // 4, window=window, return_complex=True)
    return torch.log(spectrum.abs() + 1e-3)


class Critic(nn.Module):
    """Looks at log spectra of three resolutions, patch by patch (Jang et al., 2021, UnivNet)."""

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.columns = nn.ModuleList()
        for _ in _RESOLUTIONS[1:]:
            widths = (1, channels, channels, 2 * channels, 2 * channels)
            self.columns.append(
                nn.ModuleList(
                    nn.utils.parametrizations.weight_norm(
                        nn.Conv2d(a, b, (9, 3), stride=(4, 1), padding=(4, 1))
                    )
                    for a, b in pairwise(widths)
                )
            )
        self.heads = nn.ModuleList(
            nn.Conv2d(2 * channels, 1, 3, padding=1) for _ in _RESOLUTIONS[1:]
        )

    def forward(self, wave: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Return the verdicts and the feature maps behind them."""
        verdicts, features = [], []
        for n_fft, column, head in zip(_RESOLUTIONS[1:], self.columns, self.heads, strict=True):
            view = _log_spectrum(wave, n_fft)[:, None]
            for layer in cast(nn.ModuleList, column):
                view = functional.leaky_relu(layer(view), 0.1)
                features.append(view)
            verdicts.append(head(view))
        return verdicts, features


def spectral_loss(made: Tensor, wave: Tensor) -> Tensor:
    """Mean distance of the log spectra over several resolutions."""
    parts = [
        functional.l1_loss(_log_spectrum(made, n_fft), _log_spectrum(wave, n_fft))
        for n_fft in _RESOLUTIONS
    ]
    return torch.stack(parts).mean()


def fit_vocoder(
    waves: list[np.ndarray[tuple[int], np.dtype[np.float32]]],
    recipe: VocoderRecipe,
    seed: int,
    log: Logger,
) -> Vocoder:
    """Fit one generator: the first third with spectral losses alone, then against the critic."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    vocoder, critic = Vocoder(recipe), Critic()
    optimiser = torch.optim.AdamW(vocoder.parameters(), 6e-4, betas=(0.8, 0.99))
    judge = torch.optim.AdamW(critic.parameters(), 4e-4, betas=(0.8, 0.99))
    segment = _SEGMENT // recipe.hop * recipe.hop
    for step in range(recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = 6e-4 * (1.0 - 0.9 * step / recipe.steps)
        cuts = []
        for index in rng.integers(0, len(waves), _BATCH):
            start = int(rng.integers(0, len(waves[index]) - segment))
            cuts.append(waves[index][start : start + segment])
        wave = torch.from_numpy(np.stack(cuts)) * float(rng.uniform(0.5, 1.5))
        made = vocoder(wave)
        loss = spectral_loss(made, wave)
        spectral = float(loss.detach())
        if recipe.kind == "codec":
            loss = loss + 10.0 * functional.l1_loss(made, wave)
        if step >= recipe.steps // 3:
            real, fake = critic(wave)[0], critic(made.detach())[0]
            verdict = torch.stack(
                [
                    functional.relu(1.0 - r).mean() + functional.relu(1.0 + f).mean()
                    for r, f in zip(real, fake, strict=True)
                ]
            ).sum()
            judge.zero_grad()
            verdict.backward()  # type: ignore[no-untyped-call]
            judge.step()
            verdicts, features = critic(made)
            with torch.no_grad():
                wanted = critic(wave)[1]
            matching = torch.stack(
                [functional.l1_loss(a, b) for a, b in zip(features, wanted, strict=True)]
            )
            fooled = torch.stack([-one.mean() for one in verdicts])
            loss = loss + 0.1 * fooled.sum() + 0.3 * matching.sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(vocoder.parameters(), 5.0)
        optimiser.step()
        if (step + 1) % 100 == 0:
            log.info("%s: step %d of %d, loss %.3f", recipe.name, step + 1, recipe.steps, spectral)
    return vocoder.eval()


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of manifest.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the generators")
    parser.add_argument("--seed", type=int, default=20261121)
    parser.add_argument("--only", default=None, help="fit this generator alone")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    rows = [row for row in read_manifest(args.data) if row.split == "train"]
    real = [row for row in rows if row.bonafide and row.redistributable]
    waves = [
        set_level(trim_silence(load_waveform(args.data / row.path), 0.1), LEVEL_DB) for row in real
    ]
    waves = [wave for wave in waves if len(wave) > _SEGMENT + 1]
    log = logging.getLogger("layers.voice.training")
    log.info("%d bona fide clips", len(waves))
    for number, recipe in enumerate(RECIPES):
        if args.only not in (None, recipe.name):
            continue
        vocoder = fit_vocoder(waves, recipe, args.seed + number, log)
        state = {name: value.contiguous() for name, value in vocoder.state_dict().items()}
        save_file(state, args.out / f"{recipe.name}.safetensors")


if __name__ == "__main__":
    main()
