#!/usr/bin/env python3
"""The question about a licence, as a person at a terminal meets it. Prints TAP.

    test_question.py [WORD...]        cases whose name has one of the words

TIMBRE_BIN names the program.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence

import tap
from hub_client import TIMBRE, Home, Ran, check, check_invisible, check_same, check_whole
from hub_repos import LICENCE
from hub_server import Hub

LIMIT_S = 60.0
QUESTION = "Accept? [y]es, [n]o, [t]ext"


def own_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def pull(home: Home, keys: Sequence[str], columns: int = 100) -> Ran:
    """Pull at a terminal; each time that the question stands there, the next key is typed. What
    came to the screen is `out`."""
    home.tell_shapes()
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen(
        [TIMBRE, "models", "pull", "riffusion-v1"], env={**home.env, "TERM": "xterm",
        "PAGER": "cat"}, cwd=home.path, stdin=slave, stdout=slave, stderr=slave,
        start_new_session=True, preexec_fn=own_terminal,
    )  # fmt: skip
    os.close(slave)
    screen, seen, left, end = "", 0, list(keys), time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            got = os.read(master, 65536)
        except OSError:  # the program has ended
            break
        if not got:
            break
        screen += got.decode(errors="replace")
        if left and QUESTION in screen[seen:]:
            seen = len(screen)
            os.write(master, left.pop(0).encode())
    else:
        child.kill()
    os.close(master)
    ran = Ran(child.wait(), screen, "")
    check_same(left, [], "keys that were not asked for\n" + ran.told())
    return ran


def check_nothing(home: Home) -> None:
    check_invisible(home)
    check_same(home.parts(), {}, "parts")
    check(not (home.records / "consents.json").exists(), "consent is recorded")


def yes_fetches() -> None:
    with Hub() as hub, Home(hub) as home:
        ran = pull(home, ["y"])
        check_same(ran.status, 0, ran.told())
        check_whole(home, hub)
        check("CreativeML Open RAIL-M licence: " in ran.out, ran.out)
        check((home.records / "consents.json").exists(), "consent is not recorded")


def yes_is_asked_once() -> None:
    with Hub() as hub, Home(hub) as home:
        check_same(pull(home, ["y"]).status, 0, "the first")
        check_same(home.run("models", "rm", "riffusion-v1").status, 0, "rm")
        ran = pull(home, [])
        check_same(ran.status, 0, ran.told())
        check(QUESTION not in ran.out, ran.out)


def no_fetches_nothing() -> None:
    for key in ("n", "\x04"):
        with Hub() as hub, Home(hub) as home:
            ran = pull(home, [key])
            check_same(ran.status, 2, ran.told())
            check(f"--accept-license {LICENCE}" in ran.out.replace("\r\n", " "), ran.out)
            check_nothing(home)


def the_text_is_shown() -> None:
    with Hub() as hub, Home(hub) as home:
        ran = pull(home, ["t", "n"])
        check_same(ran.status, 2, ran.told())
        check_same(ran.out.count(QUESTION), 2, "questions")
        check("Use Restrictions" in ran.out or "Attachment A" in ran.out, ran.out)
        check_nothing(home)


def ctrl_c_ends_it() -> None:
    with Hub() as hub, Home(hub) as home:
        ran = pull(home, ["\x03"])
        check_same(ran.status, 130, ran.told())
        check_nothing(home)


def other_keys_say_nothing() -> None:
    with Hub() as hub, Home(hub) as home:
        ran = pull(home, ["q\r xn"])
        check_same(ran.status, 2, ran.told())
        check_same(ran.out.count(QUESTION), 1, "questions")


if __name__ == "__main__":
    tap.run(
        [
            ("yes fetches", yes_fetches),
            ("yes is asked once", yes_is_asked_once),
            ("no and the end of input fetch nothing", no_fetches_nothing),
            ("the text is shown and the question comes again", the_text_is_shown),
            ("Ctrl-C ends it", ctrl_c_ends_it),
            ("other keys say nothing", other_keys_say_nothing),
        ],
        n_at_once=1,
    )
