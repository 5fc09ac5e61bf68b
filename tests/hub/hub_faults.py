"""What can go wrong between the Hub and a client, as a table of functions that spoil a reply.

A Fault says which requests it hits (kind, path, how many are let through first, how many it hits)
and what happens to them. The server builds the right reply first, so a fault is the difference.
"""

from __future__ import annotations

import email.utils
import fnmatch
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as make_field
from pathlib import Path
from typing import Any


@dataclass
class Reply:
    """What is sent. `whole` is the file behind a range."""

    status: int = 200
    headers: dict[str, str] = make_field(default_factory=dict)
    body: bytes = b""
    whole: bytes = b""
    length: int | None = None  # Content-Length, where it is not that of the body
    is_chunked: bool = False
    cut_after: int | None = None  # bytes of the body, then the connection ends
    stall_after: int | None = None  # bytes of the body, then nothing more; < 0: not even a head
    rate: float | None = None  # bytes per second
    raw: bytes | None = None  # these bytes instead of everything


@dataclass
class Fault:
    """`on`: "head", "get" (of resolve), "cdn", "tree", "revision", "api" (both), "any"."""

    name: str
    on: str = "cdn"
    path: str = "*"  # shell pattern for the file's path in the repository
    times: int = -1  # how many requests it hits; -1: all
    skip: int = 0  # how many it lets through first
    args: dict[str, Any] = make_field(default_factory=dict)
    n_seen: int = 0
    lock: threading.Lock = make_field(default_factory=threading.Lock)

    def hits(self, kind: str, path: str) -> bool:
        """Whether this request is one of those; counts it."""
        is_meant = self.on in ("any", kind) or (self.on == "api" and kind in ("tree", "revision"))
        if not is_meant or not fnmatch.fnmatchcase(path, self.path):
            return False
        with self.lock:
            self.n_seen += 1
            i_hit = self.n_seen - self.skip
        return i_hit >= 1 and (self.times < 0 or i_hit <= self.times)


def fault(name: str, on: str = "cdn", path: str = "*", times: int = -1, skip: int = 0,
          **args: Any) -> Fault:  # fmt: skip
    if name not in FAULTS:
        raise ValueError(f"no fault '{name}'")
    return Fault(name, on, path, times, skip, args)


def parse_fault(text: str) -> Fault:
    """From a command line: {"name": "cut", "after": 1000, "times": 2}."""
    return fault(**json.loads(text))


def status(reply: Reply, code: int = 500, error_code: str = "", message: str = "",
           **headers: str) -> None:  # fmt: skip
    """Any answer but the right one; headers with _ for -."""
    reply.status = code
    reply.headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if error_code:
        reply.headers["X-Error-Code"] = error_code
    if message:
        reply.headers["X-Error-Message"] = message
    reply.body = json.dumps({"error": message or f"status {code}"}).encode()


def retry_at(reply: Reply, seconds: float = 1, code: int = 429) -> None:
    """Retry-After as a date."""
    status(reply, code, Retry_After=email.utils.formatdate(time.time() + seconds, usegmt=True))


def late(_reply: Reply, file: str = "", limit_s: float = 30) -> None:
    """Not before the file is there."""
    end = time.monotonic() + limit_s
    while not Path(file).exists() and time.monotonic() < end:
        time.sleep(0.01)


def cut(reply: Reply, after: int = 0) -> None:
    reply.cut_after = after


def stall(reply: Reply, after: int = 0) -> None:
    reply.stall_after = after


def slow(reply: Reply, rate: float = 5) -> None:
    reply.rate = rate


def chunked(reply: Reply, after: int | None = None) -> None:
    """No length, in pieces; with `after`, cut without the last piece."""
    reply.is_chunked = True
    reply.cut_after = after


def without_length(reply: Reply, after: int | None = None) -> None:
    """Neither a length nor pieces: the end of the connection is the end of the body."""
    reply.length = -1
    reply.headers["Connection"] = "close"
    reply.cut_after = len(reply.body) if after is None else after


def wrong_bytes(reply: Reply, at: float = 0.5) -> None:
    """One bit is another; everything else is right."""
    i = min(int(len(reply.body) * at), len(reply.body) - 1)
    reply.body = reply.body[:i] + bytes([reply.body[i] ^ 1]) + reply.body[i + 1 :]


def shorter(reply: Reply, n_bytes: int = 100) -> None:
    """A body that ends early, with a Content-Length that agrees with it."""
    reply.body = reply.body[:-n_bytes]


def longer(reply: Reply, n_bytes: int = 100, says: bool = True) -> None:
    """More than promised; says: with a Content-Length that agrees with it."""
    reply.length = None if says else len(reply.body)
    reply.body += b"x" * n_bytes


def ignore_range(reply: Reply) -> None:
    """200 and the whole file, whatever was asked."""
    reply.status, reply.body = 200, reply.whole
    reply.headers.pop("Content-Range", None)


def wrong_range(reply: Reply, shift: int = -1) -> None:
    """206 with a range that was not asked for, and its bytes."""
    if reply.status != 206:
        return
    start = max(0, len(reply.whole) - len(reply.body) + shift)
    n_bytes = len(reply.whole)
    reply.body = reply.whole[start:]
    reply.headers["Content-Range"] = f"bytes {start}-{n_bytes - 1}/{n_bytes}"


def range_header(reply: Reply, text: str = "nonsense") -> None:
    """206 with this Content-Range, or with none."""
    if reply.status == 206:
        reply.headers.pop("Content-Range")
        if text:
            reply.headers["Content-Range"] = text


def header(reply: Reply, field: str = "", value: str | None = None) -> None:
    """One header is another, or missing."""
    reply.headers.pop(field, None)
    if value is not None:
        reply.headers[field] = value


def many_headers(reply: Reply, n_bytes: int = 200 * 1024) -> None:
    for i in range(n_bytes // 1024):
        reply.headers[f"X-Filler-{i}"] = "f" * 1008


def redirect(reply: Reply, to: str = "", code: int = 302) -> None:
    """Elsewhere; what the first hop says of the file stays, so only the way is wrong."""
    reply.status, reply.body = code, b""
    reply.headers["Location"] = to


def raw(reply: Reply, text: str = "\x00\x01garbage, no HTTP\r\n\r\n") -> None:
    reply.raw = text.encode("latin-1")


def body(reply: Reply, text: str = "", n_deep: int = 0) -> None:
    """Another body; n_deep: so many brackets."""
    reply.body = b"[" * n_deep if n_deep else text.encode()


FAULTS: dict[str, Callable[..., None]] = {
    each.__name__: each
    for each in (
        body, chunked, cut, header, ignore_range, late, longer, many_headers, range_header, raw,
        redirect, retry_at, shorter, slow, stall, status, without_length, wrong_bytes, wrong_range,
    )
}  # fmt: skip
