"""Clips joined as riffusion's stitch_segments does: pydub's append with a crossfade, on 16 bits.

Writes tests/data/vectors/join.*: for each case I of "cases" in the JSON (rate, channels, overlap in
ms, and the frames of both clips)

    a_I, b_I [n_frames, n_channels] int32: the clips
    joined_I [n_frames, n_channels] int32: a_I.append(b_I, crossfade=overlap)

Needs a Python that still has audioop (before 3.13).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydub import AudioSegment

from tools.reference import vectors

# rate, channels, ms of overlap, ms of the clips, loudness
CASES = [
    (44100, 1, 200, 220, 0.4),
    (44100, 2, 50, 60, 0.4),
    (44100, 1, 100, 105, 1.0),
    (8000, 2, 200, 250, 1.0),
    (22050, 1, 140, 160, 0.7),
]


def clip(rate: int, channels: int, ms: int, loudness: float, seed: int) -> Any:
    noise = np.random.default_rng(seed).standard_normal((rate * ms // 1000, channels))
    return (noise * 12000 * loudness).clip(-32768, 32767).astype("<i2")


def segment(samples: Any, rate: int) -> Any:
    return AudioSegment(
        samples.tobytes(), sample_width=2, frame_rate=rate, channels=samples.shape[1]
    )


def main() -> None:
    """Write the pair of files."""
    arrays: dict[str, Any] = {}
    for i, (rate, channels, overlap, ms, loudness) in enumerate(CASES):
        a, b = (clip(rate, channels, ms, loudness, 2 * i + k) for k in range(2))
        joined = segment(a, rate).append(segment(b, rate), crossfade=overlap)
        samples = np.array(joined.get_array_of_samples(), dtype=np.int32).reshape(-1, channels)
        arrays |= {f"a_{i}": a.astype(np.int32), f"b_{i}": b.astype(np.int32)}
        arrays[f"joined_{i}"] = samples
    vectors.write(
        "join",
        Path(__file__).name,
        arrays,
        pydub="0.25.1",
        cases=[{"rate": c[0], "channels": c[1], "overlap_ms": c[2]} for c in CASES],
    )


if __name__ == "__main__":
    main()
