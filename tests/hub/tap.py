"""Cases that run side by side and are told in order, as TAP."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

Case = tuple[str, Callable[[], None]]  # it raises what is wrong


def diagnose(text: str) -> None:
    for line in text.splitlines():
        print(f"# {line}")


def attempt(case: Callable[[], None]) -> tuple[float, str]:
    """Seconds, and what was wrong or nothing."""
    start = time.monotonic()
    try:
        case()
    except AssertionError as error:
        where = traceback.extract_tb(error.__traceback__)
        lines = " < ".join(f"{each.name}:{each.lineno}" for each in reversed(where[1:]))
        return time.monotonic() - start, f"{error}\nat {lines}"
    except Exception:
        return time.monotonic() - start, traceback.format_exc()
    return time.monotonic() - start, ""


def run_all(cases: Sequence[Case], n_at_once: int, first: int = 1) -> int:
    """Every case, numbered from `first`; how many failed."""
    n_failed = 0
    with ThreadPoolExecutor(n_at_once) as pool:
        results = [pool.submit(attempt, case) for _, case in cases]
        for i, ((name, _), result) in enumerate(zip(cases, results), start=first):
            seconds, wrong = result.result()
            n_failed += wrong != ""
            print(f"{'not ok' if wrong else 'ok'} {i} - {name}", flush=True)
            diagnose(f"{seconds:.2f} s\n{wrong}")
    return n_failed


def run(cases: Iterable[Case], n_at_once: int = 4) -> None:
    """Every case; ends the program, with 1 where one failed. Words given choose cases by name."""
    words = sys.argv[1:]
    chosen = [each for each in cases if not words or any(word in each[0] for word in words)]
    print(f"1..{len(chosen)}")
    sys.exit(1 if run_all(chosen, n_at_once) else 0)
