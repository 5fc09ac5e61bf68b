"""Playing, with and without a device."""

from __future__ import annotations

import array
import re
import time
import wave

from home import Home
from terminal import Tmux

CLOCK = re.compile(r"(\d+):(\d\d) / (\d+):(\d\d)")


def position(studio: Tmux) -> int:
    found = studio.want_match(CLOCK.pattern)
    return int(found[1]) * 60 + int(found[2])


def playing(studio: Tmux, number: int = 1) -> None:
    studio.want(f"#{number}")
    studio.keys("Tab", "Enter")
    studio.want(f"▶ #{number}")


def the_clock_is_that_of_the_sound() -> None:
    with Home() as home:
        home.make_take("long bells", seconds=40)
        with Tmux(home) as studio:
            playing(studio)
            start, at = position(studio), time.monotonic()
            time.sleep(3)
            moved, seconds = position(studio) - start, time.monotonic() - at
            assert abs(moved - seconds) <= 1.5, f"{moved} s told in {seconds:.1f} s"
            studio.keys("Space")
            studio.settle()
            paused = position(studio)
            time.sleep(1.5)
            assert position(studio) == paused, "paused, but it goes on"
            studio.keys("Right")
            studio.want_that(lambda: position(studio) == paused + 5, "no seek by 5 s")
            studio.keys("Space")
            studio.want_that(lambda: position(studio) > paused + 5, "does not go on")


def generating_never_stops_the_music() -> None:
    with Home("") as home:
        home.make_take("long bells", seconds=40)
        with Tmux(home) as studio:
            playing(studio)
            studio.keys("Tab")
            before = position(studio)
            studio.submit("solo harp")
            studio.want("✓ #2")
            time.sleep(1)
            assert "▶ #1" in studio.screen(), studio.screen()
            assert position(studio) > before


def a_new_take_is_played_when_nothing_plays() -> None:
    with Home("") as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("first harp")
        studio.want("▶ #1")
        studio.submit("second harp")
        studio.want("✓ #2")
        assert "▶ #1" in studio.screen(), studio.screen()


def a_take_that_has_ended_is_shown_so() -> None:
    with Home() as home:
        home.make_take("short bells")
        with Tmux(home) as studio:
            playing(studio)
            studio.want_gone("▶")
            assert position(studio) == 1
            studio.keys("Space")
            studio.want("▶ #1")


def no_device_is_told_once_and_libraries_are_kept_quiet() -> None:
    with Home(SDL_AUDIODRIVER="") as home:
        home.make_take("short bells")
        with Tmux(home) as studio:
            studio.want("#1")
            studio.keys("Tab", "Enter")
            studio.want("no sound output")
            screen = studio.settle()
            for noise in ("ALSA", "CRITICAL", "jack", "Jack", "pulse"):
                assert noise not in screen, screen
            studio.keys("Tab")
            studio.submit("solo harp")
            studio.want("✓ #2")


def what_is_heard_is_the_file() -> None:
    with Home(SDL_AUDIODRIVER="disk") as home:
        heard = home.path / "heard.raw"
        home.env["SDL_DISKAUDIOFILE"] = str(heard)
        with wave.open(str(home.make_take("short bells"))) as sound:
            samples = sound.readframes(sound.getnframes())
        with Tmux(home) as studio:
            playing(studio)
            studio.want_gone("▶")
        floats = array.array("f", heard.read_bytes())
        whole = array.array("h", (round(value * 32768) for value in floats))
        assert samples in whole.tobytes(), "other samples than those of the file"


CASES = [
    a_take_that_has_ended_is_shown_so,
    a_new_take_is_played_when_nothing_plays,
    the_clock_is_that_of_the_sound,
    generating_never_stops_the_music,
    no_device_is_told_once_and_libraries_are_kept_quiet,
    what_is_heard_is_the_file,
]
