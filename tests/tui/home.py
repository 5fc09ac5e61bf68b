"""An empty home for one studio: its folders and environment, the worker that it starts, and takes
to begin with. TIMBRE_BIN names the program with misbehaviour on demand."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = Path(os.environ.get("TIMBRE_BIN", "build/tests/worker/timbre-hooked")).resolve()
KEPT = ("ASAN_", "UBSAN_", "LSAN_", "TSAN_", "LLVM_")  # variables of sanitizers
SLOWER = 10 if "SAN_OPTIONS" in " ".join(os.environ) else 1  # under a sanitizer
WAIT_S = 15.0 * SLOWER
SILENT = "[ui]\nautoplay = never\n"  # new takes are not played
AUDIO = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".part", ".tmp")


def wait_until(is_so: Callable[[], Any], what: Callable[[], str], limit_s: float = WAIT_S) -> Any:
    """What is_so() gave once it is true; `what` is told where it never is."""
    end = time.monotonic() + limit_s
    while True:
        found = is_so()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s:.0f} s: {what()}")
        time.sleep(0.03)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class UnixConnection(http.client.HTTPConnection):
    """To the worker whose socket stands in a folder, once it listens: its name comes first."""

    def __init__(self, folder: Path) -> None:
        super().__init__("localhost", timeout=20)
        self.folder = folder

    def try_connect(self) -> socket.socket | None:
        for path in self.folder.glob("*.sock"):
            found = socket.socket(socket.AF_UNIX)
            found.settimeout(20)
            try:
                found.connect(str(path))
                return found
            except (ConnectionRefusedError, FileNotFoundError):
                found.close()
        return None

    def connect(self) -> None:
        self.sock = wait_until(self.try_connect, lambda: "no worker listens")


class Home:
    def __init__(self, settings: str = SILENT, **env: str) -> None:
        """`settings`: the file; variables with "" are not set."""
        self.path = Path(tempfile.mkdtemp(prefix="timbre-tui-"))
        self.data, self.output = self.path / "data", self.path / "takes"
        for name in ("home", "run", "data", "takes", "bin", "tmp"):
            (self.path / name).mkdir(mode=0o700)
        (self.path / "bin" / "timbre").symlink_to(PROGRAM)
        config = self.path / "home" / ".config" / "timbre"
        config.mkdir(parents=True)
        (config / "config.ini").write_text(settings)
        kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
        usual = {
            "HOME": str(self.path / "home"),
            "PATH": f"{self.path / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}",
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(self.path / "tmp"),
            "TZ": "UTC",
            "XDG_RUNTIME_DIR": str(self.path / "run"),
            "TIMBRE_DATA_DIR": str(self.data),
            "TIMBRE_OUTPUT_DIR": str(self.output),
            "TIMBRE_MODEL": "sketch",
            "SDL_AUDIODRIVER": "dummy",
            "HF_HUB_OFFLINE": "1",
            "PS1": "$ ",
        }
        self.env = {name: value for name, value in {**kept, **usual, **env}.items() if value != ""}

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.end_processes()
        shutil.rmtree(self.path, ignore_errors=True)

    def processes(self) -> list[int]:
        """All that run with this home's data folder: studios, workers, generators."""
        mark = f"TIMBRE_DATA_DIR={self.data}".encode()
        found = []
        for each in Path("/proc").iterdir():
            if each.name.isdigit():
                try:
                    if mark in (each / "environ").read_bytes().split(b"\0"):
                        found.append(int(each.name))
                except OSError:
                    continue
        return found

    def end_processes(self) -> None:
        for _ in range(20):
            left = self.processes()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if not left:
                return
            time.sleep(0.02)

    # ---- the worker ----

    def worker_pid(self) -> int:
        """0: none runs."""
        try:
            pid = int((self.data / "worker.lock").read_text())
        except (OSError, ValueError):
            return 0
        return pid if pid in self.processes() else 0

    def stop_worker(self) -> None:
        """In order, so that its store is whole."""
        pid = self.worker_pid()
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: self.worker_pid() != pid, lambda: "the worker does not stop")

    def ask(self, path: str) -> Any:
        return json.loads(self.get(path))

    def get(self, path: str) -> bytes:
        """What the worker that runs here answers."""
        connection = UnixConnection(self.path / "run" / "timbre")
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (path, answer.status, body)
            return body
        finally:
            connection.close()

    def jobs(self) -> list[dict[str, Any]]:
        """Newest first."""
        found: list[dict[str, Any]] = self.ask("/jobs?limit=200")["jobs"]
        return found

    def job(self, word: str) -> dict[str, Any]:
        """The one whose prompt holds the word."""
        return next(each for each in self.jobs() if word in each["prompt"])

    @contextmanager
    def serving(self, port: int) -> Iterator[None]:
        """A worker of this home on a port, killed at the end."""
        with (self.path / "serve.log").open("ab") as log:
            worker = subprocess.Popen(
                [PROGRAM, "serve", "--listen", f"127.0.0.1:{port}"],
                env=self.env, cwd=self.path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            yield
        finally:
            worker.kill()
            worker.wait()

    # ---- commands beside the studio ----

    def run(self, *words: str, **env: str) -> str:
        """Standard output of a command that succeeds."""
        merged = {name: value for name, value in {**self.env, **env}.items() if value != ""}
        done = subprocess.run(
            [PROGRAM, *words], env=merged, cwd=self.path, text=True, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=WAIT_S * 2,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.returncode, done.stderr[-2000:])
        return done.stdout

    def takes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run("takes", "list", "--json"))["takes"]
        return found

    def make_take(self, prompt: str, seconds: float = 1.0, seed: int = 42) -> Path:
        """One that the next worker finds in its inbox; its file."""
        options = ("--no-worker", "--length", str(seconds), "--seed", str(seed))
        said = self.run("generate", *options, prompt)
        return Path(said.strip())

    def audio_files(self) -> list[Path]:
        return sorted(each for each in self.output.rglob("*") if each.suffix in AUDIO)
