"""Log power spectrum of 100-7,000 Hz, blind to level and to static channel colour."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from layers.capture.types import SAMPLE_RATE_HZ

LOW_HZ = 100.0
HIGH_HZ = 7_000.0
FLOOR_DB = -60.0
_SCALE_DB = 12.0


@dataclass(frozen=True, slots=True)
class FrontEndConfig:
    """Size of the short-time Fourier transform.

    Parameters
    ----------
    n_fft : int
        Transform and window length in samples.
    hop : int
        Step between frames in samples.
    """

    n_fft: int = 512
    hop: int = 160

    @property
    def first_bin(self) -> int:
        """First bin kept: below it, mains hum and handling noise tell collections apart."""
        return round(LOW_HZ * self.n_fft / SAMPLE_RATE_HZ)

    @property
    def last_bin(self) -> int:
        """First bin left out: from here up, the original sampling rate shows."""
        return round(HIGH_HZ * self.n_fft / SAMPLE_RATE_HZ)

    @property
    def bins(self) -> int:
        """Number of frequency bins that the network sees."""
        return self.last_bin - self.first_bin


class LogSpectrum(nn.Module):
    """Linear-frequency log power spectrum with its mean over time removed per bin.

    The power is taken relative to the loudest frame and floored 60 dB below it, so gain and
    polarity change nothing; subtracting each bin's mean removes microphone and room colour.
    """

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    def forward(self, waves: Tensor) -> Tensor:
        """Transform waveforms.

        Parameters
        ----------
        waves : Tensor, shape (batch, samples), float32
            Mono, 16 kHz.

        Returns
        -------
        Tensor, shape (batch, 1, bins, frames), float32
            About unit variance.
        """
        config = self.config
        spectrum = torch.stft(
            waves,
            config.n_fft,
            config.hop,
            window=self.get_buffer("window"),
            return_complex=True,
            pad_mode="constant",
        )[:, config.first_bin : config.last_bin]
        power = spectrum.real.square() + spectrum.imag.square()
        loudest = power.mean(1, keepdim=True).amax(2, keepdim=True).clamp(min=1e-20)
        level_db = 10.0 * torch.log10(power / loudest + 10.0 ** (FLOOR_DB / 10.0))
        return ((level_db - level_db.mean(2, keepdim=True)) / _SCALE_DB).unsqueeze(1)
