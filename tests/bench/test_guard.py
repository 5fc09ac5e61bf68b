#!/usr/bin/env python3
"""The regression guard fails when it should, and names row, count and bound. Prints TAP.

    test_guard.py GUARD

Runs the script with a program and a valgrind of our own making, whose counts are known.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, NamedTuple

PROGRAM = """#!/bin/sh
printf 'gemm\\t1000\\nsoftmax\\t200\\n'
exit ${PROGRAM_STATUS:-0}
"""
# Dumps as callgrind's, one for each call; a program's rows come from the program.
VALGRIND = """#!/bin/sh
for word in "$@"; do
    case $word in --callgrind-out-file=*) out=${word#*=} ;; esac
done
i=0
for count in $COUNTS; do
    i=$((i + 1))
    printf 'events: Ir\\nfn=(1) guard_run\\ntotals: %s\\n' "$count" >"$out.$i"
done
for program in "$@"; do :; done
exec "$program"
"""
BOUNDS = "row,instructions,bound\ngemm,0.2800,0.3080\nsoftmax,6.0000,6.6000\n"


class Ran(NamedTuple):
    """How the script ended."""

    status: int
    text: str  # both streams
    bounds: str  # what the file of bounds holds now


def run(guard: str, counts: str, *options: str, bounds: str = BOUNDS, **env: str) -> Ran:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for tool, text in (("program", PROGRAM), ("valgrind", VALGRIND)):
            (folder / tool).write_text(text)
            (folder / tool).chmod(0o755)
        program, bounds_file = folder / "program", folder / "bounds.csv"
        bounds_file.write_text(bounds)
        ran = subprocess.run(
            [sys.executable, guard, program, "--bounds", bounds_file, *options],
            env={**os.environ, "VALGRIND": str(folder / "valgrind"), "COUNTS": counts, **env},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        return Ran(ran.returncode, ran.stdout, bounds_file.read_text())


def within_the_bounds_passes(guard: str) -> bool:
    ran = run(guard, "308 1320")  # exactly at them
    return ran.status == 0 and "2 rows within" in ran.text


def above_a_bound_fails_by_name(guard: str) -> bool:
    ran = run(guard, "309 1320")
    said = "'gemm' takes 0.3090 instructions" in ran.text and "bound 0.3080" in ran.text
    return ran.status == 1 and said and "'softmax' takes" not in ran.text


def a_row_without_a_bound_fails(guard: str) -> bool:
    ran = run(guard, "280 1200", bounds="row,instructions,bound\ngemm,0.2800,0.3080\n")
    return ran.status == 1 and "'softmax' has no bound" in ran.text


def a_bound_without_a_row_fails(guard: str) -> bool:
    ran = run(guard, "280 1200", bounds=BOUNDS + "gone,1,1.1\n")
    return ran.status == 1 and "'gone' is of no row" in ran.text


def a_missing_count_fails(guard: str) -> bool:
    ran = run(guard, "280")
    return ran.status == 1 and "no count of 'softmax'" in ran.text


def a_program_that_fails_fails(guard: str) -> bool:
    return run(guard, "280 1200", PROGRAM_STATUS="3").status == 1


def no_valgrind_fails(guard: str) -> bool:
    ran = run(guard, "280 1200", VALGRIND="/nowhere/valgrind")
    return ran.status == 1 and "valgrind is missing" in ran.text


def record_writes_counts_and_headroom(guard: str) -> bool:
    ran = run(guard, "250 1000", "--record", bounds="")
    want = "row,instructions,bound\ngemm,0.2500,0.2750\nsoftmax,5.0000,5.5000\n"
    return ran.status == 0 and ran.bounds == want


CASES: list[Callable[[str], bool]] = [
    within_the_bounds_passes,
    above_a_bound_fails_by_name,
    a_row_without_a_bound_fails,
    a_bound_without_a_row_fails,
    a_missing_count_fails,
    a_program_that_fails_fails,
    no_valgrind_fails,
    record_writes_counts_and_headroom,
]


def can_check() -> bool:
    """As the script itself decides: elsewhere it checks nothing."""
    info = Path("/proc/cpuinfo")
    is_x86 = platform.machine() in ("x86_64", "AMD64")
    return is_x86 and info.exists() and " avx2" in info.read_text()


def main() -> None:
    """Every case, as TAP."""
    if not can_check():
        print("1..0 # SKIP the guard checks nothing on this machine")
        return
    print(f"1..{len(CASES)}")
    for i, case in enumerate(CASES, start=1):
        verdict = "ok" if case(sys.argv[1]) else "not ok"
        print(f"{verdict} {i} - {case.__name__}")


if __name__ == "__main__":
    main()
