"""A studio in a terminal of ours: a pty whose other end is pyte, an independent terminal emulator,
and which answers what programs ask terminals as one of several would."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import threading
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyte
from home import PROGRAM, WAIT_S, Home, wait_until

# CSI, OSC, DCS and kin with their ends; else two characters.
SEQUENCE = re.compile(
    rb"\x1b(?:\[(?P<csi>[0-?]*[ -/]*[@-~])|(?P<string>[\]P_^X][^\x1b\x07]*)(?:\x07|\x1b\\)"
    rb"|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])"
)
PLAIN_CSI = re.compile(rb"[0-9;]*[@-~]$")
QUESTIONS = {
    "attributes": re.compile(rb"\[0?c$"),
    "name": re.compile(rb"\[>0?q$"),
    "sync": re.compile(rb"\[\?2026\$p$"),
    "cell": re.compile(rb"\[16t$"),
    "background": re.compile(rb"\]11;\?"),
    "graphics": re.compile(rb"_G[^;]*a=q"),
}


@dataclass
class Terminal:
    """How one answers; questions that are not here get no answer."""

    term: str
    answers: dict[str, bytes] = field(default_factory=dict)


SILENT = Terminal("xterm-256color")


class Filter:
    """Keeps from pyte what it does not know (it would show it), notes questions, and repeats what
    REP asks to be repeated."""

    def __init__(self) -> None:
        self.pending = b""
        self.questions: list[str] = []
        self.unknown: set[bytes] = set()
        self.modes: set[bytes] = set()
        self.title = ""
        self.strings: list[bytes] = []
        self.last = b" "

    def pass_on(self, data: bytes) -> bytes:
        data = self.pending + data
        out, at = bytearray(), 0
        self.pending = b""
        while at < len(data):
            begin = data.find(b"\x1b", at)
            text = data[at:] if begin < 0 else data[at:begin]
            out += text
            if text:
                self.last = last_character(text)
            if begin < 0:
                break
            found = SEQUENCE.match(data, begin)
            if found is None:
                self.pending = data[begin:]
                break
            out += self.sequence(found)
            at = found.end()
        return bytes(out)

    def sequence(self, found: re.Match[bytes]) -> bytes:
        whole, csi = found[0], found["csi"]
        self.questions += [name for name, pattern in QUESTIONS.items() if pattern.match(whole[1:])]
        if found["string"] is not None:
            self.strings.append(found["string"])
            if found["string"].startswith((b"]0;", b"]2;")):
                self.title = found["string"][3:].decode(errors="replace")
            return b""
        if csi is None:
            return whole if whole[1:2] in b"78DEMHc" else b""
        if csi.startswith(b"?") and csi[-1:] in b"hl":
            change = self.modes.add if csi.endswith(b"h") else self.modes.discard
            for mode in csi[1:-1].split(b";"):
                change(mode)
            return whole if csi[1:-1] in (b"25", b"7", b"6") else b""
        if not PLAIN_CSI.match(csi):
            return b""
        return self.plain(csi, whole)

    def plain(self, csi: bytes, whole: bytes) -> bytes:
        last = csi[-1:]
        if last == b"b":
            return self.last * int(csi[:-1] or b"1")
        if last in b"nct":
            return b""
        if last not in b"@ABCDEFGHJKLMPSTXadefghlmr`'":
            self.unknown.add(csi)
            return b""
        return whole


def last_character(text: bytes) -> bytes:
    at = len(text) - 1
    while at > 0 and 0x80 <= text[at] < 0xC0:
        at -= 1
    return text[at:]


class Screen(pyte.Screen):  # type: ignore[misc]  # Debian's pyte has no types
    """What pyte 0.8.0 lacks: it scrolls its region, and bright colours are not bold."""

    def scroll(self, n: int, is_up: bool) -> None:
        top, bottom = self.margins or (0, self.lines - 1)
        row = self.cursor.y
        self.cursor.y = bottom if is_up else top
        for _ in range(n or 1):
            self.index() if is_up else self.reverse_index()
        self.cursor.y = row

    def select_graphic_rendition(self, *numbers: int, **how: bool) -> None:
        own: list[int] = []
        is_of_many = False  # after 38 or 48 come other numbers
        for n in numbers:
            is_bright = not is_of_many and n in range(90, 98)
            own += [38, 5, n - 82] if is_bright else [n]
            is_of_many |= n in (38, 48)
        super().select_graphic_rendition(*own, **how)

    def scroll_up(self, n: int = 1) -> None:
        self.scroll(n, True)

    def scroll_down(self, n: int = 1) -> None:
        self.scroll(n, False)


def visible(cell: Any) -> tuple[object, ...]:
    """Of a blank, its letters' colour and weight cannot be seen."""
    if cell.data == " " and not cell.reverse and not cell.underscore:
        return (cell.data, cell.bg)
    return tuple(cell)


