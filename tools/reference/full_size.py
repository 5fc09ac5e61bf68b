"""What bench_network computes of a whole model, beside PyTorch: errors and seconds.

    -m tools.reference.full_size MODEL BENCH_PROGRAM [--dump DIR] [--repeats N] [--no-double]

Runs BENCH_PROGRAM (build/bench/bench_network), then the same in PyTorch from the same folder, and
prints the relative L2 error of every array against single precision and against double precision:
the latter is the number to trust. Each stage gets our own input of it, so that errors do not add
up, but for `latents`, which is guidance and a step of DDIM from the reference's own output.
Weights of halves are widened. Needs diffusers 0.24 and, for double precision, 12 GB of memory.

PyTorch's seconds are of the C library's allocator and the BLAS that the process was started with;
MALLOC_MMAP_THRESHOLD_, MALLOC_TRIM_THRESHOLD_ and MALLOC_TOP_PAD_ of a few GB and OpenMP's OpenBLAS
in LD_LIBRARY_PATH make it faster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizerFast

from tools.reference import generate_vectors

GUIDANCE = 7
N_STEPS = 20


class Dump:
    """The arrays that bench_network wrote; pictures as [n, c, h, w]."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sizes = json.loads((folder / "sizes.json").read_text())

    def floats(self, name: str) -> torch.Tensor:
        return torch.from_numpy(np.fromfile(self.folder / f"{name}.f32", dtype="<f4"))

    def picture(self, name: str, channels: int, height: int, width: int) -> torch.Tensor:
        return self.floats(name).reshape(-1, height, width, channels).permute(0, 3, 1, 2)

    def latents(self, name: str) -> torch.Tensor:
        return self.picture(name, self.sizes["channels"], self.sizes["h"], self.sizes["w"])

    def embeddings(self) -> torch.Tensor:
        return self.floats("embeddings").reshape(2, -1, self.sizes["width"])


def distance(got: torch.Tensor, want: torch.Tensor) -> float:
    """Relative L2."""
    assert got.shape == want.shape, (got.shape, want.shape)
    return float((got.double() - want.double()).norm() / want.double().norm())


def timed(name: str, repeats: int, work: Callable[[], torch.Tensor]) -> torch.Tensor:
    """The result; the median of the seconds, after one run to warm up, is printed."""
    out = work()
    seconds = []
    for _ in range(repeats):
        began = time.monotonic()
        out = work()
        seconds.append(time.monotonic() - began)
    if seconds:
        print(f"torch {name:24} {statistics.median(seconds):9.3f} s", flush=True)
    return out


def text(model: Path, dtype: torch.dtype, repeats: int) -> torch.Tensor:
    folder = model / "tokenizer"
    tokenizer = CLIPTokenizerFast(
        vocab_file=str(folder / "vocab.json"), merges_file=str(folder / "merges.txt")
    )
    tokens = tokenizer(
        [generate_vectors.NEGATIVE, generate_vectors.PROMPT],
        padding="max_length", max_length=77, truncation=True, return_tensors="pt",
    ).input_ids  # fmt: skip
    encoder = CLIPTextModel.from_pretrained(model / "text_encoder").eval().to(dtype)
    torch.set_default_dtype(dtype)  # the causal mask is made in it
    out = timed("text encoder, two", repeats, lambda: encoder(tokens)[0])
    torch.set_default_dtype(torch.float32)
    return out


def unet(model: Path, dump: Dump, dtype: torch.dtype, repeats: int) -> torch.Tensor:
    network = UNet2DConditionModel.from_pretrained(model / "unet").eval().to(dtype)
    noise = torch.cat([dump.latents("noise").to(dtype)] * 2)
    context = dump.embeddings().to(dtype)
    timestep = dump.sizes["timestep"]
    return timed("guided step", repeats, lambda: network(noise, timestep, context).sample)


def decode(model: Path, dump: Dump, dtype: torch.dtype, repeats: int) -> torch.Tensor:
    network = AutoencoderKL.from_pretrained(model / "vae").eval().to(dtype)
    latents = dump.latents("latents").to(dtype) / network.config.scaling_factor
    return timed("VAE decode", repeats, lambda: network.decode(latents).sample)


def step(model: Path, dump: Dump, guided: torch.Tensor) -> torch.Tensor:
    scheduler: Any = DDIMScheduler.from_pretrained(model / "scheduler", clip_sample=False)
    scheduler.set_timesteps(N_STEPS)
    assert float(scheduler.timesteps[0]) == dump.sizes["timestep"], scheduler.timesteps
    return scheduler.step(guided, scheduler.timesteps[0], dump.latents("noise")).prev_sample


def compare(model: Path, dump: Dump, dtype: torch.dtype, repeats: int) -> None:
    def row(name: str, got: torch.Tensor, want: torch.Tensor) -> None:
        print(f"{name:30} {distance(got, want):9.2e} from {dtype}", flush=True)

    noise = torch.randn(
        dump.latents("noise").shape, generator=torch.Generator().manual_seed(generate_vectors.SEED)
    )
    row("noise", dump.latents("noise"), noise)
    row("embeddings", dump.embeddings(), text(model, dtype, repeats))
    out = unet(model, dump, dtype, repeats)
    row("UNet, both halves", dump.latents("unet"), out)
    guided = out[:1] + GUIDANCE * (out[1:] - out[:1])
    row("guided", dump.latents("guided"), guided)
    row("latents after a step", dump.latents("latents"), step(model, dump, guided))
    image = decode(model, dump, dtype, repeats)
    row("image", dump.picture("image", 3, image.shape[2], image.shape[3]), image)


def main() -> None:
    """Run both, compare, print."""
    parser = argparse.ArgumentParser(description="a whole model beside PyTorch")
    parser.add_argument("model", type=Path)
    parser.add_argument("program", type=Path)
    parser.add_argument("--dump", type=Path, help="folder for the arrays; a temporary one")
    parser.add_argument("--repeats", type=int, default=3, help="of PyTorch's timed runs")
    parser.add_argument("--no-double", action="store_true", help="single precision only")
    asked = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as temporary, torch.no_grad():
        folder = asked.dump or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([asked.program, asked.model, "--dump", folder], check=True)
        dump = Dump(folder)
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
        compare(asked.model, dump, torch.float32, asked.repeats)
        if not asked.no_double:
            compare(asked.model, dump, torch.float64, 0)


if __name__ == "__main__":
    main()
