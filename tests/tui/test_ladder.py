#!/usr/bin/env python3
"""The studio in terminals of every kind: those that answer questions and those that do not, names
that terminfo does not know, no colour, no UTF-8.

    test_ladder.py [WORD...]        cases whose name has one of the words

Prints TAP."""

from __future__ import annotations

import re
import sys
import termios
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "hub"))

import tap
from home import WAIT_S, Home, wait_until

try:
    from emulator import SILENT, Studio, Terminal
except ImportError:
    print("1..0 # skip needs python3-pyte")
    sys.exit(0)

READY = "F1 help"
GRAPHICS_OK = b"\x1b_Gi=31;OK\x1b\\"
CELL = b"\x1b[6;20;10t"
DARK = b"\x1b]11;rgb:1e1e/1e1e/2e2e\x1b\\"
LIGHT = b"\x1b]11;rgb:ffff/ffff/ffff\x07"
SYNC = b"\x1b[?2026;2$y"

TERMINALS = {
    "kitty": Terminal("xterm-kitty", {
        "name": b"\x1bP>|kitty(0.35.2)\x1b\\", "background": DARK, "sync": SYNC, "cell": CELL,
        "graphics": GRAPHICS_OK, "attributes": b"\x1b[?62;c"}),
    "ghostty": Terminal("xterm-ghostty", {
        "name": b"\x1bP>|ghostty 1.0.0\x1b\\", "background": DARK, "sync": SYNC, "cell": CELL,
        "graphics": GRAPHICS_OK, "attributes": b"\x1b[?62;22c"}),
    "foot": Terminal("foot", {
        "name": b"\x1bP>|foot(1.16.2)\x1b\\", "background": LIGHT, "sync": SYNC, "cell": CELL,
        "attributes": b"\x1b[?62;4;22;28c"}),
    "iTerm2": Terminal("xterm-256color", {
        "name": b"\x1bP>|iTerm2 3.5.0\x1b\\", "background": DARK, "sync": SYNC, "cell": CELL,
        "attributes": b"\x1b[?62;4c"}),
    "xterm": Terminal("xterm-256color", {
        "name": b"\x1bP>|XTerm(379)\x1b\\", "background": LIGHT, "cell": CELL,
        "attributes": b"\x1b[?64;1;2;6;9;15;16;17;18;21;22;28c"}),
    "tmux": Terminal("tmux-256color", {
        "name": b"\x1bP>|tmux 3.3a\x1b\\", "attributes": b"\x1b[?1;2c"}),
    "silence": SILENT,
}  # fmt: skip


def check_quits(studio: Studio) -> None:
    """Cleanly: the line discipline as before, every mode off again."""
    status = studio.end()
    assert status == 0, (status, studio.text())
    assert termios.tcgetattr(studio.slave) == studio.before, "the terminal is not as it was"
    studio.settle(0.1)
    left = studio.filter.modes - {b"25", b"7", b"12"}
    assert not left, f"modes left on: {left}"
    assert not studio.screen.cursor.hidden, "no cursor"


def check_shows(studio: Studio, text: str) -> None:
    """What is typed, and no byte of an answer."""
    studio.want(READY)
    studio.settle()
    studio.send(text)
    check_is_alone(studio, text)


def check_is_alone(studio: Studio, text: str) -> None:
    shown = studio.want(text)
    for part in ("rgb:", "1e1e", ">|", "2026", ";OK", "62;", "6;20"):
        assert part not in shown, shown
    rows = [row for row in studio.rows() if text in row]
    assert re.fullmatch(rf"\W*{text}\W*[\d/ ]*", rows[-1].strip()), rows


def takes_answers(name: str) -> None:
    with Home() as home, Studio(home, terminal=TERMINALS[name]) as studio:
        check_shows(studio, "typed")
        check_quits(studio)


def late_answers_do_not_become_text() -> None:
    answers = b"".join(TERMINALS["kitty"].answers.values())
    with Home() as home, Studio(home, terminal=Terminal("xterm-256color")) as studio:
        studio.want(READY)
        studio.send("be")
        for at in range(0, len(answers), 3):  # in pieces
            studio.send(answers[at : at + 3])
        studio.send("fore")
        check_is_alone(studio, "before")
        check_quits(studio)


def starts_without_terminfo(term: str) -> None:
    with Home() as home, Studio(home, terminal=Terminal(term)) as studio:
        check_shows(studio, "typed")
        check_quits(studio)


