"""An independent ear: a classifier of instruments and styles, and a counter of beats.

It learns from clips of a seed that neither training nor test have, and looks at pictures of sound,
[B, 128, 256] in 0..1: half of the columns and a quarter of the bands of Riffusion's.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.train.mini.mel import HOP, RATE_HZ

N_FEATURES = 64
TEMPO_RANGE_BPM = (50.0, 200.0)


@dataclass(frozen=True)
class Labels:
    """What the classifier can say."""

    instruments: tuple[str, ...]
    styles: tuple[str, ...]

    @staticmethod
    def of(records: list[dict[str, Any]]) -> Labels:
        heard = {name for r in records for name, _program in r["parts"]}
        styles = {str(r["played_style"]) for r in records} - {""}
        return Labels(tuple(sorted(heard)), tuple(sorted(styles)))

    def heard(self, records: list[dict[str, Any]]) -> Tensor:
        """[n, instruments]: 1 where one plays."""
        rows = [{name for name, _program in r["parts"]} for r in records]
        return torch.tensor([[float(i in row) for i in self.instruments] for row in rows])

    def style(self, records: list[dict[str, Any]]) -> Tensor:
        """[n]: index, -1 where there is no music."""
        found = [r["played_style"] for r in records]
        return torch.tensor([self.styles.index(s) if s in self.styles else -1 for s in found])


def shrink(pictures: Tensor) -> Tensor:
    """uint8 [B, 512, 512] to [B, 128, 256] in 0..1, loud 1."""
    return 1 - F.avg_pool2d(pictures.float()[:, None] / 255, (4, 2))[:, 0]


class Ear(nn.Module):
    """Five convolutions, the mean and the loudest over time, two answers."""

    def __init__(self, labels: Labels):
        super().__init__()
        widths = (1, 24, 32, 48, 64, 64)
        layers: list[nn.Module] = []
        for n_in, n_out in zip(widths, widths[1:]):
            layers += [nn.Conv2d(n_in, n_out, 3, stride=2, padding=1), nn.BatchNorm2d(n_out)]
            layers.append(nn.ReLU())
        self.body = nn.Sequential(*layers)
        self.mix = nn.Linear(2 * widths[-1] * 4, N_FEATURES)
        self.instruments = nn.Linear(N_FEATURES, len(labels.instruments))
        self.styles = nn.Linear(N_FEATURES, len(labels.styles))

    def features(self, x: Tensor) -> Tensor:
        """[B, 128, 256] to [B, N_FEATURES]; bands keep their place, time does not."""
        h = self.body(x[:, None])  # [B, 64, 4, 8]
        h = torch.cat([h.mean(dim=3), h.amax(dim=3)], dim=1).flatten(1)
        return F.relu(self.mix(h))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(x)
        return self.instruments(features), self.styles(features)


def teach(
    ear: Ear, x: Tensor, heard: Tensor, style: Tensor, minutes: float, batch: int, seed: int = 3
) -> None:
    """x: [n, 128, 256]; heard: [n, instruments]; style: [n]."""
    optimizer = torch.optim.AdamW(ear.parameters(), lr=2e-3, weight_decay=0.05)
    generator = torch.Generator().manual_seed(seed)
    begin, progress = time.monotonic(), 0.0
    ear.train()
    while progress < 1:
        rows = torch.randint(len(x), (batch,), generator=generator)
        shift = int(torch.randint(x.shape[2], (1,), generator=generator))
        shown = torch.roll(x[rows], shift, dims=2)  # a loop may begin anywhere
        instruments, styles = ear(shown + 0.02 * torch.randn_like(shown))
        loss = F.binary_cross_entropy_with_logits(instruments, heard[rows])
        if bool((style[rows] >= 0).any()):
            loss = loss + 0.3 * F.cross_entropy(styles, style[rows], ignore_index=-1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - progress)
        optimizer.step()
        progress = (time.monotonic() - begin) / (minutes * 60)
    ear.eval()


@torch.no_grad()
def listen(ear: Ear, x: Tensor, batch: int = 64) -> tuple[Tensor, Tensor, Tensor]:
    """Scores of instruments and styles, and features."""
    parts = [(ear.features(x[i : i + batch])) for i in range(0, len(x), batch)]
    features = torch.cat(parts)
    return ear.instruments(features), ear.styles(features), features


# ---- beats ----


def tempo_of(picture: Tensor) -> float:
    """Beats a minute of a uint8 picture [512, 512], by the onsets' autocorrelation; 0: none."""
    loud = 1 - picture.float() / 255
    onsets = (loud[:, 1:] - loud[:, :-1]).clamp_min(0).mean(dim=0)
    onsets = onsets - onsets.mean()
    if float(onsets.abs().max()) < 1e-4:
        return 0.0
    n = len(onsets)
    spectrum = torch.fft.rfft(onsets, 2 * n)
    correlation = torch.fft.irfft(spectrum.abs() ** 2)[:n]
    correlation = correlation / torch.arange(n, 0, -1)  # as many products for every lag
    columns_a_minute = 60 * RATE_HZ / HOP
    bpm = torch.arange(*TEMPO_RANGE_BPM, 0.5)
    lags = columns_a_minute / bpm

    def at(lag: Tensor) -> Tensor:
        low = lag.long().clamp(max=n - 2)
        return torch.lerp(correlation[low], correlation[low + 1], lag - low)

    # a beat also comes back after two, three and four of them
    strength = (
        at(lags) + 0.5 * at((2 * lags).clamp(max=n - 2)) + 0.25 * at((4 * lags).clamp(max=n - 2))
    )
    preference = torch.exp(-0.5 * (torch.log2(bpm / 110) / 0.9) ** 2)
    return float(bpm[(strength.clamp_min(0) * preference).argmax()])


