#!/usr/bin/env python3
"""The kill test in its short form, and a full disk. TIMBRE_BIN names the program; one with crash
points is told of by TIMBRE_KILL_POINTS=1. Prints TAP."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import tap
from kill import table
from kill_history import FINAL, check_takes, run
from kill_process import POINTS, Worker, make_folder, remove_folder

HAS_POINTS = os.environ.get("TIMBRE_KILL_POINTS", "") not in ("", "0")
DISK_BYTES = 24 << 20
# Free bytes that jobs meet: nothing, less than a page of the journal, half a take, a take.
FREE_BYTES = (0, 2048, 90_000, 200_000, 600_000)


def check_run(n_jobs: int, seed: int, has_points: bool) -> None:
    folder = make_folder()
    report = run(Worker(folder), n_jobs, seed, 150, has_points)
    tap.diagnose("\n".join(table(report, has_points)))
    assert not report.wrong, f"{len(report.wrong)} things are wrong; kept: {folder}"
    assert report.states["succeeded"] > n_jobs / 2, "too few jobs came through"
    assert report.kills["generator"] + report.kills["worker"] > 0, "nobody was killed"
    if has_points:
        missed = [point for point in POINTS if report.kills[point] == 0]
        assert not missed, f"points that nothing came by: {missed}"
    remove_folder(folder)


def kills_at_random_times() -> None:
    check_run(80, 1, has_points=False)


def kills_at_named_points() -> None:
    check_run(160, 2, has_points=True)


# ---- a full disk ----


def mount(folder: Path) -> bool:
    """A small file system of its own; False where we may not."""
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "none", str(folder)]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def can_mount() -> bool:
    if os.geteuid() != 0:
        return False
    folder = make_folder()
    can = mount(folder)
    if can:
        subprocess.run(["umount", str(folder)], check=True)
    remove_folder(folder)
    return can


def fill(path: Path, free_bytes: int) -> None:
    """A file that leaves so much and no more."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(file.tell() - free_bytes, 0))


def submit(worker: Worker, name: str) -> tuple[int, Any]:
    body = {"prompt": name, "model_id": "sketch", "duration_seconds": 1, "seed": 1}
    return worker.ask("POST", "/generate", body, {"Idempotency-Key": name})


def wait_for_ends(worker: Worker, ids: set[str]) -> dict[str, str]:
    states: dict[str, str] = {}
    end = time.monotonic() + 90
    while time.monotonic() < end and len(states) < len(ids):
        for job_id in ids - set(states):
            status, job = worker.ask("GET", f"/jobs/{job_id}")
            assert status == 200, f"the accepted job {job_id}: {status} {job}"
            if job["state"] == "failed":
                assert job["error"]["code"] == "no_space", f"a full disk is called {job['error']}"
            if job["state"] in FINAL:
                states[job_id] = job["state"]
        time.sleep(0.1)
    assert len(states) == len(ids), f"{len(ids) - len(states)} jobs never ended"
    return states


def meet_full_disk(worker: Worker, filler: Path, free_bytes: int, name: str) -> set[str]:
    """Jobs that were accepted while there was no room."""
    fill(filler, free_bytes)
    ids = set()
    for i in range(3):
        status, answer = submit(worker, f"{name}-{i}")
        if status == 202:
            ids.add(answer["job_id"])
        else:
            assert status == 507, f"a full disk is answered with {status} {answer}"
            assert answer["error"]["code"] == "no_space", answer
    time.sleep(1)
    assert not worker.has_ended(), f"a full disk ends the worker\n{worker.log_tail()}"
    assert worker.ask("GET", "/health")[0] == 200
    return ids


def live_on_small_disk(folder: Path) -> None:
    worker = Worker(folder, ("--reserve-mb", "0.001"))
    filler = folder / "filler"
    ids: set[str] = set()
    worker.start()
    try:
        worker.wait_until_ready()
        for i, free_bytes in enumerate(itertools.chain(FREE_BYTES, FREE_BYTES)):
            ids |= meet_full_disk(worker, filler, free_bytes, f"full-{i}")
            filler.unlink()
            status, job = submit(worker, f"room-{i}")  # it goes on by itself
            assert status == 202, f"there is room again: {status} {job}"
            assert wait_for_ends(worker, {job["job_id"]})[job["job_id"]] == "succeeded"
            ids.add(job["job_id"])
        states = wait_for_ends(worker, ids)
        wrong = check_takes(worker, states)
        assert worker.stop() == 0
        wrong += worker.check_databases()
        assert not wrong, "\n".join(wrong)
    finally:
        worker.kill()


def a_full_disk_is_said_and_survived() -> None:
    folder = make_folder()
    assert mount(folder)
    try:
        live_on_small_disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
        remove_folder(folder)


def skip() -> None:
    """Nothing to be seen; the name says why."""


def main() -> None:
    disk: Callable[[], None] = a_full_disk_is_said_and_survived
    disk_name = "a full disk is said and survived"
    if not can_mount():
        disk, disk_name = skip, f"{disk_name} # SKIP a file system of its own needs root"
    points: Callable[[], None] = kills_at_named_points
    points_name = "kills at named points lose nothing"
    if not HAS_POINTS:
        points, points_name = skip, f"{points_name} # SKIP this build has no crash points"
    cases = [
        ("kills at random times lose nothing", kills_at_random_times),
        (points_name, points),
        (disk_name, disk),
    ]
    tap.run(cases, n_at_once=1)


if __name__ == "__main__":
    main()
