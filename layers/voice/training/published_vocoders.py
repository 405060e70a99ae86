"""Two published vocoders that come inside MIT-licensed wheels: MelGAN and multi-band MelGAN.

They resynthesise our bona fide rows for training and are neither shipped nor imported as packages:
only their weight files are read, from a folder that the person who trains fills (docs/voice.md
says how). Verified by digest; no code in the files is executed.

References
----------
Kumar et al., 2019 (MelGAN): sizes of the generator. Yang et al., 2021 (multi-band MelGAN).
"""

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from layers.capture.types import SAMPLE_RATE_HZ
from layers.voice.slaney_mel import slaney_filters
from layers.voice.training.augment import Wave, resample

MELGAN_FILE = "melgan.kuangdd.pt"
MULTI_BAND_FILE = "mb_melgan.tflite"
DIGESTS = {
    MELGAN_FILE: "4a8cf7774077b82cb48ac0a414f0993a5b904f8c5a2e1a92ae901d506b854da0",
    MULTI_BAND_FILE: "8cb5eb132e7fca76a8ba74387bd79298449ed651b1b560b15868be2e42af6779",
}
_MELGAN_RATE_HZ = 22_050
_MULTI_BAND_RATE_HZ = 24_000


def verified(folder: Path, name: str) -> Path:
    """Return the path of a weight file.

    Raises
    ------
    FileNotFoundError, ValueError
        If it is missing, or isn't the file that the project was trained with.
    """
    path = folder / name
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a vocoder's weights; see docs/voice.md")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != DIGESTS[name]:
        raise ValueError(f"{path}: expected SHA-256 {DIGESTS[name]}, got {found}; fetch it again")
    return path


class _Saved(nn.Module):
    """Stands for the classes of the pickled MelGAN: holds its tensors, runs nothing."""


class _Stack(nn.Module):
    """Three dilated blocks, each beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LeakyReLU(0.2),
                nn.ReflectionPad1d(3**i),
                norm(nn.Conv1d(channels, channels, 3, dilation=3**i)),
                nn.LeakyReLU(0.2),
                norm(nn.Conv1d(channels, channels, 1)),
            )
            for i in range(3)
        )
        self.shortcuts = nn.ModuleList(norm(nn.Conv1d(channels, channels, 1)) for _ in range(3))

    def forward(self, features: Tensor) -> Tensor:
        for block, shortcut in zip(self.blocks, self.shortcuts, strict=True):
            features = shortcut(features) + block(features)
        return features


class _MelGanNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        norm = nn.utils.parametrizations.weight_norm
        layers: list[nn.Module] = [nn.ReflectionPad1d(3), norm(nn.Conv1d(80, 512, 7))]
        for width, stride in ((512, 8), (256, 8), (128, 2), (64, 2)):
            layers += [
                nn.LeakyReLU(0.2),
                norm(nn.ConvTranspose1d(width, width // 2, 2 * stride, stride, stride // 2)),
                _Stack(width // 2),
            ]
        layers += [nn.LeakyReLU(0.2), nn.ReflectionPad1d(3), norm(nn.Conv1d(32, 1, 7)), nn.Tanh()]
        self.generator = nn.Sequential(*layers)

    def forward(self, mel: Tensor) -> Tensor:
        made: Tensor = self.generator((mel + 5.0) / 5.0)
        return made[:, 0]


class MelGan:
    """MelGAN on 80 mel bands of 22.05 kHz, hop 256."""

    def __init__(self, folder: Path) -> None:
        path = verified(folder, MELGAN_FILE)
        known: list[Any] = [
            (_Saved, "melgan.model.generator.Generator"),
            (_Saved, "melgan.model.res_stack.ResStack"),
            (_Saved, "torch.nn.utils.weight_norm.WeightNorm"),
            nn.Sequential,
            nn.ModuleList,
            nn.Conv1d,
            nn.ConvTranspose1d,
            nn.ReflectionPad1d,
            nn.LeakyReLU,
            nn.Tanh,
            OrderedDict,
        ]
        with torch.serialization.safe_globals(known):
            saved = torch.load(path, map_location="cpu", weights_only=True)
        self._net = _MelGanNet()
        self._net.load_state_dict(_renamed(_tensors(saved)), strict=True)
        self._net.eval()
        self._mel = torch.from_numpy(slaney_filters(80, _MELGAN_RATE_HZ, 1024, 0.0, 8_000.0))

    def mel(self, wave: Wave) -> Tensor:
        """Log-mel of a 16 kHz waveform, shape ``(80, frames)``."""
        source = torch.from_numpy(resample(wave, SAMPLE_RATE_HZ, _MELGAN_RATE_HZ))
        window = torch.hann_window(1024)
        magnitude = torch.stft(source, 1024, 256, window=window, return_complex=True).abs()
        return torch.log(torch.clamp(self._mel @ magnitude, min=1e-5))

    def wave(self, mel: Tensor) -> Wave:
        """Waveform at 16 kHz."""
        with torch.inference_mode():
            made = self._net(mel[None])[0].numpy()
        return resample(made, _MELGAN_RATE_HZ, SAMPLE_RATE_HZ)


def _tensors(module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """Parameters of an unpickled tree, read from plain attributes: its own code isn't there."""
    found: dict[str, Tensor] = {}
    for name, value in module.__dict__["_parameters"].items():
        if value is not None:
            found[prefix + name] = value.detach()
    for name, child in module.__dict__["_modules"].items():
        if child is not None:
            found.update(_tensors(child, f"{prefix}{name}."))
    return found


