#!/usr/bin/env python3
"""Pulls that are killed at every moment: nothing wrong is ever visible, and the next one goes on.

    test_kill.py [--pulls N] [--seed N]

Each pull gets SIGKILL after a random time, or as soon as something has appeared in the cache, so
that the short moments are hit too (rename, links, refs, manifest). After every kill the whole cache
is checked; when a pull gets through, the model is compared to the byte and the next one begins in
an empty home. Prints TAP, and where the kills hit and what they cost. TIMBRE_BIN names the program.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import tap
from hub_client import Home, check, check_same, check_sound, check_whole, pull_words
from hub_repos import FP16, FP16_FILE, noise
from hub_server import Hub

N_HOMES = 4  # side by side
WEIGHTS_BYTES = 8_000_000
RATE = 16_000_000  # bytes per second: a pull takes about a second
LONGEST_S = 1.2  # of a pull that nobody kills

Moment = Callable[[Home, str], bool]  # whether it has come; gets the weights' etag

# What a kill waits for: a moment in the life of the cache, chosen as often as the number says.
MOMENTS: list[tuple[int, str, Moment]] = [
    (12, "a random time", lambda _home, _etag: False),
    (1, "the first folder", lambda home, _etag: home.cache.exists()),
    (1, "the beginning of the weights", lambda home, etag: etag in home.parts()),
    (2, "the last byte of the weights",
     lambda home, etag: home.parts().get(etag, 0) >= WEIGHTS_BYTES or has_blob(home, etag)),
    (2, "the whole weights", lambda home, etag: has_blob(home, etag)),
    (2, "the first link", lambda home, _etag: (home.repo(FP16) / "snapshots").exists()),
    (1, "the first ref", lambda home, _etag: (home.repo(FP16) / "refs/main").exists()),
    (1, "the manifest", lambda home, _etag: (home.records / "riffusion-v1.json").exists()),
]  # fmt: skip


def has_blob(home: Home, etag: str) -> bool:
    return (home.repo(FP16) / "blobs" / etag).exists()


@dataclass
class Tally:
    """What all homes together saw. `lock` guards it."""

    hits: Counter[str] = field(default_factory=Counter)
    n_kills: int = 0
    n_whole: int = 0  # models that became complete
    n_resumed: int = 0  # transfers that went on from a part
    n_served: int = 0  # bytes of weights
    lock: threading.Lock = field(default_factory=threading.Lock)


def state_of(home: Home, etag: str) -> str:
    """Where a kill hit, by what is on disk."""
    if (home.records / "riffusion-v1.json").exists():
        return "manifest written"
    if (home.repo(FP16) / "refs/main").exists():
        return "refs written"
    if home.links():
        return "links made"
    if has_blob(home, etag):
        return "weights whole, no link"
    n_bytes = home.parts().get(etag, 0)
    if n_bytes >= WEIGHTS_BYTES:
        return "weights there, not renamed"
    if n_bytes > 0:
        return "inside the weights"
    return "small files" if list(home.cache.glob("models--*/blobs/*")) else "nothing there yet"


def wait_and_kill(home: Home, children: list[subprocess.Popen[str]], etag: str,
                  rng: random.Random) -> None:  # fmt: skip
    """All children get SIGKILL when the moment has come, if they are there by then."""
    _, _, has_come = rng.choices(MOMENTS, [each[0] for each in MOMENTS])[0]
    late_s = rng.choice((0, 0, rng.random() * 0.005))
    end = time.monotonic() + rng.random() * LONGEST_S * 1.1
    if has_come is not MOMENTS[0][2]:
        end += LONGEST_S
    while time.monotonic() < end and any(each.poll() is None for each in children):
        if has_come(home, etag):
            time.sleep(late_s)
            break
        time.sleep(0.0005)
    for each in children:
        each.kill()


class Bench:
    """One home after the other beside one Hub."""

    def __init__(self, seed: int, tally: Tally) -> None:
        self.rng = random.Random(seed)
        self.tally = tally
        self.hub = Hub(rate=RATE)
        repo = self.hub.repos[FP16]
        repo.commit({FP16_FILE: noise(WEIGHTS_BYTES, "weights")})
        self.etag = repo.head[FP16_FILE].etag

    def run(self, n_pulls: int) -> None:
        """So many kills, then one pull that is left in peace."""
        n_killed = 0
        with self.hub:
            while n_killed < n_pulls:
                with Home(self.hub) as home:
                    n_killed += self.one_model(home, n_pulls - n_killed)

    def one_model(self, home: Home, n_at_most: int) -> int:
        """Kills until a pull gets through; how many there were."""
        n_killed, kept = 0, -1
        while n_killed < n_at_most:
            n_clients = 2 if self.rng.random() < 0.1 else 1
            self.hub.forget()
            children = [home.start(*pull_words("riffusion-v1")) for _ in range(n_clients)]
            wait_and_kill(home, children, self.etag, self.rng)
            ends = [self.end_of(each) for each in children]
            check_sound(home)
            self.account(kept if n_clients == 1 else -1)
            if 0 in ends:
                break
            n_killed += 1
            kept = home.parts().get(self.etag, 0)
            with self.tally.lock:
                self.tally.n_kills += 1
                self.tally.hits[state_of(home, self.etag)] += 1
        self.finish(home)
        return n_killed

    def end_of(self, child: subprocess.Popen[str]) -> int:
        """0: it got through; else it was killed, or another's kill made it wait in vain."""
        out, err = child.communicate()
        check(child.returncode in (0, -9), f"exit {child.returncode}\n{out}\n{err}")
        return child.returncode

    def account(self, kept: int) -> None:
        """A pull went on from where the killed one was (kept; -1: not known, two at once)."""
        asked = self.hub.asked("cdn", FP16_FILE)
        ranges = [each.headers["range"] for each in asked if "range" in each.headers]
        if asked and kept > 0:
            check_same(ranges[:1], [f"bytes={kept}-"], "range")
        with self.tally.lock:
            self.tally.n_resumed += len(ranges)
            self.tally.n_served += self.hub.served("cdn", FP16_FILE)

    def finish(self, home: Home) -> None:
        self.hub.forget()
        ran = home.pull()
        check_same(ran.status, 0, ran.told())
        check_whole(home, self.hub)
        self.account(-1)
        with self.tally.lock:
            self.tally.n_whole += 1