def refuses_what_cannot_be_driven(term: str) -> None:
    with Home() as home, Studio(home, terminal=Terminal(term)) as studio:
        status = studio.process.wait(WAIT_S)
        studio.settle(0.1)
        assert status == 2, (status, studio.text())
        assert b"\x1b" not in studio.raw, bytes(studio.raw)
        assert b"timbre" in studio.raw, bytes(studio.raw)


PICTURES = {
    "kitty": rb"_G[^;]*a=T",
    "ghostty": rb"_G[^;]*a=T",
    "iTerm2": rb"\]1337;File=",
    "foot": rb"P[0-9;]*q",
}


def draws_pictures_of_its_own_kind(name: str) -> None:
    """Pixels where the terminal said that it draws them, characters elsewhere."""
    with Home() as home:
        home.make_take("solo harp")
        with Studio(home, terminal=TERMINALS[name]) as studio:
            studio.want("✓ #1")
            studio.send(b"\t")
            studio.settle()
            studio.send(b"v")
            studio.want("Hz")
            studio.settle()
            kinds = [kind for kind, sign in PICTURES.items() if has_string(studio, sign)]
            wanted = [kind for kind in PICTURES if PICTURES[kind] == PICTURES.get(name)]
            assert kinds == wanted, (kinds, wanted)
            assert wanted or re.search("[▀░▒▓█]", studio.text()), studio.text()
            studio.send(b"\x1b")
            studio.want("✓ #1")
            if name == "kitty":  # which keeps a picture until it is told
                wait_until(lambda: is_removed(studio), lambda: "the picture stays")
            studio.send(b"\t")
            check_quits(studio)


def is_removed(studio: Studio) -> bool:
    with studio.lock:
        return b"_Ga=d" in bytes(studio.raw)


def has_string(studio: Studio, sign: bytes) -> bool:
    with studio.lock:
        return any(re.match(sign, each) for each in studio.filter.strings if b"a=q" not in each)


SGR = re.compile(rb"\x1b\[([0-9;:]*)m")


def colors_in(raw: bytes) -> list[bytes]:
    found = []
    for each in SGR.findall(raw):
        numbers = [int(n) for n in re.split(rb"[;:]", each) if n]
        if any(30 <= n <= 49 or 90 <= n <= 107 for n in numbers):
            found.append(each)
    return [each for each in found if each not in (b"39", b"49", b"39;49")]


def no_color_sends_none() -> None:
    with Home(NO_COLOR="1") as home, Studio(home, terminal=TERMINALS["kitty"]) as studio:
        check_shows(studio, "typed")
        check_quits(studio)
        assert not colors_in(bytes(studio.raw)), colors_in(bytes(studio.raw))


def color_is_there_otherwise() -> None:
    with Home() as home, Studio(home, terminal=TERMINALS["xterm"]) as studio:
        studio.want(READY)
        studio.settle()
        assert colors_in(bytes(studio.raw)), "no colour at all"


def without_utf8_no_byte_is_high(locale: str) -> None:
    with Home(LC_ALL=locale, LANG="", LC_CTYPE="") as home, Studio(home) as studio:
        check_shows(studio, "solo harp")
        studio.send(b"\r")
        studio.want("* #1")
        studio.send(b"\x1bOP")
        studio.want("KEYS")
        studio.send(b"\x1b")
        studio.want_gone("KEYS")
        check_quits(studio)
        high = [each for each in studio.raw if each >= 0x80]
        assert not high, high


CASES: list[tap.Case] = [
    *((f"takes answers of {name}", partial(takes_answers, name)) for name in TERMINALS),
    *((f"draws pictures as {name}", partial(draws_pictures_of_its_own_kind, name))
      for name in TERMINALS),
    ("late answers do not become text", late_answers_do_not_become_text),
    *((f"starts without terminfo for {term}", partial(starts_without_terminfo, term))
      for term in ("xterm-kitty", "xterm-ghostty", "no-such-terminal", "linux", "vt100")),
    *((f"refuses {term or 'no name'}", partial(refuses_what_cannot_be_driven, term))
      for term in ("dumb", "")),
    ("no colour sends none", no_color_sends_none),
    ("colour is there otherwise", color_is_there_otherwise),
    *((f"without UTF-8 no byte is high: {locale}", partial(without_utf8_no_byte_is_high, locale))
      for locale in ("C", "POSIX")),
]  # fmt: skip

if __name__ == "__main__":
    tap.run(CASES, n_at_once=3)
