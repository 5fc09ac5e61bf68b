#!/usr/bin/env python3
"""What the worker does when things go wrong, wait, or end. TIMBRE_BIN names the program with
misbehaviour on demand (worker/generator_hook.h); TIMBRE_TESTS_DIR the tests' data. Prints TAP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import tap
from contract import Client
from kill_process import PROGRAM, Worker, free_port

TINY = Path(os.environ["TIMBRE_TESTS_DIR"]) / "models" / "tiny"
FINAL = ("succeeded", "failed", "cancelled")
SLOWER = 10 if "SAN_OPTIONS" in " ".join(os.environ) else 1  # under a sanitizer


@contextmanager
def running(*arguments: str) -> Iterator[tuple[Worker, Client]]:
    with tempfile.TemporaryDirectory(prefix="timbre-behaviour-") as folder:
        worker = Worker(Path(folder), arguments)
        worker.start()
        try:
            worker.wait_until_ready()
            yield worker, Client(worker.port)
        finally:
            if not worker.has_ended():
                worker.kill()


def submit(client: Client, prompt: str, **fields: Any) -> str:
    answer = client.call("POST", "/generate", {"prompt": prompt, "duration_seconds": 1} | fields)
    assert answer.status == 202, answer.body
    return str(answer.json["job_id"])


def seconds_until(client: Client, job: str, *states: str) -> float:
    begin = time.monotonic()
    client.wait(job, *states)
    return time.monotonic() - begin


# ---- the generator dies ----


def a_crash_costs_an_attempt_and_two_fail_the_job() -> None:
    with running() as (_, client):
        for prompt, name in (("test-crash", "signal 11"), ("test-kill", "signal 9")):
            bad = submit(client, prompt)
            good = submit(client, "piano")
            status = client.wait(bad, *FINAL)
            assert status["state"] == "failed" and status["attempt"] == 2, status
            assert status["error"]["code"] == "generator_died"
            assert name in status["error"]["message"], status
            assert client.wait(good, *FINAL)["state"] == "succeeded", "the others go on"


def a_hang_is_ended_by_the_watchdog() -> None:
    with running("--watchdog", "2" if SLOWER == 1 else "10") as (_, client):
        bad = submit(client, "test-hang")
        status = client.wait(bad, *FINAL)
        assert status["state"] == "failed" and "watchdog" in status["error"]["message"], status
        assert client.make()["state"] == "succeeded"


def a_refusal_is_no_crash() -> None:
    with running() as (_, client):
        status = client.wait(submit(client, "test-fail"), *FINAL)
        assert status["state"] == "failed" and status["attempt"] == 1
        assert status["error"]["code"] == "bad_file"


# ---- cancel ----


def a_running_job_is_cancelled_at_once() -> None:
    with running() as (_, client):
        job = submit(client, "test-slow 100 50")
        client.wait(job, "running")
        time.sleep(0.3)
        answer = client.call("POST", f"/jobs/{job}/cancel")
        assert answer.status in (200, 202)
        took = seconds_until(client, job, *FINAL)
        assert client.call("GET", f"/jobs/{job}").json["state"] == "cancelled"
        assert took < 5 * SLOWER, f"{took:.2f} s"
        assert client.call("POST", f"/jobs/{job}/cancel").status == 200, "again is no error"
        assert client.call("GET", f"/artifacts/{job}").status == 409


def a_deaf_generator_is_killed_after_two_seconds() -> None:
    with running() as (_, client):
        job = submit(client, "test-deaf 200 100")
        client.wait(job, "running")
        time.sleep(0.3)
        client.call("POST", f"/jobs/{job}/cancel")
        took = seconds_until(client, job, *FINAL)
        assert client.call("GET", f"/jobs/{job}").json["state"] == "cancelled"
        assert took < 20, f"{took:.2f} s"
        assert client.make()["state"] == "succeeded"


def order_is_priority_then_first_come() -> None:
    with running() as (_, client):
        first = submit(client, "test-slow 20 50")
        low = submit(client, "a", priority=-5)
        one, two = submit(client, "b"), submit(client, "c")
        high = submit(client, "d", priority=5)
        waiting = submit(client, "e")
        assert client.call("GET", f"/jobs/{low}").json["queue_position"] == 5
        assert client.call("GET", f"/jobs/{high}").json["queue_position"] == 1
        cancelled = client.call("POST", f"/jobs/{waiting}/cancel")
        assert cancelled.status == 200 and cancelled.json["state"] == "cancelled"
        client.wait(low, *FINAL)
        takes = client.call("GET", "/artifacts").json["artifacts"]
        made = [each["job_id"] for each in reversed(takes)]
        assert made == [first, high, one, two, low], made


def a_full_queue_says_when_to_try_again() -> None:
    with running("--queue", "2") as (_, client):
        job = submit(client, "test-slow 100 50")
        client.wait(job, "running")
        submit(client, "a")
        submit(client, "b")
        answer = client.call("POST", "/generate", {"prompt": "c"})
        assert (answer.status, answer.code) == (429, "queue_full")
        assert int(answer.headers["retry-after"]) > 0


# ---- beginning and ending ----


def a_stop_lets_the_running_job_finish() -> None:
    with running() as (worker, client):
        job = submit(client, "test-slow 40 100")
        client.wait(job, "running")
        assert worker.process is not None
        worker.process.send_signal(signal.SIGTERM)
        refused = client.call("POST", "/generate", {"prompt": "late"})
        while refused.status == 202:  # until the signal has come through
            time.sleep(0.02)
            refused = client.call("POST", "/generate", {"prompt": "late"})
        assert refused.status == 503 and "retry-after" in refused.headers, refused.status
        assert client.call("GET", f"/jobs/{job}").status == 200, "it can still be asked"
        assert worker.process.wait(20) == 0
        worker.start()
        worker.wait_until_ready()
        assert client.call("GET", f"/jobs/{job}").json["state"] == "succeeded"


def what_does_not_finish_in_time_comes_back_uncounted() -> None:
    with running("--shutdown-grace", "0.3") as (worker, client):
        job = submit(client, "test-slow 40 50")
        client.wait(job, "running")
        assert worker.stop() == 0
        worker.start()
        worker.wait_until_ready()
        status = client.wait(job, *FINAL)
        assert status["state"] == "succeeded" and status["attempt"] == 1, status


def a_second_signal_stops_at_once() -> None:
    with running() as (worker, client):
        job = submit(client, "test-slow 400 50")
        client.wait(job, "running")
        assert worker.process is not None
        begin = time.monotonic()
        worker.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(15) == 0
        assert time.monotonic() - begin < 10


def one_worker_for_a_data_folder() -> None:
    with running() as (worker, _):
        done = subprocess.run(
            [PROGRAM, "serve", "--listen", "none"],
            env=worker.environment(""),
            text=True,
            capture_output=True,
            check=False,
            timeout=30,
        )
        assert worker.process is not None
        assert done.returncode == 1 and str(worker.process.pid) in done.stderr, done.stderr


def a_worker_for_a_client_ends_when_nobody_is_left() -> None:
    with tempfile.TemporaryDirectory(prefix="timbre-behaviour-") as folder:
        worker = Worker(Path(folder))
        process = subprocess.Popen(
            [PROGRAM, "serve", "--on-demand", "--idle-exit", "1"],
            env=worker.environment(""),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        place = process.stdout.readline().split()[-1]
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(place)
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(100)
        time.sleep(2)
        assert process.poll() is None, "a stream is open"
        connection.close()
        assert process.wait(30) == 0
        assert not Path(place).exists()


def the_model_leaves_memory_when_it_is_not_used() -> None:
    with running("--keep-loaded", "1") as (worker, client):
        client.make()
        assert client.call("GET", "/health").json["loaded_model_id"] == "sketch"
        for _ in range(100):
            if client.call("GET", "/health").json["loaded_model_id"] is None:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("it stays")
        assert worker.note_generators() == []


# ---- space, doors, the cage ----


def jobs_wait_for_space_and_nothing_is_lost() -> None:
    with running("--reserve-mb", "50000000") as (_, client):
        job = submit(client, "piano")
        for _ in range(100):
            health = client.call("GET", "/health").json
            if health["status"] == "degraded":
                break
            time.sleep(0.05)
        assert "MB are free" in health["message"]
        assert client.call("GET", f"/jobs/{job}").json["state"] == "queued"


def strangers_need_a_key() -> None:
    with tempfile.TemporaryDirectory(prefix="timbre-behaviour-") as folder:
        worker = Worker(Path(folder))
        words = [PROGRAM, "serve", "--listen", f"0.0.0.0:{free_port()}"]
        done = subprocess.run(
            words,
            env=worker.environment(""),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 2 and "--api-key-file" in done.stderr, done.stderr
        key = Path(folder) / "key"
        key.write_text("0123456789abcdef-secret\n", encoding="utf-8")
        key.chmod(0o644)
        done = subprocess.run(
            [*words, "--api-key-file", str(key)],
            env=worker.environment(""),
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 2 and "chmod 600" in done.stderr, done.stderr
        key.chmod(0o600)
        worker.arguments = ("--api-key-file", str(key))
        worker.start()
        try:
            client = Client(worker.port)
            for _ in range(100):
                try:
                    if client.call("GET", "/readyz").status == 200:
                        break
                except OSError:
                    time.sleep(0.05)
            assert client.call("GET", "/health").status == 401
            for wrong in ("", "0123456789abcdef", "0123456789abcdef-secret2"):
                assert client.call("GET", "/jobs", Authorization=f"Bearer {wrong}").status == 401
            assert (
                client.call("GET", "/jobs", Authorization="Bearer 0123456789abcdef-secret").status
                == 200
            )
        finally:
            worker.stop()


def the_generator_is_caged() -> None:
    lacks = subprocess.run([PROGRAM, "doctor"], capture_output=True, text=True, check=False).stdout
    with running() as (worker, client):
        client.make()
        (pid,) = worker.note_generators()
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        assert "\nNoNewPrivs:\t1\n" in status
        assert "\nSeccomp:\t2\n" in status or "seccomp" in lacks, status
        files = {str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()}
        assert not [each for each in files if "timbre.db" in each or "worker.lock" in each], files
        assert len([each for each in files if each.startswith("socket:")]) == 1, files
        assert os.getpriority(os.PRIO_PROCESS, pid) == 5


def a_neural_model_shows_steps_and_pictures() -> None:
    with running("--model", str(TINY)) as (_, client):
        health = client.call("GET", "/health").json
        assert health["default_model_id"] == "tiny", health
        assert "riffusion" in health["available_backends"]
        job = submit(client, "piano", steps=30, seed=3)
        seen: list[tuple[int, int]] = []
        preview = 0
        while True:
            status = client.call("GET", f"/jobs/{job}").json
            if status["step"] is not None:
                seen.append((status["step"], status["steps"]))
            preview += client.call("GET", f"/jobs/{job}/preview.png").status == 200
            if status["state"] in FINAL:
                break
        assert status["state"] == "succeeded", status
        assert seen and all(steps == 30 for _, steps in seen) and seen == sorted(seen)
        assert preview > 0
        picture = client.call("GET", f"/artifacts/{job}/spectrogram.png").body
        assert b"eXIf" in picture, "the model's own picture, with Riffusion's EXIF block"
        recipe = client.call("GET", f"/artifacts/{job}/recipe").json
        assert recipe["request"]["model_id"] == "tiny", "a name, never a place"


def connections_beyond_the_limit_do_no_harm() -> None:
    """Slow readers and idle connections: the worker answers others, and keeps nothing of them."""
    with running() as (worker, client):
        client.make(seconds=20)
        assert worker.process is not None
        files = Path(f"/proc/{worker.process.pid}/fd")
        before = len(list(files.iterdir()))
        slow = []
        for _ in range(200):
            connection = socket.create_connection(("127.0.0.1", worker.port))
            connection.sendall(b"GET /artifacts/1/audio HTTP/1.1\r\nHost: localhost\r\n\r\n")
            slow.append(connection)
        begin = time.monotonic()
        assert client.call("GET", "/jobs").status == 200
        assert time.monotonic() - begin < 10
        for connection in slow:
            connection.close()
        for _ in range(100):
            if len(list(files.iterdir())) <= before + 2:
                return
            time.sleep(0.1)
        raise AssertionError(f"{before} descriptors became {len(list(files.iterdir()))}")


def many_clients_at_once_get_one_take_each() -> None:
    with running() as (_, client):
        jobs: list[str] = []
        threads = [
            threading.Thread(target=lambda i=i: jobs.append(submit(client, f"piano {i}")))
            for i in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for job in jobs:
            assert client.wait(job, *FINAL)["state"] == "succeeded"
        takes = client.call("GET", "/artifacts").json["artifacts"]
        assert sorted(each["job_id"] for each in takes) == sorted(jobs)
        assert len({each["artifact_path"] for each in takes}) == 20


def a_status_is_answered_while_all_cores_work() -> None:
    """Ten times the bound of the benchmark (5 ms): other tests run beside this one."""
    with running() as (_, client):
        job = submit(client, "piano", duration_seconds=300)
        client.wait(job, "running")
        times = []
        for _ in range(300):
            begin = time.monotonic()
            assert client.call("GET", f"/jobs/{job}").status == 200
            times.append(time.monotonic() - begin)
        assert sorted(times)[len(times) * 9 // 10] < 0.05 * SLOWER, sorted(times)[-30:]


CASES = [
    a_crash_costs_an_attempt_and_two_fail_the_job,
    a_hang_is_ended_by_the_watchdog,
    a_refusal_is_no_crash,
    a_running_job_is_cancelled_at_once,
    a_deaf_generator_is_killed_after_two_seconds,
    order_is_priority_then_first_come,
    a_full_queue_says_when_to_try_again,
    a_stop_lets_the_running_job_finish,
    what_does_not_finish_in_time_comes_back_uncounted,
    a_second_signal_stops_at_once,
    one_worker_for_a_data_folder,
    a_worker_for_a_client_ends_when_nobody_is_left,
    the_model_leaves_memory_when_it_is_not_used,
    jobs_wait_for_space_and_nothing_is_lost,
    strangers_need_a_key,
    the_generator_is_caged,
    a_neural_model_shows_steps_and_pictures,
    connections_beyond_the_limit_do_no_harm,
    many_clients_at_once_get_one_take_each,
    a_status_is_answered_while_all_cores_work,
]

if __name__ == "__main__":
    tap.run([(each.__name__, each) for each in CASES], n_at_once=3)
