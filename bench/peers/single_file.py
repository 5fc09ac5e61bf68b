"""One file of a model's weights, under the names that Stable Diffusion's own code gave them.

    -m bench.peers.single_file MODEL OUT.safetensors

MODEL is a folder in diffusers' layout; the dtype stays. For peers that read nothing else. Needs
safetensors and torch (tools/venv diffusers-0.24).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from tools.reference import ldm_names

N_POSITIONS = 77


def part(model: Path, name: str) -> tuple[dict[str, Any], Any]:
    """The tensors of a part and its config."""
    found: dict[str, Any] = {}
    for path in sorted((model / name).glob("*.safetensors")):
        found.update(load_file(path))
    return found, json.loads((model / name / "config.json").read_text())


def convert(model: Path) -> dict[str, Any]:
    found = ldm_names.unet(*part(model, "unet"))
    found.update(ldm_names.vae(*part(model, "vae")))
    text, _ = part(model, "text_encoder")
    positions = torch.arange(N_POSITIONS).reshape(1, -1)
    text.pop("text_model.embeddings.position_ids", None)
    found.update(ldm_names.text(text, positions))
    return {name: tensor.contiguous() for name, tensor in found.items()}


def main() -> None:
    """Convert what the command line names."""
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    save_file(convert(Path(sys.argv[1])), sys.argv[2])


if __name__ == "__main__":
    main()
