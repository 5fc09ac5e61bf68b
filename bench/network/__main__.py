"""Timbre's neural engine beside its peers, in one run.

    python3 -m bench.network MODEL [--build DIR] [--only SECTION...] [--steps N] ...

MODEL is a folder in diffusers' layout; of Stable Diffusion 1.5's size, random weights do
(tools/reference/make_models.py --full). Prints one table, what is promised, and what was skipped
and why; the table is written to bench/results/ as CSV, too. Sections: stages (every network, with
peers), layers (single ones, with peers), clip (from Enter to the file), threads. Nothing else
should run meanwhile. Exit status 1: a promise is broken.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from pathlib import Path

from bench.network import ours, peers
from bench.network.rows import Results, promises, table, write_csv

SECTIONS = ("stages", "layers", "clip", "threads")
VENVS = {"torch": ".venv-diffusers-0.24", "openvino": ".venv-peers-openvino",
         "sdcpp": ".venv-peers-sdcpp"}  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.network", description="Timbre beside its peers")
    parser.add_argument("model", type=Path)
    parser.add_argument("--build", type=Path, default=peers.ROOT / "build")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--layers", default="", help="those whose names begin with this")
    parser.add_argument("--steps", type=int, default=3, help="timed ones")
    parser.add_argument("--clip-steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--csv", type=Path)
    for name, folder in VENVS.items():
        path = peers.ROOT / folder / "bin" / "python"
        parser.add_argument(f"--{name}", type=Path, default=path, help="interpreter")
    parser.add_argument("--other-torch", type=Path, help="interpreter of a newer PyTorch")
    parser.add_argument("--weights", type=Path, help="the model in one file, for sdcpp")
    parser.add_argument("--openblas", type=Path, default=Path(peers.OPENBLAS[1]),
                        help=f"folder of {peers.OPENBLAS[0]}")  # fmt: skip
    parser.add_argument("--limit", type=int, default=1200, help="seconds for a peer")
    return parser.parse_args()


def measure(asked: argparse.Namespace, results: Results) -> None:
    own = ours.Ours(asked.build, asked.model, asked.threads, results)
    where = peers.Where(asked.torch, asked.other_torch, asked.openvino, asked.sdcpp, asked.weights,
                        asked.openblas, asked.limit)  # fmt: skip
    results.kernels = ours.variants(own)[0]
    if "stages" in asked.only:
        ours.network(own, asked.steps)
        if not asked.no_peers:
            peers.stages(own, where, asked.steps)
            for row, goal in ((ours.STEP, 1.5), (ours.DECODE, 3.0)):
                if ratio := results.best_ratio("stages", row):
                    what = f"{row}: the best peer over ours"
                    results.promise(what, ratio, goal, at_least=True, kind="goal")
    if "layers" in asked.only:
        ours.layers(own, asked.layers)
        if not asked.no_peers:
            peers.layers(own, where, ours.shapes(own, asked.layers))
    if "clip" in asked.only:
        ours.clip(own, asked.clip_steps)
    if "threads" in asked.only:
        ours.threads(own)


def main() -> None:
    """Measure, print, write."""
    asked = arguments()
    results = Results()
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    path = asked.csv or peers.ROOT / "bench" / "results" / f"network-{now}.csv"
    try:
        measure(asked, results)
    finally:  # what there is, also when something failed in the middle
        write_csv(path, results.rows)
        print(f"{platform.machine()}, {asked.threads} threads, best kernels {results.kernels}")
        print("\n".join(table(results.rows)))
        print("\n".join(promises(results.promises)))
        for line in results.skipped:
            print(f"skipped: {line}")
        print(f"as CSV: {path}")
    sys.exit(any(not p.is_kept for p in results.promises if p.kind == "must"))


if __name__ == "__main__":
    main()
