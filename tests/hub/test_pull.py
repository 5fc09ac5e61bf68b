#!/usr/bin/env python3
"""`timbre models` against a Hub in good health: what comes, who may, and what it is good for.

    test_pull.py [WORD...]        cases whose name has one of the words

Prints TAP. TIMBRE_BIN names the program.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import tap
from hub_client import (
    WANTED,
    Home,
    check,
    check_file,
    check_invisible,
    check_same,
    check_sound,
    check_whole,
    good_pull,
)
from hub_faults import fault
from hub_repos import FP16, FP16_FILE, LICENCE, ORIGINAL, TINY, noise, with_changed
from hub_server import CERTIFICATE, TOKEN, Hub

# ---- what comes ----


def pulls_what_the_registry_names() -> None:
    with Hub() as hub, Home(hub) as home:
        ran = home.pull()
        check_same(ran.status, 0, ran.told())
        model = ran.json["model"]
        check_same((model["name"], model["licence"]), ("riffusion-v1", LICENCE), "model")
        got = {(each["repo"], each["path"]) for each in model["files"]}
        wanted = {(repo, path) for repo, paths in WANTED["riffusion-v1"].items() for path in paths}
        check_same(got, wanted, "files")
        for each in model["files"]:
            told = hub.repos[each["repo"]].head[each["path"]]
            check_same(each["sha256"], told.sha256, f"SHA-256 of {each['path']}")
            check_same(each["bytes"], len(told.body), f"bytes of {each['path']}")
        size = sum(each["bytes"] for each in model["files"])
        check_same((model["bytes"], model["fetched_bytes"]), (size, size), "bytes")
        check(Path(model["path"]).is_file(), f"{model['path']} is no file")
        check_whole(home, hub)


def asks_for_a_commit_once_and_sends_no_byte_twice() -> None:
    with Hub() as hub, Home(hub) as home:
        good_pull(home)
        wanted = [hub.repos[repo].head[path] for repo, paths in WANTED["riffusion-v1"].items()
                  for path in paths]  # fmt: skip
        check_same(hub.served(), sum(len(each.body) for each in wanted),
                   "bytes sent")  # fmt: skip
        by_name = [each.path for each in hub.requests if "resolve/main" in each.path]
        check(len(by_name) <= len(WANTED["riffusion-v1"]), "files asked for by 'main':", by_name)


def a_second_pull_fetches_nothing() -> None:
    with Hub() as hub, Home(hub) as home:
        good_pull(home)
        hub.forget()
        ran = home.pull()
        check_same((ran.status, ran.json["model"]["fetched_bytes"]), (0, 0), "second pull")
        check_same(hub.served(), 0, "bytes sent")
        check_whole(home, hub)


def pulls_a_repository_by_name() -> None:
    """Only what the engine reads, in pages of a few entries."""
    with Hub(page_size=5) as hub, Home(hub) as home:
        ran = home.pull(TINY)
        check_same(ran.status, 0, ran.told())
        model, repo = ran.json["model"], hub.repos[TINY]
        paths = {each["path"] for each in model["files"]}
        needed = {path for path in repo.head if path not in ("README.md", ".gitattributes")}
        check(needed <= paths, "not fetched:", needed - paths)
        check(".gitattributes" not in paths, "fetched what nobody reads")
        for path in paths:
            check_file(home, TINY, repo.revisions["main"], path, repo.head[path])
        check_same(home.model(TINY)["state"], "whole", "state")
        check(Path(model["path"]).is_dir(), f"{model['path']} is no folder")


def leaves_what_the_engine_does_not_read() -> None:
    with Hub() as hub, Home(hub) as home:
        good_pull(home, ORIGINAL)
        unwanted = ("unet_traced", "safety_checker", "feature_extractor", ".ckpt", ".gitattributes")
        fetched = {each.file for each in hub.requests if each.n_sent > 0}
        check_same([path for path in fetched if any(word in path for word in unwanted)], [],
                   "fetched for nothing")  # fmt: skip
        check("unet/diffusion_pytorch_model.bin" in fetched, "no weights")


def half_precision_and_safetensors_come_first() -> None:
    with Hub() as hub, Home(hub) as home:
        repo = hub.repos[TINY]
        files = {path: each.body for path, each in repo.head.items()}
        for folder, name in (("unet", "diffusion_pytorch_model"), ("text_encoder", "model"),
                             ("vae", "diffusion_pytorch_model")):  # fmt: skip
            files[f"{folder}/{name}.fp16.safetensors"] = files[f"{folder}/{name}.safetensors"]
            files[f"{folder}/{name.replace('model', 'model')}.bin"] = noise(5000, folder)
        repo.commit(files)
        good_pull(home, TINY)
        weights = sorted(each.file for each in hub.asked("cdn"))
        check(all(path.endswith(".fp16.safetensors") for path in weights), weights)
        check_same(len(weights), 3, "files of weights")


def a_revision_of_its_own() -> None:
    """--revision refs/pr/1 brings other bytes beside those of main."""
    with Hub() as hub, Home(hub) as home:
        repo, path = hub.repos[TINY], "unet/config.json"
        other = repo.head[path].body + b"\n"
        commit = repo.commit(with_changed(repo.head, path, other), "refs/pr/1")
        good_pull(home, TINY, "--revision", "refs/pr/1")
        check_file(home, TINY, commit, path, repo.trees[commit][path])
        check_same((home.repo(TINY) / "refs/refs/pr/1").read_text(), commit, "ref")
        check(not (home.repo(TINY) / "refs/main").exists(), "a ref of what was not asked for")


def a_model_that_moved_on() -> None:
    """A new commit: changed files come, the others are linked; what it is, is looked up anew."""
    with Hub() as hub, Home(hub) as home:
        good_pull(home, TINY)
        repo, path = hub.repos[TINY], "scheduler/scheduler_config.json"
        commit = repo.commit(with_changed(repo.head, path, repo.head[path].body + b" "))
        hub.forget()
        good_pull(home, TINY)
        fetched = {each.file for each in hub.requests if each.n_sent > 0 and each.file}
        check(path in fetched and fetched <= {path, "model_index.json"}, "fetched:", fetched)
        check_file(home, TINY, commit, "unet/config.json", repo.head["unet/config.json"])
        check_sound(home)


def known_weights_must_begin_as_known() -> None:
    """The registry knows the beginning of a SHA-256, and what is served here is not that file."""
    with Hub() as hub, Home(hub) as home:
        ran = home.pull("riffusion-v1-original")
        check_same((ran.status, ran.code), (8, "verify_failed"), ran.told())
        sha256 = hub.repos[ORIGINAL].head["unet/diffusion_pytorch_model.bin"].sha256
        check("fffb37d3e7601f84" in ran.out and sha256[:16] in ran.out, "both named:", ran.out)
        check_same(hub.served("cdn"), 0, "bytes fetched for nothing")
        check_invisible(home, "riffusion-v1-original")


# ---- who may ----


def without_consent_nothing_is_fetched() -> None:
    with Hub() as hub, Home(hub) as home:
        ran = home.run("models", "pull", "riffusion-v1", "--json")
        check_same((ran.status, ran.code), (2, "bad_input"), ran.told())
        check(f"--accept-license {LICENCE}" in ran.out, "flag not named:", ran.out)
        check_same(hub.served("cdn"), 0, "bytes fetched")
        check_invisible(home)
        ran = home.run("models", "pull", "riffusion-v1", "--accept-license", "mit", "--json")
        check_same(ran.status, 2, f"another licence\n{ran.told()}")
        check_same(hub.served("cdn"), 0, "bytes fetched")


def private_with_a_token() -> None:
    for where in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME"):
        with Hub() as hub, Home(hub) as home:
            hub.repos[FP16].is_private = True
            ran = home.pull()
            check_same(ran.status, 1, f"without a token\n{ran.told()}")
            check("HF_TOKEN" in ran.out, "not said how:", ran.out)
            check_same(hub.served("cdn"), 0, "bytes fetched")
            check_invisible(home)
            folder = home.path / "elsewhere"
            folder.mkdir()
            (folder / "token").write_text(TOKEN + "\n")
            values = {"HF_TOKEN": TOKEN, "HF_TOKEN_PATH": str(folder / "token"),
                      "HF_HOME": str(folder)}  # fmt: skip
            home.env[where] = values[where]
            good_pull(home)
            check_whole(home, hub)
            check_token_stays(hub)


def check_token_stays(hub: Hub) -> None:
    """The Hub gets the token, nobody else."""
    for each in hub.requests:
        if each.origin == "cdn":
            check("authorization" not in each.headers, "the token went to", each.path)
            check(TOKEN not in str(each.headers) + each.path, "the token went to", each.path)
    said = [each for each in hub.asked("head", FP16_FILE) if "authorization" in each.headers]
    check(said, "the Hub never got the token")


def gated() -> None:
    with Hub() as hub, Home(hub, {"HF_TOKEN": TOKEN}) as home:
        repo = hub.repos[FP16]
        repo.is_gated = True
        ran = home.pull()
        check_same((ran.status, ran.code), (1, "permission"), ran.told())
        check(f"/{FP16}" in ran.out, "page not named:", ran.out)
        repo.granted.add(TOKEN)
        good_pull(home)
        check_whole(home, hub)


def a_token_that_the_hub_does_not_know() -> None:
    with Hub() as hub, Home(hub, {"HF_TOKEN": "hf_stale"}) as home:
        ran = home.pull()
        check_same(ran.status, 1, ran.told())
        check("HF_TOKEN" in ran.out, "not said where it is from:", ran.out)
        check("hf_stale" not in ran.out + ran.err, "the token is shown")


def the_token_follows_no_redirect() -> None:
    """Neither to another host nor to another port, and not by way of either."""
    with Hub() as hub, Home(hub, {"HF_TOKEN": TOKEN}) as home:
        commit = hub.repos[FP16].revisions["main"]
        away = f"{hub.cdn_url.replace('127.0.0.1', 'localhost')}/{FP16}/{commit}/{FP16_FILE}"
        hub.faults.append(fault("redirect", "get", FP16_FILE, to=away))
        good_pull(home)
        check_token_stays(hub)
        check(hub.asked("cdn", FP16_FILE), "the redirect was not followed")


# ---- where from and where to ----


def offline() -> None:
    with Hub() as hub, Home(hub) as home:
        ran = home.pull(HF_HUB_OFFLINE="1")
        check_same((ran.status, ran.code), (3, "model_missing"), ran.told())
        check_same(hub.requests, [], "requests")
        good_pull(home)
        hub.forget()
        good_pull(home, HF_HUB_OFFLINE="1")
        check_same(hub.requests, [], "requests")
        check_same(home.run("models", "verify", "--json", env={"HF_HUB_OFFLINE": "1"}).status, 0,
                   "verify")  # fmt: skip


def offline_from_what_another_program_brought() -> None:
    """Without a manifest, as diffusers leaves it: whole, and nothing is written."""
    for name in ("riffusion-v1", TINY):
        with Hub() as hub, Home(hub) as home:
            good_pull(home, name)
            shutil.rmtree(home.records)
            hub.forget()
            good_pull(home, name, HF_HUB_OFFLINE="1")
            check_same(hub.requests, [], "requests")
            manifest = home.records / f"{name.replace('/', '--')}.json"
            check(not manifest.exists(), "another program's work is claimed")
            ran = home.pull(name, "--revision", "other", HF_HUB_OFFLINE="1")
            check(ran.status != 0, "another revision is not here")


def whose_a_blob_without_a_link_is() -> None:
    """One that a stopped pull left is ours and goes with the model; another program's stays."""
    with Hub() as hub, Home(hub) as home:
        repo = hub.repos[TINY].head
        left, theirs = "unet/diffusion_pytorch_model.safetensors", "README.md"
        blobs = home.repo(TINY) / "blobs"
        hub.faults.append(fault("late", "get", theirs, file=str(blobs / repo[left].etag)))
        hub.faults.append(fault("status", "get", theirs, code=403))
        check(home.pull(TINY).status != 0, "not stopped")
        hub.faults.clear()
        check((blobs / repo[left].etag).exists(), "the stopped pull left nothing to take")
        (blobs / repo[theirs].etag).write_bytes(repo[theirs].body)  # in an inode of its own
        (blobs / f"{repo[theirs].etag}.incomplete").unlink(missing_ok=True)
        good_pull(home, TINY)
        text = (home.records / f"{TINY.replace('/', '--')}.json").read_text()
        fetched = {each["path"]: bool(each["fetched"]) for each in json.loads(text)["files"]}
        check_same((fetched[left], fetched[theirs]), (True, False), "fetched by us")
        check_same(list(home.cache.glob(".locks/*/*.timbre")), [], "marks that are left")
        ran = home.run("models", "rm", TINY, "--json")
        check_same(ran.status, 0, ran.told())
        check_same([each.name for each in blobs.glob("*")], [repo[theirs].etag], "blobs left")


