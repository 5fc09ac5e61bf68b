#!/usr/bin/env python3
"""Pulls that are interrupted and continued, and what a pulled model is good for. Prints TAP.

    test_models.py [WORD...]        cases whose name has one of the words

TIMBRE_BIN names the program.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import tap
from hub_client import (
    WANTED,
    Home,
    check,
    check_invisible,
    check_same,
    check_sound,
    check_whole,
    finish,
    good_pull,
    pull_words,
    weights_of,
)
from hub_repos import FP16, FP16_FILE, LICENCE, TINY, flipped
from hub_server import MODELS, Hub

# ---- side by side, and interrupted ----


def two_at_once() -> None:
    with Hub(rate=400_000) as hub, Home(hub) as home:
        children = [home.start(*pull_words("riffusion-v1")) for _ in range(2)]
        rans = [finish(each) for each in children]
        check_same([each.status for each in rans], [0, 0], "\n".join(each.told() for each in rans))
        check_whole(home, hub)
        sent = hub.served("cdn", FP16_FILE)
        check_same(sent, len(weights_of(hub)), "bytes sent to both")


def stop(home: Home, hub: Hub, number: int) -> None:
    """Interrupt a pull in the middle of the weights."""
    child = home.start(*pull_words("riffusion-v1"))
    wait_for_part(home, hub, 50_000)
    child.send_signal(number)
    ran = finish(child)
    check_same((ran.status, ran.code), (128 + number, "cancelled"), ran.told())


def wait_for_part(home: Home, hub: Hub, n_bytes: int) -> None:
    etag, end = hub.repos[FP16].head[FP16_FILE].etag, time.monotonic() + 30
    while home.parts().get(etag, 0) < n_bytes:
        check(time.monotonic() < end, f"no part of {n_bytes} bytes: {home.parts()}")
        time.sleep(0.01)


def check_resumes(home: Home, hub: Hub) -> None:
    kept = home.parts().get(hub.repos[FP16].head[FP16_FILE].etag, 0)
    check(kept > 0, "no part is kept")
    hub.rate = None
    hub.faults.clear()
    hub.forget()
    good_pull(home)
    check_whole(home, hub)
    asked = hub.asked("cdn", FP16_FILE)
    check_same([each.headers.get("range") for each in asked], [f"bytes={kept}-"], "range")
    check_same(asked[0].n_sent, len(weights_of(hub)) - kept, "bytes of the second pull")


def ctrl_c_keeps_the_part() -> None:
    with Hub(rate=100_000) as hub, Home(hub) as home:
        stop(home, hub, signal.SIGINT)
        check_invisible(home)
        check_same(home.model("riffusion-v1")["state"], "partial", "state")
        check_resumes(home, hub)


def sigterm_keeps_the_part() -> None:
    with Hub(rate=100_000) as hub, Home(hub) as home:
        stop(home, hub, signal.SIGTERM)
        check_invisible(home)
        check_resumes(home, hub)


def a_full_disk() -> None:
    """Files may not grow beyond 200 KiB, which is what a quota does."""
    with Hub() as hub, Home(hub) as home:
        ran = home.run(*pull_words("riffusion-v1"), limit="trap '' XFSZ; ulimit -f 400")
        check_same((ran.status, ran.code), (1, "no_space"), ran.told())
        check_invisible(home)
        check_resumes(home, hub)


def a_part_with_wrong_bytes() -> None:
    """A part that somebody spoiled does no harm: what it becomes is not accepted."""
    with Hub(rate=100_000) as hub, Home(hub) as home:
        stop(home, hub, signal.SIGINT)
        part = next(home.cache.glob("models--*/blobs/*.incomplete"))
        n_bytes = part.stat().st_size
        part.write_bytes(bytes(n_bytes))
        hub.rate = None
        good_pull(home)
        check_whole(home, hub)


def a_part_that_is_too_long() -> None:
    with Hub() as hub, Home(hub) as home:
        blobs = home.repo(FP16) / "blobs"
        blobs.mkdir(parents=True)
        (blobs / f"{hub.repos[FP16].head[FP16_FILE].etag}.incomplete").write_bytes(bytes(10**6))
        good_pull(home)
        check_whole(home, hub)


# ---- looking after it ----


def verify_and_repair() -> None:
    with Hub() as hub, Home(hub) as home:
        good_pull(home)
        check_same(home.run("models", "verify", "riffusion-v1", "--json").status, 0, "verify")
        each = hub.repos[FP16].head[FP16_FILE]
        blob = home.repo(FP16) / "blobs" / each.etag
        blob.chmod(0o644)
        blob.write_bytes(flipped(each).body)
        ran = home.run("models", "verify", "--json")
        check_same(ran.status, 8, ran.told())
        model = next(each for each in ran.json["models"] if each["name"] == "riffusion-v1")
        bad = [each["path"] for each in model["files"] if each["verdict"] == "wrong"]
        check_same((bad, model["bad"]), ([FP16_FILE], 1), "bad files")
        check(blob.exists(), "verify took it away unasked")
        home.run("models", "verify", "riffusion-v1", "--repair", "--json")
        hub.forget()
        good_pull(home)
        check_whole(home, hub)
        check_same(hub.served("cdn"), len(each.body), "bytes fetched to repair")


def a_file_that_is_gone() -> None:
    with Hub() as hub, Home(hub) as home:
        good_pull(home)
        (home.repo(FP16) / "blobs" / hub.repos[FP16].head[FP16_FILE].etag).unlink()
        check(home.model("riffusion-v1")["state"] != "whole", "listed as whole")
        ran = home.run("models", "verify", "riffusion-v1", "--json")
        check(ran.status in (3, 8), ran.told())
        good_pull(home)
        check_whole(home, hub)


def rm_takes_what_was_brought() -> None:
    with Hub() as hub, Home(hub) as home:
        good_pull(home)
        good_pull(home, TINY)
        ran = home.run("models", "rm", "riffusion-v1", "--json")
        check_same(ran.status, 0, ran.told())
        size = sum(len(hub.repos[repo].head[path].body) for repo, paths
                   in WANTED["riffusion-v1"].items() for path in paths)  # fmt: skip
        check_same(ran.json["removed"]["freed_bytes"], size, "bytes freed")
        check_sound(home)
        check_same(home.model("riffusion-v1")["state"], "absent", "state")
        check_same(home.model(TINY)["state"], "whole", "state of the other")
        check(not list(home.repo(FP16).glob("blobs/*")), "blobs are left")


def a_path_that_was_added() -> None:
    """Known by its name, verified, the default where nothing is better, and never deleted."""
    with Hub() as hub, Home(hub) as home:
        folder = home.path / "mine"
        shutil.copytree(MODELS / "tiny", folder)
        ran = home.run("models", "add", str(folder), "--name", "mine", "--json")
        check_same(ran.status, 0, ran.told())
        model = home.model("mine")
        check_same((model["state"], model["provenance"], model["is_default"]),
                   ("whole", "added", True), "mine")  # fmt: skip
        check_same(home.run("models", "verify", "mine", "--json").status, 0, "verify")
        generate(home, "x", "--model", "mine", "--steps", "1")
        weights = folder / "unet/diffusion_pytorch_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1] + b"?")
        ran = home.run("models", "verify", "mine", "--repair", "--json")
        check_same(ran.status, 8, ran.told())
        ran = home.run("models", "rm", "mine", "--json")
        check_same(ran.status, 0, ran.told())
        check(weights.exists(), "rm deleted a file of somebody's own")
        check_same(home.model("mine")["state"], "unlisted", "state")
        check_same(hub.requests, [], "requests")


def rm_of_nothing() -> None:
    with Hub() as hub, Home(hub) as home:
        ran = home.run("models", "rm", "riffusion-v1", "--json")
        check(ran.status in (1, 3), ran.told())
        check("riffusion-v1" in ran.json["error"]["message"], ran.out)


# ---- what it is good for ----


def generate(home: Home, *options: str) -> Path:
    ran = home.run("generate", *options, "--json")
    check_same(ran.status, 0, ran.told())
    takes = sorted((home.path / "takes").rglob("*.wav"), key=lambda path: path.stat().st_mtime_ns)
    return takes[-1]


def recipe_of(take: Path) -> str:
    return (take.parent / (take.name + ".json")).read_text()


def makes_takes() -> None:
    """By its name, by being the best there is, and again from a take."""
    with Hub() as hub, Home(hub) as home:
        good_pull(home)
        first = generate(home, "a b", "--model", "riffusion-v1", "--steps", "1", "--seed", "3")
        check("riffusion-v1" in recipe_of(first), recipe_of(first))
        check(weights_sha(hub) not in recipe_of(first), "the model is called by its blob's name")
        second = generate(home, "a b", "--steps", "1", "--seed", "3")
        check_same(second.read_bytes() == first.read_bytes(), True, "the default is the same model")
        third = generate(home, "--from", str(first))
        check(third != first and third.read_bytes() == first.read_bytes(), "--from differs")
        listed = home.run("models", "list", "--json").json
        check_same(listed["default"]["name"], "riffusion-v1", "default")


def weights_sha(hub: Hub) -> str:
    return hub.repos[FP16].head[FP16_FILE].sha256


def a_missing_model_names_the_pull() -> None:
    with Hub() as hub, Home(hub) as home:
        ran = home.run("generate", "x", "--model", "riffusion-v1", "--json")
        check_same((ran.status, ran.code), (3, "model_missing"), ran.told())
        check("timbre models pull riffusion-v1" in ran.out + ran.err, ran.told())
        check_same(hub.requests, [], "requests")


def every_answer_is_json() -> None:
    with Hub() as hub, Home(hub) as home:
        good_pull(home)
        for words in (["list"], ["show", "riffusion-v1"], ["verify"], ["path"]):
            ran = home.run("models", *words, "--json")
            check_same((ran.status, ran.json["schema"]), (0, 1), f"{words}\n{ran.told()}")
        for words in (["pull", "../../etc"], ["show", "a/b/c"], ["rm", "/etc/passwd"]):
            ran = home.run("models", *words, "--accept-license", LICENCE, "--json")
            check(ran.status != 0 and json.loads(ran.out)["error"]["message"], ran.told())
        check_whole(home, hub)


CASES = [
    two_at_once, ctrl_c_keeps_the_part, sigterm_keeps_the_part, a_full_disk,
    a_part_with_wrong_bytes, a_part_that_is_too_long, verify_and_repair, a_file_that_is_gone,
    rm_takes_what_was_brought, a_path_that_was_added, rm_of_nothing, makes_takes,
    a_missing_model_names_the_pull, every_answer_is_json,
]  # fmt: skip

if __name__ == "__main__":
    tap.run((each.__name__.replace("_", " "), each) for each in CASES)
