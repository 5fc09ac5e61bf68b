"""What goes wrong around the studio, and what people do that nobody planned for."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

from home import SILENT, WAIT_S, Home, wait_until
from terminal import Tmux


def prompt_text(studio: Tmux) -> str:
    row, column = studio.cursor()
    return studio.screen().split("\n")[row][:column]


def a_terminal_that_goes_away_ends_it() -> None:
    with Home() as home:
        with Tmux(home) as studio:
            studio.want("F1 help")
            studio.type("kept for later")
            studio.want("kept for later")
            pid = studio.pid()
        wait_until(lambda: pid not in home.processes(), lambda: "it lives on without a terminal")
        with Tmux(home) as studio:
            studio.want("kept for later")


def an_editor_gets_the_terminal_and_gives_it_back() -> None:
    with Home() as home:
        editor = home.path / "bin" / "editor"
        editor.write_text('#!/bin/sh\nstty -a > "$HOME/stty"\nprintf " by hand" >> "$1"\n')
        editor.chmod(0o755)
        home.env["EDITOR"] = str(editor)
        with Tmux(home) as studio:
            studio.want("F1 help")
            studio.type("written")
            studio.want("written")
            studio.keys("C-g")
            studio.want("written by hand")
            assert " echo " in (home.path / "home" / "stty").read_text(), "not as a shell has it"
            assert studio.tell("mouse_any_flag") == "1"
            studio.type(" and on")
            studio.want("by hand and on")
            assert home.jobs() == []


def an_editor_that_is_missing_is_said() -> None:
    with Home(EDITOR="no-such-editor") as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.type("written")
        studio.keys("C-g")
        studio.want("no-such-editor")
        studio.want("written")


def too_much_text_is_refused_and_kept() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.paste("long words " * 2000)
        studio.want("long words", limit_s=WAIT_S)
        studio.settle()
        studio.keys("Enter")
        studio.settle()
        assert "long words" in studio.screen().split("─\n")[-1], studio.screen()
        assert home.jobs() == []


def two_studios_share_one_history() -> None:
    with Home() as home, Tmux(home) as one, Tmux(home) as other:
        one.want("F1 help")
        other.want("F1 help")
        one.submit("a harp of mine")
        one.want("✓ #1")
        other.want("✓ #1")
        other.submit("a flute of yours")
        one.want("✓ #2")
        one.want("a flute of yours")


def a_file_that_is_gone_is_said() -> None:
    with Home() as home:
        path = home.make_take("long bells")
        with Tmux(home) as studio:
            studio.want("✓ #1")
            path.unlink()
            studio.keys("Tab", "Enter")
            studio.want("not what it was")
            assert "▶" not in studio.screen()
            studio.keys("F8")
            studio.want("was moved or deleted")


def keys_of_ones_own_work_and_are_shown() -> None:
    with Home(SILENT + "[keys]\npalette = f5\n") as home, Tmux(home) as studio:
        studio.want("F5 palette")
        studio.keys("C-p")
        studio.settle()
        assert "Commands" not in studio.screen()
        studio.keys("F5")
        studio.want("Commands")


def a_wrong_setting_is_said_and_the_rest_holds() -> None:
    with Home(SILENT + "[keys]\nno-such-thing = f5\n") as home, Tmux(home) as studio:
        studio.want("config.ini:")
        studio.type("works")
        studio.want("works")
        studio.keys("F8")
        studio.want("no-such-thing")


def several_takes_come_one_after_another() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("/count 3 solo harp")
        studio.want("✓ #3", limit_s=WAIT_S * 2)
        seeds = {take["metadata"]["seed"] for take in home.takes()}
        assert len(seeds) == 3, seeds


def quitting_can_cancel() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-slow 200 100 endless")
        studio.want("denoise")
        studio.keys("C-d")
        studio.want("background")
        studio.keys("c")
        studio.want_shell()
        assert studio.exit_status() == 0
        assert home.job("endless")["state"] == "cancelled"


def a_job_outlives_its_worker() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-slow 30 100 lasting")
        studio.want("denoise")
        pid = home.worker_pid()
        os.kill(pid, signal.SIGKILL)
        studio.want("✓ #1", limit_s=WAIT_S * 3)
        assert len(home.takes()) == 1


def a_stop_from_outside_is_survived() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.type("before")
        studio.want("before")
        pid = studio.pid()
        os.kill(pid, signal.SIGTSTP)
        studio.want_shell()
        studio.keys("fg", "Enter")
        studio.want("before")
        studio.type(" and after")
        studio.want("before and after")


def the_window_is_named_after_what_runs() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-slow 50 100 named bells")
        studio.want_that(lambda: "named bells" in studio.tell("pane_title"), "no title")


def clicks_choose_and_play() -> None:
    with Home() as home:
        for i in range(3):
            home.make_take(f"take {i} of few", seconds=20, seed=i)
        with Tmux(home) as studio:
            studio.want("✓ #3")
            row = studio.row_with("#2 ") + 1
            studio.type(f"\033[<0;10;{row}M\033[<0;10;{row}m")
            studio.want("> ✓ #2")
            studio.type(f"\033[<0;10;{row}M\033[<0;10;{row}m")
            studio.type(f"\033[<0;10;{row}M\033[<0;10;{row}m")
            studio.want("▶ #2")


def a_click_moves_the_cursor() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.type("abcdef")
        studio.want("abcdef")
        row, column = studio.cursor()
        studio.type(f"\033[<0;{column - 2};{row + 1}M\033[<0;{column - 2};{row + 1}m")
        studio.want_that(lambda: studio.cursor() == (row, column - 3), f"{studio.cursor()}")


def noise_does_no_harm() -> None:
    """Bytes of every kind, but those that quit, suspend or submit."""
    draw = random.Random(7)
    never = {3, 4, 7, 10, 13, 26, *b"qdo"}
    ends = ["[", "O", "]", "P", "_", "\\", "[<0;", "[200~", "[201~", "[13;5u", "[I", "[O", "[M"]
    pieces = [b"\xf0\x9f", *(b"\x1b" + each.encode() for each in ends)]
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        pid = studio.pid()
        for _ in range(60):
            noise = b"".join(
                draw.choice(pieces)
                if draw.random() < 0.3
                else bytes(n for n in draw.randbytes(8) if n not in never)
                for _ in range(12)
            )
            studio.tmux("send-keys", "-H", *(f"{byte:x}" for byte in noise))
        assert studio.pid() == pid, "it ended"
        studio.tmux("send-keys", "-H", "1b", "5c", "1b", "5b", "32", "30", "31", "7e")
        time.sleep(0.3)
        studio.keys("Escape", "Escape")
        studio.want_that(lambda: "F1" in studio.screen(), "no screen of its own")
        assert studio.pid() == pid


def a_folder_that_cannot_be_written_is_said() -> None:
    with Home(TIMBRE_DATA_DIR="/proc/nowhere") as home, Tmux(home, command="") as studio:
        studio.keys("timbre; echo code $?.", "Enter")
        studio.want_match(r"code [1-9]\d*\.")
        assert "/proc/nowhere" in studio.screen()


def input_that_is_no_terminal_is_refused() -> None:
    with Home() as home:
        for words in (["timbre"], ["timbre", "--color", "never"]):
            done = subprocess.run(
                words, env=home.env, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=WAIT_S, start_new_session=True,
            )  # fmt: skip
            assert done.returncode == 2 and b"\x1b" not in done.stdout + done.stderr, done


CASES = [
    a_terminal_that_goes_away_ends_it,
    an_editor_gets_the_terminal_and_gives_it_back,
    an_editor_that_is_missing_is_said,
    too_much_text_is_refused_and_kept,
    two_studios_share_one_history,
    a_file_that_is_gone_is_said,
    keys_of_ones_own_work_and_are_shown,
    a_wrong_setting_is_said_and_the_rest_holds,
    several_takes_come_one_after_another,
    quitting_can_cancel,
    a_job_outlives_its_worker,
    a_stop_from_outside_is_survived,
    the_window_is_named_after_what_runs,
    clicks_choose_and_play,
    a_click_moves_the_cursor,
    noise_does_no_harm,
    a_folder_that_cannot_be_written_is_said,
    input_that_is_no_terminal_is_refused,
]
