"""Runs the checks of the tree: `python3 -m tools.lint [--build FOLDER] [CHECK...]`, default all.

Each check prints what it found, one line per violation; exit status 1 when any found something.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from . import analysers, isa_leak, layers, selftest, size, symbols, words
from .tree import Tree

CHECKS: dict[str, Callable[[Tree], list[str]]] = {
    "selftest": selftest.check,
    "format": analysers.check_format,
    "layers": layers.check,
    "size": size.check,
    "words": words.check,
    "symbols": symbols.check,
    "isa-leak": isa_leak.check,
    "shell": analysers.check_shell,
    "python": analysers.check_python,
    "cppcheck": analysers.check_cppcheck,
    "tidy": analysers.check_tidy,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="lint")
    parser.add_argument("--build", default="build", help="a built build folder")
    parser.add_argument("checks", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    options = parser.parse_args()
    if unknown := [name for name in options.checks if name not in CHECKS]:
        parser.error(f"no such check: {unknown[0]}; there are {', '.join(CHECKS)}")

    root = Path(__file__).resolve().parent.parent.parent
    tree = Tree(root, root / options.build)
    n_bad = 0
    for name in options.checks or CHECKS:
        start = time.monotonic()
        found = CHECKS[name](tree)
        for line in found:
            print(f"  {line}")
        verdict = f"{len(found)} found" if found else "ok"
        print(f"lint {name}: {verdict} ({time.monotonic() - start:.1f} s)", flush=True)
        n_bad += bool(found)
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
