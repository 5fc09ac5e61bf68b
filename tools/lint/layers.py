"""Who may include whom. The table is the drawing of docs/architecture.md; no include goes round."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath

from .tree import Tree

API = "include/timbre"
BASE, OS, KERNELS = "engine/base", "engine/os", "engine/kernels"
SIDE = {API, BASE, OS, KERNELS}  # what spectrogram, audio and sketch stand on

# folder -> folders that its files may include, besides itself
ALLOWED: dict[str, set[str]] = {
    API: set(),
    BASE: {API},
    OS: {API, BASE},
    KERNELS: {API, BASE, OS},
    "engine/tensor": SIDE,
    "engine/nn": SIDE | {"engine/tensor"},
    "engine/models": SIDE | {"engine/tensor", "engine/nn"},
    "engine/diffusion": SIDE | {"engine/tensor", "engine/nn", "engine/models"},
    "engine/spectrogram": SIDE,
    "engine/audio": SIDE,
    "engine/sketch": SIDE,
    "engine/pipeline": SIDE
    | {f"engine/{part}" for part in "tensor nn models diffusion spectrogram audio sketch".split()},
    "hub": {API, BASE},
    "worker": {API, BASE, "hub"},
    "cli": {API, BASE, "hub", "worker"},
}
# (folder, folder that it may include) -> the only headers of that one that it may name
DOORS: dict[tuple[str, str], set[str]] = {("cli", "worker"): {"worker/worker.h"}}
FREE = ("tests", "fuzz", "bench")  # may include everything

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


def layer_of(name: str) -> str | None:
    """The row of the table that a file belongs to."""
    for folder in PurePosixPath(name).parents:
        if str(folder) in ALLOWED:
            return str(folder)
    return None


def resolve(tree: Tree, source: str, target: str) -> str | None:
    """The file of the tree that an include names; none for system and generated headers."""
    beside = posixpath.normpath(f"{posixpath.dirname(source)}/{target}")
    for name in (target, f"include/{target}", beside):
        if (tree.root / name).is_file():
            return name
    return None


def include_edges(tree: Tree) -> dict[str, list[str]]:
    edges: dict[str, list[str]] = {}
    for source in tree.c_files:
        found = (resolve(tree, source, t) for t in INCLUDE.findall(tree.code(source)))
        edges[source] = [target for target in found if target]
    return edges


def find_cycle(edges: dict[str, list[str]]) -> list[str]:
    """Some chain of includes that comes back to its start, or nothing."""
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for target in edges.get(name, []):
            if cycle := visit(target, [*path, name]):
                return cycle
        done.add(name)
        return []

    for name in edges:
        if cycle := visit(name, []):
            return cycle
    return []


def check(tree: Tree) -> list[str]:
    found = []
    edges = include_edges(tree)
    for source, targets in edges.items():
        if source.split("/")[0] in FREE:
            continue
        layer = layer_of(source)
        if layer is None:
            found.append(f"{source}: its folder has no row in tools/lint/layers.py")
            continue
        for target in targets:
            other = layer_of(target)
            door = DOORS.get((layer, other or ""), {target})
            if other not in ALLOWED[layer] | {layer} or target not in door:
                found.append(f"{source}: {layer} may not include {target}")
    if cycle := find_cycle(edges):
        found.append("includes go round: " + " -> ".join(cycle))
    return found
