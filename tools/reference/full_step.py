"""One evaluation of a whole model, whatever its size, to compare with: single precision.

    -m tools.reference.full_step MODEL OUT [--width 64]

Writes OUT/full_step.{bin,json}, which are not for the repository: text_embeddings [2, 77, width]
(of the negative prompt and the prompt of generate_vectors), noise [1, C, 64, WIDTH] of seed 42,
unet_out [2, C, 64, WIDTH] at t = 999 for both texts. Weights of halves are widened. Needs
diffusers 0.24, and four bytes of memory for every parameter.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizerFast

from tools.reference import generate_vectors, vectors

TIMESTEP = 999
HEIGHT = 64


def embeddings(model: Path) -> Any:
    folder = model / "tokenizer"
    tokenizer = CLIPTokenizerFast(
        vocab_file=str(folder / "vocab.json"), merges_file=str(folder / "merges.txt")
    )
    texts = [generate_vectors.NEGATIVE, generate_vectors.PROMPT]
    tokens = tokenizer(
        texts, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids
    return CLIPTextModel.from_pretrained(model / "text_encoder").eval().float()(tokens)[0]


def main() -> None:
    """Compute and write."""
    parser = argparse.ArgumentParser(description="one evaluation of a whole model")
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=64)
    asked = parser.parse_args()
    with torch.no_grad():
        context = embeddings(asked.model)
        unet = UNet2DConditionModel.from_pretrained(asked.model / "unet").eval().float()
        shape = (1, unet.config.in_channels, HEIGHT, asked.width)
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(generate_vectors.SEED))
        began = time.monotonic()
        out = unet(torch.cat([noise] * 2), TIMESTEP, context).sample
        print(f"unet: {time.monotonic() - began:.1f} s")
    arrays = {"text_embeddings": context, "noise": noise, "unet_out": out}
    asked.out.mkdir(parents=True, exist_ok=True)
    vectors.write("full_step", Path(__file__).name, arrays, folder=asked.out, timestep=TIMESTEP)


if __name__ == "__main__":
    main()
