#!/usr/bin/env python3
"""`timbre chat`, the line mode: through pipes, and in terminals that are read byte by byte.
TIMBRE_BIN names the program with misbehaviour on demand. Prints TAP."""

from __future__ import annotations

import fcntl
import json
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
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import tap
from home import PROGRAM, SLOWER, WAIT_S, Home, free_port, wait_until

ESCAPE = b"\x1b"
DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "chat.md"
Done = subprocess.CompletedProcess[bytes]


def chat(home: Home, lines: str | bytes, *words: str) -> Done:
    """All lines at once through a pipe; what came out never steers a terminal."""
    given = lines.encode() if isinstance(lines, str) else lines
    done = subprocess.run(
        [PROGRAM, "chat", *words], input=given, env=home.env, cwd=home.path,
        capture_output=True, timeout=WAIT_S * 4, check=False,
    )  # fmt: skip
    assert ESCAPE not in done.stdout + done.stderr, done
    return done


def request_of(home: Home, name: str) -> dict[str, Any]:
    found: dict[str, Any] = home.ask(f"/artifacts/{name}/recipe")["request"]
    return found


# ---- through pipes ----


def each_prompt_gives_a_path_and_nothing_else() -> None:
    with Home() as home:
        done = chat(home, "/length 1\nrain\n\n  church bells \r\nno end of line")
        assert done.returncode == 0, done
        paths = [Path(each) for each in done.stdout.decode().splitlines()]
        assert len(paths) == 3 and all(each.is_file() for each in paths), done
        prompts = [each["metadata"]["prompt"] for each in reversed(home.takes())]
        assert prompts == ["rain", "church bells", "no end of line"], prompts


def an_empty_input_is_no_failure() -> None:
    with Home() as home:
        done = chat(home, "")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done
        assert home.worker_pid() == 0, "nothing was asked: no worker is started"


def settings_change_the_recipe_until_they_are_taken_back() -> None:
    with Home() as home:
        lines = "/length 1.5\n/set seed 7\n/loop on\none\n/seed off\n/loop off\n/length 1\ntwo\n"
        assert chat(home, lines).returncode == 0
        one, two = request_of(home, "1"), request_of(home, "2")
        assert (one["duration_seconds"], one["seed"], one["loop"]) == (1.5, 7, True), one
        assert two["duration_seconds"] == 1 and two["seed"] != 7 and not two["loop"], two


def options_are_the_settings_to_begin_with() -> None:
    with Home() as home:
        done = chat(home, "/length\n/seed\n/settings\n", "--length", "2", "-s", "9")
        shown = done.stdout.decode().splitlines()
        assert shown[:2] == ["length: 2", "seed: 9"] and "format: wav" in shown, shown
        done = chat(home, "x\n", "--cfg", "900")
        assert done.returncode == 2 and b"--cfg" in done.stderr, done


def a_wrong_value_leaves_the_old_one() -> None:
    with Home() as home:
        done = chat(home, "/length 2\n/length 9999\n/length 1:30\n/length\n")
        assert done.stdout == b"length: 2\n", done
        assert done.stderr.count(b"/length: ") == 2 and b"600" in done.stderr, done


def an_unknown_command_is_never_run() -> None:
    with Home() as home:
        done = chat(home, "/lenght 5\n/delet last\n/zzzzzz\n/\n")
        said = done.stderr.decode()
        assert "did you mean /length?" in said and "did you mean /delete?" in said, said
        assert "there is no command '/zzzzzz'" in said and said.count("fix: ") == 4, said
        assert done.stdout == b"" and home.worker_pid() == 0, done


def commands_want_what_they_want() -> None:
    with Home() as home:
        done = chat(home, "/quit now\n/delete\n/star twelve\n/export last\n/set pitch 5\n")
        said = done.stderr.decode()
        assert "/quit takes nothing behind it" in said, said
        assert "/delete needs more behind it" in said, said
        assert "'twelve' is no take" in said and "there is no setting 'pitch'" in said, said
        assert "does not end in a format of sound" in said, said