def nobody_there() -> None:
    with Home(None, {"HF_ENDPOINT": "http://127.0.0.1:9"}) as home:
        ran = home.pull()
        check_same((ran.status, ran.code), (4, "hub_unreachable"), ran.told())
        check("127.0.0.1:9" in ran.out, "does not say whom it asked:", ran.out)
        check_invisible(home)


def no_network_is_said_soon() -> None:
    """A name that is not known is asked for twice, not as long as a connection that breaks."""
    with Home(None, {"HF_ENDPOINT": "http://hub.invalid"}) as home:
        begun = time.monotonic()
        ran = home.pull(TIMBRE_HUB_RETRY_S="2")
        check(time.monotonic() - begun < 15, "waits for", time.monotonic() - begun)
        check_same((ran.status, ran.code), (4, "hub_unreachable"), ran.told())


def folders_of_the_cache() -> None:
    for name, value, under in (("HF_HOME", "a", "a/hub"), ("HF_HUB_CACHE", "b", "b"),
                               ("XDG_CACHE_HOME", "c", "c/huggingface/hub")):  # fmt: skip
        with Hub() as hub, Home(hub) as home:
            home.env[name] = str(home.path / value)
            home.env["HF_HUB_CACHE"] = str(home.path / under)  # where the checks look
            env = {"HF_HUB_CACHE": ""} if name != "HF_HUB_CACHE" else {}
            good_pull(home, **env)
            check_whole(home, hub)
            ran = home.run("models", "path", "--json", env=env)
            check_same(ran.json["path"], str(home.path / under), "path")


