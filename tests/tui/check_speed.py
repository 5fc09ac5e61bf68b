"""How soon, with how long a history, and at what cost when nothing happens."""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from pathlib import Path

from home import SLOWER, WAIT_S, Home
from terminal import Tmux

# Ten times what is promised, since machines are shared.
START_S, ECHO_S, IDLE_SHARE = 2.0 * SLOWER, 0.5 * SLOWER, 0.05
WRITES_A_SECOND = 40  # 10 frames of progress, 3 writes each, and what threads wake one another with
N_TAKES = 5000
TAKE = ("path", "len_bytes", "sha256", "made_ms", "title", "starred", "prompt", "seed", "model_id",
        "duration_seconds", "format", "metadata", "recipe", "folded", "trashed_ms")  # fmt: skip


def fill(home: Home, n: int) -> None:
    """A history of n takes: one that was made, and copies of its row whose files are links."""
    home.make_take("take 0 of many")
    home.run("takes", "list")
    home.stop_worker()
    with sqlite3.connect(home.data / "timbre.db") as db:
        row = list(db.execute(f"SELECT {', '.join(TAKE)} FROM take").fetchone())
        (version,) = db.execute("SELECT value FROM counter WHERE name = 'version'").fetchone()
        path = Path(row[0])
        rows = []
        for i in range(1, n):
            copy = path.with_name(f"copy-{i}{path.suffix}")
            os.link(path, copy)
            own = {"path": str(copy), "made_ms": row[3] + i}
            values = [own.get(name, value) for name, value in zip(TAKE, row)]
            values = [renumbered(value, i) for value in values]
            rows.append([str(uuid.uuid4()), version + i, *values])
        marks = ", ".join("?" * (len(TAKE) + 2))
        db.executemany(f"INSERT INTO take (id, version, {', '.join(TAKE)}) VALUES ({marks})", rows)
        db.execute("UPDATE counter SET value = value + ? WHERE name = 'version'", (n,))
    db.close()


def renumbered(value: object, i: int) -> object:
    return value.replace("take 0 of", f"take {i} of") if isinstance(value, str) else value


def seconds_of_processor(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat").read_text()
    fields = stat[stat.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def echoes(studio: Tmux, letters: str) -> list[float]:
    """Seconds from a key to the screen, each."""
    found, typed = [], ""
    for letter in letters:
        typed += letter
        begin = time.monotonic()
        studio.type(letter)
        while typed.rstrip() not in studio.screen():
            assert time.monotonic() - begin < WAIT_S, f"no {typed!r}\n{studio.screen()}"
        found.append(time.monotonic() - begin)
    return found


def a_long_history_costs_no_time() -> None:
    with Home() as home:
        fill(home, N_TAKES)
        with Tmux(home, command="") as studio:
            studio.type("timbre")
            begin = time.monotonic()
            studio.keys("Enter")
            studio.want("F1 help")
            frame_s = time.monotonic() - begin
            assert frame_s < START_S, f"first frame after {frame_s:.2f} s"
            studio.want(f"#{N_TAKES}")
            times = sorted(echoes(studio, "quickbrownfoxesjump"))
            slow = times[len(times) * 95 // 100]
            assert slow < ECHO_S, f"95 of 100 keys are shown within {slow:.3f} s"
            studio.want(f"{N_TAKES} takes")
            studio.keys("C-u", "Tab")
            studio.keys("g")
            studio.want("take 0 of many")
            studio.keys("G")
            studio.want(f"#{N_TAKES}")


def doing_nothing_costs_nothing() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.settle()
        pid = studio.pid()
        begin, at = seconds_of_processor(pid), time.monotonic()
        time.sleep(5)
        share = (seconds_of_processor(pid) - begin) / (time.monotonic() - at)
        assert share < IDLE_SHARE, f"{share:.1%} of a core while idle"


def progress_is_a_few_writes_a_second() -> None:
    with Home() as home, Tmux(home) as studio:
        studio.want("F1 help")
        studio.submit("test-slow 200 50 busy bells")
        studio.want("denoise")
        pid = studio.pid()
        begin, at = n_writes(pid), time.monotonic()
        time.sleep(4)
        n = n_writes(pid) - begin
        per_second = n / (time.monotonic() - at)
        assert 0 < per_second < WRITES_A_SECOND, f"{per_second:.0f} writes a second"


def n_writes(pid: int) -> int:
    rows = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(next(row.split()[1] for row in rows if row.startswith("syscw")))


CASES = [
    a_long_history_costs_no_time,
    doing_nothing_costs_nothing,
    progress_is_a_few_writes_a_second,
]
