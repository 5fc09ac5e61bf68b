#!/usr/bin/env python3
"""Everything that can go wrong while a model is downloaded. Prints TAP.

    test_faults.py [WORD...]        cases whose name has one of the words

A pull ends complete and right, or with an error that says why and nothing visible; what was good
stays, and the next pull fetches only what is missing. TIMBRE_BIN names the program.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import tap
from hub_client import Home, check, check_invisible, check_same, check_whole
from hub_faults import fault
from hub_repos import FP16, FP16_FILE
from hub_server import TOKEN, Hub

UNREACHABLE = {"hub_unreachable", "timed_out"}
REFUSED = {"bad_file", "verify_failed", "hub_unreachable", "not_found"}  # it makes no sense
FILE_ETAG = "X-Linked-Etag"
ANYTHING = 10**6  # more than the file: it may come twice


def hit(name: str, on: str = "cdn", **options: Any) -> dict[str, Any]:
    """A fault of the weights' file."""
    return {"name": name, "on": on, "path": FP16_FILE, **options}


CUT = hit("cut", after=100_000, times=1)


def after_cut(name: str, **options: Any) -> list[dict[str, Any]]:
    """The connection is cut at 100,000 bytes, and what follows is wrong as well."""
    return [CUT, hit(name, skip=1, times=1, **options)]


@dataclass
class Case:
    """`ends`: codes that it may end with. `keeps`: bytes that must stay after a failure."""

    name: str
    faults: list[dict[str, Any]]
    ends: set[str] = field(default_factory=lambda: {"ok"})
    keeps: int = 0
    says: str = ""
    n_refetched: int = 0  # bytes that may come twice where it ends well
    least_s: float = 0  # that the program has to wait


HEAL = [
    Case("nothing is wrong", []),
    Case("cut three times", [hit("cut", after=100_000, times=3)]),
    Case("cut before the first byte, twice", [hit("cut", times=2)]),
    Case("cut every 50,000 bytes goes on as long as there is progress", [hit("cut", after=50_000)]),
    Case("cut at the first hop", [hit("cut", "get", times=2)]),
    Case("the range begins elsewhere", after_cut("wrong_range"), n_refetched=ANYTHING),
    Case("the range begins later", after_cut("wrong_range", shift=1), n_refetched=ANYTHING),
    Case("the range has no header", after_cut("range_header", text=""), n_refetched=ANYTHING),
    Case("the range's header is nonsense", after_cut("range_header"), n_refetched=ANYTHING),
    Case("the range is of another total", after_cut("range_header", text="bytes 100000-9/10"),
         n_refetched=ANYTHING),
    Case("200 instead of a range", after_cut("ignore_range"), n_refetched=ANYTHING),
    Case("416 for a range", after_cut("status", code=416), n_refetched=ANYTHING),
    Case("the CDN's name of the file changes",
         [CUT, hit("header", field="ETag", value='"other"', times=1)],
         n_refetched=ANYTHING),
    Case("one wrong bit, once", [hit("wrong_bytes", times=1)], n_refetched=ANYTHING),
    Case("one wrong bit in a part that is resumed",
         [hit("wrong_bytes", times=1, at=0.1), CUT], n_refetched=ANYTHING),
    Case("a body that is too short, once", [hit("shorter", times=1)], n_refetched=ANYTHING),
    Case("a body that is too long, once", [hit("longer", times=1)], n_refetched=ANYTHING),
    Case("bytes after the body", [hit("longer", says=False)], n_refetched=ANYTHING),
    Case("pieces instead of a length", [hit("chunked")]),
    Case("pieces, cut", [hit("chunked", after=100_000, times=2)]),
    Case("the end of the connection is the end", [hit("without_length")]),
    Case("the end of the connection comes early", [hit("without_length", after=9000, times=1)]),
    Case("stalls before the head", [hit("stall", after=-1, times=1)], least_s=0.5),
    Case("stalls in the middle", [hit("stall", after=100_000, times=1)], least_s=0.5),
    Case("a byte every 200 ms", [hit("slow", rate=5, times=1)], least_s=0.5, n_refetched=1000),
    Case("garbage instead of HTTP, once", [hit("raw", times=1)]),
    Case("429 with seconds", [hit("status", code=429, Retry_After="1", times=1)], least_s=0.9),
    Case("429 with a date", [hit("retry_at", seconds=2, times=1)], least_s=0.9),
    Case("429 at the Hub", [fault_ for on in ("revision", "head", "tree")
                            for fault_ in [{"name": "status", "on": on, "code": 429,
                                            "Retry_After": "0", "times": 1}]]),
    Case("500", [hit("status", times=2)]),
    Case("502 at the first hop", [hit("status", "get", code=502, times=2)]),
    Case("503 with seconds", [hit("status", code=503, Retry_After="1", times=1)], least_s=0.9),
    Case("504 from the API", [{"name": "status", "on": "api", "code": 504, "times": 2}]),
    Case("two redirects more", [hit("redirect", "get", to="{self}", times=2)]),
    Case("an address of the CDN that has run out", [hit("status", code=403, times=1)]),
]  # fmt: skip

