#!/usr/bin/env python3
"""One cache, two programs: Timbre and huggingface_hub find and respect each other's files.

    interop.py PYTHON...        pythons that have huggingface_hub; tools/hub-interop names them

Every case runs once for each of them, beside a Hub of its own. Prints TAP. TIMBRE_BIN names the
program.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import tap
from hub_client import (
    WANTED,
    Home,
    check,
    check_same,
    check_sound,
    finish,
    good_pull,
    pull_words,
    weights_of,
)  # fmt: skip
from hub_faults import fault
from hub_repos import FP16, FP16_FILE, TINY
from hub_server import Hub

PEER = Path(__file__).parent / "hub_peer.py"
REGISTERED = WANTED["riffusion-v1"]


class Peer:
    """huggingface_hub in the environment of one Python."""

    def __init__(self, python: str) -> None:
        self.python = python
        told = "import huggingface_hub as h; print(h.__version__)"
        ran = subprocess.run([python, "-c", told], capture_output=True, text=True, check=True)
        self.version = ran.stdout.strip()

    @property
    def continues(self) -> bool:
        """Since 1.0 every download begins anew, under a name of its own."""
        return self.version.startswith("0.")

    def start(self, home: Home, *words: str, **env: str) -> subprocess.Popen[str]:
        quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1",
                 "HF_HUB_DISABLE_TELEMETRY": "1"}  # fmt: skip
        return subprocess.Popen(
            [self.python, str(PEER), *words], env={**home.env, **quiet, **env}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def download(self, home: Home, repo: str, *paths: str) -> None:
        ran = finish(self.start(home, "download", repo, *paths))
        check_same(ran.status, 0, ran.told())

    def find(self, home: Home, repo: str, *paths: str) -> Any:
        ran = finish(self.start(home, "find", repo, *paths, HF_HUB_OFFLINE="1"))
        check_same(ran.status, 0, ran.told())
        return json.loads(ran.out)


def finds_what_timbre_pulled(peer: Peer) -> None:
    """Without the network every file, and with it nothing that has to be fetched."""
    with Hub() as hub, Home(hub) as home:
        good_pull(home)
        for repo, wanted in REGISTERED.items():
            paths = sorted(wanted)
            found = peer.find(home, repo, *paths)
            check_same(found["warnings"], [], "warnings of scan_cache_dir")
            check_same(sorted(found["cached"]), paths, "try_to_load_from_cache")
            for path, where in found["files"].items():
                check(Path(where).read_bytes() == hub.repos[repo].head[path].body, path)
                check(Path(found["snapshot"], path).exists(), f"{path} is not in the snapshot")
            check(found["repos"][repo] >= len(paths), "files of scan_cache_dir")
            hub.forget()
            peer.download(home, repo, *paths)
            check_same(hub.served(), 0, "bytes fetched anew")


def timbre_finds_what_it_downloaded(peer: Peer) -> None:
    """Whole in the list, nothing to pull, and takes are made with it."""
    with Hub() as hub, Home(hub) as home:
        for repo in REGISTERED:
            peer.download(home, repo)
        hub.forget()
        model = home.model("riffusion-v1")
        check_same((model["state"], model["provenance"]), ("whole", "known"), "riffusion-v1")
        ran = home.run("generate", "x", "--model", "riffusion-v1", "--steps", "1")
        check_same(ran.status, 0, ran.told())
        check_same(home.run("models", "verify", "riffusion-v1", "--json").status, 0, "verify")
        check_same(hub.requests, [], "requests")
        good_pull(home)
        check_same(hub.served(), 0, "bytes fetched anew")
        peer.download(home, TINY)  # of which nothing says that it paints spectrograms
        model = home.model(TINY)
        check_same((model["state"], model["provenance"], model["is_default"]),
                   ("whole", "cache", False), TINY)  # fmt: skip
        ran = home.run("generate", "x", "--model", TINY, "--steps", "1")
        check_same(ran.status, 0, ran.told())
        ran = home.run("models", "rm", "riffusion-v1", "--json")
        check((home.repo(FP16) / "blobs" / hub.repos[FP16].head[FP16_FILE].etag).exists(),
              f"rm took what another program brought\n{ran.told()}")  # fmt: skip


def break_off(hub: Hub) -> None:
    hub.faults.append(fault("cut", "cdn", FP16_FILE, times=1, after=100_000))
    hub.faults.append(fault("status", "cdn", FP16_FILE, skip=1, code=500))


def check_goes_on(hub: Hub, n_kept: int, is_continued: bool) -> None:
    asked = hub.asked("cdn", FP16_FILE)
    wanted = f"bytes={n_kept}-" if is_continued else None
    check_same([each.headers.get("range") for each in asked], [wanted], "range")


def timbre_continues_its_part(peer: Peer) -> None:
    with Hub() as hub, Home(hub) as home:
        break_off(hub)
        ran = finish(peer.start(home, "download", FP16))
        check(ran.status != 0, "the download did not break off")
        check_same(home.links(), [each for each in home.links() if each.name == "README.md"],
                   "links")  # fmt: skip
        n_kept = home.parts().get(hub.repos[FP16].head[FP16_FILE].etag, 0)
        check((n_kept > 90_000) == peer.continues, f"a part of {n_kept} bytes")  # whole pieces
        hub.faults.clear()
        hub.forget()
        good_pull(home)
        check_sound(home)
        check_goes_on(hub, n_kept, peer.continues)


def it_continues_timbres_part(peer: Peer) -> None:
    """Or begins anew under another name, and Timbre takes what became whole."""
    with Hub() as hub, Home(hub) as home:
        break_off(hub)
        check(home.pull().status != 0, "the pull did not break off")
        n_kept = home.parts().get(hub.repos[FP16].head[FP16_FILE].etag, 0)
        check_same(n_kept, 100_000, "part")
        hub.faults.clear()
        hub.forget()
        peer.download(home, FP16, FP16_FILE)
        check_goes_on(hub, n_kept, peer.continues)
        hub.forget()
        good_pull(home)
        check_sound(home)
        check_same(hub.asked("cdn", FP16_FILE), [], "weights fetched anew")
        check_same(home.model("riffusion-v1")["state"], "whole", "state")


def timbre_leaves_parts_of_others(peer: Peer) -> None:
    """A download that was killed: its part is not ours unless its name says what it is."""
    with Hub(rate=100_000) as hub, Home(hub) as home:
        child = peer.start(home, "download", FP16, FP16_FILE)
        end = time.monotonic() + 30
        while not home.parts() and child.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        child.kill()
        child.communicate()
        check(home.parts(), "no part")
        hub.rate = None
        good_pull(home)
        check_sound(home)
        check_same(home.model("riffusion-v1")["state"], "whole", "state")


def both_at_once(peer: Peer) -> None:
    """Whoever has the lock fetches; the other takes what is there then."""
    with Hub(rate=300_000) as hub, Home(hub) as home:
        other = peer.start(home, "download", FP16, FP16_FILE)
        mine = home.start(*pull_words("riffusion-v1"))
        for child in (other, mine):
            ran = finish(child)
            check_same(ran.status, 0, ran.told())
        check_sound(home)
        check_same(hub.served("cdn", FP16_FILE), len(weights_of(hub)),
                   "bytes of the weights")  # fmt: skip
        check_same(home.model("riffusion-v1")["state"], "whole", "state")


CASES: list[Callable[[Peer], None]] = [
    finds_what_timbre_pulled, timbre_finds_what_it_downloaded, timbre_continues_its_part,
    it_continues_timbres_part, timbre_leaves_parts_of_others, both_at_once,
]  # fmt: skip


def main() -> None:
    peers = [Peer(python) for python in sys.argv[1:]]
    cases: list[tap.Case] = [
        (f"huggingface_hub {peer.version}: {case.__name__.replace('_', ' ')}", partial(case, peer))
        for peer in peers
        for case in CASES
    ]
    print(f"1..{len(cases)}")
    sys.exit(1 if not cases or tap.run_all(cases, 2) else 0)


if __name__ == "__main__":
    main()
