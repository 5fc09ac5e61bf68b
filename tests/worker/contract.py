"""A client that holds every answer to api/openapi.json."""

from __future__ import annotations

import http.client
import json
import re
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

try:
    import jsonschema  # type: ignore[import-untyped]  # Debian's python3-jsonschema
except ImportError:  # where no package has it, such as with Homebrew's Python
    print("1..0 # SKIP python3-jsonschema is not installed")
    sys.exit(0)

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT: dict[str, Any] = json.loads((ROOT / "api" / "openapi.json").read_text(encoding="utf-8"))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def param(self) -> str | None:
        found: str | None = self.json["error"]["param"]
        return found


@cache
def patterns() -> list[tuple[re.Pattern[str], str]]:
    """Paths without parts in braces first."""
    ordered = sorted(DOCUMENT["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "$"), path) for path in ordered]


def operation(method: str, path: str) -> dict[str, Any] | None:
    """What the document says of it; None: nothing."""
    for pattern, name in patterns():
        if pattern.match(path.split("?")[0]) and method.lower() in DOCUMENT["paths"][name]:
            found: dict[str, Any] = DOCUMENT["paths"][name][method.lower()]
            return found
    return None


def validator(schema: dict[str, Any]) -> Any:
    resolver = jsonschema.RefResolver("", DOCUMENT)
    return jsonschema.Draft202012Validator(schema, resolver=resolver)


def check(method: str, path: str, answer: Answer) -> None:
    """Raises AssertionError where the document does not allow the answer."""
    known = operation("GET" if method == "HEAD" else method, path)
    where = f"{method} {path} -> {answer.status}"
    if known is None:
        assert answer.status in (400, 403, 404, 405, 431, 414), f"{where}: not in the document"
        validator(DOCUMENT["components"]["schemas"]["Error"]).validate(answer.json)
        return
    response = known["responses"].get(str(answer.status))
    assert response is not None, f"{where}: a status that the document does not name"
    for name in response.get("headers", {}):
        assert name.lower() in answer.headers, f"{where}: no header {name}"
    content = response.get("content")
    if content is None or method == "HEAD":
        assert not answer.body, f"{where}: a body where none should be"
        return
    found = answer.headers.get("content-type", "").split(";")[0]
    rules = [rule for kind, rule in content.items() if re.fullmatch(kind.replace("*", ".*"), found)]
    assert rules, f"{where}: {found}"
    if found == "application/json":
        for wrong in validator(rules[0]["schema"]).iter_errors(answer.json):
            raise AssertionError(f"{where}: {wrong.json_path}: {wrong.message}")


class Client:
    """One connection for each call, so that cases do not meet."""

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self.port = port
        self.headers = headers or {}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """`body`: bytes as they are, else as JSON. Underscores in names of headers are dashes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        given = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        connection.request(method, path, data, given)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, names, response.read())
        connection.close()
        check(method, path, answer)
        return answer

    def make(self, prompt: str = "piano", seconds: float = 1.0, **fields: Any) -> Any:
        """A take that is done; its status."""
        request = {"prompt": prompt, "duration_seconds": seconds, **fields}
        answer = self.call("POST", "/generate", request, Prefer="wait=60")
        assert answer.status == 200, answer.body
        assert answer.json["state"] == "succeeded", answer.json
        return answer.json

    def wait(self, job: str, *states: str) -> Any:
        """The status of a job once it has one of the states."""
        for _ in range(1200):
            status = self.call("GET", f"/jobs/{job}").json
            if status["state"] in states:
                return status
            time.sleep(0.05)
        raise AssertionError(f"{job} is {status['state']}, not {states}")


def read_events(port: int, path: str, n: int = 10000, **headers: str) -> list[tuple[str, str, Any]]:
    """The first n events of a stream, or all up to its end, as (event, id, data)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    assert response.status == 200, response.read()
    assert response.getheader("Content-Type") == "text/event-stream"
    found: list[tuple[str, str, Any]] = []
    event: dict[str, str] = {}
    while len(found) < n:
        raw = response.readline()
        if not raw:
            break
        line = raw.decode().rstrip("\n")
        if line == "" and "data" in event:
            data = json.loads(event["data"])
            found.append((event.get("event", ""), event.get("id", ""), data))
            event = {}
        elif line.startswith(":") or line == "":
            continue
        else:
            name, _, value = line.partition(": ")
            event[name] = value
    connection.close()
    return found
