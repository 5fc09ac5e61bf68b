#!/usr/bin/env python3
"""The kill test: many clients, and a worker whose processes are killed all the time.

    kill.py [--jobs N] [--seed S] [--limit SECONDS] [--points] [--json]

Clients submit sketches of a second with Idempotency-Keys, ask again after every lost answer and
cancel some. Meanwhile the generator and the worker get SIGKILL at random times; with --points also
at named points of the code (only a test build has them). At the end the history of what clients
were told is compared with what the worker says and with the files. TIMBRE_BIN names the program.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from kill_history import Report, run
from kill_process import POINTS, Worker, make_folder, remove_folder


def percentile(ordered: list[float], share: float) -> float:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def to_json(report: Report) -> dict[str, Any]:
    return {
        "jobs": dict(report.states),
        "kills": dict(report.kills),
        "lives": report.n_lives,
        "lost_answers": report.n_lost,
        "slowest_start_s": round(report.start_s, 3),
        "seconds_to_end": {
            name: round(percentile(report.delays_s, share), 3)
            for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        },
        "seconds": round(report.seconds, 1),
        "wrong": report.wrong,
    }


def table(report: Report, has_points: bool) -> list[str]:
    """Lines for people."""
    told = to_json(report)
    rows = [(f"jobs {name}", n) for name, n in sorted(report.states.items())]
    rows += [(f"kills of the {name}", report.kills[name]) for name in ("worker", "generator")]
    rows += [(f"kills at {name}", report.kills[name]) for name in POINTS if has_points]
    rows += [("lives of the worker", report.n_lives), ("lost answers", report.n_lost)]
    lines = [f"{name:32}{n:8d}" for name, n in rows]
    lines += [f"{'job to its end, ' + name + ', s':32}{told['seconds_to_end'][name]:8.2f}"
              for name in ("p50", "p99", "max")]  # fmt: skip
    lines += [
        f"{'slowest start, s':32}{report.start_s:8.2f}",
        f"{'all, s':32}{report.seconds:8.1f}",
    ]
    lines += [f"{'wrong':32}{len(report.wrong):8d}"]
    return lines + [f"  {each}" for each in report.wrong[:50]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=3600, help="seconds for all jobs")
    parser.add_argument("--points", action="store_true", help="the program has crash points")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = make_folder()
    report = run(Worker(folder), options.jobs, options.seed, options.limit, options.points)
    if options.json:
        print(json.dumps(to_json(report), indent=2))
    else:
        print("\n".join(table(report, options.points)))
    if report.wrong:
        print(f"kept: {folder}", file=sys.stderr)
        sys.exit(1)
    remove_folder(folder)


if __name__ == "__main__":
    main()
