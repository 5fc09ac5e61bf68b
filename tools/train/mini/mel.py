"""Sound to Riffusion's pictures: what `timbre encode` computes, for whole batches.

A clip is [frames] at 44.1 kHz; its picture [512 mel bands, frames / 441 + 1 columns], high bands on
top, 0..1 from loud to silent as the engine draws it (black is loud).
"""

from __future__ import annotations

import torch
from torch import Tensor

RATE_HZ, HOP, WINDOW, FFT = 44100, 441, 4410, 17640
N_MELS, MAX_HZ, POWER = 512, 10000.0, 0.25
CLIP_FRAMES = 511 * HOP  # 512 columns


def hz_to_mel(hz: Tensor) -> Tensor:
    """HTK's: 2595 log10(1 + hz / 700)."""
    return 2595 * torch.log10(1 + hz / 700)


def filter_bank() -> Tensor:
    """Triangles [FFT / 2 + 1, N_MELS], peaks of 1 (torchaudio's melscale_fbanks, norm None)."""
    frequencies = torch.linspace(0, RATE_HZ / 2, FFT // 2 + 1, dtype=torch.float64)
    top = hz_to_mel(torch.tensor(MAX_HZ, dtype=torch.float64))
    mels = torch.linspace(0, float(top), N_MELS + 2, dtype=torch.float64)
    points = 700 * (10 ** (mels / 2595) - 1)
    widths = points[1:] - points[:-1]
    slopes = points[None] - frequencies[:, None]
    down = -slopes[:, :-2] / widths[:-1]
    up = slopes[:, 2:] / widths[1:]
    return torch.minimum(down, up).clamp_min(0).float()


class Pictures:
    """The transform with its tables on a device."""

    def __init__(self, device: str | torch.device = "cpu"):
        self.window = torch.hann_window(WINDOW, device=device)
        bank = filter_bank()
        self.n_bins = int(bank.sum(dim=1).nonzero().max()) + 1  # above 10 kHz all is 0
        self.bank = bank[: self.n_bins].to(device)

    def __call__(self, sound: Tensor) -> Tensor:
        """[B, frames] of float or int16 to [B, N_MELS, columns] in 0..1; silence is white."""
        sound = sound.to(self.window.device).float()
        spectrum = torch.stft(
            sound, FFT, HOP, WINDOW, self.window, center=True, return_complex=True
        )
        mel = spectrum[:, : self.n_bins].abs().transpose(1, 2) @ self.bank
        loudest = mel.amax(dim=(1, 2), keepdim=True).clamp_min(1e-20)
        return 1 - (mel / loudest).pow(POWER).transpose(1, 2).flip(1)
