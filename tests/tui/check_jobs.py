"""Jobs, from a prompt to a take, and what comes between."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from home import SLOWER, WAIT_S, Home, free_port, wait_until
from terminal import Tmux

TINY = Path(os.environ.get("TIMBRE_TESTS_DIR", "tests/data")).resolve() / "models" / "tiny"
N_STEPS = 20  # of those that the hook slows down
STEP = re.compile(r"denoise +(\d+)/(\d+)")
LEFT = re.compile(r"(\d+):(\d\d) left|left +(\d+):(\d\d)")


def a_prompt_becomes_a_take_with_all_its_files() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-slow 10 100 church bells")
        studio.want("denoise")
        card = studio.want_match("✓ #1.*[▁-█].*")[0]  # with its wave
        (take,) = home.takes()
        assert take["metadata"]["prompt"] == "test-slow 10 100 church bells"
        path = Path(take["artifact_path"])
        assert home.audio_files() == [path]
        with wave.open(str(path)) as sound:
            assert sound.getnframes() > 0 and sound.getframerate() == 44100
        sidecar = json.loads(path.with_name(path.name + ".json").read_text())
        assert sidecar["metadata"]["prompt"] == take["metadata"]["prompt"]
        assert str(take["metadata"]["seed"]) in card, card


def progress_is_that_of_the_engine() -> None:
    """With a neural model of random weights, whose steps are slow on purpose."""
    slow = {"TIMBRE_MODEL": str(TINY), "TIMBRE_TEST_STEP_MS": "300"}
    with Home(**slow) as home, Tmux(home) as studio:
        studio.want("tiny")
        studio.submit(f"/steps {N_STEPS}")
        studio.submit("true bells")
        studio.want("denoise")
        seen: list[tuple[float, int, int | None]] = []
        for _ in range(400):
            before = engine_step(home)
            screen, at = studio.screen(), time.monotonic()
            after = engine_step(home)
            if found := STEP.search(screen):
                step, steps = int(found[1]), int(found[2])
                assert steps == N_STEPS, found[0]
                if before is not None and after is not None:
                    assert before - 2 <= step <= after + 1, (before, step, after)
                seen.append((at, step, seconds_left(screen)))
            elif seen:
                break
            time.sleep(0.15)
        ended_at = time.monotonic()
        steps_seen = [step for _, step, _ in seen]
        assert steps_seen == sorted(steps_seen), steps_seen
        assert len(set(steps_seen)) >= 6, steps_seen
        told = [(at, left) for at, step, left in seen if step > 5 and left is not None]
        assert told, "the time that is left was never told"
        for at, left in told:
            rest = ended_at - at
            # steps of a shared machine are not alike; a sanitizer's even less
            limit = max(2.5, rest) * (1.5 if SLOWER == 1 else 3)
            assert abs(left - rest) < limit, f"{left} s told, {rest:.1f} s left"
        studio.want("✓ #1")


def engine_step(home: Home) -> int | None:
    step = home.job("true bells")["step"]
    return None if step is None else int(step)


def seconds_left(screen: str) -> int | None:
    if found := LEFT.search(screen):
        minutes, seconds = found[1] or found[3], found[2] or found[4]
        return int(minutes) * 60 + int(seconds)
    return None


def a_second_prompt_queues_while_the_first_runs() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-slow 30 100 first bells")
        studio.submit("second quiet piano")
        studio.want("1 ahead")
        studio.want("✓ #1")
        studio.want("✓ #2")
        prompts = [take["metadata"]["prompt"] for take in home.takes()]
        assert sorted(prompts) == ["second quiet piano", "test-slow 30 100 first bells"], prompts


def cancel_is_announced_and_leaves_nothing() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-slow 200 100 endless")
        studio.want("denoise")
        studio.submit("after it a piano")
        studio.type("a draft of mine")
        studio.want("a draft of mine")
        studio.keys("C-c")  # empties the prompt first
        studio.want_gone("a draft of mine")
        studio.want("again to cancel")
        assert home.job("endless")["state"] == "running"
        studio.keys("C-c")
        studio.want("cancelled")
        studio.want("✓ #1")
        assert home.job("endless")["state"] == "cancelled"
        assert [each.suffix for each in home.audio_files()] == [".wav"]
        studio.keys("Up")
        studio.want("a draft of mine")


def a_failure_says_why_and_keeps_the_prompt_in_reach() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-fail piano")
        studio.want("asked to fail")
        assert home.job("test-fail")["state"] == "failed"
        assert "✓" not in studio.screen()
        assert "✗" in studio.screen()
        studio.keys("Up")
        studio.want("test-fail piano")


def a_generator_that_dies_is_told_as_failure() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-kill piano")
        studio.want("✗", limit_s=WAIT_S * 2)
        assert home.job("test-kill")["state"] == "failed"
        studio.submit("solo harp")
        studio.want("✓ #1")


def an_error_can_be_read_to_its_end() -> None:
    with Home() as home, Tmux(home, 60, 20) as studio:
        studio.want("F1 help")
        studio.submit("test-kill piano")
        studio.want("✗", limit_s=WAIT_S * 2)
        assert "shorter take" not in studio.screen(), "it fits: this case needs a longer message"
        studio.keys("Tab")
        studio.settle(0.15)
        studio.keys("i")
        error = home.job("test-kill")["error"]
        studio.want("fix ")
        assert "#0" not in studio.screen(), "a number that it does not have"
        for part in (error["message"], error["fix"]):
            for word in part.split():
                assert word in studio.screen(), (word, studio.screen())


def an_absent_worker_is_waited_for_and_sent_to() -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Home(TIMBRE_WORKER_URL=url) as home, Home() as other, Tmux(home) as studio:
        studio.want("worker offline")
        studio.submit("from afar a piano")
        studio.want_that(lambda: studio.screen().count("from afar a piano") >= 1, "kept")
        studio.type("still typing")
        studio.want("still typing")
        with other.serving(port):
            studio.want("✓ #1", limit_s=WAIT_S * 3)
            assert "worker offline" not in studio.screen()
            assert "still typing" in studio.screen()
            (take,) = other.takes()
            assert take["metadata"]["prompt"] == "from afar a piano"
            assert home.audio_files() == [], "the studio has no folder in common with it"
            play_over_http(studio, other)
        studio.want("worker offline", limit_s=WAIT_S * 2)


def play_over_http(studio: Tmux, other: Home) -> None:
    """The worker counts who asks it for sound."""
    studio.keys("C-u", "Tab")
    studio.keys("Enter")
    studio.want("▶ #1")
    sent = re.compile(r'requests_total\{method="GET",route="[^"]*/audio",status="20[06]"\} [1-9]')
    wait_until(lambda: sent.search(other.get("/metrics").decode()), lambda: "no sound was sent")


def a_worker_that_is_killed_is_started_again() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("solo harp")
        studio.want("✓ #1")
        pid = home.worker_pid()
        assert pid, "no worker"
        subprocess.run(["kill", "-9", str(pid)], check=True)
        wait_until(lambda: home.worker_pid() != pid, lambda: "it lives")
        studio.submit("solo flute")
        studio.want("✓ #2", limit_s=WAIT_S * 3)


class OtherWorker(BaseHTTPRequestHandler):
    """One of another version, as far as the studio asks at its start."""

    def do_GET(self) -> None:  # noqa: N802 (its name there)
        if self.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write(b"retry: 2000\n\n")
            time.sleep(WAIT_S)
            return
        health = {"status": "ok", "version": "9.1.0", "default_model_id": "sketch"}
        nothing: dict[str, object] = {"jobs": [], "artifacts": [], "models": [], "next": None}
        body = json.dumps(health if self.path == "/health" else nothing).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        pass


def a_worker_of_another_version_is_told() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), OtherWorker)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    with Home(TIMBRE_WORKER_URL=url) as home, Tmux(home) as studio:
        studio.want("! worker 9.1.0, this is ")
    server.shutdown()


CASES = [
    a_prompt_becomes_a_take_with_all_its_files,
    progress_is_that_of_the_engine,
    a_second_prompt_queues_while_the_first_runs,
    cancel_is_announced_and_leaves_nothing,
    a_failure_says_why_and_keeps_the_prompt_in_reach,
    a_generator_that_dies_is_told_as_failure,
    an_error_can_be_read_to_its_end,
    an_absent_worker_is_waited_for_and_sent_to,
    a_worker_that_is_killed_is_started_again,
    a_worker_of_another_version_is_told,
]
