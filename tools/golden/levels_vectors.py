#!/usr/bin/python3
"""Reference values for engine/audio/levels_riffusion.c by Python's own audioop.

Writes tests/data/vectors/levels.bin and levels.json. The binary holds, for each case of the JSON,
its samples as little-endian float32 and then the result as little-endian int16. The steps are those
of riffusion-hobby: numpy's scaling in float32 and truncation to int16, then pydub's apply_gain to
-12 dBFS and normalize with 0.1 dB of headroom, which are audioop.rms, audioop.max and audioop.mul.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import random
import struct
import warnings
from array import array
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

VECTORS = Path(__file__).resolve().parents[2] / "tests" / "data" / "vectors"
WIDTH = 2  # bytes of a sample


def float32(x: float) -> float:
    """Rounded to single precision."""
    return float(struct.unpack("<f", struct.pack("<f", x))[0])


def cases() -> dict[str, tuple[int, list[float]]]:
    """Name to channels and samples, of the scales that a vocoder gives."""
    rng = random.Random(20261122)
    noise = [rng.gauss(0, 1) for _ in range(400)]
    crest = [rng.gauss(0, 1) * (30 if i % 97 == 0 else 1) for i in range(400)]
    decay = [4e5 * math.exp(-i / 40) * math.sin(i * i / 90) for i in range(300)]
    return {
        "noise": (1, [2e4 * x for x in noise]),
        "high crest, stereo": (2, [1e6 * x for x in crest]),
        "decay, stereo": (2, decay),
        "tiny": (1, [1e-6 * x for x in noise[:100]]),
        "one impulse": (1, [0.0] * 50 + [-3.0] + [0.0] * 49),
        "lowest is the peak": (1, [0.5, -1.0, 0.25, 0.125] * 20),
        "full scale already": (1, [32767.0, -32767.0] * 20),
        "one sample": (1, [0.1]),
        "silence": (2, [0.0] * 40),
    }


def to_int16(samples: list[float]) -> array[int]:
    """numpy: samples *= 32767 / max(abs(samples)), astype(int16)."""
    peak = max(abs(x) for x in samples)
    if peak == 0:
        return array("h", [0] * len(samples))
    factor = float32(32767 / peak)
    return array("h", [int(float32(x * factor)) for x in samples])


def decibels(ratio: float) -> float:
    """pydub's ratio_to_db."""
    return 20 * math.log(ratio, 10)


def amplify(data: bytes, gain_db: float) -> bytes:
    """pydub's apply_gain."""
    return audioop.mul(data, WIDTH, 10 ** (gain_db / 20))


def levelled(samples: list[float]) -> bytes:
    """The whole of it."""
    data = to_int16(samples).tobytes()
    rms = audioop.rms(data, WIDTH)
    if rms > 0:
        data = amplify(data, -12 - decibels(rms / 32768.0))
    peak = audioop.max(data, WIDTH)
    if peak > 0:
        data = amplify(data, decibels(32768.0 * 10 ** (-0.1 / 20) / peak))
    return data


def main() -> None:
    """Write both files."""
    blob = b""
    listed = []
    for name, (n_channels, exact) in cases().items():
        samples = [float32(x) for x in exact]
        blob += struct.pack(f"<{len(samples)}f", *samples) + levelled(samples)
        listed.append(
            {"name": name, "n_channels": n_channels, "n_frames": len(samples) // n_channels}
        )
    VECTORS.mkdir(parents=True, exist_ok=True)
    (VECTORS / "levels.bin").write_bytes(blob)
    about = {
        "script": "tools/golden/levels_vectors.py",
        "libraries": {"python": platform.python_version()},
        "cases": listed,
        "layout": "of each case: little-endian float32 samples, then int16 samples",
        "sha256": hashlib.sha256(blob).hexdigest(),
    }
    (VECTORS / "levels.json").write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
