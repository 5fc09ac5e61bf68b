#!/usr/bin/env python3
"""The program as a person starts it: time to the first sign of life, processor time of a take.

    bench/bench_program.py TIMBRE

The peer is FluidSynth's own command (Debian: fluidsynth), which renders the MIDI file of the same
take with the same SoundFont; it neither composes nor levels. Printed as a ratio, from the same run.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROMPT = "lo-fi piano with drums and upright bass, 84 bpm, A minor"
SECONDS = 30
STARTS = 15


def first_event_ms(command: list[str]) -> float:
    """From exec to the first byte of progress, in milliseconds."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 1)
        elapsed = time.perf_counter() - started
        process.stdout.read()
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} ended with {process.returncode}")
    return elapsed * 1000


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(timbre: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update(HOME=name, TIMBRE_DATA_DIR=str(folder / "data"))
        take, midi = str(folder / "take.wav"), str(folder / "take.mid")
        generate = [timbre, "generate", PROMPT, "--seed", "1", "--force", "-o", take]

        starts = [first_event_ms([*generate, "-l", "1", "--events"]) for _ in range(STARTS)]
        print(
            f"exec to first progress: median {statistics.median(starts):.1f} ms, "
            f"worst {max(starts):.1f} ms of {STARTS} (goal 50 ms)"
        )

        own = min(cpu_seconds([*generate, "-l", str(SECONDS), "--midi", midi]) for _ in range(3))
        print(f"{SECONDS} s of music: {own:.2f} s of processor time (goal 2 s)")

        peer = shutil.which("fluidsynth")
        if peer is None:
            print("no peer: the fluidsynth command is not installed")
            return
        facts = json.loads(subprocess.check_output([timbre, "doctor", "--json"]))
        backend = next(c["text"] for c in facts["checks"] if c["check"] == "backend")
        bank = backend.partition("SoundFont ")[2]
        tuned = ["-o", "synth.dynamic-sample-loading=1"]  # else it decodes the whole bank
        render = [
            peer,
            *tuned,
            "-ni",
            "-q",
            "-r",
            "44100",
            "-F",
            str(folder / "peer.wav"),
            bank,
            midi,
        ]
        theirs = min(cpu_seconds(render) for _ in range(3))
        print(
            f"fluidsynth command, the same notes: {theirs:.2f} s; ours / theirs {own / theirs:.2f}"
        )


if __name__ == "__main__":
    main(sys.argv[1])
