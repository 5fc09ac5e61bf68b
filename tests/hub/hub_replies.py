"""The right replies of the Hub and its CDN, before any fault. Nothing here knows connections."""

from __future__ import annotations

import hashlib
from typing import Any

from hub_faults import Reply, status
from hub_repos import HubFile


def cdn_etag(each: HubFile) -> str:
    """The CDN has a name of its own for the bytes, which says nothing to anybody else."""
    return f'"{hashlib.md5(each.sha256.encode()).hexdigest()}"'


def parse_range(text: str, n_bytes: int) -> tuple[int, int] | None:
    """First and last byte; None: not a single range. first > last: none of it is there."""
    unit, _, value = text.partition("=")
    first, dash, last = value.partition("-")
    if unit != "bytes" or not dash or not (first.isdigit() and (last == "" or last.isdigit())):
        return None
    return int(first), min(int(last), n_bytes - 1) if last else n_bytes - 1


def serve_body(headers: dict[str, str], body: bytes, etag: str) -> Reply:
    """A file, or the part of it that is asked for."""
    reply = Reply(200, {"ETag": etag, "Accept-Ranges": "bytes"}, body, body)
    reply.headers["Content-Type"] = "application/octet-stream"
    asked = parse_range(headers.get("range", ""), len(body))
    if asked is None or headers.get("if-range", etag) != etag:
        return reply
    first, last = asked
    if first > last:
        reply.status, reply.body = 416, b""
        reply.headers["Content-Range"] = f"bytes */{len(body)}"
        return reply
    reply.status, reply.body = 206, body[first : last + 1]
    reply.headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return reply


def refuse(code: int, error_code: str, message: str) -> Reply:
    reply = Reply()
    status(reply, code, error_code, message)
    return reply


def tree_entries(tree: dict[str, HubFile]) -> list[dict[str, Any]]:
    """As /api/models/X/tree/Y has them: folders too."""
    folders = {
        "/".join(path.split("/")[:i]) for path in tree for i in range(1, path.count("/") + 1)
    }
    entries: list[dict[str, Any]] = [
        {
            "type": "directory",
            "oid": hashlib.sha1(name.encode()).hexdigest(),
            "size": 0,
            "path": name,
        }
        for name in folders
    ]
    for path, each in tree.items():
        entry = {"type": "file", "oid": each.oid, "size": len(each.body), "path": path}
        if each.is_lfs:
            entry["lfs"] = {"oid": each.sha256, "size": len(each.body), "pointerSize": 134}
        entries.append(entry)
    return sorted(entries, key=lambda entry: str(entry["path"]))
