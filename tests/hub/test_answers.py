#!/usr/bin/env python3
"""Answers of the Hub's API that make no sense, or mean harm. Prints TAP.

    test_answers.py [WORD...]        cases whose name has one of the words

Whatever a list of files says, the program ends soon with an error that says why, writes nothing
outside its folders, and takes no more memory than a list may. TIMBRE_BIN names the program.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import tap
from hub_client import Home, Ran, check, check_same, check_sound, pull_words
from hub_faults import fault
from hub_repos import TINY
from hub_server import Hub

MEMORY_KIB = 2 << 20  # of addresses
OID = "a" * 40
SHA256 = "b" * 64


def entry(path: str, size: object = 10, oid: str = OID) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": size, "oid": oid}


def weights(**wrong: Any) -> dict[str, Any]:
    """The entry of weights, as LFS has them, with something that is wrong."""
    lfs = {"oid": SHA256, "size": 10, "pointerSize": 134, **wrong}
    return {**entry("unet/diffusion_pytorch_model.safetensors"), "lfs": lfs}


def spoil_tree(hub: Hub, *entries: dict[str, Any]) -> None:
    """The right list with these entries in it, in place of those of the same path."""
    replaced = {each["path"] for each in entries}
    right = [
        entry(path, len(each.body), each.oid) for path, each in hub.repos[TINY].head.items()
        if path not in replaced
    ]  # fmt: skip
    hub.faults.append(fault("body", "tree", text=json.dumps([*right, *entries])))


def pull(home: Home) -> Ran:
    """With little memory, where no sanitizer needs all there is."""
    is_sanitized = any(name.startswith(("ASAN_", "TSAN_")) for name in home.env)
    limit = "" if is_sanitized else f"ulimit -v {MEMORY_KIB} || true"  # macOS has no such limit
    return home.run(*pull_words(TINY), limit=limit)


def check_refused(home: Home, ran: Ran) -> None:
    """An error in words, nothing visible, nothing outside."""
    check(ran.status not in (0, 130), f"accepted\n{ran.told()}")
    check(ran.json["error"]["message"], ran.told())
    check_sound(home)
    check_same(home.links(), [], "links")
    stray = [path for path in home.path.rglob("*") if "evil" in path.name]
    check_same(stray, [], "files outside")
    check(not Path("/tmp/timbre-evil").exists(), "a file outside")


def refuses_entries(*entries: dict[str, Any]) -> None:
    with Hub() as hub, Home(hub) as home:
        spoil_tree(hub, *entries)
        check_refused(home, pull(home))


def refuses_text(text: str = "", **options: Any) -> None:
    with Hub() as hub, Home(hub) as home:
        hub.faults.append(fault("body", "tree", text=text, **options))
        check_refused(home, pull(home))


def ignores_or_refuses(path: str) -> None:
    """A name that is no name among right ones: left out or refused, never written."""
    with Hub() as hub, Home(hub) as home:
        spoil_tree(hub, entry(path))
        ran = pull(home)
        if ran.status != 0:
            check_refused(home, ran)
            return
        check_sound(home)
        got = {each["path"] for each in ran.json["model"]["files"]}
        check(path not in got, f"fetched {path!r}")
        check_same([each for each in home.path.rglob("*") if "evil" in each.name], [], "files")


def pages_that_go_round() -> None:
    with Hub(page_size=5) as hub, Home(hub) as home:
        commit = hub.repos[TINY].revisions["main"]
        itself = f"{hub.url}/api/models/{TINY}/tree/{commit}?recursive=true&cursor=5"
        hub.faults.append(fault("header", "tree", field="Link", value=f'<{itself}>; rel="next"'))
        ran = pull(home)
        check_refused(home, ran)
        check(len(hub.asked("tree")) <= 1000, f"{len(hub.asked('tree'))} pages asked for")


def pages_that_go_round_by_way_of_another() -> None:
    """No page names itself: the number of pages ends it."""
    with Hub(page_size=5) as hub, Home(hub) as home:
        commit = hub.repos[TINY].revisions["main"]
        page = f"{hub.url}/api/models/{TINY}/tree/{commit}?recursive=true&cursor="
        hub.faults.extend(
            fault("header", "tree", field="Link", value=f'<{page}{i % 2 * 5}>; rel="next"',
                  skip=i, times=1)
            for i in range(200)
        )  # fmt: skip
        ran = pull(home)
        check_refused(home, ran)
        check("100 pages" in ran.out, "does not name the limit:", ran.out)
        check(len(hub.asked("tree")) <= 100, f"{len(hub.asked('tree'))} pages asked for")


def pages_elsewhere() -> None:
    """The next page is of another host, which must not get the token."""
    with Hub(page_size=5) as hub, Home(hub, {"HF_TOKEN": next(iter(hub.tokens))}) as home:
        hub.faults.append(
            fault("header", "tree", field="Link", value=f'<{hub.cdn_url}/evil>; rel="next"')
        )
        check_refused(home, pull(home))
        for each in hub.asked("cdn"):
            check("authorization" not in each.headers, "the token went to", each.path)


def a_list_without_end() -> None:
    """100,000 entries in one page."""
    text = json.dumps([entry(f"unet/{i}.bin") for i in range(100_000)])
    with Hub() as hub, Home(hub) as home:
        hub.faults.append(fault("body", "tree", text=text))
        check_refused(home, pull(home))


def not_a_diffusers_model() -> None:
    with Hub() as hub, Home(hub) as home:
        hub.repos[TINY].commit({"README.md": b"---\nlicense: mit\n---\n", "data.csv": b"1,2\n"})
        ran = home.run("models", "pull", TINY, "--accept-license", "creativeml-openrail-m",
                       "--json")  # fmt: skip
        check(ran.status in (1, 2), ran.told())
        check(TINY in ran.json["error"]["message"], ran.out)


PATHS = {
    "..": "../../../../evil", "an absolute path": "/tmp/timbre-evil", "NUL": "unet/ev\0il",
    "backslashes": "unet\\..\\..\\evil", "an encoded slash": "..%2f..%2fevil",
    "an empty part": "unet//evil", "a line": "unet/evil\nX: y", "a long name": "unet/" + "e" * 400,
}  # fmt: skip
ENTRIES = {
    "a SHA-256 that is a path": weights(oid="../../../../evil"),
    "a SHA-256 that is too short": weights(oid="abc"),
    "a SHA-256 that is a number": weights(oid=17),
    "a size below 0": weights(size=-5),
    "a size beyond 64 bits": weights(size=1 << 70),
    "a size that is a text": weights(size="10"),
    "a size that is a fraction": weights(size=1.5),
    "a name of git that is none": entry("model_index.json", oid="x" * 40),
}
TEXTS = {
    "no JSON": "<html>busy</html>", "JSON that ends early": '[{"type": "file", "path": "unet',
    "nothing": "", "an object": '{"error": "x"}', "an empty list": "[]", "a list of texts": '["x"]',
    "entries without a path": '[{"type": "file", "size": 1}]', "a NUL": '[\0]',
    "a path that is no text": '[{"type": "file", "path": 5, "size": 1, "oid": "' + OID + '"}]',
}  # fmt: skip

CASES: list[tap.Case] = [
    ("pages that go round", pages_that_go_round),
    ("pages that go round by way of another", pages_that_go_round_by_way_of_another),
    ("pages elsewhere", pages_elsewhere),
    ("a list without end", a_list_without_end),
    ("not a diffusers model", not_a_diffusers_model),
    ("100,000 brackets", partial(refuses_text, n_deep=100_000)),
    *((f"a path with {name}", partial(ignores_or_refuses, path)) for name, path in PATHS.items()),
    *((name, partial(refuses_entries, each)) for name, each in ENTRIES.items()),
    *((f"{name} instead of a list", partial(refuses_text, text)) for name, text in TEXTS.items()),
]  # fmt: skip

if __name__ == "__main__":
    tap.run(CASES)
