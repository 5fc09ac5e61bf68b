#!/usr/bin/env python3
"""Decoding and encoding beside torchaudio 0.13, in one run, on the same number of threads.

    bench/bench_spectrogram.py TIMBRE BENCH_SPECTROGRAM [--runs N] [--threads N] [--tuned]

Ours: single parts by bench_spectrogram.c, whole commands by the program (wall clock, peak resident
memory). Theirs: torchaudio as Riffusion calls it, in a process of its own, medians of N runs; its
two inverse mels once, and of the 200 steps of sgd only 10, times 20. --tuned also runs theirs with
large malloc thresholds, which spare it the page faults of 72 MB temporaries. Both sides take random
amplitudes over four decades: these times do not depend on them.

Debian's torch multiplies matrices with whatever libblas.so.3 is; with the reference BLAS its sgd is
ten times slower than it could be. For a fair run install libopenblas0-pthread. The line "BLAS of
torch" says what it was.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZE = 512
SGD_STEPS = 10  # of 200: every step costs the same
ROOT = Path(__file__).resolve().parent.parent
PYTHONS = [str(ROOT / ".venv-reference/bin/python"), sys.executable, "/usr/bin/python3"]
TUNED = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}
# our part: their parts that do the same work
SAME = {
    "inverse mel, lstsq": ["lstsq"],
    "inverse mel, sgd 200": ["sgd 200"],
    "lstsq and Griffin-Lim 32": ["lstsq", "Griffin-Lim 32"],
    "STFT and mel": ["STFT and mel"],
}


# ---- theirs: run as `bench_spectrogram.py --theirs RUNS THREADS` -------------------------------


def median_s(run: Callable[[], Any], n_runs: int) -> float:
    times = []
    for _ in range(n_runs):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def theirs(n_runs: int, n_threads: int) -> None:
    """Prints the version, the FFT library and the median of each part as JSON."""
    import torch
    import torchaudio
    from torchaudio import transforms

    torch.set_num_threads(n_threads)
    torch.manual_seed(1)
    n_fft, rate = 17640, 44100
    lengths = {"n_fft": n_fft, "win_length": 4410, "hop_length": 441}
    bands = 30e6 * torch.rand(1, SIZE, SIZE) ** 4
    bank = torchaudio.functional.melscale_fbanks(n_fft // 2 + 1, 0.0, 10000.0, SIZE, rate)
    magnitudes = torch.matmul(bands.transpose(1, 2), bank.T).transpose(1, 2).contiguous()
    sound = 1e4 * torch.randn(1, 441 * (SIZE - 1))
    spectrogram = transforms.Spectrogram(**lengths, power=None)
    mel = transforms.MelScale(SIZE, rate, 0, 10000, n_fft // 2 + 1)
    sgd = transforms.InverseMelScale(n_fft // 2 + 1, SIZE, rate, 0, 10000, max_iter=SGD_STEPS)
    griffin_lim = transforms.GriffinLim(**lengths, n_iter=32, power=1.0)
    transforms.GriffinLim(**lengths, n_iter=1, power=1.0)(magnitudes)  # warms what 32 rounds use

    parts = {
        "STFT and mel": median_s(lambda: mel(torch.abs(spectrogram(sound))), n_runs),
        "Griffin-Lim 32": median_s(lambda: griffin_lim(magnitudes), n_runs),
        "lstsq": median_s(
            lambda: torch.relu(torch.linalg.lstsq(bank.T, bands[0], driver="gels").solution), 1
        ),
        "sgd 200": median_s(lambda: sgd(bands), 1) * (200 / SGD_STEPS),
    }
    facts = {
        "torch": torch.__version__,
        "torchaudio": torchaudio.__version__,
        "fft": "MKL" if torch.backends.mkl.is_available() else "pocketfft",
        "blas": loaded("blas"),
        "parts": parts,
    }
    print(json.dumps(facts))


def loaded(name: str) -> str:
    """The first library of this process with `name` in its path."""
    maps = Path("/proc/self/maps")
    lines = maps.read_text().splitlines() if maps.exists() else []
    paths = [line.split()[-1] for line in lines if name in line]
    return paths[0] if paths else "unknown"


def has_torchaudio(python: str) -> bool:
    if not Path(python).exists():
        return False
    return not subprocess.run([python, "-c", "import torchaudio"], capture_output=True).returncode


def run_theirs(options: argparse.Namespace, env: dict[str, str]) -> dict[str, Any] | None:
    """None where there is no torchaudio."""
    python = next((name for name in PYTHONS if has_torchaudio(name)), None)
    if python is None:
        return None
    command = [python, "-W", "ignore", __file__, "--theirs", str(options.runs)]
    command.append(str(options.threads))
    found: dict[str, Any] = json.loads(
        subprocess.check_output(command, env={**os.environ, **env, **threads(options)})
    )
    return found


def threads(options: argparse.Namespace) -> dict[str, str]:
    return {"OMP_NUM_THREADS": str(options.threads), "TIMBRE_THREADS": str(options.threads)}


# ---- ours --------------------------------------------------------------------------------------


def write_image(path: Path) -> None:
    """A grey PNG of random pixels."""
    rng = random.Random(1)
    rows = b"".join(b"\0" + rng.randbytes(SIZE) for _ in range(SIZE))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def run_command(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Wall-clock seconds and the peak of resident memory in MB."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begin
    if process.returncode:
        sys.exit(f"bench: {' '.join(command)} ended with {process.returncode}\n{said}")
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    return seconds, usage.ru_maxrss / unit


def whole_commands(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image, sound, again = folder / "in.png", folder / "out.wav", folder / "again.png"
        write_image(image)
        env = {"HOME": name, **threads(options)}
        commands = {
            "decode 512x512": ["decode", str(image), "-o", str(sound), "--force"],
            "encode 5.1 s": ["encode", str(sound), "-o", str(again), "--force"],
        }
        for what, arguments in commands.items():
            found = [run_command([options.timbre, *arguments], env) for _ in range(options.runs)]
            seconds = statistics.median(wall for wall, _ in found)
            peak = max(memory for _, memory in found)
            print(f"timbre {what}: {seconds:.2f} s, peak memory {peak:.0f} MB")


def our_parts(options: argparse.Namespace) -> dict[str, float]:
    command = [options.parts, str(options.threads), str(max(options.runs, 3))]
    lines = subprocess.check_output(command, text=True).splitlines()
    return {fact["part"]: fact["median_s"] for fact in map(json.loads, lines)}


def print_table(ours: dict[str, float], peers: dict[str, dict[str, Any] | None]) -> None:
    print(f"{'part, 512 columns':28} {'timbre':>9}", *(f"{name:>16} ratio" for name in peers))
    for part, seconds in ours.items():
        line = f"{part:28} {1000 * seconds:6.1f} ms"
        for found in peers.values():
            if found is not None and part in SAME:
                other = sum(found["parts"][name] for name in SAME[part])
                line += f" {1000 * other:13.1f} ms {other / seconds:5.1f}"
        print(line)


def machine() -> str:
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            x.split(":")[1].strip() for x in info.read_text().splitlines() if "model name" in x
        ]
        cpu = names[0] if names else cpu
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("timbre", help="the program")
    parser.add_argument("parts", help="bench_spectrogram, the program of single parts")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tuned", action="store_true", help="theirs also with tuned malloc")
    options = parser.parse_args()

    print(f"{machine()}; {options.threads} threads, medians of {options.runs}")
    whole_commands(options)
    ours = our_parts(options)
    peers = {"torchaudio": run_theirs(options, {})}
    if options.tuned and peers["torchaudio"] is not None:
        peers["tuned malloc"] = run_theirs(options, TUNED)
    facts = peers["torchaudio"]
    if facts is None:
        print("no peer: torchaudio is not here; on Debian 12: make setup GROUPS=reference")
        peers = {}
    else:
        print(f"torchaudio {facts['torchaudio']}, torch {facts['torch']}, FFT by {facts['fft']}")
        print(f"BLAS of torch (sgd, lstsq): {facts['blas']}")
    print_table(ours, peers)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--theirs"]:
        theirs(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
