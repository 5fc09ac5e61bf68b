"""Judges a model by what it plays: held-out captions through the engine, heard by a classifier.

    python3 -m tools.train.mini.evaluate --preset full|cpu|smoke --model DIR --work DIR
        --timbre PROGRAM --corpus PROGRAM [--jobs N] [--seed S]

Prints a table and writes evaluation.json into the work folder, with samples.png, pictures of the
fixed prompts' sound. Every figure stands beside that of real clips of the same captions, of real
clips that went through the autoencoder (where the work folder is that of the training), and beside
chance: the same answers held to other clips' captions. A run that was stopped goes on: what the
judge learned and the takes are kept.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tools.train.mini import judge, mel, nets, stages, store
from tools.train.mini.data import Corpus, render
from tools.train.mini.loop import save
from tools.train.mini.presets import PRESETS, Preset

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


def play(
    timbre: Path, model: Path, prompt: str, seed: int, path: Path, before: tuple[str, ...] = ()
) -> float:
    """One take; the seconds it took. `before`: a program that runs the program."""
    begin = time.monotonic()
    command = [*before, timbre, "generate", prompt, "--model", model, "--seed", seed, "-o", path]
    home = {"HOME": str(path.parent), "PATH": os.environ["PATH"]}
    words = [*map(str, command), "--force", "--format", "wav", "--length", "5.11", "--quiet"]
    subprocess.run(words, check=True, env=home, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def takes_of(asked: argparse.Namespace) -> Path:
    """The folder of a model's takes, named by its weights."""
    weights = sorted((asked.model / "unet").glob("*.safetensors"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in weights)).hexdigest()
    folder: Path = asked.work / "takes" / digest[:12]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def opened(asked: argparse.Namespace) -> dict[str, int] | None:
    """How many files a take opens, and how many of them are banks of sampled instruments."""
    if shutil.which("strace") is None:
        return None
    trace, path = asked.work / "strace", asked.work / "strace.wav"
    before = ("strace", "-f", "-e", "trace=open,openat", "-o", str(trace))
    play(asked.timbre, asked.model, FIXED_PROMPTS[0], 0, path, before)
    files = set(re.findall(r'"([^"]+)".* = \d', trace.read_text()))
    banks = [file for file in files if re.search(r"\.(sf2|sf3|dls)$|sounds/", file)]
    return {"files": len(files), "sound_banks": len(banks)}


def played(asked: argparse.Namespace, prompts: list[tuple[str, int]]) -> tuple[Tensor, list[float]]:
    """Pictures [n, 512, 512] of takes (prompt, seed), and the seconds of each that was made now."""
    transform, folder = mel.Pictures(), takes_of(asked)
    pictures, seconds = [], []
    for prompt, seed in prompts:
        name = hashlib.sha256(prompt.encode()).hexdigest()[:12]
        path = folder / f"{name}-{seed}.wav"
        if not path.exists():
            part = folder / "part.wav"
            seconds.append(play(asked.timbre, asked.model, prompt, seed, part))
            part.replace(path)
        pictures.append((transform(read_wav(path)) * 255).to(torch.uint8))
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


def pictures_of(corpus: Corpus) -> Tensor:
    """On the CPU, wherever they are drawn."""
    return corpus.pictures("cuda" if torch.cuda.is_available() else "cpu").cpu()


def taught(asked: argparse.Namespace, preset: Preset) -> tuple[judge.Ear, judge.Labels]:
    """The judge, from judge.pt where an earlier run has left it."""
    seed, path = asked.seed + SEEDS_APART, asked.work / "judge.pt"
    render(asked.corpus, asked.work / "judge", preset.n_lessons, seed, "any", asked.jobs)
    lessons = Corpus(asked.work / "judge")
    labels = judge.Labels.of(lessons.records)
    torch.manual_seed(asked.seed)
    ear = judge.Ear(labels)
    if path.exists():
        ear.load_state_dict(torch.load(path, map_location="cpu"))
        return ear.eval(), labels
    heard, style = labels.heard(lessons.records), labels.style(lessons.records)
    judge.teach(ear, judge.shrink(pictures_of(lessons)), heard, style, preset.judge_minutes, 32)
    save(path, ear.state_dict())
    return ear, labels


