"""The corpus as tensors: pictures of sound, captions as tokens, labels."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tools.train.mini import mel
from tools.train.mini.words import Tokenizer

BATCH = 4  # more are slower: their spectra leave the caches


def render(program: Path, folder: Path, n_clips: int, seed: int, split: str, n_jobs: int) -> None:
    """Runs tools/train/corpus, unless its files are there: they are named when they are whole."""
    if (folder / "clips.jsonl").exists() and (folder / "clips.pcm").exists():
        return
    command = [program, "--out", folder, "--clips", n_clips, "--seed", seed, "--split", split]
    subprocess.run([*map(str, command), "--jobs", str(n_jobs)], check=True)


class Corpus:
    """A folder of tools/train/corpus. `records` are its lines, silent clips left out."""

    def __init__(self, folder: Path):
        lines = (folder / "clips.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        sound = np.memmap(folder / "clips.pcm", dtype=np.int16, mode="r")
        self._sound = sound.reshape(len(records), mel.CLIP_FRAMES)
        self.records: list[dict[str, Any]] = [r for r in records if not r["is_silent"]]
        self._folder = folder
        self._pictures: Tensor | None = None

    def __len__(self) -> int:
        return len(self.records)

    @property
    def captions(self) -> list[str]:
        return [str(r["caption"]) for r in self.records]

    def topics(self) -> Tensor:
        """[n, topics]: 1 where a clip has an instrument, style, texture, mood or kind."""
        rows = [set(topics_of(record)) for record in self.records]
        names = sorted(set().union(*rows))
        return torch.tensor([[float(name in row) for name in names] for row in rows])

    def sound(self, indices: list[int]) -> Tensor:
        """[n, frames] of int16."""
        rows = [self.records[i]["index"] for i in indices]
        return torch.from_numpy(np.stack([self._sound[row] for row in rows]))

    def tokens(self, tokenizer: Tokenizer) -> Tensor:
        """[n, 77]."""
        return torch.tensor([tokenizer(caption) for caption in self.captions])

    def pictures(self, device: str) -> Tensor:
        """[n, 512, 512] of uint8, white 255; on `device`, that of the first call.

        Those of the CPU are kept in a file of the folder: they take a while."""
        if self._pictures is None and device == "cpu":
            path = self._folder / "pictures.npy"
            if not path.exists():
                keep(path, self._draw(device).numpy())
            self._pictures = torch.from_numpy(np.load(path))
        elif self._pictures is None:
            self._pictures = self._draw(device)
        return self._pictures

    def _draw(self, device: str) -> Tensor:
        transform = mel.Pictures(device)
        out = torch.empty(len(self), mel.N_MELS, 512, dtype=torch.uint8, device=device)
        for i in range(0, len(self), BATCH):
            some = list(range(i, min(i + BATCH, len(self))))
            out[i : i + len(some)] = (transform(self.sound(some)) * 255).to(torch.uint8)
        return out


def topics_of(record: dict[str, Any]) -> list[str]:
    """Labels of a clip, each with the member that it is of."""
    single = [f"{name} {record[name]}" for name in ("kind", "played_style", "mood") if record[name]]
    several = [f"{name} {v}" for name in ("instruments", "textures") for v in record[name]]
    return single + several


def keep(path: Path, array: Any) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, array)
    part.replace(path)


def to_network(pictures: Tensor) -> Tensor:
    """uint8 [B, H, W] to [B, 3, H, W] in -1..1."""
    return (pictures.float() / 127.5 - 1)[:, None].expand(-1, 3, -1, -1)
