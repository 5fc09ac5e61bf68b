#!/usr/bin/env python3
"""Writes tests/data/vectors/tensor_*: tensors in every form that PyTorch (1.13.1) writes.

Their values are beside them as hexadecimal floats. Usage: write_forms.py FOLDER, with torch and
safetensors installed.
"""

from __future__ import annotations

import collections
import datetime
import sys
from pathlib import Path
from typing import Any

import numpy
import torch
from safetensors.torch import save_file


def tensors() -> dict[str, Any]:
    """One of each type, and views that are not contiguous."""
    torch.manual_seed(1)
    base = torch.randn(6, 5)
    named = collections.OrderedDict()
    named["a.weight"] = base
    named["a.transposed"] = base.t()
    named["a.slice"] = base[1:5:2, 1:4]
    named["a.expanded"] = torch.randn(3, 1).expand(3, 4)
    named["half"] = torch.randn(2, 3, 4).half()
    named["half.permuted"] = torch.randn(2, 3, 4).half().permute(2, 0, 1)
    named["bf"] = torch.randn(7).bfloat16()
    named["double"] = torch.randn(3, 2).double() / 3
    named["long"] = torch.arange(-3, 9).view(1, 12)
    named["int"] = torch.tensor([1, -2, 2**31 - 1], dtype=torch.int32)
    named["short"] = torch.tensor([1, -2], dtype=torch.int16)
    named["char"] = torch.tensor([1, -2], dtype=torch.int8)
    named["byte"] = torch.tensor([1, 254], dtype=torch.uint8)
    named["bool"] = torch.tensor([True, False, True])
    named["scalar"] = torch.tensor(2.5)
    named["empty"] = torch.empty(0, 3)
    named["param"] = torch.nn.Parameter(torch.randn(2))
    return named


def training(named: dict[str, Any]) -> dict[str, Any]:
    """What surrounds the state_dict in a checkpoint of a training program."""
    return {
        "epoch": 3,
        "state_dict": named,
        "optimizer_states": [{"state": {0: {"step": 1, "exp_avg": torch.randn(9)}}}],
        "loss": numpy.float64(3.5),
        "callbacks": {collections.Counter: 1},
        "rate": 1e-4,
        "lists": collections.defaultdict(list, {"k": [1, 2]}),
        "when": datetime.datetime(2023, 1, 2),
        "big": 10**30,
        "bytes": b"abc",
        "sets": ({1, 2}, frozenset([3])),
    }


def main(folder: str) -> None:
    """Write all of them."""
    named = tensors()
    path = folder + "/tensor_"
    torch.save(named, path + "plain.zip")
    torch.save(named, path + "plain.legacy", _use_new_zipfile_serialization=False)
    for protocol in (2, 4):
        whole = training(named)
        torch.save(whole, f"{path}training{protocol}.zip", pickle_protocol=protocol)
        torch.save(
            whole,
            f"{path}training{protocol}.legacy",
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=False,
        )
    torch.save(torch.nn.Linear(3, 2), path + "module.zip")
    whole = {name: value.detach().clone().contiguous() for name, value in named.items()}
    save_file(whole, path + "plain.safetensors", metadata={"format": "pt", "a key": "a value"})
    with Path(path + "values.txt").open("w") as out:
        for name in sorted(named):
            value = named[name].detach()
            shape = ", ".join(map(str, value.shape))
            floats = [float(v).hex() for v in value.float().reshape(-1).tolist()]
            out.write(f"{name}|[{shape}]|{' '.join(floats)}\n")


main(sys.argv[1])
