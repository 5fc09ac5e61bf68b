"""No AVX instruction outside the x86 kernels: a baseline object must run on any x86-64."""

from __future__ import annotations

import re
from pathlib import Path

from .tree import Tree

# VEX and EVEX mnemonics start with v; so do verr, verw and the instructions of hypervisors.
LEAK = re.compile(
    r"^\s+[0-9a-f]+:\s+(?:v(?!err|erw|m[cflprwx])\w+\b.*|.*%[yz]mm\d.*)$", re.MULTILINE
)
KERNEL_OBJECT = re.compile(r"kernels[/_]x86")


def leaks_in(tree: Tree, objects: list[Path]) -> list[str]:
    found = []
    for path in objects:
        status, out = tree.run("objdump", "-d", "--no-show-raw-insn", str(path))
        if status:
            raise RuntimeError(out)
        if leak := LEAK.search(out):
            found.append(f"{path.name}: {' '.join(leak[0].split())}")
    return found


def check(tree: Tree) -> list[str]:
    objects = [p for p in sorted(tree.build.rglob("*.o")) if not KERNEL_OBJECT.search(str(p))]
    if not objects:
        return [f"{tree.build}: no object files"]
    _, header = tree.run("objdump", "-f", str(objects[0]))
    return leaks_in(tree, objects) if "elf64-x86-64" in header else []
