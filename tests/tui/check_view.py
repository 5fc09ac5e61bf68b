"""The spectrogram, the settings, and other things that lie over the screen."""

from __future__ import annotations

from home import Home, wait_until
from terminal import Tmux

WINDOWS = {
    "C-p": "Commands",
    "C-s": "Settings of",
    "F1": "KEYS",
    "C-r": "Old prompts",
    "F8": "studio.log",
    "F2": "Models",
}


def into_view(studio: Tmux) -> None:
    studio.want("✓ #1")
    studio.keys("Tab")
    studio.settle(0.15)
    studio.keys("v")
    studio.want("Hz")
    studio.want("▀")


def a_spectrogram_can_be_looked_at_from_every_side() -> None:
    with Home() as home:
        home.make_take("long bells", seconds=10)
        with Tmux(home) as studio:
            into_view(studio)
            studio.want("x1")
            for key, shown in (("z", "x2"), ("Z", "x1"), ("m", "linear"), ("m", "mel"),
                               ("]", "range 90 dB"), ("[", "range 80 dB"), ("c", "magma"),
                               ("l", "loop on"), ("Space", "▶ 0:0")):  # fmt: skip
                studio.keys(key)
                studio.want(shown)
            studio.keys("Escape")
            studio.want("Today")


def colours_of_the_picture_follow_the_map() -> None:
    with Home() as home:
        home.make_take("long bells")
        with Tmux(home, COLORTERM="truecolor") as studio:
            into_view(studio)
            before = studio.colored()
            assert "48;5;" in before or "48;2;" in before, "a picture without colour"
            studio.keys("c")
            studio.want("magma")
            studio.want_that(lambda: studio.colored() != before, "the same colours")


def pictures(home: Home) -> list[bytes]:
    return [each.read_bytes() for each in home.path.glob("*.png")]


def a_picture_is_saved_and_none_is_overwritten() -> None:
    with Home() as home:
        home.make_take("long bells")
        with Tmux(home) as studio:
            into_view(studio)
            studio.keys("s")
            wait_until(lambda: len(pictures(home)) == 1, studio.screen)
            studio.keys("s")
            wait_until(lambda: len(pictures(home)) == 2, studio.screen)
            wait_until(
                lambda: all(each[:4] == b"\x89PNG" for each in pictures(home)), studio.screen
            )


def a_setting_is_changed_in_its_box() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.keys("C-s")
        studio.want("Settings of the next take")
        studio.type("length")
        studio.settle(0.15)
        studio.keys("Enter")
        studio.want("length (")
        studio.type("2")
        studio.keys("Enter")
        studio.want("Settings of the next take")
        studio.keys("Escape")
        studio.want_gone("Settings of the next take")
        studio.submit("solo harp")
        studio.want("✓ #1")
        assert home.takes()[0]["metadata"]["duration_seconds"] == 2.0


def a_wrong_value_is_refused_with_its_limits() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("/length 0.01")
        studio.want_match(r"0\.01|at least|between|from")
        studio.submit("solo harp")
        studio.want("✓ #1")
        assert home.takes()[0]["metadata"]["duration_seconds"] == 5.0


def windows_over_windows_survive_any_size() -> None:
    with Home() as home:
        home.make_take("long bells")
        with Tmux(home) as studio:
            studio.want("✓ #1")
            for key, title in WINDOWS.items():
                studio.keys(key)
                studio.want(title)
                for columns, rows in ((38, 9), (40, 10), (60, 12), (100, 30)):
                    studio.resize(columns, rows)
                studio.want(title)
                studio.keys("Escape")
                studio.want_gone(title)
            studio.want("✓ #1")


CASES = [
    a_spectrogram_can_be_looked_at_from_every_side,
    colours_of_the_picture_follow_the_map,
    a_picture_is_saved_and_none_is_overwritten,
    a_setting_is_changed_in_its_box,
    a_wrong_value_is_refused_with_its_limits,
    windows_over_windows_survive_any_size,
]