def takes_are_found_kept_and_made_again() -> None:
    with Home() as home:
        done = chat(
            home,
            "/length 1\n/seed 5\nrain and piano\n/seed off\n/star #1\n/takes RAIN\n/takes brass\n"
            "/again 1\n/repeat #1\n/delete last\n/takes\n/restore #3\n",
        )
        lines = done.stdout.decode().splitlines()
        assert done.returncode == 0 and len(lines) == 6, done
        assert lines[1].startswith("#1 with a star: rain and piano; 1.0 s, sketch, "), lines
        assert [each.split(":")[0] for each in lines[4:]] == ["#2", "#1 with a star"], lines
        assert b"no take is like that" in done.stderr and b"take 3 is back" in done.stderr
        first, again, repeat = (request_of(home, name) for name in "123")
        assert again.pop("seed") != 5 and repeat == first, (first, repeat)
        assert again == {name: value for name, value in first.items() if name != "seed"}, again
        sha256 = {each["number"]: each["sha256"] for each in home.takes()}
        assert sha256[1] == sha256[3] != sha256[2], sha256


def an_export_is_a_file_of_that_kind_and_overwrites_nothing() -> None:
    with Home() as home:
        lines = "/length 1\nrain\n/export last a b.flac\n/export #1 a b.flac\n/export #9 c.wav\n"
        done = chat(home, lines)
        copy = home.path / "a b.flac"
        assert copy.read_bytes()[:4] == b"fLaC" and done.stdout.endswith(b"\na b.flac\n"), done
        assert done.stderr.count(b"cannot write 'a b.flac'") == 1, done
        assert not (home.path / "c.wav").exists(), "no half or empty file stays"


def a_failed_take_is_told_and_is_the_exit_code_when_it_was_the_last() -> None:
    with Home() as home:
        done = chat(home, "/length 1\nrain\ntest-fail\n")
        assert done.returncode == 1 and b"asked to fail" in done.stderr, done
        assert done.stdout.count(b"\n") == 1, done
        done = chat(home, "/length 1\ntest-fail\nrain\n")
        assert done.returncode == 0 and done.stdout.count(b"\n") == 1, done


def what_is_no_text_is_refused_and_the_rest_goes_on() -> None:
    with Home() as home:
        bad = b"a\x1b[2Jb\n\xff\xfe\nnul \0 here\n" + b"x" * 200000 + b"\n/length 1\nrain\n"
        done = chat(home, bad)
        assert done.returncode == 0 and done.stdout.count(b"\n") == 1, done
        told = [each for each in done.stderr.splitlines() if b"percent" not in each]
        assert sum(each.startswith(b"timbre: ") for each in told) == 4, done.stderr
        assert chat(home, b"rain\n\xff\n", "--length", "1").returncode == 1


def json_is_one_object_a_line() -> None:
    with Home() as home:
        done = chat(home, "rain\n/seed\n/takes\ntest-fail\n", "--json", "--length", "1")
        good, bad = (json.loads(each) for each in done.stdout.decode().splitlines())
        assert Path(good["take"]["path"]).is_file() and good["take"]["number"] == 1, good
        assert good["take"]["seed"] == good["take"]["metadata"]["seed"], good
        assert bad["error"]["code"] == "bad_file" and done.returncode == 1, bad
        assert b"seed: random" in done.stderr and b"#1: rain" in done.stderr, done


