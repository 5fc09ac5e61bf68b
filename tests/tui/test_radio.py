#!/usr/bin/env python3
"""`timbre radio` with a worker: what is asked of it, what is recorded, and how it ends.
TIMBRE_BIN names the program with misbehaviour on demand; TIMBRE_TESTS_DIR the tests' data. Prints
TAP."""

from __future__ import annotations

import array
import fcntl
import io
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import tap
from home import PROGRAM, SLOWER, WAIT_S, Home, wait_until

TINY = Path(os.environ["TIMBRE_TESTS_DIR"]) / "models" / "tiny"
JOIN = 4410  # frames that two clips share
FADE = 4410  # of the fade when it is stopped
RATE = 44100
FINAL = ("succeeded", "failed", "cancelled")
Samples: TypeAlias = "array.array[int]"


@contextmanager
def with_model() -> Iterator[Home]:
    """A home whose worker answers with the tiny model of random weights."""
    with Home(TIMBRE_MODEL="") as home:
        with (home.path / "serve.log").open("ab") as log:
            words = [str(PROGRAM), "serve", "--listen", "none", "--model", str(TINY)]
            worker = subprocess.Popen(
                words, env=home.env, cwd=home.path, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_until(
                lambda: list((home.path / "run" / "timbre").glob("*.sock")), lambda: "no socket"
            )
            yield home
        finally:
            worker.terminate()
            worker.wait(60)


def start(home: Home, *words: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, "radio", *words], env=home.env | env, cwd=home.path, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def radio(home: Home, *words: str, **env: str) -> tuple[int, str, str]:
    """To its end: exit code, standard output, standard error."""
    process = start(home, *words, **env)
    try:
        out, err = process.communicate(timeout=WAIT_S * 8)
    finally:
        process.kill()
    return process.returncode, out, err


def samples_of(data: bytes) -> Samples:
    """Interleaved, of two channels; one channel is heard on both."""
    with wave.open(io.BytesIO(data)) as sound:
        assert sound.getnchannels() <= 2 and sound.getframerate() == RATE
        found = array.array("h")
        found.frombytes(sound.readframes(sound.getnframes()))
        if sound.getnchannels() == 2:
            return found
        return array.array("h", (each for each in found for _ in range(2)))


def recorded(home: Home, name: str) -> Samples:
    return samples_of((home.path / name).read_bytes())


def clips(home: Home) -> list[Samples]:
    """Sounds of the takes that the worker has, in the order they were made."""
    takes: list[dict[str, Any]] = home.ask("/artifacts?limit=200")["artifacts"]
    found = [home.get(f"/artifacts/{each['job_id']}/audio") for each in reversed(takes)]
    return [samples_of(each) for each in found]


def requests(home: Home) -> list[dict[str, Any]]:
    takes: list[dict[str, Any]] = home.ask("/artifacts?limit=200")["artifacts"]
    found = [home.ask(f"/artifacts/{each['job_id']}/recipe") for each in reversed(takes)]
    return [each["request"] for each in found]


def longest_silence(sound: Samples) -> float:
    """Seconds in which both channels stay within one step of 16 bits."""
    longest = current = 0
    for sample in sound:
        current = current + 1 if -1 <= sample <= 1 else 0
        longest = max(longest, current)
    return longest / 2 / RATE


def assert_joined(sound: Samples, parts: list[Samples]) -> None:
    """One after another with joins between, sample for sample outside of the joins."""
    at = 0
    for i, part in enumerate(parts):
        first = 0 if i == 0 else JOIN
        last = len(part) // 2 - JOIN
        kept = sound[2 * (at + first) : 2 * (at + last)]
        assert kept == part[2 * first : 2 * last], f"clip {i}"
        at += last
    assert len(sound) // 2 == at + JOIN, "the last one to its end"


# ---- what is recorded ----


def clips_of_a_model_become_one_sound() -> None:
    with with_model() as home:
        words = ("--seed", "7", "--steps", "2", "-n", "4", "--no-play", "-o", "r.wav")
        code, out, err = radio(home, "rain on a roof -> church bells", *words)
        assert (code, out) == (0, "r.wav\n"), (code, out, err)
        made = requests(home)
        assert [each["alpha"] for each in made] == [0, 0.25, 0.5, 0.75], made
        for each in made:
            assert (each["prompt"], each["prompt_b"]) == ("rain on a roof", "church bells"), each
            assert (each["seed"], each["seed_b"], each["steps"]) == (7, 7, 2), each
            assert (each["init"], each["strength"]) == ("og_beat", 0.75), each
        parts = clips(home)
        assert len(parts) == 4 and len({len(each) for each in parts}) == 1
        sound = recorded(home, "r.wav")
        assert len(sound) // 2 == 4 * (len(parts[0]) // 2 - JOIN) + JOIN
        assert_joined(sound, parts)
        assert longest_silence(sound) < 0.02, longest_silence(sound)
        assert err.count("playing: rain on a roof -> church bells, alpha ") == 4, err


def one_prompt_goes_from_seed_to_seed() -> None:
    with with_model() as home:
        words = (
            "--seed",
            "7",
            "--steps",
            "2",
            "--step",
            "1",
            "-n",
            "3",
            "--no-play",
            "-o",
            "r.wav",
        )
        code, _, err = radio(home, "rain", "--init", "vibes", "--strength", "0.9", *words)
        assert code == 0, err
        made = [(each["alpha"], each["seed"], each["seed_b"]) for each in requests(home)]
        assert made == [(0, 7, 8), (1, 7, 8), (1, 8, 9)], made
        assert all(each["init"] == "vibes" for each in requests(home))


def the_sketch_plays_loops_of_the_nearer_prompt() -> None:
    with Home() as home:
        words = ("--seed", "7", "--length", "2", "-n", "4", "--no-play", "-o", "r.wav")
        code, _, err = radio(home, "techno", "funk bassline", "--steps", "2", *words)
        assert code == 0 and err.count("the sketch cannot blend") == 1, err
        made = requests(home)
        assert [each["prompt"] for each in made] == ["techno"] * 2 + ["funk bassline"] * 2, made
        assert all(each["loop"] and each["seed"] == 7 for each in made), made
        parts, sound = clips(home), recorded(home, "r.wav")
        assert len(sound) == sum(map(len, parts)), "loops keep their time"
        at = 0
        for part in parts:
            kept = slice(2 * JOIN, len(part) - 2 * JOIN)
            assert sound[at + kept.start : at + kept.stop] == part[kept]
            at += len(part)


def what_was_played_can_leave_the_history() -> None:
    with Home() as home:
        words = ("--length", "1", "-n", "3", "--no-play", "-o", "r.wav", "--discard")
        code, _, err = radio(home, "techno", *words)
        assert code == 0, err
        assert home.takes() == []
        assert len(home.ask("/artifacts?trashed=true")["artifacts"]) == 3
        code, _, err = radio(home, "techno", "--length", "1", "-n", "1", "--no-play", "-o", "s.wav")
        assert code == 0 and len(home.takes()) == 1, "they stay otherwise"


def a_recording_is_not_overwritten() -> None:
    with Home() as home:
        (home.path / "r.wav").write_text("mine")
        words = ("--length", "1", "-n", "1", "--no-play", "-o", "r.wav")
        code, out, err = radio(home, "techno", *words)
        assert (code, out) == (1, "") and "'r.wav' exists" in err, err
        assert (home.path / "r.wav").read_text() == "mine"
        code, out, err = radio(home, "techno", "--force", *words)
        assert code == 0 and len(recorded(home, "r.wav")) > RATE, err


# ---- refused ----


def without_sound_it_says_so_or_records() -> None:
    with Home() as home:
        code, out, err = radio(home, "techno", SDL_AUDIODRIVER="no-such-driver")
        assert (code, out) == (6, "") and err.count("\n") == 2, err
        assert "no sound output" in err and "--record" in err
        words = ("--length", "1", "-n", "2", "-o", "r.wav")
        code, _, err = radio(home, "techno", *words, SDL_AUDIODRIVER="no-such-driver")
        assert code == 0 and "it is only recorded" in err, err
        assert len(recorded(home, "r.wav")) > 2 * RATE


def what_makes_no_sense_is_refused() -> None:
    with Home() as home:
        for words, message in (
            ((), "no prompt was given"),
            (("rain ->",), "prompt 2 of the radio is empty"),
            (("rain", "--no-play"), "--no-play needs --record"),
            (("rain", "--alpha", "0.5"), "--alpha: the radio decides it"),
            (("rain", "--prompt-b", "x"), "--prompt-b: the radio decides it"),
            (("rain", "--step", "0"), "step"),
        ):
            code, _, err = radio(home, *words)
            assert code == 2 and message in err, (words, err)


def a_clip_that_cannot_be_made_ends_it() -> None:
    with Home() as home:
        code, _, err = radio(home, "test-fail", "--no-play", "-o", "r.wav")
        assert code == 1 and "asked to fail" in err, err
        assert not (home.path / "r.wav").exists(), "nothing was heard"
        words = ("--step", "1", "--length", "1", "--no-play", "-o", "r.wav")
        code, _, err = radio(home, "techno", "test-fail", *words)
        assert code == 1 and "asked to fail" in err, err
        assert len(recorded(home, "r.wav")) > RATE, "what was heard stays"


# ---- as it plays ----


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Lines of standard error up to the one that has it."""
    assert process.stderr is not None
    found = ""
    for line in process.stderr:
        found += line
        if text in line:
            return found
    raise AssertionError(f"{text!r} not in {found!r}")


def a_late_clip_leaves_no_gap_and_ctrl_c_ends_it() -> None:
    """The second clip takes its time; the first one goes round until Ctrl-C."""
    with Home() as home:
        words = ("--step", "1", "--length", "1", "--seed", "1", "-o", "r.wav")
        process = start(home, "techno", "test-slow 400 50", *words)
        try:
            read_until(process, "late: looping")
            time.sleep(0.5)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=WAIT_S)
        finally:
            process.kill()
        assert process.returncode == 130, (process.returncode, err)
        assert time.monotonic() - began < 5 * SLOWER, "it does not wait for the clip"
        assert out == "r.wav\n" and err == "", (out, err)
        wait_until(lambda: home.jobs()[0]["state"] in FINAL, lambda: str(home.jobs()))
        assert home.jobs()[0]["state"] == "cancelled", home.jobs()
        (part,), sound = clips(home), recorded(home, "r.wav")
        assert len(sound) > len(part) + 2 * FADE, "more than one round was heard"
        kept = len(sound) - 2 * FADE
        assert all(sound[i] == part[i % len(part)] for i in range(kept)), "round to the sample"
        assert max(map(abs, sound[-200:])) < 1500, "it fades"


def the_next_clip_is_ready_in_time() -> None:
    """A machine that stood still may be late once: it is not late every time."""
    words = ("--length", "2", "-n", "3", "--step", "0.5", "-o", "r.wav")
    told: list[str] = []
    while len(told) < 3:
        with Home() as home:
            code, _, err = radio(home, "techno", *words)
            assert code == 0 and err.count("playing:") == 3, err
            n_made, n_heard = sum(map(len, clips(home))), len(recorded(home, "r.wav"))
        told.append(err)
        if "late" not in err:
            assert n_heard == n_made, (n_heard, n_made)
            return
        assert n_heard > n_made, "what is late is looped"
    assert SLOWER > 1, told  # a sanitizer may be slower than the music


class Terminal:
    """A radio in a terminal."""

    def __init__(self, home: Home, *words: str) -> None:
        self.out = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(home.path)
            os.execve(PROGRAM, ["timbre", "radio", *words], home.env | {"TERM": "xterm-256color"})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.code: int | None = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def read(self) -> None:
        while select.select([self.fd], [], [], 0)[0]:
            try:
                got = os.read(self.fd, 4096)
            except OSError:
                return
            if not got:
                return
            self.out += got

    def has_ended(self) -> bool:
        self.read()
        pid, status = (0, 0) if self.code is not None else os.waitpid(self.pid, os.WNOHANG)
        if pid:
            self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def end(self) -> int:
        wait_until(self.has_ended, lambda: f"it does not end: {self.out!r}")
        assert self.code is not None
        return self.code

    def line(self) -> str:
        """As it stands now."""
        self.read()
        return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", self.out.decode()).split("\r")[-1]

    def want(self, pattern: str) -> None:
        wait_until(
            lambda: re.search(pattern, self.line()), lambda: f"{pattern!r} not in {self.out!r}"
        )

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())


def keys_pause_skip_and_quit() -> None:
    with Home() as home:
        words = ("--length", "1", "--seed", "1", "techno -> test-slow 4 50 -> church bells")
        with Terminal(home, *words) as terminal:
            terminal.want(r"^playing techno -> test-slow 4 50 0\S* seed 1 \| ")
            terminal.type(" ")
            terminal.want(r"^paused ")
            before = terminal.line()
            time.sleep(1.5)
            assert terminal.line().split("|")[0] == before.split("|")[0], "it stands still"
            terminal.type(" n")
            terminal.want(r"^playing test-slow 4 50 -> church bells 0 ")
            terminal.type("nn")
            terminal.want(r"^playing techno -> test-slow 4 50 0\S* seed 2 ")
            terminal.type("q")
            assert terminal.end() == 0
            mode = termios.tcgetattr(terminal.fd)[3]
            assert mode & termios.ECHO and mode & termios.ICANON, "the terminal as it was"


def ctrl_z_gives_the_terminal_back() -> None:
    with Home() as home, Terminal(home, "techno", "--length", "1") as terminal:
        terminal.want("^playing techno")
        assert not termios.tcgetattr(terminal.fd)[3] & termios.ICANON
        terminal.type("\x1a")

        def is_stopped() -> bool:
            return Path(f"/proc/{terminal.pid}/stat").read_text().rsplit(") ", 1)[1][0] == "T"

        # nobody leads its session: the system may not stop it, and then it plays on
        try:
            wait_until(is_stopped, lambda: "", 2)
        except AssertionError:
            terminal.want("^playing techno")
        else:
            assert termios.tcgetattr(terminal.fd)[3] & termios.ICANON
            os.kill(terminal.pid, signal.SIGCONT)
            terminal.want("^playing techno")
        terminal.type("\x03")
        assert terminal.end() == 130


# ---- elsewhere ----


def the_line_mode_has_it() -> None:
    with Home() as home:
        process = subprocess.Popen(
            [PROGRAM, "chat"], env=home.env, cwd=home.path, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        try:
            process.stdin.write("/length 1\n/loop true\n/seed 5\n/radio techno -> church bells\n")
            process.stdin.flush()
            read_until(process, "playing: techno -> church bells, alpha 0, seed 5")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate("rain\n/quit\n", timeout=WAIT_S)
        finally:
            process.kill()
        assert process.returncode == 0 and "cancelled" in err, err
        assert out.endswith(".wav\n"), "the next line is read"


CASES = [
    clips_of_a_model_become_one_sound,
    one_prompt_goes_from_seed_to_seed,
    the_sketch_plays_loops_of_the_nearer_prompt,
    what_was_played_can_leave_the_history,
    a_recording_is_not_overwritten,
    without_sound_it_says_so_or_records,
    what_makes_no_sense_is_refused,
    a_clip_that_cannot_be_made_ends_it,
    a_late_clip_leaves_no_gap_and_ctrl_c_ends_it,
    the_next_clip_is_ready_in_time,
    keys_pause_skip_and_quit,
    ctrl_z_gives_the_terminal_back,
    the_line_mode_has_it,
]

if __name__ == "__main__":
    tap.run([(each.__name__, each) for each in CASES], n_at_once=3)
