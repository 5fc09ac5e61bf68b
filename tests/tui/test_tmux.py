#!/usr/bin/env python3
"""The studio as people use it, in tmux: what it promises to hands, eyes, ears and the terminal.

    test_tmux.py [WORD...]        cases whose name has one of the words

Prints TAP. TIMBRE_BIN names the program with misbehaviour on demand."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import check_edges
import check_jobs
import check_models
import check_prompt
import check_radio
import check_sound
import check_speed
import check_strangers
import check_takes
import check_terminal
import check_view
import tap

PARTS = (
    check_models,
    check_speed,
    check_edges,
    check_jobs,
    check_sound,
    check_takes,
    check_terminal,
    check_prompt,
    check_radio,
    check_strangers,
    check_view,
)

if __name__ == "__main__":
    if shutil.which("tmux") is None:
        print("1..0 # skip needs tmux")
        sys.exit(0)
    tap.run([(each.__name__, each) for part in PARTS for each in part.CASES], n_at_once=3)
