"""A studio in tmux: keys go in, the screen comes out, and tmux says which modes are on."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from home import PROGRAM, WAIT_S, Home, wait_until

CONFIG = """
set -g default-terminal tmux-256color
set -g default-shell /bin/sh
set -sg escape-time 0
set -g status off
set -g set-clipboard on
"""


class Tmux:
    """One pane with a shell in which the studio was started, unless `command` is ""."""

    def __init__(self, home: Home, columns: int = 100, rows: int = 30, command: str = "timbre",
                 **env: str) -> None:  # fmt: skip
        self.home = home
        config = home.path / "tmux.conf"
        config.write_text(CONFIG)
        merged = {name: value for name, value in {**home.env, **env}.items() if value != ""}
        self.words = [
            "tmux",
            "-S",
            tempfile.mktemp(prefix="tmux-", dir=home.path),
            "-f",
            str(config),
        ]
        self.env = merged
        self.tmux(
            "new-session",
            "-d",
            "-c",
            str(home.path),
            "-x",
            str(columns),
            "-y",
            str(rows),
            "/bin/sh",
            "-i",
        )
        self.want("$")
        self.started_at = time.monotonic()
        if command:
            self.keys(command, "Enter")

    def __enter__(self) -> Tmux:
        return self

    def __exit__(self, *_exc: object) -> None:
        subprocess.run([*self.words, "kill-server"], env=self.env, capture_output=True, check=False)

    def tmux(self, *words: str) -> str:
        done = subprocess.run([*self.words, *words], env=self.env, text=True, capture_output=True,
                              timeout=30, errors="replace")  # fmt: skip
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    # ---- in ----

    def keys(self, *names: str) -> None:
        """Keys by tmux's names; what is none is typed."""
        self.tmux("send-keys", *names)

    def type(self, text: str) -> None:
        """As it is, also bytes of escape sequences."""
        self.tmux("send-keys", "-l", text)

    def submit(self, prompt: str) -> None:
        self.type(prompt)
        self.want(prompt[-20:])
        self.keys("Enter")

    def paste(self, text: str) -> None:
        """In brackets, where the program asked for them."""
        pasted = self.home.path / "pasted"
        pasted.write_text(text)
        self.tmux("load-buffer", str(pasted))
        self.tmux("paste-buffer", "-p", "-r")

    def resize(self, columns: int, rows: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    # ---- out ----

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def colored(self) -> str:
        return self.tmux("capture-pane", "-p", "-e")

    def tell(self, name: str) -> str:
        """One of tmux's variables."""
        return self.tmux("display-message", "-p", f"#{{{name}}}").rstrip("\n")

    def cursor(self) -> tuple[int, int]:
        column, row = self.tell("cursor_x},#{cursor_y").split(",")
        return int(row), int(column)

    def row_with(self, text: str) -> int:
        """The last one; -1: none."""
        rows = self.screen().split("\n")
        return max((i for i, row in enumerate(rows) if text in row), default=-1)

    def shown(self, text: str) -> str:
        """The screen, where it holds the text."""
        now = self.screen()
        return now if text in now else ""

    def want(self, text: str, limit_s: float = WAIT_S) -> str:
        """Wait until the screen shows it; the screen."""
        found: str = wait_until(
            lambda: self.shown(text), lambda: f"{text!r}\n{self.screen()}", limit_s
        )
        return found

    def want_match(self, pattern: str, limit_s: float = WAIT_S) -> re.Match[str]:
        found: re.Match[str] = wait_until(
            lambda: re.search(pattern, self.screen()),
            lambda: f"{pattern!r}\n{self.screen()}",
            limit_s,
        )
        return found

    def want_gone(self, text: str, limit_s: float = WAIT_S) -> None:
        wait_until(lambda: text not in self.screen(),
                   lambda: f"still {text!r}\n{self.screen()}", limit_s)  # fmt: skip

    def want_that(self, is_so: Callable[[], bool], what: str, limit_s: float = WAIT_S) -> None:
        wait_until(is_so, lambda: f"{what}\n{self.screen()}", limit_s)

    def settle(self, quiet_s: float = 0.3) -> str:
        """The screen once it has stayed the same for a while."""
        before, since = self.screen(), time.monotonic()
        end = since + WAIT_S
        while time.monotonic() < min(since + quiet_s, end):
            time.sleep(0.05)
            now = self.screen()
            if now != before:
                before, since = now, time.monotonic()
        return before

    def want_shell(self, limit_s: float = WAIT_S) -> None:
        """The studio has ended or sleeps, and the terminal is the shell's."""
        self.want_that(lambda: self.tell("pane_current_command") == "sh", "no shell", limit_s)
        self.want_that(lambda: self.tell("alternate_on") == "0", "still its own screen")

    def exit_status(self) -> int:
        """Of what the shell ran last."""
        self.keys('echo "EX"IT=$?.', "Enter")
        return int(self.want_match(r"EXIT=(\d+)\.")[1])

    def modes(self) -> tuple[str, ...]:
        """What a program may leave behind."""
        names = ("alternate_on", "cursor_flag", "mouse_any_flag", "mouse_sgr_flag",
                 "keypad_cursor_flag", "keypad_flag", "insert_flag")  # fmt: skip
        return tuple(self.tell(name) for name in names)

    # ---- the process ----

    def pid(self) -> int:
        """The studio's."""
        shell = int(self.tell("pane_pid"))
        return int(wait_until(lambda: child_of(shell), lambda: f"no studio\n{self.screen()}"))

    def kill(self, number: int) -> None:
        os.kill(self.pid(), number)

    def quit(self) -> None:
        """By the command, whatever is on the screen."""
        self.kill(signal.SIGTERM)
        self.want_shell()


def child_of(parent: int) -> int:
    """The process of the program that has this parent; 0: none."""
    for each in Path("/proc").iterdir():
        if not each.name.isdigit():
            continue
        try:
            stat = (each / "stat").read_text()
            if int(stat[stat.rindex(")") + 2 :].split()[1]) != parent:
                continue
            if (each / "exe").resolve() == PROGRAM:
                return int(each.name)
        except OSError:
            continue
    return 0


def stty(terminal: Tmux) -> str:
    """`stty -g` of the pane, asked by its shell."""
    path = terminal.home.path / "stty"
    path.unlink(missing_ok=True)
    terminal.keys(f"stty -g > {shlex.quote(str(path))}.new; mv {path}.new {path}", "Enter")
    wait_until(path.exists, lambda: f"no stty\n{terminal.screen()}")
    return path.read_text()
