"""One network fitted on a store: source-balanced batches, both classes roughened alike."""

import copy
import math
from logging import Logger

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from layers.voice.training.batch import roughen
from layers.voice.training.candidates import Candidate, build_network
from layers.voice.training.sampling import Draws, Recipe, sampling_weights
from layers.voice.training.store import Store

_AVERAGE_DECAY = 0.995


def mask_spectrum(spectrum: Tensor, rng: np.random.Generator) -> Tensor:
    """Blank a band, the top or a stretch of time (SpecAugment, Park et al., 2019)."""
    _, _, bins, frames = spectrum.shape
    for one in spectrum:
        if rng.random() < 0.5:
            width = int(rng.integers(1, bins // 6))
            start = int(rng.integers(0, bins - width))
            one[:, start : start + width] = 0.0
        if rng.random() < 0.3:
            one[:, bins - int(rng.integers(1, bins // 3)) :] = 0.0
        if rng.random() < 0.5:
            width = int(rng.integers(1, frames // 5))
            start = int(rng.integers(0, frames - width))
            one[:, :, start : start + width] = 0.0
    return spectrum


def fit(store: Store, recipe: Recipe, log: Logger) -> Candidate:
    """Fit one network; the same store and recipe give the same weights on one machine.

    Returns
    -------
    Candidate
        In eval mode, its weights averaged over the last few hundred updates.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    network = build_network(recipe.network, recipe.n_fft)
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=0.02)
    weights = sampling_weights(store.clips, recipe.self_share, recipe.one_class_weight)
    draws = Draws(store.clips, weights, store.waves.shape[1])
    label = np.array([clip.bonafide for clip in store.clips], dtype=np.float32)
    running = 0.0
    for step in range(recipe.steps):
        done = step / recipe.steps
        ramp = min(1.0, done / 0.05) if done < 0.05 else 0.5 * (1.0 + math.cos(math.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * max(ramp, 1e-3)
        index, variant, start = draws.batch(recipe, rng)
        cut = [
            store.waves[i, v, s : s + recipe.crop_samples]
            for i, v, s in zip(index, variant, start, strict=True)
        ]
        waves = torch.from_numpy(np.stack(cut).astype(np.float32) / 32768.0)
        with torch.no_grad():
            waves = roughen(waves, rng, recipe.strength, recipe.rooms)
            spectrum = network.frontend(waves)
            if spectrum.ndim == 4:
                spectrum = mask_spectrum(spectrum, rng)
        target = torch.from_numpy(label[index]) * (1.0 - 2.0 * recipe.smoothing) + recipe.smoothing
        with torch.autocast("cpu", torch.bfloat16):
            scores = network.classify(spectrum)
        loss = functional.binary_cross_entropy_with_logits(scores.float(), target)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        _follow(average, network, min(_AVERAGE_DECAY, (step + 1) / (step + 10)))
        running = float(loss.detach()) if step == 0 else 0.99 * running + 0.01 * loss.item()
        if (step + 1) % 250 == 0:
            log.info("step %d of %d, loss %.4f", step + 1, recipe.steps, running)
    return average.eval()


def _follow(average: Candidate, network: Candidate, decay: float) -> None:
    """Move the averaged weights towards the current ones."""
    with torch.no_grad():
        current = network.state_dict()
        for name, value in average.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(current[name], 1.0 - decay)
            else:
                value.copy_(current[name])