def costs_little(tally: Tally) -> None:
    """What was in flight when a kill came is all that is fetched again."""
    again = tally.n_served - tally.n_whole * WEIGHTS_BYTES
    check(again < 0.25 * tally.n_whole * WEIGHTS_BYTES, f"{again} bytes fetched again")


def report(tally: Tally) -> None:
    needed = tally.n_whole * WEIGHTS_BYTES
    lines = [f"{tally.n_kills} kills, {tally.n_whole} models complete and right to the byte"]
    lines += [f"  {count:5} {where}" for where, count in tally.hits.most_common()]
    lines.append(f"{tally.n_resumed} transfers went on from a part")
    again = tally.n_served - needed
    lines.append(f"{tally.n_served} bytes of weights served for {needed}: "
                 f"{100 * again / needed:.1f} % twice")  # fmt: skip
    tap.diagnose("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--pulls", type=int, default=200, help="that are killed [200]")
    parser.add_argument("--seed", type=int, default=6)
    options = parser.parse_args()
    tally = Tally()
    share = -(-options.pulls // N_HOMES)
    cases: list[tap.Case] = [
        (f"{share} pulls killed, home {i}", partial(Bench(options.seed + i, tally).run, share))
        for i in range(N_HOMES)
    ]
    n_failed = tap.run_all(cases, N_HOMES)
    n_failed += tap.run_all([("little is fetched twice", partial(costs_little, tally))], 1,
                            first=len(cases) + 1)  # fmt: skip
    print(f"1..{len(cases) + 1}")
    report(tally)
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