FAIL = [
    Case("always cut before the first byte", [hit("cut")], UNREACHABLE),
    Case("cut, then nobody answers", [CUT, hit("cut", skip=1)], UNREACHABLE, keeps=100_000),
    Case("cut, then 500 for ever", [CUT, hit("status", skip=1)], UNREACHABLE, keeps=100_000),
    Case("stalls for ever", [hit("stall", after=50_000, times=1), hit("stall", after=-1, skip=1)],
         UNREACHABLE, keeps=50_000),
    Case("503 for ever", [hit("status", code=503)], UNREACHABLE),
    Case("504 for ever from the API", [{"name": "status", "on": "any", "code": 504}], UNREACHABLE),
    Case("429 for a day", [hit("status", code=429, Retry_After="86400")], UNREACHABLE),
    Case("one wrong bit, always", [hit("wrong_bytes")], {"verify_failed"}, says="{sha256}"),
    Case("wrong bytes after a cut", [CUT, hit("wrong_bytes", skip=1)], {"verify_failed"},
         says="{sha256}"),
    Case("too short, always", [hit("shorter")], {"verify_failed", *REFUSED}),
    Case("too long, always", [hit("longer")], {"verify_failed", *REFUSED}),
    Case("another file on the second look",
         [hit("header", "get", field=FILE_ETAG, value=f'"{"a" * 64}"'),
          hit("header", "head", field=FILE_ETAG, value=f'"{"a" * 64}"', skip=1)],
         {"ok", *REFUSED}),
    Case("401 at the first hop", [{"name": "status", "on": "any", "code": 401}],
         {"permission", "not_found"}),
    Case("a gate", [{"name": "status", "on": "any", "code": 403, "error_code": "GatedRepo"}],
         {"permission"}),
    Case("no such repository",
         [{"name": "status", "on": "any", "code": 404, "error_code": "RepoNotFound"}],
         {"not_found"}, says=FP16),
    Case("no such file", [hit("status", on, code=404, error_code="EntryNotFound")
                          for on in ("head", "get")], {"not_found"}, says=FP16_FILE),
    Case("a redirect to itself", [hit("redirect", "get", to="{self}")], {"bad_file", *UNREACHABLE}),
    Case("a redirect to a file", [hit("redirect", "get", to="file:///etc/passwd")],
         {"bad_file", *UNREACHABLE}),
    Case("a redirect to FTP", [hit("redirect", "get", to="ftp://127.0.0.1:9/x")],
         {"bad_file", *UNREACHABLE}),
    Case("200 KiB of headers", [hit("many_headers")], {"bad_file", *UNREACHABLE}),
    Case("garbage instead of HTTP", [{"name": "raw", "on": "any"}], {"bad_file", *UNREACHABLE}),
    Case("an etag that is a path", [hit("header", "head", field=FILE_ETAG,
                                        value='"../../../../evil"')], REFUSED),
    Case("an etag that is no hash", [hit("header", "head", field=FILE_ETAG, value='"' + "g" * 64)],
         REFUSED),
    Case("no etag", [hit("header", "head", field=FILE_ETAG), hit("header", "head", field="ETag")],
         REFUSED),
    Case("a commit that is none", [{"name": "header", "on": "head", "field": "X-Repo-Commit",
                                    "value": "../../evil"}], {"ok", *REFUSED}),
    Case("a size below 0", [hit("header", "head", field="X-Linked-Size", value="-1")], REFUSED),
    Case("a size beyond everything", [hit("header", "head", field="X-Linked-Size",
                                          value="9" * 30)], REFUSED),
    Case("a size that no disk has", [hit("header", "head", field="X-Linked-Size",
                                         value=str(1 << 60))], {"no_space", *REFUSED}),
]  # fmt: skip


def make_faults(case: Case, hub: Hub) -> None:
    each = hub.repos[FP16].head[FP16_FILE]
    for words in case.faults:
        options = dict(words)
        if "to" in options:
            commit = hub.repos[FP16].revisions["main"]
            itself = f"{hub.url}/{FP16}/resolve/{commit}/{FP16_FILE}"
            options["to"] = options["to"].replace("{self}", itself)
        hub.faults.append(fault(**options))
    case.says = case.says.replace("{sha256}", each.sha256)


def check_second_pull(home: Home, hub: Hub, n_kept: int) -> None:
    """With the Hub in good health again: complete, and only what was missing was fetched."""
    size = len(hub.repos[FP16].head[FP16_FILE].body)
    hub.faults.clear()
    hub.forget()
    ran = home.pull()
    check_same(ran.status, 0, f"second pull\n{ran.told()}")
    check_whole(home, hub)
    asked = hub.asked("cdn", FP16_FILE)
    check_same(hub.served("cdn", FP16_FILE), size - n_kept, "bytes of the second pull")
    if 0 < n_kept < size:
        check_same(asked[0].headers.get("range"), f"bytes={n_kept}-", "range")


def run_case(case: Case) -> None:
    with Hub() as hub, Home(hub, {"HF_TOKEN": TOKEN}) as home:
        make_faults(case, hub)
        start = time.monotonic()
        ran = home.pull()
        check(ran.code in case.ends, f"code '{ran.code}' is none of {case.ends}\n{ran.told()}")
        check(
            time.monotonic() - start >= case.least_s, f"did not wait {case.least_s} s\n{ran.told()}"
        )
        check(case.says in ran.out + ran.err, f"does not say '{case.says}'\n{ran.told()}")
        for each in hub.asked("cdn"):
            check("authorization" not in each.headers, "the token went to the CDN")
        n_sent = hub.served("cdn", FP16_FILE)
        body = hub.repos[FP16].head[FP16_FILE].body
        if ran.status == 0:
            check_whole(home, hub)
            check(n_sent <= len(body) + case.n_refetched, f"{n_sent} bytes for {len(body)}")
            n_kept = len(body)
        else:
            check_invisible(home)
            n_kept = home.parts().get(hub.repos[FP16].head[FP16_FILE].etag, 0)
            check(n_kept >= case.keeps, f"keeps {n_kept}, not {case.keeps}")
        check_second_pull(home, hub, n_kept)


if __name__ == "__main__":
    tap.run((each.name, partial(run_case, each)) for each in HEAL + FAIL)
