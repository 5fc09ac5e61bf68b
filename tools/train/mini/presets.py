"""Sizes and settings of a training run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tools.train.mini.nets import TextConfig, UnetConfig, VaeConfig


@dataclass(frozen=True)
class Preset:
    """vocab_size of `text` is an upper bound: the vocabulary may have fewer words."""

    text: TextConfig
    vae: VaeConfig
    unet: UnetConfig
    n_clips: int
    n_test_clips: int  # that the judge hears
    n_lessons: int  # clips that it learns from
    n_seeds: int  # of each prompt whose takes it compares
    minutes: tuple[float, float, float]  # of pictures, captions, latents from captions
    judge_minutes: float  # of its lessons
    vae_batch: int
    vae_rate: float
    crop: int  # pixels a side of what the autoencoder sees at a time
    text_batch: int
    text_rate: float
    unet_batch: int
    unet_rate: float
    ema: float


TEXT = TextConfig(vocab_size=4096, width=256, n_layers=4, n_heads=4)
VAE = VaeConfig(channels=(32, 32, 64, 128, 128), latent_channels=8, n_groups=8)
UNET = UnetConfig(
    channels=(64, 128, 192),
    latent_channels=8,
    n_groups=8,
    n_heads=4,
    cross_width=256,
    sample_size=32,
)

PRESETS = {
    # one data-centre GPU and 16 cores
    "full": Preset(
        text=TEXT,
        vae=VAE,
        unet=UNET,
        n_clips=24576,
        n_test_clips=384,
        n_lessons=6144,
        n_seeds=8,
        minutes=(9, 1, 9),
        judge_minutes=2,
        vae_batch=64,
        vae_rate=8e-4,
        crop=256,
        text_batch=512,
        text_rate=5e-4,
        unet_batch=512,
        unet_rate=4e-4,
        ema=0.999,
    ),
    # two CPU cores for two hours: less of everything, and nothing that is slow for what it brings
    "cpu": Preset(
        text=TEXT,
        vae=VaeConfig(channels=(16, 32, 64, 128, 128), latent_channels=8, n_groups=8),
        unet=replace(UNET, channels=(96, 128, 192), n_plain=1),
        n_clips=4096,
        n_test_clips=256,
        n_lessons=2048,
        n_seeds=6,
        minutes=(27, 3, 50),
        judge_minutes=5,
        vae_batch=8,
        vae_rate=1e-3,
        crop=128,
        text_batch=32,
        text_rate=2e-3,
        unet_batch=8,
        unet_rate=5e-4,
        ema=0.998,
    ),
    # proves that all of it works, not that it sounds
    "smoke": Preset(
        text=TextConfig(vocab_size=800, width=32, n_layers=2, n_heads=2),
        vae=VaeConfig(channels=(8, 8, 16, 16, 16, 16), latent_channels=8, n_groups=4),
        unet=UnetConfig(
            channels=(16, 32),
            latent_channels=8,
            n_groups=4,
            n_heads=2,
            cross_width=32,
            sample_size=16,
        ),
        n_clips=48,
        n_test_clips=6,
        n_lessons=24,
        n_seeds=2,
        minutes=(0.5, 0.05, 0.4),
        judge_minutes=0.05,
        vae_batch=4,
        vae_rate=3e-3,
        crop=128,
        text_batch=16,
        text_rate=2e-3,
        unet_batch=8,
        unet_rate=2e-3,
        ema=0.98,
    ),
}
