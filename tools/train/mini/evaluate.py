"""Judges a model by what it plays: held-out captions through the engine, heard by a classifier.

    python3 -m tools.train.mini.evaluate --preset full|cpu|smoke --model DIR --work DIR
        --timbre PROGRAM --corpus PROGRAM [--jobs N] [--seed S]

Prints a table and writes evaluation.json into the work folder. Every figure stands beside that of
real clips of the same captions, and beside chance: the same answers held to other clips' captions.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tools.train.mini import judge, mel, store
from tools.train.mini.data import Corpus, render
from tools.train.mini.presets import PRESETS

SEEDS_APART = 7919  # of the judge's clips from the training's
FIXED_PROMPTS = (
    "solo piano",
    "lo-fi piano over gentle rain",
    "funk with slap bass and drums at 100 bpm",
    "church organ, classical",
    "techno, 130 bpm",
    "jazz with saxophone",
)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="judge Timbre's small model")
    for name in ("model", "timbre", "corpus", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=1, help="of the training's corpus")
    return parser.parse_args()


# ---- sound of the engine ----


def read_wav(path: Path) -> Tensor:
    """[1, CLIP_FRAMES] of int16: both channels together; shorter sounds end in silence."""
    with wave.open(str(path), "rb") as file:
        assert file.getframerate() == mel.RATE_HZ and file.getsampwidth() == 2
        n_channels = file.getnchannels()
        samples = np.frombuffer(file.readframes(mel.CLIP_FRAMES), dtype=np.int16)
    mono = samples.reshape(-1, n_channels).mean(axis=1)
    out = np.zeros(mel.CLIP_FRAMES, dtype=np.int16)
    out[: len(mono)] = mono[: mel.CLIP_FRAMES]
    return torch.from_numpy(out)[None]


def play(timbre: Path, model: Path, prompt: str, seed: int, path: Path) -> float:
    """One take; the seconds it took. The model is no sketch: the program says which it was."""
    begin = time.monotonic()
    command = [timbre, "generate", prompt, "--model", model, "--seed", seed, "-o", path]
    home = {"HOME": str(path.parent), "PATH": os.environ["PATH"]}
    words = [*map(str, command), "--force", "--format", "wav", "--length", "5.11", "--quiet"]
    subprocess.run(words, check=True, env=home, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def played(asked: argparse.Namespace, prompts: list[tuple[str, int]]) -> tuple[Tensor, list[float]]:
    """Pictures [n, 512, 512] of takes (prompt, seed), and the seconds of each."""
    transform = mel.Pictures()
    folder = asked.work / "takes"
    folder.mkdir(exist_ok=True)
    pictures, seconds = [], []
    for prompt, seed in prompts:
        seconds.append(play(asked.timbre, asked.model, prompt, seed, folder / "take.wav"))
        sound = read_wav(folder / "take.wav")
        pictures.append((transform(sound) * 255).to(torch.uint8))
    return torch.cat(pictures), seconds


# ---- figures ----


def tempo_shares(pictures: Tensor, records: list[dict[str, Any]]) -> tuple[float, float]:
    """Of rhythmic clips whose caption has a tempo: within 5 %, and that of half or double too."""
    strict = octaves = n = 0
    for picture, record in zip(pictures, records):
        if record["is_rhythmic"] and record["bpm_is_asked"]:
            found = judge.tempo_of(picture)
            strict += judge.is_tempo(found, record["bpm"])
            octaves += judge.is_tempo(found, record["bpm"], octaves=True)
            n += 1
    return strict / max(n, 1), octaves / max(n, 1)


def figures(
    ear: judge.Ear, labels: judge.Labels, pictures: Tensor, records: list[dict[str, Any]]
) -> tuple[dict[str, float], Tensor]:
    instruments, styles, features = judge.listen(ear, judge.shrink(pictures))
    strict, octaves = tempo_shares(pictures, records)
    return {
        "instruments": judge.asked_share(instruments, records, labels),
        "style": judge.style_share(styles, records, labels),
        "tempo": strict,
        "tempo_or_octave": octaves,
    }, features


def by_chance(
    ear: judge.Ear, labels: judge.Labels, pictures: Tensor, records: list[dict[str, Any]]
) -> dict[str, float]:
    """The same clips under other captions: each takes those of the clips behind it."""
    shifts = (1, 7, 31, 53)
    total: dict[str, float] = {}
    for shift in shifts:
        moved = [records[(i + shift) % len(records)] for i in range(len(records))]
        for name, value in figures(ear, labels, pictures, moved)[0].items():
            total[name] = total.get(name, 0) + value / len(shifts)
    return total


def spread(features: Tensor) -> float:
    """Mean distance of two."""
    n = len(features)
    return float(torch.cdist(features, features).sum() / (n * (n - 1)))


def evaluate(asked: argparse.Namespace) -> dict[str, Any]:
    preset, judge_seed = PRESETS[asked.preset], asked.seed + SEEDS_APART
    render(asked.corpus, asked.work / "judge", preset.n_lessons, judge_seed, "any", asked.jobs)
    render(asked.corpus, asked.work / "test", preset.n_test_clips, asked.seed, "test", asked.jobs)
    lessons, test = Corpus(asked.work / "judge"), Corpus(asked.work / "test")
    labels = judge.Labels.of(lessons.records)
    torch.manual_seed(asked.seed)
    ear = judge.Ear(labels)
    heard, style = labels.heard(lessons.records), labels.style(lessons.records)
    judge.teach(ear, judge.shrink(lessons.pictures("cpu")), heard, style, preset.minutes[2], 32)

    real_pictures = test.pictures("cpu")
    real, real_features = figures(ear, labels, real_pictures, test.records)
    prompts = [(r["caption"], 100 + i) for i, r in enumerate(test.records)]
    made_pictures, seconds = played(asked, prompts)
    made, made_features = figures(ear, labels, made_pictures, test.records)
    repeats = [(prompt, seed) for prompt in FIXED_PROMPTS for seed in range(preset.n_seeds)]
    seed_pictures, _ = played(asked, repeats)
    seed_features = judge.listen(ear, judge.shrink(seed_pictures))[2].view(
        len(FIXED_PROMPTS), preset.n_seeds, -1
    )
    half = len(real_features) // 2
    report = {
        "clips": len(test),
        "model": made,
        "real": real,
        "chance": by_chance(ear, labels, made_pictures, test.records),
        "frechet": {
            "model_to_real": judge.frechet(made_features, real_features),
            "real_to_real": judge.frechet(real_features[:half], real_features[half:]),
        },
        "spread": {
            "seeds_of_a_prompt": float(np.mean([spread(f) for f in seed_features])),
            "all_of_the_model": spread(made_features),
            "all_real": spread(real_features),
        },
        "seconds_a_clip": float(np.median(seconds)),
    }
    if (asked.work / "train" / "clips.jsonl").exists():
        train = Corpus(asked.work / "train").pictures("cpu")
        known = judge.listen(ear, judge.shrink(train))[2]
        report["nearest_of_training"] = {
            "model": float(judge.nearest(made_features, known).median()),
            "real": float(judge.nearest(real_features, known).median()),
        }
    return report


def main() -> None:
    """Judge, tell, and keep the figures."""
    asked = read_arguments()
    asked.work.mkdir(parents=True, exist_ok=True)
    report = evaluate(asked)
    store.write_json(asked.work / "evaluation.json", report)
    print(f"{'':16}{'model':>8}{'real':>8}{'chance':>8}")
    for name in report["model"]:
        row = [report[column][name] for column in ("model", "real", "chance")]
        print(f"{name:16}" + "".join(f"{value:8.3f}" for value in row))
    for name in ("frechet", "spread", "seconds_a_clip", "nearest_of_training"):
        print(name, report.get(name))


if __name__ == "__main__":
    main()
