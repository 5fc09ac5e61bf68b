"""What was measured: the table, the CSV file, and what is promised of it."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator
from pathlib import Path

OURS = "Timbre"


@dataclasses.dataclass
class Row:
    """One figure. Peaks are GFLOP/s of fused multiply-add around it: in the registers that the
    kernels use, and in those of AVX2 (or NEON); 0: not measured there."""

    section: str
    row: str
    who: str
    setting: str  # version and how it was tuned; ours: kernels and threads
    value: float
    unit: str = "s"
    gflop: float = 0  # direct convolutions, whatever was done
    peak: float = 0
    peak_narrow: float = 0
    ratio: float = 0  # a peer's time over ours

    @property
    def rate(self) -> float:
        return self.gflop / self.value if self.gflop and self.value else 0

    def share(self, peak: float) -> float:
        return self.rate / peak if peak else 0


@dataclasses.dataclass
class Promise:
    """A figure and its bound."""

    what: str
    value: float
    bound: float
    at_least: bool
    kind: str = "must"

    @property
    def is_kept(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


class Results:
    """Everything of a run, in order."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.promises: list[Promise] = []
        self.skipped: list[str] = []
        self.kernels = ""  # ours, the best ones

    def find(self, section: str, row: str, setting: str = "") -> Row | None:
        """Our first row of that name."""
        for found in self.rows:
            if (found.section, found.row, found.who) == (section, row, OURS) and (
                found.setting.startswith(setting)
            ):
                return found
        return None

    def add_peer(self, row: Row) -> None:
        """With its ratio to our row of the same name."""
        if (own := self.find(row.section, row.row)) and own.value:
            row.ratio = row.value / own.value
            row.gflop = own.gflop
        self.rows.append(row)

    def promise(
        self, what: str, value: float, bound: float, *, at_least: bool = False, kind: str = "must"
    ) -> None:
        self.promises.append(Promise(what, value, bound, at_least, kind))

    def best_ratio(self, section: str, row: str) -> float:
        """Of the fastest peer; 0: there is none."""
        ratios = [r.ratio for r in self.rows if (r.section, r.row) == (section, row) and r.ratio]
        return min(ratios, default=0)


HEAD = (
    f"{'what':52} {'who':20} {'value':>10}    {'GFLOP/s':>8} {'share':>7} {'peak':>6} "
    f"{'of AVX2':>8} {'ratio':>6}  setting"
)


def table(rows: list[Row]) -> Iterator[str]:
    yield HEAD
    section = ""
    # a peer stands below the row that it is compared with
    order = {(r.section, r.row): i for i, r in reversed(list(enumerate(rows)))}
    for row in sorted(rows, key=lambda r: order[r.section, r.row]):
        if row.section != section:
            section = row.section
            yield f"-- {section}"
        rate = f"{row.rate:8.1f}" if row.rate else f"{'':8}"
        share = f"{row.share(row.peak):7.1%} {row.peak:6.1f}" if row.rate else f"{'':14}"
        narrow = f"{row.share(row.peak_narrow):8.1%}" if row.rate else f"{'':8}"
        ratio = f"{row.ratio:6.2f}" if row.ratio else f"{'':6}"
        yield (
            f"{row.row:52} {row.who:20} {row.value:10.4f} {row.unit:2} {rate} {share} {narrow} "
            f"{ratio}  {row.setting}"
        )


def promises(found: list[Promise]) -> Iterator[str]:
    for p in found:
        verdict = "kept" if p.is_kept else "missed" if p.kind == "goal" else "BROKEN"
        sign = ">=" if p.at_least else "<="
        yield f"{verdict:7} {p.kind:5} {p.what:58} {p.value:8.3f} {sign} {p.bound:.3f}"


def write_csv(path: Path, rows: list[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [field.name for field in dataclasses.fields(Row)]
        writer.writerow([*names, "gflop_per_s", "share", "share_narrow"])
        for r in rows:
            shares = [f"{x:.4f}" for x in (r.rate, r.share(r.peak), r.share(r.peak_narrow))]
            writer.writerow([*dataclasses.astuple(r), *shares])
