#!/usr/bin/env python3
"""The regression guard: instructions of the engine's hot parts, counted, against committed bounds.

    bench/guard.py PROGRAM [--bounds FILE] [--record]

PROGRAM (build/bench/guard) runs under callgrind, which counts the same on every run and machine;
seconds would not. A row fails when its instructions for a multiply-add (or an element) exceed its
bound in bench/guard.csv, which has room for another compiler. A row without a bound fails, and a
bound without a row. --record writes what was counted and HEADROOM as the new bounds: after a change
that is meant, or one that made things faster.

The counts are of the kernels of AVX2: valgrind knows no AVX-512. Where there is no AVX2 or no
valgrind for the processor, nothing is checked, and that is said.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

BOUNDS = Path(__file__).with_name("guard.csv")
FIELDS = ("row", "instructions", "bound")  # for a multiply-add or an element
HEADROOM = 1.10
DIGITS = 4
# Where it is not told its name, callgrind counts from the first call of this to its return.
FUNCTION = "guard_run"


class Count(NamedTuple):
    """What a row cost: instructions, and the multiply-adds or elements that they were for."""

    row: str
    instructions: int
    work: int

    @property
    def each(self) -> float:
        return self.instructions / self.work


def totals(path: Path) -> int:
    """The instructions of one dump."""
    found = re.search(r"^totals: (\d+)$", path.read_text(errors="replace"), re.MULTILINE)
    if not found:
        sys.exit(f"guard: callgrind wrote no total into {path.name}")
    return int(found.group(1))


def measure(program: str, valgrind: str) -> list[Count]:
    """Each row of the program, in its order."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [valgrind, "--quiet", "--tool=callgrind", f"--toggle-collect={FUNCTION}",
                   f"--dump-after={FUNCTION}", f"--callgrind-out-file={out}", program]  # fmt: skip
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if ran.returncode != 0:
            sys.exit(f"guard: {program} under callgrind ended with {ran.returncode}")
        found = []
        for i, line in enumerate(ran.stdout.splitlines(), start=1):
            row, work = line.split("\t")
            dump = out.with_name(f"out.{i}")
            if not dump.exists():
                sys.exit(f"guard: callgrind has no count of '{row}': is {FUNCTION} inlined?")
            found.append(Count(row, totals(dump), int(work)))
    if not found:
        sys.exit(f"guard: {program} counted nothing")
    return found


def read_bounds(path: Path) -> dict[str, float]:
    with path.open(newline="") as file:
        return {line["row"]: float(line["bound"]) for line in csv.DictReader(file)}


def write_bounds(path: Path, counts: list[Count]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for count in counts:
            each = f"{count.each:.{DIGITS}f}"
            writer.writerow((count.row, each, f"{count.each * HEADROOM:.{DIGITS}f}"))


def check(counts: list[Count], bounds: dict[str, float]) -> list[str]:
    """What is wrong, a line each; prints the table."""
    wrong = []
    print(f"{'row':28} {'instructions':>13} {'each':>9} {'bound':>9}")
    for count in counts:
        bound = bounds.get(count.row)
        limit = "none" if bound is None else f"{bound:.{DIGITS}f}"
        print(f"{count.row:28} {count.instructions:13d} {count.each:9.{DIGITS}f} {limit:>9}")
        if bound is None:
            wrong.append(f"'{count.row}' has no bound")
        elif count.each > bound:
            wrong.append(f"'{count.row}' takes {count.each:.{DIGITS}f} instructions "
                         f"for each of {count.work}, bound {limit}")  # fmt: skip
    rows = {count.row for count in counts}
    return wrong + [f"the bound of '{row}' is of no row" for row in bounds if row not in rows]


def reason_to_skip() -> str | None:
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"the bounds are of AVX2, not of {platform.machine()}"
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return "valgrind is for Linux"
    return None if " avx2" in info.read_text() else "this processor has no AVX2"


def main() -> None:
    """Count and compare, or record."""
    parser = argparse.ArgumentParser(description="instruction counts against their bounds")
    parser.add_argument("program")
    parser.add_argument("--bounds", type=Path, default=BOUNDS)
    parser.add_argument("--record", action="store_true", help="make what is counted the bounds")
    asked = parser.parse_args()
    if reason := reason_to_skip():
        print(f"guard: not checked: {reason}")
        return
    valgrind = shutil.which(os.environ.get("VALGRIND", "valgrind"))
    if valgrind is None:
        sys.exit("guard: valgrind is missing; run: make setup GROUPS=lint")
    counts = measure(asked.program, valgrind)
    if asked.record:
        write_bounds(asked.bounds, counts)
        print(f"guard: {len(counts)} bounds recorded in {asked.bounds}")
        return
    if wrong := check(counts, read_bounds(asked.bounds)):
        sys.exit("\n".join(f"guard: {line}" for line in wrong))
    print(f"guard: {len(counts)} rows within their bounds")


if __name__ == "__main__":
    main()
