#!/usr/bin/env python3
"""How soon the studio shows what happens, in tmux.

    bench_studio.py [--starts N] [--keys N] [--idle SECONDS] [--takes N] [--csv FILE]

Runs the program (TIMBRE_BIN) in a terminal of tmux in an empty home and measures:

- from Enter in the shell to the first frame on the screen, empty and with a long history;
- from a key to its letter on the screen, idle, while a take is made on all cores, and with the long
  history: half and 95 of 100 keys;
- the processor's time while nothing happens; bytes and writes of a busy second.

Beside it, in the same run: what tmux itself takes from a key to the screen in `cat`.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "tui"))

from check_speed import fill, n_writes, seconds_of_processor  # noqa: E402
from home import Home  # noqa: E402
from terminal import Tmux  # noqa: E402

LETTERS = "the quick brown fox jumps over the lazy dog and runs away "
READY = "F1 help"


def milliseconds(times: list[float]) -> tuple[float, float]:
    """Half of them, and 95 of 100, are below."""
    times = sorted(times)
    return times[len(times) // 2] * 1e3, times[len(times) * 95 // 100] * 1e3


def start(home: Home) -> float:
    with Tmux(home, command="") as studio:
        studio.type("timbre")
        begin = time.monotonic()
        studio.keys("Enter")
        while READY not in studio.screen():
            pass
        return time.monotonic() - begin


def echoes(studio: Tmux, n: int) -> list[float]:
    """Seconds from each key to the screen. The prompt is emptied before it grows long."""
    found, typed = [], ""
    for i in range(n):
        if len(typed) > 40:
            studio.keys("C-u")
            studio.settle()
            typed = ""
        typed += LETTERS[i % len(LETTERS)]
        begin = time.monotonic()
        studio.type(typed[-1])
        while typed.rstrip() not in studio.screen():
            pass
        if typed[-1] != " ":
            found.append(time.monotonic() - begin)
        time.sleep(0.02)
    studio.keys("C-u")
    return found


def measure(options: argparse.Namespace) -> list[tuple[str, float, str]]:
    rows: list[tuple[str, float, str]] = []

    def keys(name: str, times: list[float]) -> None:
        half, most = milliseconds(times)
        rows.append((f"{name}, half", half, "ms"))
        rows.append((f"{name}, 95 of 100", most, "ms"))

    with Home() as home:
        with Tmux(home, command="cat") as plain:
            time.sleep(0.3)
            keys("key to screen in cat", echoes(plain, options.keys))
        starts = [start(home) for _ in range(options.starts)]
        rows.append(("first frame, half", milliseconds(starts)[0], "ms"))
        rows.append(("first frame, longest", max(starts) * 1e3, "ms"))
        with Tmux(home) as studio:
            studio.want(READY)
            time.sleep(2)
            pid = studio.pid()
            begin, at = seconds_of_processor(pid), time.monotonic()
            time.sleep(options.idle)
            share = (seconds_of_processor(pid) - begin) / (time.monotonic() - at)
            rows.append(("idle", share * 100, "% of a core"))
            keys("key to screen", echoes(studio, options.keys))
            studio.submit("/length 300")
            for _ in range(8):
                studio.submit("techno with drums, bass, strings and rain")
            time.sleep(1.0)
            wrote, at = n_writes(pid), time.monotonic()
            keys("key to screen while a take is made", echoes(studio, options.keys))
            per_second = (n_writes(pid) - wrote) / (time.monotonic() - at)
            rows.append(("system writes while typing and generating", per_second, "a second"))
    with Home() as home:
        fill(home, options.takes)
        first = start(home)
        rows.append((f"first frame, {options.takes} takes", first * 1e3, "ms"))
        with Tmux(home) as studio:
            studio.want(f"{options.takes} takes")
            keys(f"key to screen, {options.takes} takes", echoes(studio, options.keys))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--idle", type=float, default=20)
    parser.add_argument("--takes", type=int, default=5000)
    parser.add_argument("--csv")
    options = parser.parse_args()
    rows = measure(options)
    for name, value, unit in rows:
        print(f"{name:<48} {value:8.2f} {unit}")
    if options.csv:
        with Path(options.csv).open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("studio", *row, os.uname().machine) for row in rows])


if __name__ == "__main__":
    main()
