"""Writes test vectors: NAME.bin holds arrays one behind the other, little-endian and row-major,
each at a multiple of 8 bytes; NAME.json says what they are:

    {"script", "seed", "libraries": {...}, ..., "sha256": of NAME.bin,
     "arrays": [{"name", "dtype": "float32" | "float64" | "int32" | "uint8",
                 "shape": [...], "offset": bytes}]}

Images and latents are as torch has them, [N, C, H, W], unless a script says otherwise.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "data" / "vectors"
DTYPES = {"float32": "<f4", "float64": "<f8", "int32": "<i4", "uint8": "|u1"}
LIMIT_BYTES = 700_000
BADDBMM = torch.baddbmm


def baddbmm(start: Any, *args: Any, beta: float = 1, **kwargs: Any) -> Any:
    """diffusers adds 0 times uninitialised memory, and PyTorch 1.13 does: NaNs stay."""
    return BADDBMM(start if beta else torch.zeros_like(start), *args, beta=beta or 1, **kwargs)


torch.baddbmm = baddbmm
diffusers.utils.logging.set_verbosity_error()  # without accelerate it says so at every model


def libraries() -> dict[str, str]:
    return {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
    }


def as_array(value: Any) -> Any:
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    if array.dtype == np.int64:
        assert np.abs(array).max(initial=0) < 2**31
        array = array.astype(np.int32)
    return array


def write(
    name: str, script: str, arrays: dict[str, Any], folder: Path = FOLDER, **about: Any
) -> None:
    """The binary, and the JSON that says what is in it."""
    data, described = b"", []
    for key, value in arrays.items():
        array = as_array(value)
        kind = array.dtype.name
        assert np.isfinite(array).all(), key
        described.append(
            {"name": key, "dtype": kind, "shape": list(array.shape), "offset": len(data)}
        )
        raw = np.ascontiguousarray(array).astype(DTYPES[kind]).tobytes()
        data += raw + b"\0" * (-len(raw) % 8)
    assert len(data) < LIMIT_BYTES or folder != FOLDER, f"{name}: {len(data)} bytes"
    (folder / f"{name}.bin").write_bytes(data)
    rows = ",\n".join(f"    {json.dumps(row)}" for row in described)
    facts = {"script": f"tools/reference/{script}", "libraries": libraries(), **about}
    facts["sha256"] = hashlib.sha256(data).hexdigest()
    head = json.dumps(facts, indent=2)[:-2]  # one array a line keeps it short
    (folder / f"{name}.json").write_text(f'{head},\n  "arrays": [\n{rows}\n  ]\n}}\n')
    print(f"{name}: {len(described)} arrays, {len(data)} bytes")