def a_new_cache_is_marked_as_one() -> None:
    """Programs that make backups leave it out (bford.info/cachedir)."""
    with Hub() as hub, Home(hub) as home:
        good_pull(home, TINY, HF_HUB_CACHE=str(home.path / "new"))
        text = (home.path / "new/CACHEDIR.TAG").read_text()
        check(text.startswith("Signature: 8a477f597d28d172789f06886806bc55\n"), text)


def begun_anew_it_goes_on_with_the_new_validator() -> None:
    """Cut; then all of it instead of the rest, cut again: the rest of that is asked for."""
    with Hub() as hub, Home(hub) as home:
        hub.faults += [
            fault("cut", path=FP16_FILE, after=100_000, times=1),
            fault("ignore_range", path=FP16_FILE, skip=1, times=1),
            fault("cut", path=FP16_FILE, after=150_000, skip=1, times=1),
        ]
        good_pull(home)
        asked = [(each.headers.get("range"), "if-range" in each.headers)
                 for each in hub.asked("cdn", FP16_FILE)]  # fmt: skip
        check_same(asked, [(None, False), ("bytes=100000-", True), ("bytes=150000-", True)],
                   "asked for")  # fmt: skip
        check_whole(home, hub)


def over_tls() -> None:
    """Only with a certificate that is trusted, and never from there to an open connection."""
    with Hub(tls=("hub", "cdn")) as hub, Home(hub) as home:
        begun = time.monotonic()
        ran = home.pull(TIMBRE_HUB_RETRY_S="4")
        check(time.monotonic() - begun < 4, "a refused certificate is asked for again")
        check_same((ran.status, ran.code), (4, "hub_unreachable"), f"unknown\n{ran.told()}")
        check("CURL_CA_BUNDLE" in ran.out, "does not say what helps:", ran.out)
        check_same(hub.requests, [], "requests")
        good_pull(home, CURL_CA_BUNDLE=str(CERTIFICATE))
        check_whole(home, hub)
    with Hub(tls=("hub",)) as hub, Home(hub, {"HF_TOKEN": TOKEN}) as home:
        ran = home.pull(CURL_CA_BUNDLE=str(CERTIFICATE))
        check(ran.status not in (0, 130), ran.told())
        check_same(hub.asked("cdn"), [], "requests in the open")
        check_invisible(home)


