"""Timbre itself: stages and layers by the benchmarks of the build folder, a clip by the program."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.network.rows import OURS, Results, Row

PROMPT = "funk bassline with a jazzy saxophone solo"
STEP, DECODE = "guided UNet step, median", "VAE decode 512x512, median"
TEXT = "text encoder, two prompts"
SLACK = 1.1  # what a measurement may be off
HEAVY = ("denoise", "decode")  # UNet and VAE; everything else is to be next to nothing


class Ours(NamedTuple):
    """What is measured, and with what."""

    build: Path
    model: Path
    threads: int
    results: Results

    def bench(self, name: str, *options: str) -> list[dict[str, str]]:
        """A benchmark's CSV."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.csv"
            command = [str(self.build / "bench" / name), *options, "--csv", str(path)]
            subprocess.run(command, check=True, stdout=sys.stderr)
            return list(csv.DictReader(path.open(newline="")))

    def rows(self, section: str, setting: str, found: list[dict[str, str]]) -> list[Row]:
        rows = [
            Row(section, r["row"], OURS, setting, float(r["value"]), r["unit"], float(r["gflop"]),
                float(r["peak"]), float(r["peak_narrow"]))
            for r in found
        ]  # fmt: skip
        self.results.rows += rows
        return rows


def peak(own: Ours, cpu: str = "auto") -> tuple[str, float, float]:
    """Name of the kernels and GFLOP/s of their registers and of AVX2's."""
    (row,) = own.bench("bench_peak", "--threads", str(own.threads), "--cpu", cpu)
    return row["row"], float(row["peak"]), float(row["peak_narrow"])


def variants(own: Ours) -> list[str]:
    """The best kernels, and AVX2's where those are wider."""
    best, _, _ = peak(own)
    return [best, "avx2"] if best == "avx512" else [best]


def network(own: Ours, n_steps: int) -> None:
    """Every stage of the model, by each variant; what is promised is of the best one."""
    for cpu in variants(own):
        found = own.bench("bench_network", str(own.model), "--steps", str(n_steps), "--cpu", cpu,
                          "--threads", str(own.threads))  # fmt: skip
        own.rows("stages", f"{cpu}, {own.threads} threads", found)
    for row, must, goal in ((STEP, 1.0, 0.83), (DECODE, 0.55, 0.42)):
        for cpu in variants(own):
            found_row = own.results.find("stages", row, cpu)
            if found_row and found_row.gflop:
                share = 1 / found_row.share(found_row.peak)
                what = f"{row}, {cpu}: times GFLOP / peak of {cpu}"
                own.results.promise(what, share, must)
                own.results.promise(what, share, goal, kind="goal")
    if text := own.results.find("stages", TEXT):
        own.results.promise(f"{TEXT}, seconds", text.value, 0.3)


def layers(own: Ours, only: str) -> None:
    for cpu in variants(own):
        found = own.bench("bench_nn", "--cpu", cpu, "--threads", str(own.threads), "--only", only)
        own.rows("layers", f"{cpu}, {own.threads} threads", found)


def shapes(own: Ours, only: str) -> str:
    """What bench_nn measures, for peers."""
    command = [str(own.build / "bench" / "bench_nn"), "--shapes", "--only", only]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


# ---- threads and other programs ----


