"""What Pillow makes of small images at other sizes (Lanczos), and in grey.

Writes tests/data/vectors/resize.*; images are [H, W] (grey) or [H, W, 3], and every one is half
noise, half noise of black and white alone, at which filters overshoot:

    cases [N, 5]: channels, width and height before, width and height after
    in_CHANNELS_WxH; out_I of case I
    grey_WxH: in_3_WxH as convert("L") has it

Needs Pillow; diffusers 0.24 only because tools/reference/vectors.py does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from tools.reference import vectors

SEED = 20261203
SIZES = (  # width and height before, after
    (47, 32, 64, 32),
    (47, 32, 47, 61),
    (47, 32, 16, 9),
    (64, 64, 47, 19),
    (64, 64, 8, 8),
    (23, 1, 23, 1),
    (64, 64, 1, 1),
    (501, 4, 512, 4),  # five seconds of Riffusion's, to what its model takes
    (501, 4, 62, 3),
    (1, 1, 5, 3),
    (1, 23, 7, 2),
    (23, 1, 2, 7),
    (2, 3, 31, 29),
)


def make_image(rng: Any, width: int, height: int, n_channels: int) -> Any:
    """Noise; the right half only black and white."""
    image = rng.integers(0, 256, (height, width, n_channels), dtype=np.uint8)
    right = image[:, width // 2 :]
    right[:] = np.where(right < 128, 0, 255)
    return image[..., 0] if n_channels == 1 else image


def main() -> None:
    """Write the pair of files."""
    rng = np.random.default_rng(SEED)
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    greys: dict[str, Any] = {}
    cases: list[tuple[int, ...]] = []
    for width, height, new_width, new_height in SIZES:
        for n_channels in (1, 3):
            size = f"{width}x{height}"
            name = f"in_{n_channels}_{size}"
            if name not in inputs:
                inputs[name] = make_image(rng, width, height, n_channels)
            image = PIL.Image.fromarray(inputs[name])
            if n_channels == 3:
                greys[f"grey_{size}"] = np.asarray(image.convert("L"))
            resized = image.resize((new_width, new_height), PIL.Image.Resampling.LANCZOS)
            outputs[f"out_{len(cases)}"] = np.asarray(resized)
            cases.append((n_channels, width, height, new_width, new_height))
    arrays = {"cases": np.array(cases, dtype=np.int32), **inputs, **outputs, **greys}
    vectors.write("resize", Path(__file__).name, arrays, seed=SEED, pillow=PIL.__version__)


if __name__ == "__main__":
    main()