class Stream(pyte.ByteStream):  # type: ignore[misc]
    csi: ClassVar = {**pyte.ByteStream.csi, "S": "scroll_up", "T": "scroll_down"}


class Studio:
    """The program in a terminal of its own. Threads: one reads; all fields that it writes are
    guarded by `lock`."""

    def __init__(self, home: Home, columns: int = 100, rows: int = 30, terminal: Terminal = SILENT,
                 words: tuple[str, ...] = (), **env: str) -> None:  # fmt: skip
        self.terminal = terminal
        self.screen = Screen(columns, rows)
        self.stream = Stream(self.screen)
        self.filter = Filter()
        self.raw = bytearray()
        self.lock = threading.Lock()
        self.changed_at = time.monotonic()
        self.master, self.slave = pty.openpty()
        self.set_size(columns, rows)
        self.before = termios.tcgetattr(self.slave)
        merged = {**home.env, "TERM": terminal.term, **env}
        self.process = subprocess.Popen(
            [PROGRAM, *words], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            env={name: value for name, value in merged.items() if value != ""}, cwd=home.path,
            start_new_session=True, preexec_fn=take_terminal,
        )  # fmt: skip
        self.is_over = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.is_over.set()
        self.reader.join()
        os.close(self.slave)
        os.close(self.master)

    def set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self) -> None:
        while not self.is_over.is_set():
            ready, _, _ = select.select([self.master], [], [], 0.05)
            if not ready:
                continue
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            with self.lock:
                self.raw += data
                self.stream.feed(self.filter.pass_on(data))
                self.changed_at = time.monotonic()
                asked, self.filter.questions = self.filter.questions, []
            for question in asked:
                self.send(self.terminal.answers.get(question, b""))

    def send(self, data: bytes | str) -> None:
        data = data.encode() if isinstance(data, str) else data
        while data:
            data = data[os.write(self.master, data) :]

    def resize(self, columns: int, rows: int) -> None:
        """Nothing of the old screen is left, as after the worst of reflows."""
        if (columns, rows) == (self.screen.columns, self.screen.lines):
            return
        with self.lock:
            self.screen.resize(rows, columns)
            self.screen.reset()
            self.changed_at = time.monotonic()
            self.set_size(columns, rows)

    def rows(self) -> list[str]:
        with self.lock:
            return [row.rstrip() for row in self.screen.display]

    def text(self) -> str:
        return "\n".join(self.rows())

    def cells(self) -> list[tuple[object, ...]]:
        """All that can be seen, with colours and the cursor."""
        with self.lock:
            screen = self.screen
            found: list[tuple[object, ...]] = [
                tuple(visible(screen.buffer[row][column]) for column in range(screen.columns))
                for row in range(screen.lines)
            ]
            cursor = screen.cursor
            return [*found, ("hidden",) if cursor.hidden else (cursor.y, cursor.x)]

    def shown(self, text: str) -> str:
        """The screen, where it holds the text."""
        now = self.text()
        return now if text in now else ""

    def want(self, text: str, limit_s: float = WAIT_S) -> str:
        found: str = wait_until(
            lambda: self.shown(text), lambda: f"{text!r}\n{self.text()}", limit_s
        )
        return found

    def want_gone(self, text: str, limit_s: float = WAIT_S) -> None:
        wait_until(
            lambda: text not in self.text(), lambda: f"still {text!r}\n{self.text()}", limit_s
        )

    def settle(self, quiet_s: float = 0.25, limit_s: float = 5.0) -> str:
        """The screen after nothing came for a while from now on, or at the limit."""
        since = time.monotonic()
        end = since + limit_s
        while time.monotonic() < min(since + quiet_s, end):
            time.sleep(0.01)
            with self.lock:
                since = max(since, self.changed_at)
        return self.text()

    def end(self, limit_s: float = WAIT_S) -> int:
        """Quit as a user would; the exit status."""
        self.send(b"\x15\x04")  # Ctrl+U, Ctrl+D
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end\n{self.text()}") from None


def take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
