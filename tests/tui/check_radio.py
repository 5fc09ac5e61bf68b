"""The radio in the studio."""

from __future__ import annotations

import time

from home import Home, wait_until
from terminal import Tmux

FINAL = ("succeeded", "failed", "cancelled")


def toggle(studio: Tmux) -> None:
    """The command with nothing behind it: the blank keeps it from being completed."""
    studio.type("/radio ")
    studio.keys("Enter")


def clips_play_one_after_another_until_the_end() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("ready")  # without a worker there is no radio
        studio.submit("/length 2")
        studio.submit("/radio techno -> church bells")
        studio.want("the sketch cannot blend")
        for number in (1, 2, 3):
            studio.want(f"▶ #{number}")
        jobs = home.jobs()
        assert len(jobs) <= 6, f"{len(jobs)} were made, at most two are ahead"
        prompts = [each["prompt"] for each in reversed(jobs)]
        assert prompts[:4] == ["techno"] * 2 + ["church bells"] * 2, prompts
        toggle(studio)
        studio.want("the radio is off")
        studio.want_gone("▶")
        time.sleep(0.5)
        n_made = len(home.jobs())
        time.sleep(3)
        assert len(home.jobs()) == n_made, "nothing more is made"


def a_late_clip_is_told_and_cancelled_at_the_end() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("ready")  # without a worker there is no radio
        studio.submit("/length 1")
        studio.submit("/radio techno -> test-slow 400 50")
        studio.want("▶ #1")
        wait_until(
            lambda: any("test-slow" in each["prompt"] for each in home.jobs()),
            lambda: str(home.jobs()),
        )
        studio.want("the next clip is late: looping")
        assert "▶ #" in studio.screen(), studio.screen()
        toggle(studio)
        studio.want("the radio is off")
        wait_until(lambda: home.job("test-slow")["state"] in FINAL, lambda: str(home.jobs()[0]))
        assert home.job("test-slow")["state"] == "cancelled", home.jobs()


def another_take_ends_it_and_pause_does_not() -> None:
    with Home() as home:
        home.make_take("long bells", seconds=40)
        with Tmux(home) as studio:
            studio.want("#1")
            studio.want("ready")
            studio.submit("/length 1")
            studio.submit("/radio techno")
            studio.want("▶ #2")
            studio.keys("C-t")
            studio.want_gone("▶")
            time.sleep(1)
            assert "▶" not in studio.screen(), studio.screen()
            studio.keys("C-t")
            studio.want("▶ #")
            studio.submit("/play #1")
            studio.want("▶ #1")
            time.sleep(2.5)
            assert "▶ #1" in studio.screen(), "it is not taken over"
            toggle(studio)
            studio.want("Radio: prompts with -> between them")
            studio.type("rain -> ")
            studio.keys("Enter")
            studio.want("prompt 2 of the radio is empty")


CASES = [
    clips_play_one_after_another_until_the_end,
    a_late_clip_is_told_and_cancelled_at_the_end,
    another_take_ends_it_and_pause_does_not,
]
