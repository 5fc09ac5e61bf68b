"""The prompt, and what can be found out without a manual."""

from __future__ import annotations

import re
import time

from home import SLOWER, Home
from terminal import Tmux

FIRST_FRAME = "Describe a sound"
FRAME_S = 1.5 * SLOWER  # ten times what is promised: machines are shared


def the_first_frame_comes_at_once_and_takes_letters() -> None:
    with Home() as home, Tmux(home, command="") as studio:
        studio.type("timbre")
        begin = time.monotonic()
        studio.keys("Enter")
        studio.want(FIRST_FRAME)
        seconds = time.monotonic() - begin
        assert seconds < FRAME_S, f"first frame after {seconds:.2f} s"
        studio.type("hello")
        studio.want("hello", limit_s=FRAME_S)


def what_is_typed_before_the_first_frame_is_not_lost() -> None:
    with Home() as home, Tmux(home, command="") as studio:
        studio.keys("timbre", "Enter", "early bird")
        studio.want("early bird")
        studio.want("F1 help")


def the_cursor_is_real_and_where_the_text_is() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.type("ab")
        studio.want("ab")
        row, column = settled_cursor(studio)
        assert studio.tell("cursor_flag") == "1"
        line = studio.screen().split("\n")[row]
        assert line[:column].endswith("ab"), (row, column, line)
        studio.keys("Left")
        assert settled_cursor(studio) == (row, column - 1)
        studio.keys("Home")
        assert settled_cursor(studio) == (row, column - 2)
        studio.keys("x")
        studio.want("xab")


def settled_cursor(studio: Tmux) -> tuple[int, int]:
    studio.settle()
    return studio.cursor()


def pasted_text_is_text() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.paste("one\ntwo\t\033[31mq?/\n\x03\x04")
        screen = studio.want("two")
        studio.settle()
        rows = studio.screen().split("\n")
        first = studio.row_with("one")
        assert first >= 0 and "two" in rows[first + 1], screen
        assert "q?/" in rows[first + 1], screen
        assert home.jobs() == [], "a paste was submitted"
        assert "KEYS" not in screen and "Commands" not in screen
        assert studio.tell("alternate_on") == "1", "a paste ended it"
        assert "31m" not in studio.screen().replace("[31m", "") and "\033" not in studio.screen()


def clusters_are_deleted_whole_and_rows_stay_aligned() -> None:
    with Home() as home, Tmux(home, 80, 24) as studio:
        studio.want("F1 help")
        studio.keys("a")
        studio.want("a")
        row, start = settled_cursor(studio)
        right = studio.screen().split("\n")[studio.row_with("F1 help")].index("F1 help")
        studio.type("비 오는 밤 é")
        studio.want("비 오는 밤")
        assert settled_cursor(studio) == (row, start + 12), studio.screen()
        for width in (1, 1, 2, 1, 2, 2):
            before = studio.cursor()[1]
            studio.keys("BSpace")
            assert settled_cursor(studio) == (row, before - width), studio.screen()
        studio.type("👨‍👩‍👧")
        studio.want("👧")
        assert settled_cursor(studio)[1] > start
        studio.keys("BSpace")
        assert settled_cursor(studio) == (row, start + 3), "a family is one character"
        assert "👨" not in studio.screen()
        hints = studio.screen().split("\n")[studio.row_with("F1 help")]
        assert hints.index("F1 help") == right, studio.screen()


def help_lists_every_key_and_leaves_the_prompt_alone() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.type("slow cello")
        studio.want("slow cello")
        studio.keys("F1")
        before = studio.want("KEYS")
        assert "palette" in before, before
        studio.type("expo")
        studio.want_gone("palette")
        assert "xport" in studio.screen(), studio.screen()
        studio.keys("Escape")
        studio.settle()
        if "KEYS" in studio.screen():  # the first one emptied the filter
            studio.keys("Escape")
        studio.want_gone("KEYS")
        studio.want("slow cello")
        assert "slow celloexpo" not in studio.screen()


def a_question_mark_in_an_empty_prompt_is_help() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.keys("?")
        studio.want("KEYS")


def the_palette_finds_commands_and_says_why_not() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.keys("C-p")
        studio.want("Commands")
        studio.type("expo")
        studio.settle()
        assert re.search(r"[Ee]xport", studio.screen()), studio.screen()
        studio.keys("Escape")
        studio.settle()
        if "Commands" in studio.screen():
            studio.keys("Escape")
        studio.want_gone("Commands")
        assert "expo" not in studio.screen()


def letters_in_the_prompt_are_letters() -> None:
    text = "q x d r 1 ? quiet drone"
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        for letter in text:
            studio.type(letter)
        studio.want(text)
        assert studio.tell("alternate_on") == "1"
        assert "KEYS" not in studio.screen()


def no_key_destroys_what_was_typed() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.type("my precious words")
        studio.want("my precious words")
        studio.keys("Escape", "Escape")
        studio.settle()
        assert "my precious words" in studio.screen(), studio.screen()
        studio.keys("C-c")
        studio.want_gone("my precious words")
        studio.keys("Up")
        studio.want("my precious words")


def a_draft_outlives_a_kill() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.type("half a thought")
        studio.want("half a thought")
        time.sleep(1.5)
        studio.kill(9)
        studio.keys("reset", "Enter")
        studio.want_that(lambda: studio.tell("pane_current_command") == "sh", "no shell")
        studio.keys("timbre", "Enter")
        studio.want("half a thought")


def the_beginning_of_a_command_is_completed_and_not_run() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.type("/se")
        studio.want("/search WORDS")
        studio.keys("Enter")
        studio.want_gone("/search WORDS")
        assert " /seed" in studio.screen(), studio.screen()
        studio.type("7")
        studio.keys("Enter")
        studio.want_match(r"seed +7")


def several_lines_scroll_and_come_back() -> None:
    with Home() as home, Tmux(home, 80, 24) as studio:
        studio.want("F1 help")
        for i in range(9):
            studio.type(f"line {i}")
            studio.keys("M-Enter")
        studio.want_gone("line 0")
        studio.want("line 8")
        row, _ = settled_cursor(studio)
        studio.keys(*["Up"] * 9)
        studio.want("line 0")
        assert settled_cursor(studio)[0] == row - 5, "six rows at most"
        studio.keys("C-c")
        studio.want_gone("line 0")
        studio.keys("Up")
        studio.want("line 8")
        assert home.jobs() == []


def a_wrong_command_is_not_run_and_the_nearest_is_named() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("/sede 5")
        studio.want("/seed")
        assert home.jobs() == []


CASES = [
    the_first_frame_comes_at_once_and_takes_letters,
    what_is_typed_before_the_first_frame_is_not_lost,
    the_cursor_is_real_and_where_the_text_is,
    pasted_text_is_text,
    clusters_are_deleted_whole_and_rows_stay_aligned,
    help_lists_every_key_and_leaves_the_prompt_alone,
    a_question_mark_in_an_empty_prompt_is_help,
    the_palette_finds_commands_and_says_why_not,
    letters_in_the_prompt_are_letters,
    no_key_destroys_what_was_typed,
    a_draft_outlives_a_kill,
    the_beginning_of_a_command_is_completed_and_not_run,
    several_lines_scroll_and_come_back,
    a_wrong_command_is_not_run_and_the_nearest_is_named,
]
