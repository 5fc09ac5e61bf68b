#!/usr/bin/env python3
"""The worker under load, on loopback.

    bench_worker.py [--connections N] [--seconds S] [--soak MINUTES] [--csv FILE]

Starts `timbre serve` in an empty home (TIMBRE_BIN names the program) and measures:

- GET /jobs/{id} with wrk: requests a second, p50 and p99, idle and while a take is made;
- the same while many connections read as slowly as they can;
- with --soak: takes and questions for so many minutes, memory and open files of the worker.

Prints a table; --csv appends the same figures, a row each.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = os.environ.get("TIMBRE_BIN", "timbre")
UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Worker:
    """`timbre serve` in a folder of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="timbre-bench-"))
        self.port = free_port()
        run = self.folder / "run"
        run.mkdir(mode=0o700)
        own = {
            "HOME": str(self.folder), "XDG_RUNTIME_DIR": str(run), "HF_HUB_OFFLINE": "1",
            "TIMBRE_DATA_DIR": str(self.folder / "data"),
            "TIMBRE_OUTPUT_DIR": str(self.folder / "takes"),
        }  # fmt: skip
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--listen", f"127.0.0.1:{self.port}"],
                env=os.environ | own, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        self.close()
        raise SystemExit("bench_worker: the worker does not answer")

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, path, payload, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            return response.status, json.loads(text) if text else None
        except http.client.HTTPException as error:
            raise ConnectionError(repr(error)) from error
        finally:
            connection.close()

    def submit(self, seconds: float, seed: int) -> str:
        body = {"prompt": "bench", "model_id": "sketch", "duration_seconds": seconds, "seed": seed}
        status, job = self.ask("POST", "/generate", body)
        if status != 202:
            raise SystemExit(f"bench_worker: POST /generate: {status} {job}")
        return str(job["job_id"])

    def is_over(self, job_id: str) -> bool:
        return self.ask("GET", f"/jobs/{job_id}")[1]["state"] not in ("queued", "running")

    def wait_for(self, job_id: str) -> None:
        while not self.is_over(job_id):
            time.sleep(0.02)

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1000

    def n_files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Figures:
    rows: list[tuple[str, str, float]] = field(default_factory=list)  # case, figure, value

    def add(self, case: str, figure: str, value: float) -> None:
        self.rows.append((case, figure, value))
        print(f"{case:34}{figure:28}{value:12.2f}", flush=True)

    def save(self, path: Path) -> None:
        is_new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(("when", "case", "figure", "value"))
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            writer.writerows(
                (now, case, figure, f"{value:.6g}") for case, figure, value in self.rows
            )


# ---- requests a second ----


