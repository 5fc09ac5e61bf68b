"""What can be done with takes, and with the settings of the next one."""

from __future__ import annotations

import hashlib
import wave
from pathlib import Path

from home import Home, wait_until
from terminal import Tmux


def samples(path: str | Path) -> str:
    with wave.open(str(path)) as sound:
        return hashlib.sha256(sound.readframes(sound.getnframes())).hexdigest()


def into_list(studio: Tmux, number: int = 1) -> None:
    studio.want(f"#{number}")
    studio.keys("Tab")
    studio.settle(0.15)


def a_star_a_title_and_a_deletion_are_the_workers() -> None:
    with Home() as home:
        home.make_take("long bells")
        with Tmux(home) as studio:
            into_list(studio)
            studio.keys("f")
            wait_until(lambda: home.takes()[0]["starred"], studio.screen)
            studio.keys("Tab")
            studio.submit("/rename my best one")
            wait_until(lambda: home.takes()[0]["title"] == "my best one", studio.screen)
            studio.want("my best one")
            studio.keys("Tab", "d")
            wait_until(lambda: home.takes() == [], studio.screen)
            studio.want_gone("✓ #1")
            studio.keys("u")
            wait_until(lambda: len(home.takes()) == 1, studio.screen)
            studio.want("#1")


def again_is_another_sound_and_repeat_the_same() -> None:
    with Home() as home:
        first = home.make_take("long bells")
        with Tmux(home) as studio:
            into_list(studio)
            studio.keys("R")
            studio.want("#2")
            wait_until(lambda: len(home.takes()) == 2, studio.screen)
            newest = home.takes()[0]
            assert newest["number"] == 2 and newest["metadata"]["seed"] == 42
            assert samples(newest["artifact_path"]) == samples(first)
            studio.keys("g", "r")
            studio.want("#3")
            wait_until(lambda: len(home.takes()) == 3, studio.screen)
            newest = home.takes()[0]
            assert newest["number"] == 3 and newest["metadata"]["seed"] != 42


def words_and_settings_come_back_to_the_prompt() -> None:
    with Home() as home:
        home.make_take("long bells", seconds=2)
        with Tmux(home) as studio:
            into_list(studio)
            studio.keys("e")
            studio.want_that(lambda: prompt_row(studio).endswith("long bells"), "not in the prompt")
            studio.type(" and rain")
            studio.keys("Enter")
            wait_until(lambda: len(home.takes()) == 2, studio.screen)
            made = home.takes()[0]["metadata"]
            assert made["prompt"] == "long bells and rain"
            assert (made["seed"], made["duration_seconds"]) == (42, 2.0), made


def prompt_row(studio: Tmux) -> str:
    """Where the cursor is, up to it."""
    row, column = studio.cursor()
    return studio.screen().split("\n")[row][:column]


def settings_are_shown_and_kept_to() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("/seed 7")
        studio.submit("/length 2")
        studio.want_match(r"seed +7")
        studio.submit("solo harp")
        studio.want("✓ #1")
        made = home.takes()[0]["metadata"]
        assert (made["seed"], made["duration_seconds"]) == (7, 2.0), made
        studio.submit("/reset")
        studio.want_match(r"seed +random")
        studio.submit("/length 1e9")
        studio.want("length")
        studio.submit("solo flute")
        studio.want("✓ #2")
        assert home.takes()[0]["metadata"]["duration_seconds"] < 100


def the_path_is_copied_by_the_terminal() -> None:
    with Home() as home:
        path = home.make_take("long bells")
        with Tmux(home) as studio:
            into_list(studio)
            studio.keys("y")
            studio.want("cop")
            wait_until(lambda: studio.tmux("list-buffers"), studio.screen)
            assert studio.tmux("show-buffer") == str(path)


def a_search_shows_what_fits_and_escape_all() -> None:
    with Home() as home:
        for prompt in ("red piano", "blue harp", "red flute"):
            home.make_take(prompt)
        with Tmux(home) as studio:
            into_list(studio, 3)
            studio.keys("/")
            studio.type("red")
            studio.keys("Enter")
            studio.want_gone("blue harp")
            assert "red piano" in studio.screen() and "red flute" in studio.screen()
            studio.keys("Escape")
            studio.settle()
            if "blue harp" not in studio.screen():
                studio.keys("1")
            studio.want("blue harp")


def everything_about_a_take_can_be_read() -> None:
    with Home() as home:
        path = home.make_take("long bells")
        with Tmux(home) as studio:
            into_list(studio)
            studio.keys("i")
            studio.want("long bells")
            joined = studio.settle().replace("\n", "").replace(" ", "")
            assert path.name.replace(" ", "") in joined, studio.screen()
            assert "42" in studio.screen()
            studio.keys("Escape")
            studio.want("F1 help")


def an_export_is_a_file_of_that_format() -> None:
    with Home() as home:
        home.make_take("long bells")
        with Tmux(home) as studio:
            into_list(studio)
            studio.keys("Tab")
            target = home.path / "out.flac"
            studio.submit(f"/export {target}")
            wait_until(target.exists, studio.screen)
            studio.want("out.flac")
            wait_until(lambda: target.read_bytes()[:4] == b"fLaC", studio.screen)


def old_prompts_are_found_in_the_next_life() -> None:
    with Home() as home:
        with Tmux(home) as studio:
            studio.want("F1 help")
            studio.submit("a harp of old")
            studio.want("✓ #1")
            studio.keys("C-d")
            studio.want_shell()
        with Tmux(home) as studio:
            studio.want("#1")
            studio.keys("Up")
            studio.want_that(lambda: prompt_row(studio).endswith("a harp of old"), "not there")
            studio.keys("C-u", "C-r")
            studio.settle()
            studio.type("harp")
            studio.keys("Enter")
            studio.want_that(lambda: prompt_row(studio).endswith("a harp of old"), "not found")


CASES = [
    a_star_a_title_and_a_deletion_are_the_workers,
    again_is_another_sound_and_repeat_the_same,
    words_and_settings_come_back_to_the_prompt,
    settings_are_shown_and_kept_to,
    the_path_is_copied_by_the_terminal,
    a_search_shows_what_fits_and_escape_all,
    everything_about_a_take_can_be_read,
    an_export_is_a_file_of_that_format,
    old_prompts_are_found_in_the_next_life,
]
