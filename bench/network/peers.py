"""Other people's programs: which there are here, how each is tuned, what it printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from bench.network.ours import DECODE, STEP, TEXT, Ours, peak
from bench.network.rows import Row

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"step": STEP, "decode": DECODE, "text": TEXT}  # theirs, ours
# glibc gives large blocks back to the system and takes them again, page by page, all the time
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "8000000000",
    "MALLOC_TRIM_THRESHOLD_": "16000000000",
    "MALLOC_TOP_PAD_": "1000000000",
}
OPENBLAS = ("libopenblas0-openmp", "/usr/lib/x86_64-linux-gnu/openblas-openmp")


class Where(NamedTuple):
    """Interpreters and files, as the command line gave them."""

    torch: Path
    other_torch: Path | None
    openvino: Path
    sdcpp: Path
    weights: Path | None  # one file, for stable-diffusion.cpp
    openblas: Path  # folder of OpenMP's OpenBLAS
    limit_s: int


class Peer(NamedTuple):
    """One way to run one."""

    name: str
    python: Path
    module: str
    options: list[str]
    env: dict[str, str]


def add(own: Ours, section: str, line: str, peaks: tuple[float, float]) -> None:
    """One line of a peer."""
    try:
        said = json.loads(line)
    except ValueError:
        return  # its library's own chatter
    name = NAMES.get(said["row"], said["row"])
    who = f"{said['peer']} {said['version']}"
    if "skipped" in said:
        own.results.skipped.append(f"{who} ({said['setting']}), {name}: {said['skipped']}")
        return
    row = Row(section, name, who, said["setting"], said["seconds"])
    row.peak, row.peak_narrow = peaks
    own.results.add_peer(row)


def run(own: Ours, section: str, peer: Peer, where: Where, text: str = "") -> None:
    """Between two measurements of the peak."""
    if not peer.python.exists():
        own.results.skipped.append(
            f"{peer.name}: there is no {peer.python}; docs/speed.md says how to get it"
        )
        return
    print(f"-- {peer.name}: {' '.join(peer.options)}", file=sys.stderr, flush=True)
    before = peak(own)
    try:
        ran = subprocess.run(
            [str(peer.python), "-W", "ignore", "-m", peer.module, *peer.options],
            cwd=ROOT, env={**os.environ, **peer.env}, input=text, stdout=subprocess.PIPE,
            text=True, check=False, timeout=where.limit_s,
        )  # fmt: skip
        out, problem = ran.stdout, f"it ended with {ran.returncode}" if ran.returncode else ""
    except subprocess.TimeoutExpired as late:
        out = late.stdout.decode() if isinstance(late.stdout, bytes) else (late.stdout or "")
        problem = f"no end within {where.limit_s} s"
    after = peak(own)
    peaks = (max(before[1], after[1]), max(before[2], after[2]))
    for line in out.splitlines():
        add(own, section, line, peaks)
    if problem:
        own.results.skipped.append(f"{peer.name} ({section}), the rest: {problem}")


def torch_ways(where: Where) -> list[tuple[str, Path, str, dict[str, str]]]:
    """As it comes, tuned, and a newer one."""
    found = [("PyTorch", where.torch, "as it comes", dict[str, str]())]
    if (where.openblas / "libblas.so.3").exists():
        env = {**MALLOC, "LD_LIBRARY_PATH": str(where.openblas)}
        found.append(("PyTorch, tuned", where.torch, "OpenMP OpenBLAS, large malloc", env))
    else:
        found.append(("PyTorch, tuned", where.torch, "large malloc", {**MALLOC}))
    if where.other_torch:
        found.append(("a newer PyTorch", where.other_torch, "large malloc", {**MALLOC}))
    return found


def stages(own: Ours, where: Where, n_steps: int) -> None:
    """Whole networks."""
    for name, python, setting, env in torch_ways(where):
        options = ["--model", str(own.model.resolve()), "--repeats", str(n_steps),
                   "--threads", str(own.threads), "--setting", setting]  # fmt: skip
        run(own, "stages", Peer(name, python, "bench.peers.pytorch", options, env), where)
    if where.weights is None:
        own.results.skipped.append(
            "stable-diffusion.cpp: no --weights (bench/peers/single_file.py)"
        )
        return
    common = [str(where.weights.resolve()), "--threads", str(own.threads)]
    common += ["--steps", str(n_steps + 1)]
    for flags in ([], ["--flash"], ["--flash", "--vae-direct"]):
        peer = Peer("stable-diffusion.cpp", where.sdcpp, "bench.peers.sdcpp", [*common, *flags], {})
        run(own, "stages", peer, where)


def layers(own: Ours, where: Where, shapes: str) -> None:
    """Single layers."""
    common = ["--threads", str(own.threads)]
    for name, python, setting, env in torch_ways(where):
        options = ["--layers", *common, "--setting", setting]
        run(own, "layers", Peer(name, python, "bench.peers.pytorch", options, env), where, shapes)
    peer = Peer("OpenVINO", where.openvino, "bench.peers.openvino_layers", common, {})
    run(own, "layers", peer, where, shapes)
