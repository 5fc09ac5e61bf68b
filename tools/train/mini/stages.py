"""Stage 1 learns pictures as latents, stage 2 captions, stage 3 latents from captions."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tools.train.mini import nets
from tools.train.mini.data import Corpus, to_network
from tools.train.mini.loop import Loop, Stop, draw_generator, save
from tools.train.mini.presets import Preset
from tools.train.mini.schedule import N_STEPS, alphas_cumprod

KL_WEIGHT = 1e-6
LEVEL_SCALES = (1, 4, 16)
GRADIENT_SCALES = (1, 2, 4)
GRADIENT_WEIGHT = 0.25  # with much more of it a flat grey is hard to leave
SNR_LIMIT = 5.0
DROPPED_CAPTIONS = 0.1
READ_TOKENS = 32


def narrow(device: str) -> Any:
    """bf16 where the hardware is made for it: there it takes half the time."""
    is_made = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)  # torch.cpu: since 2.4
    if device == "cuda" or is_made():
        return torch.autocast(device, dtype=torch.bfloat16)
    return nullcontext()


def compiled(module: nn.Module, device: str) -> Any:
    return torch.compile(module) if device == "cuda" and hasattr(torch, "compile") else module


# ---- 1: pictures ----


def gradients(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def picture_loss(got: Tensor, want: Tensor) -> Tensor:
    """L1 of levels and of edges, each at several scales: onsets and partials count, too."""
    loss = torch.zeros((), device=got.device)
    for scale in sorted({*LEVEL_SCALES, *GRADIENT_SCALES}):
        a, b = (F.avg_pool2d(t, scale) if scale > 1 else t for t in (got, want))
        if scale in LEVEL_SCALES:
            loss = loss + (a - b).abs().mean()
        if scale in GRADIENT_SCALES:
            for x, y in zip(gradients(a), gradients(b)):
                loss = loss + GRADIENT_WEIGHT * (x - y).abs().mean() / len(GRADIENT_SCALES)
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
    vae: nets.Vae, corpus: Corpus, preset: Preset, minutes: float, work: Path, stop: Stop
) -> Loop:
    device = next(vae.parameters()).device.type
    loss = compiled(VaeLoss(vae), device)
    facts = {"vae": nets.config_facts(vae.config), "crop": preset.crop, "batch": preset.vae_batch}
    loop = Loop("autoencoder", vae, work / "vae.pt", facts, minutes, preset.vae_rate, stop)
    if loop.is_done:
        return loop
    pictures = corpus.pictures(device)
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
def encode(vae: nets.Vae, pictures: Tensor, batch: int = 8) -> Tensor:
    """The means, [n, latent_channels, 32, 32], on the pictures' device."""
    parts = []
    for i in range(0, len(pictures), batch):
        with narrow(pictures.device.type):
            parts.append(vae.encode(to_network(pictures[i : i + batch]))[0].float())
    return torch.cat(parts)


def latents_of(vae: nets.Vae, corpus: Corpus, n_steps: int, work: Path) -> Tensor:
    """Those of the corpus by a VAE of so many steps, as `encode`; kept in `work`."""
    device, path = next(vae.parameters()).device.type, work / "latents.pt"
    if path.exists():
        found = torch.load(path, map_location=device)
        if found["n_steps"] == n_steps:
            return found["latents"]
    latents = encode(vae.eval(), corpus.pictures(device))
    save(path, {"n_steps": n_steps, "latents": latents})
    return latents


# ---- 2: captions ----


class Reader(nn.Module):
    """What a caption is about, from its last token: most of the 77 are ends and say the same, so
    any attention sees that much. Tokens behind READ_TOKENS are ends in all but the longest."""

    def __init__(self, text: nets.Text, n_topics: int, n_levels: int):
        super().__init__()
        self.text, self.n_topics = text, n_topics
        self.answers = nn.Linear(text.config.width, n_topics + n_levels)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 77] to scores of topics and levels of the spectrum."""
        answers = self.answers(self.text(tokens[:, :READ_TOKENS])[:, -1])
        return answers[:, : self.n_topics], answers[:, self.n_topics :]


def spectra_of(latents: Tensor) -> Tensor:
    """[n, 2 * channels * 32]: mean and deviation of every row of latents, of deviation 1 each."""
    levels = torch.cat([latents.mean(dim=3), latents.std(dim=3)], dim=1).flatten(1)
    return (levels - levels.mean(dim=0)) / levels.std(dim=0).clamp_min(1e-4)


def train_reader(
    text: nets.Text,
    latents: Tensor,
    tokens: Tensor,
    topics: Tensor,
    preset: Preset,
    minutes: float,
    work: Path,
    stop: Stop,
) -> Loop:
    """Without this the denoiser learns to do without captions long before it learns from them."""
    device = latents.device.type
    tokens, topics, spectra = tokens.to(device), topics.to(device), spectra_of(latents)
    reader = Reader(text, topics.shape[1], spectra.shape[1]).to(device)
    facts = {"text": nets.config_facts(text.config), "topics": topics.shape[1]}
    with torch.no_grad():  # as often as topics are, to begin with
        reader.answers.weight.mul_(0.1)
        reader.answers.bias[: reader.n_topics] = topics.mean(dim=0).clamp_min(1e-3).logit()
    loop = Loop("captions", reader, work / "text.pt", facts, minutes, preset.text_rate, stop)

    def loss_of(step: int) -> Tensor:
        rows = torch.randint(len(tokens), (preset.text_batch,), generator=draw_generator(3, step))
        with narrow(device):
            said, levels = reader(tokens[rows])
        known = F.binary_cross_entropy_with_logits(said.float(), topics[rows])
        return known + 0.2 * F.mse_loss(levels.float(), spectra[rows])

    loop.run(loss_of)
    with torch.no_grad():
        places = text.text_model.embeddings.position_embedding.weight
        places[READ_TOKENS:] = places[READ_TOKENS - 1]
    return loop


# ---- 3: latents from captions ----


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
