"""A worker that is killed and started again, and the generator processes below it."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

PROGRAM = os.environ.get("TIMBRE_BIN", "timbre")
GENERATOR_ARGUMENT = b"--timbre-generator"
START_S = 30.0
# Where a test build of the program kills itself: TIMBRE_TEST_CRASH=POINT:COUNT, at the COUNT-th
# time that it comes by.
POINTS = (
    "submit-before-commit",
    "submit-after-commit",
    "claim-after",
    "take-before-pending",
    "take-after-pending",
    "take-after-link",
    "take-before-succeed",
    "take-after-succeed",
    "cancel-after",
)

Answer = tuple[int, Any]  # status, JSON or None


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def processes_with(argument: bytes) -> dict[int, int]:
    """Process id -> parent of those whose argument vector has it."""
    found = {}
    for each in Path("/proc").iterdir():
        if not each.name.isdigit():
            continue
        try:
            words = (each / "cmdline").read_bytes().split(b"\0")
            stat = (each / "stat").read_text()
        except OSError:
            continue
        state_and_parent = stat[stat.rindex(")") + 2 :].split()
        if argument in words and state_and_parent[0] != "Z":
            found[int(each.name)] = int(state_and_parent[1])
    return found


class Worker:
    """`timbre serve` on one port in one folder, over many lives. Started and killed by one thread;
    asked by all."""

    def __init__(self, folder: Path, arguments: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.output = folder / "takes"
        self.port = free_port()
        self.arguments = arguments
        self.process: subprocess.Popen[bytes] | None = None
        self.generators: set[int] = set()  # all that were seen
        self.n_lives = 0
        self.starts_s: list[float] = []  # until a life answered
        for each in (folder / "home", folder / "run", self.data, self.output):
            each.mkdir(parents=True, exist_ok=True)
        (folder / "run").chmod(0o700)

    def environment(self, crash: str) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("TIMBRE_")}
        own |= {
            "HOME": str(self.folder / "home"),
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "TIMBRE_DATA_DIR": str(self.data),
            "TIMBRE_OUTPUT_DIR": str(self.output),
            "HF_HUB_OFFLINE": "1",
        }
        own.pop("NOTIFY_SOCKET", None)
        if crash:
            own["TIMBRE_TEST_CRASH"] = crash
        return own

    def start(self, crash: str = "") -> None:
        words = [PROGRAM, "serve", "--listen", f"127.0.0.1:{self.port}", *self.arguments]
        with (self.folder / "worker.log").open("ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environment(crash), cwd=self.folder,
            )  # fmt: skip
        self.n_lives += 1

    def wait_until_ready(self) -> None:
        """Raises where the worker ends by itself, or does not answer within START_S."""
        begin = time.monotonic()
        while time.monotonic() < begin + START_S:
            try:
                if self.ask("GET", "/health")[0] == 200:
                    self.starts_s.append(time.monotonic() - begin)
                    return
            except OSError:
                pass
            if self.has_ended() and self.ended_with() != -signal.SIGKILL:
                raise AssertionError(f"the worker ended: {self.ended_with()}\n{self.log_tail()}")
            if self.has_ended():
                return  # a crash point so early
            time.sleep(0.02)
        raise AssertionError(f"no answer within {START_S:.0f} s\n{self.log_tail()}")

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def ended_with(self) -> int | None:
        return None if self.process is None else self.process.returncode

    def log_tail(self) -> str:
        log = self.folder / "worker.log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def note_generators(self) -> list[int]:
        own = -1 if self.process is None else self.process.pid
        found = [pid for pid, parent in processes_with(GENERATOR_ARGUMENT).items() if parent == own]
        self.generators.update(found)
        return found

    def kill_generator(self) -> bool:
        """Whether there was one."""
        children = self.note_generators()
        for pid in children:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                return False
        return bool(children)

    def kill(self) -> None:
        if self.process is not None:
            self.note_generators()
            self.process.kill()
            self.process.wait()

    def stop(self, limit_s: float = 60.0) -> int:
        """The orderly way; its exit status."""
        assert self.process is not None
        self.note_generators()
        self.process.terminate()
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the worker did not stop within {limit_s:.0f} s") from None

    def orphans(self, limit_s: float = 10.0) -> set[int]:
        """Generators that outlive their worker by more than limit_s."""
        end = time.monotonic() + limit_s
        while True:
            left = self.generators & set(processes_with(GENERATOR_ARGUMENT))
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.1)

    # ---- asking ----

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One request on a connection of its own. OSError: no answer, or half of one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        all_headers = dict(headers or {})
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            all_headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, payload, all_headers)
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        except (http.client.HTTPException, json.JSONDecodeError) as error:
            raise ConnectionError(f"half an answer: {error!r}") from error
        finally:
            connection.close()

    def pages(self, path: str, name: str) -> list[Any]:
        """All items of a list."""
        items: list[Any] = []
        after = ""
        while True:
            status, page = self.ask("GET", f"{path}?limit=200{after}")
            assert status == 200, f"GET {path}: {status} {page}"
            items += page[name]
            if page.get("next") is None:
                return items
            after = f"&after={page['next']}"

    # ---- what lies on the disk ----

    def databases(self) -> list[Path]:
        found = []
        for each in sorted(self.data.rglob("*")):
            if each.is_file() and each.stat().st_size > 0:
                with each.open("rb") as file:
                    if file.read(16) == b"SQLite format 3\0":
                        found.append(each)
        return found

    def check_databases(self) -> list[str]:
        """What is wrong; the worker is stopped."""
        wrong = [] if self.databases() else [f"no database below {self.data}"]
        for path in self.databases():
            with sqlite3.connect(path) as db:
                verdict = db.execute("PRAGMA integrity_check").fetchone()[0]
            db.close()
            if verdict != "ok":
                wrong.append(f"integrity_check of {path.name}: {verdict}")
        return wrong

    def audio_files(self) -> set[Path]:
        kinds = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".part", ".tmp"}
        return {each for each in self.output.rglob("*") if each.suffix.lower() in kinds}


class Killer(threading.Thread):
    """Kills the generator, the worker, or lets the worker kill itself at a named point, and starts
    it again at once, until it is told to end. The worker runs then."""

    def __init__(self, worker: Worker, seed: int, has_points: bool) -> None:
        super().__init__(name="killer")
        self.worker = worker
        self.random = random.Random(seed)
        self.has_points = has_points
        self.kills: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.is_over = threading.Event()
        self.turn = 0

    def has_been_everywhere(self) -> bool:
        """Both processes were killed, and the worker at each point; or nobody kills any more."""
        places = ("worker", "generator", *(POINTS if self.has_points else ()))
        return self.is_over.is_set() or all(self.kills[each] > 0 for each in places)

    def next_crash(self) -> str:
        """Those that were hit least in turn, not at every life."""
        if not self.has_points or self.random.random() < 0.2:
            return ""
        fewest = min(self.kills[each] for each in POINTS)
        rare = [each for each in POINTS if self.kills[each] == fewest]
        point = rare[self.turn % len(rare)]
        self.turn += 1
        return f"{point}:{self.random.choice((1, 1, 2, 4))}"

    def live(self) -> None:
        """One life of the worker, from start to death."""
        crash = self.next_crash()
        self.worker.start(crash)
        self.worker.wait_until_ready()
        patience = 6.0 if crash else 2.5  # a point is waited for
        end = time.monotonic() + self.random.uniform(0.2, 1) * patience
        next_child = time.monotonic() + self.random.uniform(0.1, 2)
        while time.monotonic() < end and not self.is_over.is_set():
            if self.worker.has_ended():
                break
            if time.monotonic() > next_child:
                self.kills["generator"] += self.worker.kill_generator()
                next_child = time.monotonic() + self.random.uniform(0.5, 3)
            time.sleep(0.01)
        if not self.worker.has_ended():
            if not self.is_over.is_set():
                self.kills["worker"] += 1
            self.worker.kill()
        elif crash and self.worker.ended_with() == -signal.SIGKILL:
            self.kills[crash.partition(":")[0]] += 1
        else:
            self.wrong.append(
                f"the worker ended by itself: {self.worker.ended_with()}\n{self.worker.log_tail()}"
            )

    def run(self) -> None:
        try:
            while not self.is_over.is_set():
                self.live()
        except Exception as error:
            self.wrong.append(f"{type(error).__name__}: {error}")
            self.is_over.set()

    def end(self) -> None:
        """Let the last life be an undisturbed one."""
        self.is_over.set()
        self.join()
        self.worker.start()
        self.worker.wait_until_ready()


def make_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="timbre-kill-"))


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