def run_wrk(worker: Worker, path: str, n_connections: int, seconds: int) -> dict[str, float]:
    words = ["wrk", "--latency", "-t2", f"-c{n_connections}", f"-d{seconds}s"]
    told = subprocess.run(
        [*words, f"http://127.0.0.1:{worker.port}{path}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    figures = {"requests/s": float(re.findall(r"Requests/sec:\s+([\d.]+)", told)[0])}
    for share in ("50", "99"):
        value, unit = re.findall(rf"\s{share}%\s+([\d.]+)(us|ms|s|m)", told)[0]
        figures[f"p{share} ms"] = float(value) * UNITS_MS[unit]
    refused = re.findall(r"Non-2xx or 3xx responses: (\d+)", told)
    figures["refused"] = float(refused[0]) if refused else 0
    broken = re.findall(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told
    )
    figures["broken"] = sum(map(float, broken[0])) if broken else 0
    return figures


def bench_questions(worker: Worker, figures: Figures, case: str, path: str, seconds: int) -> None:
    for name, value in run_wrk(worker, path, 32, seconds).items():
        figures.add(case, name, value)


class Load(threading.Thread):
    """One take after the other, so that the generator never rests."""

    def __init__(self, worker: Worker, seconds: float) -> None:
        super().__init__(name="load", daemon=True)
        self.worker, self.seconds = worker, seconds
        self.is_stopping = threading.Event()
        self.n = 0

    def run(self) -> None:
        while not self.is_stopping.is_set():
            self.worker.wait_for(self.worker.submit(self.seconds, self.n))
            self.n += 1

    def stop(self) -> None:
        self.is_stopping.set()
        self.join()


# ---- slow readers ----


class SlowReaders(threading.Thread):
    """Connections that ask for a take's sound and read a byte of it now and then."""

    def __init__(self, worker: Worker, path: str, n: int) -> None:
        super().__init__(name="slow", daemon=True)
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{worker.port}\r\n\r\n".encode()
        self.sockets = []
        self.n_refused = 0
        self.is_stopping = threading.Event()
        for _ in range(n):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.settimeout(5)
            try:
                s.connect(("127.0.0.1", worker.port))
                s.sendall(request)
                self.sockets.append(s)
            except OSError:
                self.n_refused += 1

    def run(self) -> None:
        while not self.is_stopping.wait(0.5):
            for s in self.sockets:
                try:
                    s.recv(1)
                except OSError:
                    continue

    def stop(self) -> None:
        self.is_stopping.set()
        self.join()
        for s in self.sockets:
            s.close()


def bench_slow_readers(worker: Worker, figures: Figures, n: int, job_id: str, seconds: int) -> None:
    """Room for one connection is left: does the worker still answer it?"""
    case = f"{n} slow readers"
    before_mb = worker.memory_mb()
    readers = SlowReaders(worker, f"/artifacts/{job_id}/audio", n - 8)
    readers.start()
    times_ms = []
    n_failed = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        try:
            status, _ = worker.ask("GET", f"/jobs/{job_id}")
            n_failed += status != 200
        except OSError:
            n_failed += 1
        times_ms.append((time.monotonic() - begin) * 1000)
        time.sleep(0.01)
    figures.add(case, "memory MB", worker.memory_mb())
    figures.add(case, "memory MB, before", before_mb)
    readers.stop()
    times_ms.sort()
    figures.add(case, "not connected", readers.n_refused)
    figures.add(case, "failed", n_failed)
    figures.add(case, "p50 ms", times_ms[len(times_ms) // 2])
    figures.add(case, "p99 ms", times_ms[int(len(times_ms) * 0.99)])


# ---- soak ----


def soak(worker: Worker, figures: Figures, minutes: float) -> None:
    """Memory and files at the beginning (when all is warm), each tenth, and at the end."""
    load = Load(worker, 1)
    load.start()
    time.sleep(min(30, minutes * 6))
    begin = time.monotonic()
    for tenth in range(11):
        while time.monotonic() < begin + minutes * 60 * tenth / 10:
            for path in ("/jobs?limit=20", "/artifacts?limit=20", "/metrics"):
                connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=30)
                connection.request("GET", path)
                connection.getresponse().read()
                connection.close()
            time.sleep(0.2)
        case = f"soak, {minutes * tenth / 10:.1f} min"
        figures.add(case, "memory MB", worker.memory_mb())
        figures.add(case, "open files", worker.n_files())
        figures.add(case, "takes", load.n)
    load.stop()


def measure(worker: Worker, figures: Figures, options: argparse.Namespace) -> None:
    job_id = worker.submit(30, 1)  # its sound is larger than the buffers of sockets
    worker.wait_for(job_id)
    path = f"/jobs/{job_id}"
    if shutil.which("wrk") is None:
        print("wrk is not installed: no requests a second")
    else:
        bench_questions(worker, figures, "idle", path, options.seconds)
        load = Load(worker, 60)
        load.start()
        bench_questions(worker, figures, "while takes are made", path, options.seconds)
        load.stop()
    bench_slow_readers(worker, figures, options.connections, job_id, options.seconds)
    if options.soak > 0:
        soak(worker, figures, options.soak)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement")
    parser.add_argument("--soak", type=float, default=0, help="minutes")
    parser.add_argument("--csv", type=Path, help="append the figures to this file")
    options = parser.parse_args()
    figures = Figures()
    worker = Worker()
    try:
        measure(worker, figures, options)
    finally:
        worker.close()
    if options.csv is not None:
        figures.save(options.csv)


if __name__ == "__main__":
    main()
