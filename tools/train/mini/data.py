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

BATCH = 16


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

    def __len__(self) -> int:
        return len(self.records)

    @property
    def captions(self) -> list[str]:
        return [str(r["caption"]) for r in self.records]

    def sound(self, indices: list[int]) -> Tensor:
        """[n, frames] of int16."""
        rows = [self.records[i]["index"] for i in indices]
        return torch.from_numpy(np.stack([self._sound[row] for row in rows]))

    def tokens(self, tokenizer: Tokenizer) -> Tensor:
        """[n, 77]."""
        return torch.tensor([tokenizer(caption) for caption in self.captions])

    def pictures(self, device: str) -> Tensor:
        """[n, 512, 512] of uint8, white 255; on `device`."""
        transform = mel.Pictures(device)
        out = torch.empty(len(self), mel.N_MELS, 512, dtype=torch.uint8, device=device)
        for i in range(0, len(self), BATCH):
            some = list(range(i, min(i + BATCH, len(self))))
            out[i : i + len(some)] = (transform(self.sound(some)) * 255).to(torch.uint8)
        return out


def to_network(pictures: Tensor) -> Tensor:
    """uint8 [B, H, W] to [B, 3, H, W] in -1..1."""
    return (pictures.float() / 127.5 - 1)[:, None].expand(-1, 3, -1, -1)
