#!/usr/bin/env python3
"""What every state of the studio looks like, as text, in four sizes, and that what was drawn bit by
bit is what a full redraw shows.

    test_screens.py [WORD...]        cases whose name has one of the words

With TIMBRE_UPDATE_SCREENS=1 the files in screens/ are written instead of compared. Times, seeds and
the like are masked. Prints TAP."""

from __future__ import annotations

import difflib
import os
import random
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import tap
from home import Home, wait_until

try:
    from emulator import Studio
except ImportError:
    print("1..0 # skip needs python3-pyte")
    sys.exit(0)

SCREENS = Path(__file__).resolve().parent / "screens"
SIZES = ((100, 30), (80, 24), (60, 20), (40, 10))
IS_UPDATE = os.environ.get("TIMBRE_UPDATE_SCREENS", "") == "1"
READY = "F1 help"

# What differs from run to run keeps its width, so that columns stay where they are.
MASKS = (
    re.compile(r"(?<![\d:])\d?\d:\d\d(?::\d\d)?(?![\d:])"),  # times of day, clocks
    re.compile(r"(?<=seed )\d+"),
    re.compile(r"\d+(?:\.\d+)?(?= [KMGT]i?B)|\d+(?:\.\d+)?(?=/\d+(?:\.\d+)? [GT]i?B)"),
    re.compile(r"(?<=127\.0\.0\.1:)\d+"),
    re.compile(r"\d+(?= threads)"),
    re.compile(r"timbre-tui-\w+"),
)
LEVELS = re.compile("[▁-█░▒▓▀▄]")  # waves and pictures: libraries of other versions play otherwise
# Of a job that goes on: numbers, bars and gaps of any width.
MOVING = (
    (re.compile(r"\d+(?:\.\d+)?"), "0"),
    (re.compile(r"[━─]*━[━─]*"), "━"),
    (re.compile(r" {2,}"), "  "),
    (re.compile(r"▒+"), "▒"),
)


TRIES = re.compile(r"Tried \d+ times?, next try in \d+ s")


def masked(rows: list[str], is_moving: bool) -> str:
    out = []
    for row in rows:
        for mask in MASKS:
            row = mask.sub(lambda found: re.sub(r"\w", "0", found[0]), row)
        row = TRIES.sub("Tried 0 times, next try in 0 s", row)
        row = LEVELS.sub("▒", row)
        for pattern, sign in MOVING if is_moving else ():
            row = pattern.sub(sign, row)
        out.append(row.rstrip())
    return "\n".join(out).rstrip("\n") + "\n"


def compare(name: str, found: str) -> None:
    path = SCREENS / f"{name}.txt"
    if IS_UPDATE:
        SCREENS.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
        return
    wanted = path.read_text(encoding="utf-8")
    if found != wanted:
        raise AssertionError("\n".join(difflib.unified_diff(
            wanted.splitlines(), found.splitlines(), path.name, "now", lineterm="")))  # fmt: skip


# ---- the states ----

State = Callable[[Studio, Home], None]


def empty(studio: Studio, _home: Home) -> None:
    studio.want("Describe a sound")


def generating(studio: Studio, _home: Home) -> None:
    submit(studio, "quiet piano")
    studio.want("denoise 3/")


def queued(studio: Studio, _home: Home) -> None:
    submit(studio, "test-slow 400 500 quiet piano")
    studio.want("denoise")
    submit(studio, "after it a harp")
    studio.want("1 ahead")


def done(studio: Studio, _home: Home) -> None:
    studio.want("✓ #1")
    wait_until(lambda: LEVELS.search(studio.text()), studio.text)


def failed(studio: Studio, _home: Home) -> None:
    submit(studio, "test-fail piano")
    studio.want("asked to fail")


def cancelled(studio: Studio, _home: Home) -> None:
    submit(studio, "test-slow 400 500 quiet piano")
    studio.want("denoise")
    studio.send(b"\x03")
    studio.want("again to cancel")
    studio.send(b"\x03")
    studio.want("cancelled")
    studio.want_gone("again to cancel")


def key_help(studio: Studio, _home: Home) -> None:
    studio.send(b"\x1bOP")
    studio.want("KEYS")


def palette(studio: Studio, _home: Home) -> None:
    studio.send(b"\x10")
    studio.want("Commands")


def settings(studio: Studio, _home: Home) -> None:
    studio.send(b"\x13")
    studio.want("SETTINGS")


def offline(studio: Studio, _home: Home) -> None:
    studio.want("worker offline")


def spectrogram(studio: Studio, home: Home) -> None:
    done(studio, home)
    studio.send(b"\t")
    studio.settle()
    studio.send(b"v")
    studio.want("Hz")