def a_path_comes_before_the_next_prompt_is_given() -> None:
    with Home() as home:
        process = subprocess.Popen(
            [PROGRAM, "chat", "--length", "1"], env=home.env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        for prompt in (b"rain\n", b"wind\n"):
            process.stdin.write(prompt)
            process.stdin.flush()
            assert select.select([process.stdout], [], [], WAIT_S * 2)[0], "no answer"
            assert Path(os.fsdecode(process.stdout.readline().rstrip())).is_file()
        process.stdin.close()
        assert process.wait(WAIT_S) == 0


def progress_is_told_in_sentences_and_not_with_quiet() -> None:
    with Home() as home:
        done = chat(home, "test-slow 40 100\n", "--length", "1")
        said = [each for each in done.stderr.decode().splitlines() if "percent" in each]
        assert 1 <= len(said) <= 10, done
        sentence = re.compile(r"timbre: \d+ percent(, about \d+ s left)?")
        assert all(sentence.fullmatch(each) for each in said), said
        done = chat(home, "test-slow 40 50\n", "--length", "1", "-q")
        assert done.stderr == b"" and done.stdout.count(b"\n") == 1, done


def a_worker_that_went_away_is_started_again() -> None:
    with Home() as home:
        process = subprocess.Popen(
            [PROGRAM, "chat", "--length", "1"], env=home.env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"rain\n")
        process.stdin.flush()
        assert process.stdout.readline()
        home.stop_worker()
        out, err = process.communicate(b"wind\n", WAIT_S * 2)
        assert process.returncode == 0 and Path(out.decode().strip()).is_file(), (out, err)


def an_answer_that_is_lost_makes_one_take() -> None:
    """The worker dies after it took the request and before it said so."""
    with Home() as home:
        chat(home, "first\n", "--length", "1")
        home.stop_worker()
        words = [str(PROGRAM), "serve", "--on-demand"]
        crash = home.env | {"TIMBRE_TEST_CRASH": "submit-after-commit:1"}
        worker = subprocess.Popen(words, env=crash, stdout=subprocess.DEVNULL)
        wait_until(lambda: home.worker_pid() == worker.pid, lambda: "no worker")
        wait_until(lambda: home.ask("/health"), lambda: "no answer")
        process = subprocess.Popen(
            [PROGRAM, "chat", "--length", "1"], env=home.env, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(b"second\n")
        process.stdin.close()
        assert worker.wait(WAIT_S) == -signal.SIGKILL
        with home.serving(free_port()):
            assert process.wait(WAIT_S * 3) == 0
            prompts = [each["prompt"] for each in home.jobs()]
        assert prompts == ["second", "first"], prompts


# ---- in terminals ----


class Terminal:
    """timbre chat in a terminal of its own. `out`: all that it wrote there."""

    def __init__(self, home: Home, *words: str, term: str = "xterm-256color") -> None:
        self.out = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(home.path)
            os.execve(PROGRAM, ["timbre", "chat", *words], home.env | {"TERM": term})
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

    def want(self, pattern: bytes, n: int = 1) -> list[bytes]:
        """The first n places where it stands, once it does."""

        def find() -> list[bytes] | None:
            self.read()
            found = [each.group() for each in re.finditer(pattern, self.out)]
            return found if len(found) >= n else None

        found: list[bytes] = wait_until(
            find, lambda: f"{pattern!r} not in {self.out!r}", WAIT_S * 2
        )
        return found

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def wait_for_prompt(self, n: int) -> None:
        """Until it stands there for the n-th line."""
        self.want(rb"> ", n)


TAKE = rb"#\d+ /[^\r\n]*\.wav"


def a_line_is_edited_and_found_again() -> None:
    with Home() as home:
        with Terminal(home, "--length", "1") as terminal:
            terminal.wait_for_prompt(1)
            terminal.type("raiX\x7fn\r")
            terminal.want(TAKE)
            terminal.type("\x1b[A and wind\r")
            terminal.want(TAKE, 2)
            terminal.type("/quit\r")
            assert terminal.end() == 0
        prompts = [each["prompt"] for each in home.jobs()]
        assert prompts == ["rain and wind", "rain"], prompts
        with Terminal(home, "--length", "1") as terminal:
            terminal.wait_for_prompt(1)
            terminal.type("\x1b[A\r")
            terminal.want(TAKE)
            terminal.type("\x04")
            assert terminal.end() == 0
        assert home.jobs()[0]["prompt"] == "rain and wind", "the next time too"


def letters_beyond_ascii_are_letters() -> None:
    with Home() as home, Terminal(home, "--length", "1") as terminal:
        terminal.wait_for_prompt(1)
        terminal.type("café 雨x\x7f\r")
        terminal.want(TAKE)
        assert home.jobs()[0]["prompt"] == "café 雨"


def ctrl_c_cancels_the_take_and_the_next_prompt_works() -> None:
    with Home() as home, Terminal(home, "--length", "1") as terminal:
        terminal.wait_for_prompt(1)
        terminal.type("test-slow 100 100\r")
        wait_until(
            lambda: home.worker_pid() and home.jobs() and home.jobs()[0]["state"] == "running",
            lambda: "it does not begin",
        )
        begin = time.monotonic()
        terminal.type("\x03")
        terminal.want(rb"timbre: cancelled\r\n")
        assert time.monotonic() - begin < 5 * SLOWER
        wait_until(lambda: home.jobs()[0]["state"] == "cancelled", lambda: str(home.jobs()))
        terminal.type("rain\r")
        terminal.want(TAKE)
        terminal.type("\x04")
        assert terminal.end() == 0


def ctrl_c_forgets_what_is_typed_and_ends_where_nothing_is() -> None:
    with Home() as home, Terminal(home, "--length", "1") as terminal:
        terminal.wait_for_prompt(1)
        terminal.type("not this")
        terminal.want(rb"not this")
        terminal.type("\x03")
        terminal.want(rb"> [^>]*> ")
        terminal.type("/seed\r")
        terminal.want(rb"seed: random")
        assert home.worker_pid() == 0, "what was typed is no prompt"
        terminal.type("\x03")
        assert terminal.end() == 128 + signal.SIGINT


def a_dumb_terminal_sees_no_escape_sequence() -> None:
    for program_words in ((), ("--color", "always")):
        with Home() as home:
            with Terminal(home, "--length", "1", *program_words, term="dumb") as terminal:
                terminal.wait_for_prompt(1)
                terminal.type("test-slow 30 50\n/takes\n/play\n/bogus\n/help\n")
                terminal.want(TAKE)
                terminal.want(rb"/quit: ")
                terminal.type("\x04")
                assert terminal.end() == 0
            assert ESCAPE not in terminal.out, terminal.out


def a_terminal_that_can_edit_gets_sequences_from_the_editor_alone() -> None:
    """Between the end of a line and the next prompt there are none."""
    with Home() as home, Terminal(home, "--length", "1") as terminal:
        terminal.wait_for_prompt(1)
        terminal.read()
        start = len(terminal.out)
        terminal.type("test-slow 30 50\r")
        terminal.want(TAKE + rb"\r\n")
        said = terminal.out[start:]
        said = said[said.index(b"test-slow 30 50") : re.search(TAKE, said).end()]  # type: ignore[union-attr]
        assert ESCAPE not in said and b"percent" in said, said


def ctrl_c_ends_the_playing_alone() -> None:
    for term in ("xterm-256color", "dumb"):
        with Home() as home, Terminal(home, "--length", "20", term=term) as terminal:
            terminal.wait_for_prompt(1)
            terminal.type("rain\r")
            terminal.want(TAKE)
            begin = time.monotonic()
            terminal.type("/play\r")
            terminal.want(rb"/play\r\n")
            time.sleep(1)
            terminal.type("\x03")
            terminal.type("/seed\r")
            terminal.want(rb"seed: random")
            assert time.monotonic() - begin < 15 * SLOWER, "it was not waited for"
            terminal.type("\x04")
            assert terminal.end() == 0


def a_failure_in_a_terminal_is_no_exit_code() -> None:
    with Home() as home, Terminal(home) as terminal:
        terminal.wait_for_prompt(1)
        terminal.type("test-fail\r")
        terminal.want(rb"asked to fail")
        terminal.type("\x04")
        assert terminal.end() == 0


def a_terminal_is_left_as_it_was() -> None:
    with Home() as home, Terminal(home) as terminal:
        before = termios.tcgetattr(terminal.fd)
        terminal.wait_for_prompt(1)
        terminal.type("/sett")
        terminal.want(rb"/sett")
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.end() == 128 + signal.SIGTERM
        assert termios.tcgetattr(terminal.fd)[:4] == before[:4]


# ---- the document ----


def the_document_has_the_commands_that_there_are() -> None:
    with Home() as home:
        shown = chat(home, "/help\n").stdout.decode().splitlines()
    text = DOCUMENT.read_text(encoding="utf-8")
    told = re.search(r"```text\n(/.*?)```", text, re.DOTALL)
    assert told is not None and told.group(1).splitlines() == shown, shown


CASES = [
    each_prompt_gives_a_path_and_nothing_else,
    an_empty_input_is_no_failure,
    settings_change_the_recipe_until_they_are_taken_back,
    options_are_the_settings_to_begin_with,
    a_wrong_value_leaves_the_old_one,
    an_unknown_command_is_never_run,
    commands_want_what_they_want,
    takes_are_found_kept_and_made_again,
    an_export_is_a_file_of_that_kind_and_overwrites_nothing,
    a_failed_take_is_told_and_is_the_exit_code_when_it_was_the_last,
    what_is_no_text_is_refused_and_the_rest_goes_on,
    json_is_one_object_a_line,
    a_path_comes_before_the_next_prompt_is_given,
    progress_is_told_in_sentences_and_not_with_quiet,
    a_worker_that_went_away_is_started_again,
    an_answer_that_is_lost_makes_one_take,
    a_line_is_edited_and_found_again,
    letters_beyond_ascii_are_letters,
    ctrl_c_cancels_the_take_and_the_next_prompt_works,
    ctrl_c_forgets_what_is_typed_and_ends_where_nothing_is,
    a_dumb_terminal_sees_no_escape_sequence,
    a_terminal_that_can_edit_gets_sequences_from_the_editor_alone,
    ctrl_c_ends_the_playing_alone,
    a_failure_in_a_terminal_is_no_exit_code,
    a_terminal_is_left_as_it_was,
    the_document_has_the_commands_that_there_are,
]

if __name__ == "__main__":
    tap.run([(each.__name__, each) for each in CASES], n_at_once=3)
