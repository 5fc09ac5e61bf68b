"""stable-diffusion.cpp by its Python package, on one file of weights (single_file.py makes one).

    -m bench.peers.sdcpp WEIGHTS [--flash] [--vae-direct] [--steps N] [--threads N]

Rows: step (the median of all but the first), decode, text (both prompts). Build the package for
this processor, llamafile's matrix products included: docs/speed.md.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.metadata
import re
import statistics
import time

import stable_diffusion_cpp as sd

from bench.peers.report import Report

PACKAGE = "stable-diffusion-cpp-python"
TIMES = {
    "text": re.compile(r"get_learned_condition completed, taking ([\d.]+)s"),
    "decode": re.compile(r"latent \d+ decoded, taking ([\d.]+)s"),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="stable-diffusion.cpp, stage by stage")
    parser.add_argument("weights")
    parser.add_argument("--flash", action="store_true", help="flash attention in the UNet")
    parser.add_argument("--vae-direct", action="store_true", help="ggml's direct convolutions")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=512, help="pixels; smaller to try it out")
    return parser.parse_args()


def main() -> None:
    """One picture, its stages timed by what the library says of itself."""
    asked = arguments()
    said: list[str] = []

    def log(_level: int, text: bytes, _data: ctypes.c_void_p) -> None:
        said.append(text.decode(errors="replace"))

    listener = sd.sd_log_callback(log)  # has to live as long as the library may call it
    sd.sd_set_log_callback(listener, ctypes.c_void_p(0))
    model = sd.StableDiffusion(
        model_path=asked.weights,
        n_threads=asked.threads,
        diffusion_flash_attn=asked.flash,
        vae_conv_direct=asked.vae_direct,
        verbose=True,
    )
    ticks: list[float] = []
    model.generate_image(
        prompt="funk bassline with a jazzy saxophone solo",
        negative_prompt="rain",
        sample_method="euler",
        sample_steps=asked.steps,
        cfg_scale=7.0,
        width=asked.size,
        height=asked.size,
        seed=42,
        progress_callback=lambda *_: ticks.append(time.monotonic()),
    )
    words = ["native, llamafile", "flash attention" if asked.flash else "no flash attention"]
    words += ["direct VAE convolutions"] if asked.vae_direct else []
    version = importlib.metadata.version(PACKAGE)
    report = Report("stable-diffusion.cpp", version, ", ".join(words))
    steps = [after - before for before, after in zip(ticks, ticks[1:])]
    if steps:
        report.row("step", statistics.median(steps))
    for row, pattern in TIMES.items():
        if found := pattern.search("".join(said)):
            report.row(row, float(found.group(1)))
        else:
            report.skip(row, "the library did not say how long it took")


if __name__ == "__main__":
    main()