def submit(studio: Studio, prompt: str) -> None:
    studio.send(prompt)
    studio.want(prompt[-20:])
    studio.send(b"\r")


STATES: dict[str, State] = {
    each.__name__: each
    for each in (
        empty,
        generating,
        queued,
        done,
        failed,
        cancelled,
        key_help,
        palette,
        settings,
        offline,
        spectrogram,
    )  # fmt: skip
}
MODELS = Path(os.environ.get("TIMBRE_TESTS_DIR", "tests/data")).resolve() / "models"
WITH_TAKE = ("done", "spectrogram")
ENVIRONMENTS = {
    "generating": {
        "TIMBRE_MODEL": str(MODELS / "tiny"),
        "TIMBRE_TEST_STEP_MS": "500",
        "TIMBRE_MOTION": "off",
    },
    "offline": {"TIMBRE_WORKER_URL": "http://127.0.0.1:9"},
}


def looks_as_agreed(name: str) -> None:
    """Every size is reached from the one before, so that resizing is tried too."""
    env = ENVIRONMENTS.get(name, {})
    with Home(**env) as home:
        if name in WITH_TAKE:
            home.make_take("solo harp")
        check_sizes(name, home)


def check_sizes(name: str, home: Home) -> None:
    wrong = []
    with Studio(home) as studio:
        studio.want(READY)
        STATES[name](studio, home)
        for columns, rows in SIZES:
            studio.resize(columns, rows)
            studio.settle()
            try:
                found = masked(studio.rows(), name in ("generating", "queued"))
                compare(f"{name}-{columns}x{rows}", found)
            except AssertionError as difference:
                wrong.append(str(difference))
        assert not studio.filter.unknown, f"unknown to pyte: {studio.filter.unknown}"
    assert not wrong, "\n".join(wrong)


def too_small_says_so() -> None:
    with Home() as home, Studio(home) as studio:
        studio.want(READY)
        for columns, rows in ((38, 9), (39, 30), (120, 9)):
            studio.resize(columns, rows)
            studio.want("needs 40x10")
            studio.settle()
            compare(f"too_small-{columns}x{rows}", masked(studio.rows(), False))
        studio.resize(40, 10)
        studio.want(READY)


# ---- bit by bit ----

TYPED = [*"abc /?jk.", "비", "👨‍👩‍👧", "é", "words and more words "]
KEYS = ["\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x7f", "\t", "\x1b[Z", "\x1bOP", "\x1b", "\x10",
        "\x01", "\x05", "\x17", "\x15", "\x0b", "\x19", "\x1f", "\x1b\r", "\x0a", "\x12",
        "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1b[200~one\ntwo\x1b[201~"]  # fmt: skip


def difference(before: list[Any], after: list[Any]) -> str:
    for i, (old, new) in enumerate(zip(before, after)):
        for k, (a, b) in enumerate(zip(old, new)):
            if a != b:
                return f"row {i}, column {k}: {a}, drawn anew {b}"
    return "the same"


def drawing_bit_by_bit_is_right(seed: int) -> None:
    draw = random.Random(seed)
    with Home() as home:
        for i in range(3):
            home.make_take(f"harp number {i}", seed=i)
        with Studio(home, *draw.choice(SIZES[:3])) as studio:
            studio.want(READY)
            studio.want("#3")
            for turn in range(8):
                studio.resize(*draw.choice((*SIZES, (61, 17), (97, 18), (180, 50), (100, 30))))
                sent = [draw.choice(TYPED if draw.random() < 0.5 else KEYS) for _ in range(12)]
                for each in sent:
                    studio.send(each)
                    studio.settle(0.03)
                assert studio.process.poll() is None, sent
                studio.settle(0.2)
                for _ in range(3):
                    before, text = studio.cells(), studio.text()
                    studio.send(b"\x0c")
                    studio.settle(0.2)
                    after = studio.cells()
                    is_elsewhere = before[:-3] != after[:-3] or before[-1] != after[-1]
                    if before == after or is_elsewhere:
                        break  # else it is in the last two rows, where a message may have ended
                told = f"{difference(before, after)}, turn {turn} of {seed}: {sent!r}"
                assert before == after, f"{told}\n{text}\n----\n{studio.text()}"


CASES: list[tap.Case] = [
    *((f"looks as agreed: {name}", partial(looks_as_agreed, name)) for name in STATES),
    ("too small says so", too_small_says_so),
    *((f"drawing bit by bit is right, {seed}", partial(drawing_bit_by_bit_is_right, seed))
      for seed in range(4)),
]  # fmt: skip

if __name__ == "__main__":
    tap.run(CASES, n_at_once=3)
