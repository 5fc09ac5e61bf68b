#!/usr/bin/env python3
"""A model's download beside the programs that people would use for it, on loopback.

    bench/bench_download.py [--bytes N] [--runs N] TIMBRE [PEER_PYTHON]

The server is the tests' stand-in for the Hub (tests/hub/hub_server.py) with one large file. Each
program fetches it into an empty cache in turn, `--runs` times; the median counts. Timbre and
huggingface_hub (PEER_PYTHON: a Python that has it, see tools/venv hub) keep it in the cache; curl
writes a file, and "curl, sha256sum" checks it afterwards, which is what Timbre does on the way and
huggingface_hub does not do at all.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/hub"))

from hub_client import Home, pull_words
from hub_repos import FP16, FP16_FILE, padded
from hub_server import MODELS, Hub

PEER = "from huggingface_hub import hf_hub_download as get; import sys; get(*sys.argv[1:3])"
QUIET = {
    "HF_HUB_DISABLE_XET": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TIMBRE_HUB_STALL_S": "30",
}


def commands(options: argparse.Namespace, url: str) -> dict[str, list[str]]:
    fetch = f"curl -sfL -o file {url}/{FP16}/resolve/main/{FP16_FILE}"
    found = {
        "timbre": [str(Path(options.timbre).resolve()), *pull_words("riffusion-v1", "--quiet")],
        "curl": ["sh", "-c", fetch],
        "curl, sha256sum": ["sh", "-c", f"{fetch} && sha256sum file >/dev/null"],
    }
    if options.peer:
        python = str(Path(options.peer).absolute())
        found["huggingface_hub"] = [python, "-c", PEER, FP16, FP16_FILE]
    return found


def seconds_of(command: list[str], hub: Hub) -> float:
    """One run in a home of its own."""
    with Home(hub, env=QUIET) as home:
        home.tell_shapes()
        start = time.monotonic()
        subprocess.run(
            command,
            env=home.env,
            cwd=home.path,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("timbre")
    parser.add_argument("peer", nargs="?")
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    weights = padded((MODELS / "forms/single/tiny-fp16.safetensors").read_bytes(), options.bytes)
    with Hub() as hub:
        hub.repos[FP16].commit({FP16_FILE: weights})
        tools = commands(options, hub.url)
        times: dict[str, list[float]] = {name: [] for name in tools}
        for _ in range(options.runs):
            for name, command in tools.items():
                times[name].append(seconds_of(command, hub))
    ours = statistics.median(times["timbre"])
    print(f"{len(weights) / 1e9:.2f} GB on loopback, median of {options.runs}")
    for name, all_s in times.items():
        median_s = statistics.median(all_s)
        rate = len(weights) / 1e6 / median_s
        print(f"{name:18} {median_s:7.2f} s {rate:8.0f} MB/s {median_s / ours:6.2f} x timbre")


if __name__ == "__main__":
    main()