def is_tempo(found: float, asked: float, octaves: bool = False) -> bool:
    """Within 5 per cent; with `octaves` also of half and double."""
    factors = (0.5, 1.0, 2.0) if octaves else (1.0,)
    return any(abs(found - asked * factor) <= 0.05 * asked * factor for factor in factors)


# ---- figures ----


def asked_share(scores: Tensor, records: list[dict[str, Any]], labels: Labels) -> float:
    """Of the instruments that captions name, how many are among as many best guesses."""
    n_found = n_asked = 0
    for row, record in zip(scores, records):
        asked = {
            labels.instruments.index(i) for i in record["instruments"] if i in labels.instruments
        }
        if asked:
            best = set(row.topk(len(asked)).indices.tolist())
            n_found += len(asked & best)
            n_asked += len(asked)
    return n_found / max(n_asked, 1)


def style_share(scores: Tensor, records: list[dict[str, Any]], labels: Labels) -> float:
    """Of the captions that name a style, how many clips are taken for it."""
    pairs = [
        (int(row.argmax()), labels.styles.index(record["style"]))
        for row, record in zip(scores, records)
        if record["style"] in labels.styles
    ]
    return sum(got == want for got, want in pairs) / max(len(pairs), 1)


def frechet(a: Tensor, b: Tensor) -> float:
    """Distance of two clouds of features as if both were normal (Heusel et al. 2017)."""
    mean_a, mean_b = a.double().mean(dim=0), b.double().mean(dim=0)
    cov_a, cov_b = torch.cov(a.double().T), torch.cov(b.double().T)
    root = torch.linalg.eigvals(cov_a @ cov_b).real.clamp_min(0).sqrt().sum()
    distance = (mean_a - mean_b).pow(2).sum() + cov_a.trace() + cov_b.trace() - 2 * root
    return float(distance)


def nearest(a: Tensor, b: Tensor) -> Tensor:
    """For each row of a the distance of the nearest of b."""
    return torch.cdist(a.float(), b.float()).amin(dim=1)
