#!/usr/bin/env python3
"""A stand-in for the Hugging Face Hub on loopback, which answers as it does, or wrongly on purpose.

    hub_server.py [--models DIR] [--fault JSON]... [--verbose]

Prints its URL and ends when its standard input does. Two origins, each with its own port: the Hub
(resolve, tree, revision) and the CDN, where large files are; every request to either is recorded.
Requests with an absolute URL are answered too, so it can be the http_proxy of a client.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hub_faults import FAULTS, Fault, Reply, parse_fault
from hub_replies import cdn_etag, refuse, serve_body, tree_entries
from hub_repos import Repo, default_repos

TOKEN = "hf_timbretesttoken0123456789"
MODELS = Path(__file__).resolve().parent.parent / "data/models"
CERTIFICATE = Path(__file__).resolve().parent / "loopback.pem"


@dataclass
class Request:
    """One that came, as the tests look at it."""

    method: str
    path: str  # with the query, as it was sent
    origin: str  # "hub", "cdn"
    kind: str  # "head", "get", "cdn", "tree", "revision", "other"
    file: str  # path in the repository, or ""
    headers: dict[str, str]  # names in lower case
    is_proxied: bool = False
    status: int = 0
    n_sent: int = 0  # bytes of the body


@dataclass
class Origin:
    """What the handlers of one port know."""

    name: str
    hub: Hub


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        super().__init__(("127.0.0.1", 0), Handler)
        if origin.name in origin.hub.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @property
    def url(self) -> str:
        scheme = "https" if self.origin.name in self.origin.hub.tls else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what the tests are about; all else is a defect here."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@dataclass
class Hub:
    """Both origins, what they offer, what goes wrong and what was asked."""

    repos: dict[str, Repo] = field(default_factory=lambda: default_repos(MODELS))
    faults: list[Fault] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    page_size: int = 1000  # entries of a page of a tree
    relative_redirect: bool = True  # small files by way of /api/resolve-cache
    rate: float | None = None  # bytes per second of each connection to the CDN
    verbose: bool = False
    tls: tuple[str, ...] = ()  # origins that speak HTTPS, with a certificate that nobody knows
    requests: list[Request] = field(default_factory=list)  # `lock` guards both
    n_busy: int = 0  # requests that are being answered
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.servers = [Server(Origin(name, self)) for name in ("hub", "cdn")]
        self.url, self.cdn_url = (each.url for each in self.servers)
        for each in self.servers:
            threading.Thread(target=each.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.stopped.set()
        for each in self.servers:
            each.shutdown()
            each.server_close()

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def record(self, request: Request) -> None:
        with self.lock:
            self.requests.append(request)
            self.n_busy += 1

    def finish(self, request: Request, status: int) -> None:
        with self.lock:
            request.status = status
            self.n_busy -= 1

    def forget(self) -> None:
        with self.lock:
            self.requests.clear()

    def settle(self, limit_s: float = 1) -> None:
        end = time.monotonic() + limit_s
        while self.n_busy > 0 and time.monotonic() < end:
            time.sleep(0.001)

    def asked(self, kind: str = "*", file: str = "*") -> list[Request]:
        """Requests that were answered, once no more are being answered."""
        self.settle()
        with self.lock:
            return [
                each
                for each in self.requests
                if kind in ("*", each.kind) and file in ("*", each.file)
            ]

    def served(self, kind: str = "*", file: str = "*") -> int:
        """Bytes of files that were sent; lists and refusals are none."""
        found = [each for each in self.asked(kind, file) if each.kind in ("get", "cdn")]
        return sum(each.n_sent for each in found if each.status in (200, 206))


class Handler(BaseHTTPRequestHandler):
    """Routes, builds the right reply, lets the faults spoil it, sends it."""

    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_args: Any) -> None:
        """The record is the log."""

    def do_HEAD(self) -> None:  # noqa: N802
        self.answer()

    def do_GET(self) -> None:  # noqa: N802
        self.answer()

    def answer(self) -> None:
        hub, origin = self.server.origin.hub, self.server.origin.name
        target, is_proxied = self.path, self.path.startswith("http://")
        if is_proxied:
            url = urllib.parse.urlsplit(self.path)
            origin = "cdn" if f"http://{url.netloc}" == hub.cdn_url else "hub"
            target = urllib.parse.urlunsplit(("", "", url.path, url.query, ""))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, target, origin, "other", "", headers, is_proxied)
        reply = self.route(request)
        hub.record(request)
        for each in hub.faults:
            if each.hits(request.kind, request.file):
                FAULTS[each.name](reply, **each.args)
        if request.kind == "cdn" and reply.rate is None:
            reply.rate = hub.rate
        try:
            self.send(request, reply)
        except OSError:
            self.close_connection = True
        finally:
            hub.finish(request, reply.status)
        if hub.verbose:
            print(f"{origin} {self.command} {self.path} {reply.status} {request.n_sent}",
                  file=sys.stderr)  # fmt: skip

    # ---- what the right reply is ----

    def route(self, request: Request) -> Reply:
        parts = urllib.parse.urlsplit(request.path).path.strip("/").split("/")
        words = [urllib.parse.unquote(part) for part in parts]
        if request.origin == "cdn":
            return self.cdn(request, words)
        if words[:2] == ["api", "models"] and len(words) >= 4:
            return self.api(request, "/".join(words[2:4]), words[4:] or ["revision", "main"])
        if words[:2] == ["api", "resolve-cache"] and len(words) >= 7:
            return self.resolve(request, "/".join(words[3:5]), words[5], words[6:], is_final=True)
        if len(words) >= 5 and words[2] == "resolve":
            return self.resolve(request, "/".join(words[:2]), words[3], words[4:])
        return refuse(404, "", "Not Found")

    def find(self, name: str, revision: str, headers: dict[str, str]) -> tuple[Repo, str] | Reply:
        """The repository and commit, or the refusal."""
        hub = self.server.origin.hub
        token = headers.get("authorization", "").removeprefix("Bearer ")
        repo = hub.repos.get(name)
        if token and token not in hub.tokens:
            return refuse(401, "", "Invalid credentials in Authorization header")
        if repo is None or (repo.is_private and not token):
            code = 404 if token else 401
            return refuse(code, "RepoNotFound", "Repository not found")
        if repo.is_gated and token not in repo.granted:
            text = f"Access to model {name} is restricted. Visit its page to ask for access."
            return refuse(403 if token else 401, "GatedRepo", text)
        commit = repo.commit_of(revision)
        if commit is None:
            return refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return repo, commit

    def resolve(self, request: Request, name: str, revision: str, words: list[str],
                is_final: bool = False) -> Reply:  # fmt: skip
        hub = self.server.origin.hub
        request.kind = "head" if request.method == "HEAD" else "get"
        request.file = "/".join(words)
        found = self.find(name, revision, request.headers)
        if isinstance(found, Reply):
            return found
        repo, commit = found
        each = repo.trees[commit].get(request.file)
        if each is None:
            reply = refuse(404, "EntryNotFound", "Entry not found")
            reply.headers["X-Repo-Commit"] = commit
            return reply
        if each.is_lfs:
            reply = Reply(
                302, {"X-Linked-Size": str(len(each.body)), "X-Linked-Etag": f'"{each.etag}"'}
            )
            path = f"{name}/{commit}/{request.file}"
            reply.headers["Location"] = f"{hub.cdn_url}/{path}?Signature={each.sha256[:12]}"
            reply.headers["ETag"] = f'"{each.oid}"'  # of the pointer, as the Hub has it
        elif hub.relative_redirect and not is_final:
            reply = Reply(307)
            path = urllib.parse.quote(f"{name}/{commit}/{request.file}")
            reply.headers["Location"] = f"/api/resolve-cache/models/{path}"
        else:
            reply = serve_body(request.headers, each.body, f'"{each.etag}"')
        reply.headers["X-Repo-Commit"] = commit
        return reply

    def cdn(self, request: Request, words: list[str]) -> Reply:
        request.kind, request.file = "cdn", "/".join(words[3:])
        repo = self.server.origin.hub.repos.get("/".join(words[:2]))
        each = repo.trees.get(words[2], {}).get(request.file) if repo and len(words) > 3 else None
        if each is None:
            return refuse(403, "", "AccessDenied")
        if "authorization" in request.headers:  # S3 refuses two ways of signing
            return refuse(400, "", "Only one auth mechanism allowed")
        return serve_body(request.headers, each.body, cdn_etag(each))

    def api(self, request: Request, name: str, words: list[str]) -> Reply:
        request.kind = words[0] if words[0] in ("tree", "revision") else "other"
        found = self.find(name, words[1] if len(words) > 1 else "main", request.headers)
        if isinstance(found, Reply):
            return found
        repo, commit = found
        if words[0] == "tree":
            return self.tree(request, repo, commit, "/".join(words[2:]))
        if words[0] != "revision":
            return refuse(404, "", "Not Found")
        info = {
            "id": name, "modelId": name, "sha": commit, "private": repo.is_private,
            "gated": "auto" if repo.is_gated else False, "tags": [f"license:{repo.licence}"],
            "cardData": {"license": repo.licence} if repo.licence else None,
            "siblings": [{"rfilename": path} for path in repo.trees[commit]],
        }  # fmt: skip
        return Reply(200, {"Content-Type": "application/json"}, json.dumps(info).encode())

    def tree(self, request: Request, repo: Repo, commit: str, folder: str) -> Reply:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        entries = tree_entries(repo.trees[commit])
        if folder:
            entries = [each for each in entries if each["path"].startswith(folder + "/")]
            if not entries:
                return refuse(404, "EntryNotFound", f'{folder} does not exist on "{commit}"')
        if query.get("recursive", ["false"])[0].lower() not in ("true", "1"):
            depth = folder.count("/") + 1 if folder else 0
            entries = [each for each in entries if each["path"].count("/") == depth]
        start = int(query.get("cursor", ["0"])[0])
        end = start + self.server.origin.hub.page_size
        reply = Reply(200, {"Content-Type": "application/json"})
        reply.body = json.dumps(entries[start:end]).encode()
        if end < len(entries):
            path = urllib.parse.urlsplit(request.path).path
            url = f"{self.server.origin.hub.url}{path}?recursive=true&cursor={end}"
            reply.headers["Link"] = f'<{url}>; rel="next"'
        return reply

    # ---- how it is sent ----

    def send(self, request: Request, reply: Reply) -> None:
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            self.end_connection()
            return
        if reply.stall_after is not None and reply.stall_after < 0:
            self.wait_for_the_end()
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif reply.length != -1:
            self.send_header("Content-Length", str(reply.length or len(reply.body)))
        self.end_headers()
        if request.method != "HEAD":
            self.send_body(request, reply)

    def send_body(self, request: Request, reply: Reply) -> None:
        ends = [each for each in (reply.cut_after, reply.stall_after) if each is not None]
        body = reply.body[: min(ends)] if ends else reply.body
        piece = max(1, int(reply.rate * 0.02)) if reply.rate else 1 << 16
        for start in range(0, len(body), piece):
            if self.server.origin.hub.stopped.is_set():
                break
            part = body[start : start + piece]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part) if reply.is_chunked else part)
            request.n_sent += len(part)
            if reply.rate:
                time.sleep(len(part) / reply.rate)
        if reply.stall_after is not None:
            self.wait_for_the_end()
        elif reply.cut_after is not None:
            self.end_connection()
        elif reply.is_chunked:
            self.wfile.write(b"0\r\n\r\n")

    def wait_for_the_end(self) -> None:
        """Say nothing until the client goes away."""
        self.connection.settimeout(0.05)
        while not self.server.origin.hub.stopped.is_set():
            try:
                if not self.connection.recv(1):
                    break
            except socket.timeout:
                continue
        self.close_connection = True

    def end_connection(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the tiny models")
    parser.add_argument("--fault", type=parse_fault, action="append", default=[], metavar="JSON")
    parser.add_argument("--rate", type=float, help="bytes per second of a connection to the CDN")
    parser.add_argument("--verbose", action="store_true", help="requests on standard error")
    options = parser.parse_args()
    hub = Hub(default_repos(options.models), options.fault, rate=options.rate,
              verbose=options.verbose)  # fmt: skip
    with hub:
        print(hub.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
