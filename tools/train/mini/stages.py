"""Stage 1 learns pictures as latents, stage 2 latents from captions."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.train.mini import nets
from tools.train.mini.data import to_network
from tools.train.mini.loop import Loop, Stop, draw_generator
from tools.train.mini.presets import Preset
from tools.train.mini.schedule import N_STEPS, alphas_cumprod

KL_WEIGHT = 1e-6
GRADIENT_SCALES = (1, 2, 4)
SNR_LIMIT = 5.0
DROPPED_CAPTIONS = 0.1


def narrow(device: str) -> Any:
    """bf16 where the hardware is made for it."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if device == "cuda" else nullcontext()


def compiled(module: nn.Module, device: str) -> Any:
    return torch.compile(module) if device == "cuda" and hasattr(torch, "compile") else module


# ---- 1: pictures ----


def gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def picture_loss(got: Tensor, want: Tensor) -> Tensor:
    """L1, and L1 of the edges at several scales: onsets and partials count as much as levels."""
    loss = (got - want).abs().mean()
    for scale in GRADIENT_SCALES:
        a, b = (F.avg_pool2d(t, scale) if scale > 1 else t for t in (got, want))
        for x, y in zip(gradients(a), gradients(b)):
            loss = loss + (x - y).abs().mean() / len(GRADIENT_SCALES)
    return loss


class VaeLoss(nn.Module):
    """Of a batch of pictures; one module, so that it compiles as a whole."""

    def __init__(self, vae: nets.Vae):
        super().__init__()
        self.vae = vae

    def forward(self, pictures: Tensor, noise: Tensor) -> Tensor:
        mean, log_variance = self.vae.encode(pictures)
        got = self.vae.decode(mean + (0.5 * log_variance).exp() * noise)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=(1, 2, 3)).mean()
        return picture_loss(got.float(), pictures) + KL_WEIGHT * kl.float()


def draw_crops(pictures: Tensor, n: int, side: int, generator: torch.Generator) -> Tensor:
    """[n, side, side], each of another place of another picture."""
    rows = torch.randint(len(pictures), (n,), generator=generator).tolist()
    tops = torch.randint(pictures.shape[1] - side + 1, (n, 2), generator=generator).tolist()
    crops = [
        pictures[row, top : top + side, left : left + side] for row, (top, left) in zip(rows, tops)
    ]
    return torch.stack(crops)


def train_vae(
    vae: nets.Vae, pictures: Tensor, preset: Preset, minutes: float, work: Path, stop: Stop
) -> Loop:
    """pictures: [n, 512, 512] of uint8, on the device that trains."""
    device = pictures.device.type
    loss = compiled(VaeLoss(vae), device)
    facts = {"vae": nets.config_facts(vae.config), "crop": preset.crop, "batch": preset.vae_batch}
    loop = Loop("autoencoder", vae, work / "vae.pt", facts, minutes, preset.vae_rate, stop)
    side = preset.crop // vae.config.factor

    def loss_of(step: int) -> Tensor:
        generator = draw_generator(1, step)
        crops = to_network(draw_crops(pictures, preset.vae_batch, preset.crop, generator))
        shape = (preset.vae_batch, vae.config.latent_channels, side, side)
        noise = torch.randn(shape, generator=generator).to(device)
        with narrow(device):
            return loss(crops, noise)

    loop.run(loss_of)
    return loop


@torch.no_grad()
def latents_of(vae: nets.Vae, pictures: Tensor, batch: int = 8) -> Tensor:
    """The means, [n, latent_channels, 32, 32], on the pictures' device."""
    parts = []
    for i in range(0, len(pictures), batch):
        with narrow(pictures.device.type):
            parts.append(vae.encode(to_network(pictures[i : i + batch]))[0].float())
    return torch.cat(parts)


# ---- 2: captions ----


class Denoiser(nn.Module):
    """Text encoder and UNet, which learn together."""

    def __init__(self, text: nets.Text, unet: nets.Unet):
        super().__init__()
        self.text, self.unet = text, unet

    def forward(self, x: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        return self.unet(x, times, self.text(tokens))


def velocity_loss(
    denoiser: Any, x0: Tensor, tokens: Tensor, times: Tensor, noise: Tensor, alphas: Tensor
) -> Tensor:
    """v = sqrt(a) noise - sqrt(1 - a) x0, weighted min(SNR, 5) / (SNR + 1) (Hang et al. 2023)."""
    a = alphas[times][:, None, None, None]
    x = a.sqrt() * x0 + (1 - a).sqrt() * noise
    v = a.sqrt() * noise - (1 - a).sqrt() * x0
    snr = (a / (1 - a)).flatten()
    weight = snr.clamp(max=SNR_LIMIT) / (snr + 1)
    error = (denoiser(x, times, tokens).float() - v).pow(2).mean(dim=(1, 2, 3))
    return (weight * error).mean()


def train_denoiser(
    denoiser: Denoiser,
    latents: Tensor,
    tokens: Tensor,
    no_tokens: Tensor,
    preset: Preset,
    minutes: float,
    work: Path,
    stop: Stop,
) -> Loop:
    """latents: [n, C, 32, 32] of deviation 1; tokens: [n, 77]; no_tokens: [77], the empty text."""
    device = latents.device.type
    tokens, no_tokens = tokens.to(device), no_tokens.to(device)
    alphas = alphas_cumprod().float().to(device)
    forward = compiled(denoiser, device)
    facts = {
        "text": nets.config_facts(denoiser.text.config),
        "unet": nets.config_facts(denoiser.unet.config),
        "batch": preset.unet_batch,
    }
    loop = Loop(
        "denoiser",
        denoiser,
        work / "unet.pt",
        facts,
        minutes,
        preset.unet_rate,
        stop,
        preset.ema,
    )

    def loss_of(step: int) -> Tensor:
        generator = draw_generator(2, step)
        n = preset.unet_batch
        rows = torch.randint(len(latents), (n,), generator=generator).to(device)
        times = torch.randint(N_STEPS, (n,), generator=generator).to(device)
        noise = torch.randn((n, *latents.shape[1:]), generator=generator).to(device)
        is_dropped = (torch.rand(n, generator=generator) < DROPPED_CAPTIONS).to(device)
        asked = torch.where(is_dropped[:, None], no_tokens[None], tokens[rows])
        with narrow(device):
            return velocity_loss(forward, latents[rows], asked, times, noise, alphas)

    loop.run(loss_of)
    return loop