def by_a_proxy() -> None:
    """Everything by way of it, names that only it knows too."""
    with Hub() as hub, Home(hub) as home:
        good_pull(home, HF_ENDPOINT="http://hub.invalid", http_proxy=hub.url)
        check_whole(home, hub)
        check(all(each.is_proxied for each in hub.requests), "past the proxy")
        check(hub.asked("cdn"), "nothing from the CDN")


CASES = [
    pulls_what_the_registry_names, asks_for_a_commit_once_and_sends_no_byte_twice,
    a_second_pull_fetches_nothing, pulls_a_repository_by_name,
    leaves_what_the_engine_does_not_read, half_precision_and_safetensors_come_first,
    a_revision_of_its_own, a_model_that_moved_on, known_weights_must_begin_as_known,
    without_consent_nothing_is_fetched, private_with_a_token, gated,
    a_token_that_the_hub_does_not_know, the_token_follows_no_redirect, offline,
    offline_from_what_another_program_brought, whose_a_blob_without_a_link_is, nobody_there,
    no_network_is_said_soon,
    folders_of_the_cache, a_new_cache_is_marked_as_one,
    begun_anew_it_goes_on_with_the_new_validator, over_tls, by_a_proxy,
]  # fmt: skip

if __name__ == "__main__":
    tap.run((each.__name__.replace("_", " "), each) for each in CASES)