def _renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """From the older weight normalisation's names to the parametrised ones."""
    kinds = {"weight_g": "parametrizations.weight.original0"}
    kinds["weight_v"] = "parametrizations.weight.original1"
    renamed = {}
    for name, value in tensors.items():
        stem, _, last = name.rpartition(".")
        renamed[f"{stem}.{kinds.get(last, last)}"] = value
    return renamed


class MultiBandMelGan:
    """Multi-band MelGAN on 80 mel bands of 24 kHz, hop 300.

    It expects mels normalised by statistics of its own training voice, which the wheel doesn't
    hold: each clip's own mean and deviation stand in, so its long-term spectrum is wrong and the
    caller puts the original's back.
    """

    def __init__(self, folder: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        path = verified(folder, MULTI_BAND_FILE)
        self._net = Interpreter(str(path), num_threads=1)
        self._mel = slaney_filters(80, _MULTI_BAND_RATE_HZ, 2048, 80.0, 7_600.0)

    def mel(self, wave: Wave) -> Tensor:
        """Log-mel of a 16 kHz waveform, normalised, shape ``(80, frames)``."""
        source = torch.from_numpy(resample(wave, SAMPLE_RATE_HZ, _MULTI_BAND_RATE_HZ))
        window = torch.hann_window(1200)
        magnitude = torch.stft(source, 2048, 300, 1200, window, return_complex=True).abs()
        level = torch.log10(torch.clamp(torch.from_numpy(self._mel) @ magnitude, min=1e-10))
        loud = level[:, level.mean(0) >= level.mean(0).median() - 1.0]
        return (level - loud.mean(1, keepdim=True) + 0.4) / (1.2 * loud.std(1, keepdim=True) + 1e-3)

    def wave(self, mel: Tensor) -> Wave:
        """Waveform at 16 kHz."""
        source = self._net.get_input_details()[0]["index"]
        self._net.resize_tensor_input(source, [1, mel.shape[1], 80])
        self._net.allocate_tensors()
        self._net.set_tensor(source, mel.T[None].contiguous().numpy())
        self._net.invoke()
        made = self._net.get_tensor(self._net.get_output_details()[0]["index"])[0, :, 0]
        return resample(made, _MULTI_BAND_RATE_HZ, SAMPLE_RATE_HZ)
