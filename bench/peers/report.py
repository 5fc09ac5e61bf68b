"""What a peer says: one JSON object a line. The standard library alone, for any interpreter."""

from __future__ import annotations

import json
import statistics
import time
from typing import Any, Callable


class Report:
    """Prints rows of a peer's version; rows have the names that bench/network knows."""

    def __init__(self, peer: str, version: str, setting: str) -> None:
        self.about = {"peer": peer, "version": version, "setting": setting}

    def row(self, name: str, seconds: float) -> None:
        print(json.dumps({**self.about, "row": name, "seconds": seconds}), flush=True)

    def skip(self, name: str, reason: str) -> None:
        print(json.dumps({**self.about, "row": name, "skipped": reason}), flush=True)

    def time(self, name: str, repeats: int, work: Callable[[], Any], best: bool = False) -> None:
        """The median of some runs, or the best one, behind one to warm up."""
        work()
        seconds = []
        for _ in range(repeats):
            began = time.monotonic()
            work()
            seconds.append(time.monotonic() - began)
        self.row(name, min(seconds) if best else statistics.median(seconds))
