"""Trains a model from nothing, or goes on where an earlier run was stopped.

    python3 -m tools.train.mini.run --preset full|cpu|smoke --corpus PROGRAM --work DIR --out DIR
        [--budget 9,1,9] [--stop-after SECONDS] [--jobs N] [--seed S] [--device cpu|cuda]

PROGRAM is the corpus renderer (tools/train/corpus of a build), DIR of --work holds what it renders
and the checkpoints, DIR of --out becomes the model: a folder in diffusers' form that the engine
reads. Exit status 3: --stop-after was over before all was done; the same command goes on.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import torch

from tools.train.mini import nets, stages, store
from tools.train.mini.data import Corpus, render
from tools.train.mini.loop import Stop
from tools.train.mini.presets import PRESETS, Preset
from tools.train.mini.words import Tokenizer, learn

FACTS: dict[str, Any] = {
    "name": "Timbre mini",
    "licence": "apache-2.0",
    "steps": 12,
    "cfg_scale": 4,
    "scheduler": "dpmpp_2m",
}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="train Timbre's small model")
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--corpus", type=Path, required=True, metavar="PROGRAM")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--budget", metavar="A,B,C", help="minutes of the three stages")
    parser.add_argument("--stop-after", type=float, metavar="SECONDS")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


def minutes_of(asked: str | None, preset: Preset) -> tuple[float, float, float]:
    if asked is None:
        return preset.minutes
    a, b, c = (float(part) for part in asked.split(","))
    return a, b, c


def train(preset: Preset, asked: argparse.Namespace) -> dict[str, Any]:
    """Returns what is worth telling: losses and steps of all stages."""
    minutes = minutes_of(asked.budget, preset)
    stop = Stop(asked.stop_after)
    torch.manual_seed(asked.seed)
    render(asked.corpus, asked.work / "train", preset.n_clips, asked.seed, "train", asked.jobs)
    corpus = Corpus(asked.work / "train")
    n_words = learn(asked.out / "tokenizer", corpus.captions, preset.text.vocab_size)
    tokenizer = Tokenizer(asked.out / "tokenizer")

    vae = nets.Vae(preset.vae).to(asked.device)
    nets.begin(vae)
    first = stages.train_vae(vae, corpus, preset, minutes[0], asked.work, stop)
    latents = stages.latents_of(vae, corpus, first.step, asked.work)
    scaling_factor = 1 / float(latents.std())

    text_config = nets.TextConfig(
        n_words, preset.text.width, preset.text.n_layers, preset.text.n_heads
    )
    denoiser = stages.Denoiser(nets.Text(text_config), nets.Unet(preset.unet)).to(asked.device)
    nets.begin(denoiser)
    tokens, latents = corpus.tokens(tokenizer), latents * scaling_factor
    second = stages.train_reader(
        denoiser.text, latents, tokens, corpus.topics(), preset, minutes[1], asked.work, stop
    )
    no_tokens = torch.tensor(tokenizer(""))
    third = stages.train_denoiser(
        denoiser, latents, tokens, no_tokens, preset, minutes[2], asked.work, stop
    )
    store.write_model(asked.out, denoiser.text, denoiser.unet, vae, scaling_factor, FACTS)
    store.write_manifest(asked.out, "timbre-mini", FACTS["licence"])
    return {
        "clips": len(corpus),
        "words": n_words,
        "scaling_factor": scaling_factor,
        "stages": [{"steps": s.step, "losses": s.losses} for s in (first, second, third)],
    }


def main() -> None:
    """Train, and write what happened to training.json of the work folder."""
    asked = read_arguments()
    asked.work.mkdir(parents=True, exist_ok=True)
    report = train(PRESETS[asked.preset], asked)
    store.write_json(asked.work / "training.json", report)
    print(f"{asked.out}: a model")


if __name__ == "__main__":
    main()
