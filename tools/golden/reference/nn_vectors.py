#!/usr/bin/python3
"""Reference values for engine/nn from PyTorch's layers in double precision.

Writes tests/data/vectors/nn.{bin,json}: inputs in single precision (half where the name ends with
_f16, as their bits), outputs computed in double from these very values and rounded once. The form
of the binary is described in spectrogram_vectors.py. Pictures are channels last: [n, h*w, c].
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

SEED = 11
SCRIPT = "tools/golden/reference/nn_vectors.py"
EPS = 1e-5
TYPES = {"f": "<f4", "h": "<i2"}
HEAD = struct.Struct("<8sII")
ENTRY = struct.Struct("<32s6I")


class Case:
    """Arrays of one layer: what is drawn is kept in the form that the engine gets."""

    def __init__(self, name: str, out: dict[str, Any]) -> None:
        self.name, self.out = name, out

    def draw(self, what: str, *shape: int, half: bool = False) -> Any:
        """Normal values, kept and given back as doubles."""
        values = torch.randn(shape).half() if half else torch.randn(shape)
        self.keep(what, values.numpy().view(np.int16) if half else values)
        return values.double()

    def picture(self, what: str, n: int, c: int, h: int, w: int) -> Any:
        """As draw, for PyTorch channels first."""
        return self.draw(what, n, h * w, c).transpose(1, 2).reshape(n, c, h, w)

    def keep(self, what: str, values: Any) -> None:
        """An array of at most three dimensions."""
        array = np.asarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        self.out[f"{self.name}_{what}"] = np.ascontiguousarray(
            array.reshape(*array.shape[:2], -1) if array.ndim > 3 else array
        )

    def keep_picture(self, values: Any) -> None:
        """Channels last."""
        self.keep("out", values.flatten(2).transpose(1, 2))


def convolutions(out: dict[str, Any]) -> None:
    """3x3, and the two ways to halve a picture: UNet and VAE."""
    for name, stride, before in (("same", 1, 1), ("half", 2, 1), ("vae_half", 2, 0)):
        case = Case(f"conv_{name}", out)
        x = case.picture("in", 2, 6, 8, 10)
        weight, bias = case.draw("weight_f16", 20, 6, 3, 3, half=True), case.draw("bias", 20)
        padded = functional.pad(x, (before, 1, before, 1))
        case.keep_picture(functional.conv2d(padded, weight, bias, stride=stride))
    case = Case("upsample", out)
    x = case.picture("in", 2, 5, 3, 4)
    case.keep_picture(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


def norms(out: dict[str, Any]) -> None:
    """GroupNorm, also with SiLU behind it, and LayerNorm."""
    case = Case("group_norm", out)
    x = case.picture("in", 2, 12, 9, 11)
    gain, shift = case.draw("gain", 12), case.draw("shift", 12)
    y = functional.group_norm(x, 4, gain, shift, EPS)
    case.keep_picture(y)
    case.keep("silu", functional.silu(y).flatten(2).transpose(1, 2))
    case = Case("layer_norm", out)
    x, gain, shift = case.draw("in", 7, 40), case.draw("gain", 40), case.draw("shift", 40)
    case.keep("out", functional.layer_norm(x, (40,), gain, shift, EPS))


def elements(out: dict[str, Any]) -> None:
    """Linear layer and activations; GEGLU as diffusers has it: the gate is the second half."""
    case = Case("linear", out)
    x, weight = case.draw("in", 9, 70), case.draw("weight_f16", 36, 70, half=True)
    y = functional.linear(x, weight, case.draw("bias", 36))
    case.keep("out", y)
    case = Case("activation", out)
    x = case.draw("in", 5, 64)
    hidden, gate = x.chunk(2, dim=-1)
    case.keep("silu", functional.silu(x))
    case.keep("gelu", functional.gelu(x))
    case.keep("quick_gelu", x * torch.sigmoid(1.702 * x))
    case.keep("geglu", hidden * functional.gelu(gate))


def attentions(out: dict[str, Any]) -> None:
    """Heads side by side; causal as CLIP masks it."""
    n, heads, dim = 2, 3, 8
    for name, n_queries, n_keys, is_causal in (
        ("self", 20, 20, False),
        ("cross", 20, 77, False),
        ("causal", 33, 33, True),
    ):
        case = Case(f"attention_{name}", out)
        sizes = {"q": n_queries, "k": n_keys, "v": n_keys}
        q, k, v = (
            case.draw(what, n, size, heads * dim).reshape(n, size, heads, dim).transpose(1, 2)
            for what, size in sizes.items()
        )
        scores = q @ k.transpose(2, 3) * dim**-0.5
        if is_causal:
            scores = scores + torch.full((n_queries, n_keys), float("-inf")).triu(1)
        y = (scores.softmax(-1) @ v).transpose(1, 2)
        case.keep("out", y.reshape(n, n_queries, heads * dim))


def write(stem: Path, found: dict[str, Any], about: dict[str, Any]) -> None:
    """The binary, and the JSON that tells people what is in it."""
    entries, data = b"", b""
    begin = HEAD.size + ENTRY.size * len(found)
    for name, array in found.items():
        kind = array.dtype.char
        assert len(name) < 32, name
        shape = [*array.shape, 1, 1][:3]
        entries += ENTRY.pack(name.encode(), ord(kind), begin + len(data), *shape, 0)
        raw = array.astype(TYPES[kind]).tobytes()
        data += raw + b"\0" * (-len(raw) % 8)
    whole = HEAD.pack(b"TBARRAYS", len(found), 0) + entries + data
    stem.with_suffix(".bin").write_bytes(whole)
    facts = {**about, "n_arrays": len(found), "sha256": hashlib.sha256(whole).hexdigest()}
    stem.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")


def main() -> None:
    """Write the file."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    found: dict[str, Any] = {}
    for fill in (convolutions, norms, elements, attentions):
        fill(found)
    about = {
        "script": SCRIPT,
        "libraries": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
    }
    folder = Path(__file__).resolve().parents[3] / "tests" / "data" / "vectors"
    write(folder / "nn", found, about)


if __name__ == "__main__":
    main()
