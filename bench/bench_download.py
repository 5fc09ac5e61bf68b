#!/usr/bin/env python3
"""A model's download beside the programs that people would use for it, on loopback.

    bench/bench_download.py [--bytes N] [--runs N] TIMBRE [PEER_PYTHON]

The server is the tests' stand-in for the Hub (tests/hub/hub_server.py) with one large file in a
small model, of which Timbre fetches the other files, too (0.8 MB). Each program fetches it into an
empty cache in turn, `--runs` times; the median counts. Timbre and huggingface_hub (PEER_PYTHON: a
Python that has it, see tools/venv hub) keep it in the cache; curl writes a file, and "curl,
sha256sum" checks it afterwards, which is what Timbre does on the way and huggingface_hub does not
do at all.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/hub"))

import hub_server
from hub_repos import LICENCE, TINY, default_repos, noise, with_changed

FILE = "seed_images/large.png"
PEER = "from huggingface_hub import hf_hub_download as get; import sys; get(*sys.argv[1:3])"


def commands(options: argparse.Namespace, url: str) -> dict[str, list[str]]:
    timbre = str(Path(options.timbre).resolve())
    fetch = f"curl -sfL -o file {url}/{TINY}/resolve/main/{FILE}"
    found = {
        "timbre": [timbre, "models", "pull", TINY, "--quiet", "--accept-license", LICENCE],
        "curl": ["sh", "-c", fetch],
        "curl, sha256sum": ["sh", "-c", f"{fetch} && sha256sum file >/dev/null"],
    }
    if options.peer:
        found["huggingface_hub"] = [options.peer, "-c", PEER, TINY, FILE]
    return found


def seconds_of(command: list[str], url: str) -> float:
    """One run in a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        env = {
            "HOME": home,
            "PATH": os.environ["PATH"],
            "HF_ENDPOINT": url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "LANG": "C.UTF-8",
        }
        start = time.monotonic()
        subprocess.run(command, env=env, cwd=home, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("timbre")
    parser.add_argument("peer", nargs="?")
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    repos = default_repos(hub_server.MODELS)
    with hub_server.Hub(repos) as hub:
        repo = hub.repos[TINY]
        repo.commit(with_changed(repo.head, FILE, noise(options.bytes, FILE)))
        tools = commands(options, hub.url)
        times: dict[str, list[float]] = {name: [] for name in tools}
        for _ in range(options.runs):
            for name, command in tools.items():
                times[name].append(seconds_of(command, hub.url))
    ours = statistics.median(times["timbre"])
    print(f"{options.bytes / 1e9:.2f} GB on loopback, median of {options.runs}")
    for name, all_s in times.items():
        median_s = statistics.median(all_s)
        rate = options.bytes / 1e6 / median_s
        print(f"{name:18} {median_s:7.2f} s {rate:8.0f} MB/s {median_s / ours:6.2f} x timbre")


if __name__ == "__main__":
    main()
