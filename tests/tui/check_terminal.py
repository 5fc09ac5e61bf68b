"""The terminal that the studio borrows: given back on every way out, in any size."""

from __future__ import annotations

import re
import signal

from home import WAIT_S, Home
from terminal import Tmux, stty

COLORS = re.compile(r"\x1b\[(?:[\d;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[\d;]*)?m")


def check_given_back(studio: Tmux, before: tuple[str, ...], line: str, status: int) -> None:
    studio.want_shell()
    assert studio.exit_status() == status
    assert studio.modes() == before
    assert stty(studio) == line
    studio.keys("echo us''able", "Enter")
    studio.want("usable")


def every_way_out_gives_the_terminal_back() -> None:
    with Home() as home, Tmux(home, command="") as studio:
        before, line = studio.modes(), stty(studio)
        for number, status in ((0, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129),
                               (signal.SIGSEGV, 139), (signal.SIGABRT, 134)):  # fmt: skip
            studio.keys("clear; timbre", "Enter")
            studio.want("F1 help")
            assert studio.tell("alternate_on") == "1"
            if number:
                studio.kill(number)
            else:
                studio.keys("C-d")
            check_given_back(studio, before, line, status)


def ctrl_c_twice_quits_when_nothing_runs() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.keys("C-c")
        studio.want("again to quit")
        studio.keys("C-c")
        studio.want_shell()
        assert studio.exit_status() == 0


def quit_asks_while_a_job_runs() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-slow 60 100 going on")
        studio.want("denoise")
        studio.keys("C-d")
        studio.want("background")
        studio.keys("Escape")
        studio.want_gone("background")
        studio.keys("C-d")
        studio.want("background")
        studio.keys("f")
        studio.want_shell()
        assert home.job("going on")["state"] == "running"
        studio.keys("timbre", "Enter")
        studio.want("✓ #1")


def suspend_and_resume_bring_the_same_screen_back() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.type("here before")
        studio.want("here before")
        screen, cursor = studio.settle(), studio.cursor()
        modes = studio.modes()
        studio.keys("C-z")
        studio.want_shell()
        assert studio.tell("mouse_any_flag") == "0"
        assert studio.tell("cursor_flag") == "1"
        studio.keys("fg", "Enter")
        studio.want("here before")
        assert studio.settle() == screen
        assert studio.cursor() == cursor
        assert studio.modes() == modes


def a_storm_of_sizes_does_no_harm() -> None:
    sizes = [(38, 9), (200, 60), (40, 10), (80, 24), (41, 11), (120, 16), (60, 20), (38, 9),
             (100, 30), (95, 30), (96, 30), (40, 50), (199, 10), (10, 3), (1, 1), (80, 10),
             (61, 21), (38, 9)]  # fmt: skip
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-slow 100 100 stormy")
        studio.want("denoise")
        for columns, rows in sizes:
            studio.resize(columns, rows)
        studio.want("needs 40x10")
        studio.want("38x9")
        studio.resize(80, 24)
        studio.want("denoise")
        n_rows = studio.settle(0.1).count("\n")
        n_joined = studio.tmux("capture-pane", "-p", "-J").count("\n")
        assert n_rows == n_joined, "rows were wrapped by the terminal"
        assert "F1 help" in studio.screen()
        studio.keys("C-c")
        studio.want("again to cancel")
        studio.keys("C-c")
        studio.want("cancelled")
        resized = studio.settle()
        studio.keys("C-l")
        assert studio.settle() == resized, "a full redraw shows something else"


def no_color_means_none() -> None:
    with Home(NO_COLOR="1") as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("solo harp")
        studio.want("✓ #1")
        wrong = COLORS.findall(studio.colored())
        assert not wrong, wrong


def without_utf8_every_byte_is_ascii() -> None:
    with Home(LC_ALL="C") as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("solo harp")
        studio.want("* #1")
        studio.keys("F1")
        studio.want("KEYS")
        assert studio.screen().isascii()


def a_pipe_gets_help_and_no_escape() -> None:
    with Home() as home, Tmux(home, command="") as studio:
        studio.keys(f"cd {home.path}; timbre 2> err | cat > out", "Enter")
        studio.keys("TERM=dumb timbre 2> dumb; echo dumb $?", "Enter")
        studio.want("dumb 2")
        for name in ("out", "err", "dumb"):
            text = (home.path / name).read_bytes()
            assert b"\x1b" not in text, (name, text)
        assert b"timbre" in (home.path / "err").read_bytes()


def the_mouse_scrolls_and_can_be_given_back() -> None:
    with Home() as home:
        for i in range(30):
            note(home, f"take {i} of many", i)
        with Tmux(home, 80, 24) as studio:
            studio.want("take 29 of many")
            studio.want_that(lambda: studio.tell("mouse_any_flag") == "1", "mouse is off")
            before = studio.settle()
            for _ in range(8):
                studio.type("\033[<64;20;8M")
            studio.want_gone("take 29 of many")
            for _ in range(8):
                studio.type("\033[<65;20;8M")
            studio.want("take 29 of many")
            assert before.split("\n")[1:20]
            studio.submit("/mouse off")
            studio.want_that(lambda: studio.tell("mouse_any_flag") == "0", "mouse is on")


def note(home: Home, prompt: str, seed: int) -> None:
    home.make_take(prompt, seed=seed)


def a_click_on_the_wave_seeks() -> None:
    with Home() as home:
        home.make_take("long bells", seconds=30)
        with Tmux(home) as studio:
            studio.want("#1")
            studio.keys("Tab", "Enter")
            studio.want("▶ #1")
            row = studio.row_with("0:30")
            for below in (0, 1):
                studio.type(f"\033[<0;50;{row + below + 1}M\033[<0;50;{row + below + 1}m")
            found = studio.want_match(r"0:(1[2-8]) / 0:30", limit_s=WAIT_S)
            assert found


CASES = [
    every_way_out_gives_the_terminal_back,
    ctrl_c_twice_quits_when_nothing_runs,
    quit_asks_while_a_job_runs,
    suspend_and_resume_bring_the_same_screen_back,
    a_storm_of_sizes_does_no_harm,
    no_color_means_none,
    without_utf8_every_byte_is_ascii,
    a_pipe_gets_help_and_no_escape,
    the_mouse_scrolls_and_can_be_given_back,
    a_click_on_the_wave_seeks,
]