@contextlib.contextmanager
def busy(n: int) -> Iterator[None]:
    """Other programs that compute all the time, one thread each."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def step_seconds(own: Ours, threads: int, setting: str) -> float:
    found = own.bench("bench_network", str(own.model), "--steps", "1", "--until", "step",
                      "--threads", str(threads))  # fmt: skip
    step = [r for r in found if r["row"] == STEP]
    return own.rows("threads", setting, step)[0].value


def threads(own: Ours) -> None:
    """One against all, more than there are cores, and beside another program."""
    n = own.threads
    one, all_of_them = (step_seconds(own, k, f"{k} threads") for k in (1, n))
    own.results.promise(f"1 thread over {n}", one / all_of_them, 1.85 / 2 * n, at_least=True)
    many = step_seconds(own, 2 * n, f"{2 * n} threads")
    own.results.promise(f"{2 * n} threads over {n}", many / all_of_them, SLACK)
    with busy(1):
        beside = step_seconds(own, n, f"{n} threads, another program busy")
    own.results.promise("beside a busy program", beside / all_of_them, SLACK * (n + 1) / n)


# ---- a clip ----


class Clip(NamedTuple):
    """What a run of the program told."""

    seconds: float
    first_step: float  # from exec to the beginning of the first step
    stages: dict[str, float]
    peak_bytes: int


def events(process: subprocess.Popen[str], began: float) -> float:
    """Reads them all; when the first step began."""
    first_step = 0.0
    assert process.stdout is not None
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        if event.get("event") == "stage" and event.get("stage") == "denoise":
            first_step = time.monotonic() - began
    return first_step


def make_clip(own: Ours, n_steps: int, *options: str) -> Clip:
    with tempfile.TemporaryDirectory() as name:
        take = Path(name) / "take.wav"
        command = [str(own.build / "cli" / "timbre"), "generate", PROMPT]
        command += ["--model", str(own.model), "--seed", "42", "--scheduler", "ddim", "--cfg", "7"]
        command += ["--steps", str(n_steps), "--threads", str(own.threads), "--events"]
        command += ["-o", str(take), *options]
        env = {**os.environ, "HOME": name, "TIMBRE_DATA_DIR": f"{name}/data"}
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
        )
        first_step = events(process, began)
        _, status, used = os.wait4(process.pid, 0)  # the only call that tells of one child
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        if process.returncode != 0:
            sys.exit(f"bench: {' '.join(command)} ended with {process.returncode}")
        unit = 1 if sys.platform == "darwin" else 1024
        stages = json.loads(take.with_name("take.wav.json").read_text())["timings"]
        return Clip(seconds, first_step, stages, used.ru_maxrss * unit)


def clip(own: Ours, n_steps: int) -> None:
    """From Enter to the file: each stage's share, the way to the first step, memory."""

    def row(name: str, value: float, unit: str = "s", setting: str = "") -> None:
        own.results.rows.append(Row("clip", name, OURS, setting, value, unit))

    steps = f"{n_steps} steps"
    made = make_clip(own, n_steps)
    row("whole clip", made.seconds, setting=steps)
    for stage, seconds in made.stages.items():
        row(f"stage {stage}", seconds, setting=f"{seconds / made.seconds:.1%} of it, {steps}")
    rest = made.seconds - sum(made.stages.get(name, 0) for name in HEAVY)
    row("all but denoise and decode", rest, setting=f"{rest / made.seconds:.1%} of it, {steps}")
    own.results.promise(f"share outside UNet and VAE, {steps}", rest / made.seconds, 0.10)
    text = subprocess.run([str(own.build / "cli" / "timbre"), "generate", "--help"], check=True,
                          stdout=subprocess.PIPE, text=True).stdout  # fmt: skip
    modes = ["low", "auto"] if "--memory" in text else []
    if not modes:
        own.results.skipped.append("--memory low and auto: the program has no such option")
    for mode in modes or [""]:
        options = ["--memory", mode] if mode else []
        short = min((make_clip(own, 1, *options) for _ in range(2)), key=lambda c: c.first_step)
        setting = f"1 step, --memory {mode}" if mode else "1 step"
        row("start to first step", short.first_step, setting=setting)
        row("peak memory", short.peak_bytes * 1e-9, "GB", setting)
        if mode:
            limit = {"low": 3.0, "auto": 4.5}[mode]
            own.results.promise(f"peak GB, --memory {mode}", short.peak_bytes * 1e-9, limit)
        if mode != "low":
            own.results.promise("start to first step, seconds", short.first_step, 3.0)