@torch.no_grad()
def decoded(work: Path, pictures: Tensor) -> Tensor | None:
    """Through the autoencoder and back, the most that can be reached. None: no training here."""
    if not (work / "vae.pt").exists():
        return None
    found = torch.load(work / "vae.pt", map_location="cpu")
    facts = found["facts"]["vae"]
    vae = nets.Vae(nets.VaeConfig(**{**facts, "channels": tuple(facts["channels"])})).eval()
    vae.load_state_dict(found["module"])
    parts = [vae.decode(latent[None])[0, 0] for latent in stages.encode(vae, pictures)]
    return ((torch.stack(parts).clamp(-1, 1) + 1) * 127.5).to(torch.uint8)


def sheet(pictures: Tensor, n_columns: int) -> Tensor:
    """[n, 512, 512] side by side at half their size, a white line between."""
    small = torch.nn.functional.avg_pool2d(pictures.float()[:, None], 2)[:, 0]
    framed = torch.nn.functional.pad(small, (2, 2, 2, 2), value=255.0).to(torch.uint8)
    rows = [torch.cat(list(row), dim=1) for row in framed.split(n_columns)]
    return torch.cat(rows)


def evaluate(asked: argparse.Namespace) -> dict[str, Any]:
    preset = PRESETS[asked.preset]
    ear, labels = taught(asked, preset)
    render(asked.corpus, asked.work / "test", preset.n_test_clips, asked.seed, "test", asked.jobs)
    test = Corpus(asked.work / "test")
    real_pictures = pictures_of(test)
    real, real_features = figures(ear, labels, real_pictures, test.records)
    half = len(real_features) // 2
    frechet = {"real_to_real": judge.frechet(real_features[:half], real_features[half:])}
    report: dict[str, Any] = {"clips": len(test), "real": real, "frechet": frechet}
    again = decoded(asked.work, real_pictures)
    if again is not None:
        report["decoded"], features = figures(ear, labels, again, test.records)
        frechet["decoded_to_real"] = judge.frechet(features, real_features)

    prompts = [(r["caption"], 100 + i) for i, r in enumerate(test.records)]
    made_pictures, seconds = played(asked, prompts)
    report["model"], made_features = figures(ear, labels, made_pictures, test.records)
    report["chance"] = by_chance(ear, labels, made_pictures, test.records)
    frechet["model_to_real"] = judge.frechet(made_features, real_features)
    repeats = [(prompt, seed) for prompt in FIXED_PROMPTS for seed in range(preset.n_seeds)]
    seed_pictures, _ = played(asked, repeats)
    store.write_png(asked.work / "samples.png", sheet(seed_pictures[:: preset.n_seeds], 3))
    seed_features = judge.listen(ear, judge.shrink(seed_pictures))[2].view(
        len(FIXED_PROMPTS), preset.n_seeds, -1
    )
    report["spread"] = {
        "seeds_of_a_prompt": float(np.mean([spread(f) for f in seed_features])),
        "all_of_the_model": spread(made_features),
        "all_real": spread(real_features),
    }
    report["seconds_a_clip"] = float(np.median(seconds)) if seconds else None
    report["opened"] = opened(asked)
    if (asked.work / "train" / "clips.jsonl").exists():
        train = pictures_of(Corpus(asked.work / "train"))
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
    columns = [name for name in ("model", "chance", "real", "decoded") if name in report]
    print(f"{'':16}" + "".join(f"{name:>9}" for name in columns))
    for name in report["model"]:
        print(f"{name:16}" + "".join(f"{report[column][name]:9.3f}" for column in columns))
    for name in ("frechet", "spread", "seconds_a_clip", "opened", "nearest_of_training"):
        print(name, report.get(name))


if __name__ == "__main__":
    main()
