"""Clients that never give up, the history of what they were told, and what must hold of it."""

from __future__ import annotations

import hashlib
import random
import threading
import time
import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kill_process import Killer, Worker

FINAL = {"succeeded", "failed", "cancelled"}
N_OPEN = 4  # jobs that a client has under way at once
CANCEL_SHARE = 0.15
# What a job may fail with here: its process was killed again and again.
FAIR_FAILURES = {"generator_died"}


@dataclass
class History:
    """What clients were told. `lock` guards all."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    accepted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # key -> ids
    prompts: dict[str, str] = field(default_factory=dict)  # key -> prompt, before it is sent
    cancels: dict[str, str] = field(default_factory=dict)  # id -> state in the first answer
    finals: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    wrong: list[str] = field(default_factory=list)
    n_lost: int = 0  # answers that did not come
    delays_s: list[float] = field(default_factory=list)  # from acceptance to the end

    def say(self, text: str) -> None:
        with self.lock:
            self.wrong.append(text)

    def lose(self) -> None:
        with self.lock:
            self.n_lost += 1

    def accept(self, key: str, job: dict[str, Any]) -> None:
        with self.lock:
            self.accepted[key].add(job["job_id"])

    def cancel(self, job: dict[str, Any]) -> None:
        with self.lock:
            self.cancels.setdefault(job["job_id"], job["state"])

    def see(self, job: dict[str, Any]) -> None:
        with self.lock:
            seen = self.finals[job["job_id"]]
            if job["state"] in FINAL:
                seen.add(job["state"])
            elif seen:
                self.wrong.append(f"job {job['job_id']} was {seen} and is {job['state']} again")


class Client(threading.Thread):
    """Submits `n` jobs, and more until the killer has been everywhere, cancels some and follows
    each to its end, through every lost answer."""

    def __init__(self, killer: Killer, history: History, n: int, seed: int, limit_s: float) -> None:
        super().__init__(name=f"client-{seed}", daemon=True)
        self.worker, self.killer, self.history, self.n_left = killer.worker, killer, history, n
        now = time.monotonic()
        self.more_until_s, self.end_s = now + limit_s / 2, now + limit_s
        self.random = random.Random(seed)
        self.open: dict[str, float] = {}  # id -> when it was accepted
        self.doomed: set[str] = set()  # to be cancelled when they run

    def ask(self, *request: Any) -> tuple[int, Any]:
        """Until it is answered: no connection, half an answer, 429 and 503 are tried again."""
        pause = 0.02
        while time.monotonic() < self.end_s:
            try:
                status, answer = self.worker.ask(*request)
                if status not in (429, 503):
                    return status, answer
            except OSError:
                self.history.lose()
            time.sleep(pause * self.random.uniform(0.5, 1))
            pause = min(2 * pause, 0.5)
        raise TimeoutError(f"{request[0]} {request[1]} had no answer until the time was over")

    def submit(self) -> None:
        key = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        prompt = f"kill test {key}"
        body = {
            "prompt": prompt, "model_id": "sketch", "duration_seconds": 1,
            "seed": self.random.randrange(2**31),
        }  # fmt: skip
        with self.history.lock:
            self.history.prompts[key] = prompt
        for _ in range(1 if self.random.random() < 0.9 else 2):  # some impatient ones send twice
            status, job = self.ask("POST", "/generate", body, {"Idempotency-Key": key})
            if status not in (200, 202):
                self.history.say(f"submission of {key}: {status} {job}")
                return
            self.history.accept(key, job)
            self.history.see(job)
        self.open[job["job_id"]] = time.monotonic()
        if self.random.random() < CANCEL_SHARE:
            if self.random.random() < 0.5:
                self.doomed.add(job["job_id"])
            else:
                time.sleep(self.random.choice((0, 0.05, 0.3)))
                self.cancel(job["job_id"])

    def cancel(self, job_id: str) -> None:
        status, job = self.ask("POST", f"/jobs/{job_id}/cancel")
        if status not in (200, 202):
            self.history.say(f"cancelling {job_id}: {status} {job}")
            return
        self.history.cancel(job)
        self.history.see(job)

    def look(self) -> None:
        for job_id in list(self.open):
            status, job = self.ask("GET", f"/jobs/{job_id}")
            if status != 200:
                self.history.say(f"the accepted job {job_id}: {status} {job}")
                del self.open[job_id]
                continue
            self.history.see(job)
            if job["state"] == "running" and job_id in self.doomed:
                self.doomed.remove(job_id)
                self.cancel(job_id)
            if job["state"] in FINAL:
                with self.history.lock:
                    self.history.delays_s.append(time.monotonic() - self.open[job_id])
                del self.open[job_id]

    def wants_more(self) -> bool:
        is_early = time.monotonic() < self.more_until_s
        return self.n_left > 0 or (is_early and not self.killer.has_been_everywhere())

    def run(self) -> None:
        try:
            while self.wants_more() or self.open:
                if self.wants_more() and len(self.open) < N_OPEN:
                    self.n_left -= 1
                    self.submit()
                else:
                    time.sleep(0.02)
                self.look()
        except Exception as error:
            self.history.say(f"{self.name}: {type(error).__name__}: {error}")


# ---- what must hold ----


def check_keys(worker: Worker, history: History) -> list[str]:
    """One key, one job, also when it is sent once more."""
    wrong = []
    for key, ids in history.accepted.items():
        if len(ids) != 1:
            wrong.append(f"key {key} has {len(ids)} jobs: {sorted(ids)}")
    of_prompt = Counter(job["prompt"] for job in worker.pages("/jobs", "jobs"))
    known = set(history.prompts.values())
    for prompt, n in of_prompt.items():
        if n != 1:
            wrong.append(f"{n} jobs say '{prompt}'")
        if prompt not in known:
            wrong.append(f"nobody asked for '{prompt}'")
    for key in history.accepted:
        if of_prompt[history.prompts[key]] == 0:
            wrong.append(f"the list of jobs lacks that of key {key}")
    return wrong


def check_jobs(worker: Worker, history: History) -> tuple[list[str], dict[str, str]]:
    """Every accepted job is there, ended, as it ended first; the state of each."""
    wrong = []
    states: dict[str, str] = {}
    for job_id in {each for ids in history.accepted.values() for each in ids}:
        status, job = worker.ask("GET", f"/jobs/{job_id}")
        if status != 200:
            wrong.append(f"the accepted job {job_id} is lost: {status}")
            continue
        states[job_id] = job["state"]
        history.see(job)
        if job["state"] not in FINAL:
            wrong.append(f"job {job_id} never ended: {job['state']}")
        if job["state"] == "failed" and job["error"]["code"] not in FAIR_FAILURES:
            wrong.append(f"job {job_id} failed: {job['error']}")
        if history.cancels.get(job_id, "succeeded") != "succeeded" and job["state"] == "succeeded":
            wrong.append(f"job {job_id} succeeded after its cancel was acknowledged")
    for job_id, finals in history.finals.items():
        if len(finals) > 1:
            wrong.append(f"job {job_id} ended twice: {sorted(finals)}")
    return wrong, states


def check_takes(worker: Worker, states: dict[str, str]) -> list[str]:
    """One take for each success, one file for each take, every byte of it as the store says."""
    wrong = []
    takes = worker.pages("/artifacts", "artifacts")
    of_job = Counter(take["job_id"] for take in takes)
    for job_id, state in states.items():
        if of_job[job_id] != (state == "succeeded"):
            wrong.append(f"job {job_id} {state} with {of_job[job_id]} takes")
    for job_id in set(of_job) - set(states):
        wrong.append(f"a take of a job that nobody has: {job_id}")
    paths = [Path(take["artifact_path"]) for take in takes]
    if len(set(paths)) != len(paths):
        wrong.append("two takes share a file")
    for path in worker.audio_files() - set(paths):
        wrong.append(f"no take has this file: {path.name}")
    for take, path in zip(takes, paths):
        content = path.read_bytes() if path.is_file() else b""
        if len(content) != take["bytes"]:
            wrong.append(f"{path.name} has {len(content)} bytes, not {take['bytes']}")
        elif hashlib.sha256(content).hexdigest() != take["sha256"]:
            wrong.append(f"{path.name} has another SHA-256")
    return wrong


@dataclass
class Report:
    wrong: list[str]
    states: Counter[str]
    kills: Counter[str]
    n_lives: int
    n_lost: int
    start_s: float  # the slowest start of a worker
    delays_s: list[float]
    seconds: float


def run(worker: Worker, n_jobs: int, seed: int, limit_s: float, has_points: bool) -> Report:
    """The whole test; the worker is stopped at the end."""
    n_clients = min(8, n_jobs)
    begin = time.monotonic()
    history = History()
    killer = Killer(worker, seed, has_points)
    killer.start()
    shares = [n_jobs // n_clients + (i < n_jobs % n_clients) for i in range(n_clients)]
    clients = [
        Client(killer, history, share, seed * 1000 + i, limit_s) for i, share in enumerate(shares)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    wrong = list(killer.wrong)
    states: dict[str, str] = {}
    try:
        killer.end()
        wrong = killer.wrong + check_keys(worker, history)
        of_jobs, states = check_jobs(worker, history)
        wrong += of_jobs + check_takes(worker, states)
        status = worker.stop()
        wrong += [] if status == 0 else [f"the worker's exit status at the end is {status}"]
        wrong += worker.check_databases()
    finally:
        worker.kill()
    wrong += [f"generator {pid} outlived its worker" for pid in worker.orphans()]
    return Report(
        wrong=history.wrong + wrong, states=Counter(states.values()), kills=killer.kills,
        n_lives=worker.n_lives, n_lost=history.n_lost, start_s=max(worker.starts_s, default=0),
        delays_s=sorted(history.delays_s), seconds=time.monotonic() - begin,
    )  # fmt: skip
