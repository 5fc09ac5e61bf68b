#!/usr/bin/python3
"""Reference values for engine/diffusion from diffusers' schedulers and PyTorch's generator.

Writes tests/data/vectors/diffusion_{schedules,latents,noise}.{bin,json}; needs diffusers 0.24.0 and
torch 1.13.1. The form of the binaries is described in spectrogram_vectors.py.

Schedulers are made by from_config from Riffusion's PNDM configuration, so every key that it does
not have is the default of the other class. The network is replaced by
out = 0.7 x + 0.3 t / 1000 reversed(x) in single precision.

Names: SCHEDULER PREDICTION STEPS SPACING, the last d (not said), l(eading), s (linspace),
t(railing), or x for another configuration: linear betas, set_alpha_to_one, no offset.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch

SCRIPT = "tools/golden/reference/diffusion_vectors.py"
TYPES = {"f": "<f4", "h": "<i2", "i": "<i4", "B": "|u1"}
HEAD = struct.Struct("<8sII")
ENTRY = struct.Struct("<32s6I")
SEED = 7
SHAPE = (1, 4, 8, 6)
STOPS = (1, 2, 3, 10, 20)  # of the run with 20 steps
SPACINGS = {"d": None, "l": "leading", "s": "linspace", "t": "trailing"}
PREDICTIONS = {"eps": "epsilon", "v": "v_prediction", "sample": "sample"}
SEEDS = (0, 42, 2**32 - 1)
RANDN_MAX = 40
CONSECUTIVE = (5, 3, 16, 20, 4, 5, 16, 3)  # after 5 a value waits, also during 16

CLASSES: dict[str, tuple[Any, dict[str, Any]]] = {
    "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, {}),
    "dpmpp_2m_karras": (diffusers.DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "euler_a": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "euler": (diffusers.EulerDiscreteScheduler, {}),
    "ddim": (diffusers.DDIMScheduler, {"clip_sample": False}),
    "pndm": (diffusers.PNDMScheduler, {}),
    "lms": (diffusers.LMSDiscreteScheduler, {}),
    "unipc": (diffusers.UniPCMultistepScheduler, {}),
    "kdpm_2_a": (diffusers.KDPM2AncestralDiscreteScheduler, {}),
}
WITHOUT_SAMPLE = ("euler_a", "pndm", "kdpm_2_a")


def scheduler(name: str, prediction: str = "eps", spacing: str = "d") -> Any:
    """As pipe.scheduler = X.from_config(pipe.scheduler.config) makes it."""
    said = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "set_alpha_to_one": False,
        "skip_prk_steps": True,
        "steps_offset": 1,
        "trained_betas": None,
    }
    if spacing == "x":
        other = {"beta_start": 0.0001, "beta_end": 0.02, "beta_schedule": "linear"}
        said |= {**other, "set_alpha_to_one": True, "steps_offset": 0}
    elif SPACINGS[spacing]:
        said["timestep_spacing"] = SPACINGS[spacing]
    if prediction != "eps":
        said["prediction_type"] = PREDICTIONS[prediction]
    config = diffusers.PNDMScheduler(**said).config
    kind, more = CLASSES[name]
    return kind.from_config(config, **more)


def network(x: Any, t: float) -> Any:
    """Any function of both will do."""
    turned = torch.flip(x.reshape(-1), (0,)).reshape(x.shape)
    return 0.7 * x + (0.3 * t / 1000) * turned


def run(name: str, prediction: str, n_steps: int, spacing: str) -> Any:
    """[stops][4][8][6] latents: the last, or those at STOPS and the last of 20 steps."""
    s = scheduler(name, prediction, spacing)
    s.set_timesteps(n_steps)
    generator = torch.Generator().manual_seed(SEED)
    x = torch.randn(SHAPE, generator=generator) * s.init_noise_sigma
    draws = {"generator": generator} if name in ("euler_a", "kdpm_2_a") else {}
    seen = []
    for t in s.timesteps:
        said = network(s.scale_model_input(x, t), float(t))
        x = s.step(said, t, x, **draws).prev_sample
        seen.append(x.numpy()[0].copy())
    kept = [seen[i - 1] for i in STOPS] if n_steps == 20 else []
    return np.stack([*kept, seen[-1]]).astype(np.float32).reshape(len(kept) + 1, 4, -1)


def latents() -> dict[str, Any]:
    """Runs of every scheduler."""
    generator = torch.Generator().manual_seed(SEED)
    found = {"start": torch.randn(SHAPE, generator=generator).numpy()[0]}
    cases = [(p, n, "d") for p in ("eps", "v") for n in (1, 2, 3, 10, 15, 20)]
    cases += [("sample", 20, "d"), ("eps", 50, "d")]
    cases += [("eps", n, s) for s in "lst" for n in (2, 10)]
    for name in CLASSES:
        for prediction, n_steps, spacing in cases:
            if prediction == "sample" and name in WITHOUT_SAMPLE:
                continue
            key = f"{name} {prediction} {n_steps} {spacing}"
            found[key] = run(name, prediction, n_steps, spacing)
    for name in ("ddim", "pndm", "dpmpp_2m", "euler"):
        found[f"{name} v 10 x"] = run(name, "v", 10, "x")
    return found


def schedules() -> dict[str, Any]:
    """Noise schedules, and the timesteps and levels of every scheduler."""
    found = {
        "alphas": scheduler("ddim").alphas_cumprod.numpy(),
        "alphas x": scheduler("ddim", spacing="x").alphas_cumprod.numpy(),
    }
    for name in CLASSES:
        for spacing in SPACINGS:
            for n_steps in (1, 2, 3, 5, 7, 20, 50, 113):
                s = scheduler(name, spacing=spacing)
                s.set_timesteps(n_steps)
                key = f"{name} {n_steps} {spacing}"
                found[f"t {key}"] = s.timesteps.numpy().astype(np.float32)
                start = np.array([float(s.init_noise_sigma)], np.float32)
                found[f"start {key}"] = start
                if name not in ("ddim", "pndm", "kdpm_2_a"):
                    found[f"s {key}"] = s.sigmas.numpy().astype(np.float32)
    return found


def noise() -> dict[str, Any]:
    """torch.randn on the CPU."""
    found = {}
    for seed in SEEDS:
        table = np.zeros((RANDN_MAX, RANDN_MAX), np.float32)
        for n in range(1, RANDN_MAX + 1):
            table[n - 1, :n] = torch.randn(n, generator=torch.Generator().manual_seed(seed)).numpy()
        found[f"randn {seed}"] = table
        generator = torch.Generator().manual_seed(seed)
        found[f"latents {seed}"] = torch.randn((4, 64, 8), generator=generator).numpy()
        drawn = [torch.randn(n, generator=generator).numpy() for n in CONSECUTIVE]
        found[f"after {seed}"] = np.concatenate(drawn)
    rows = torch.randn((2, 64), generator=torch.Generator().manual_seed(3))
    found["uncond"], found["cond"] = rows[0].numpy(), rows[1].numpy()
    found["guided"] = (rows[0] + 7.5 * (rows[1] - rows[0])).numpy()
    return found


def write(stem: Path, found: dict[str, Any], about: dict[str, Any]) -> None:
    """The binary, and the JSON that tells people what is in it."""
    entries, data = b"", b""
    begin = HEAD.size + ENTRY.size * len(found)
    for name, array in found.items():
        kind = array.dtype.char
        assert kind in TYPES, f"{name}: type {array.dtype}"
        assert len(name) < 32, name
        shape = [*array.shape, 1, 1][:3]
        entries += ENTRY.pack(name.encode(), ord(kind), begin + len(data), *shape, 0)
        raw = array.astype(TYPES[kind]).tobytes()
        data += raw + b"\0" * (-len(raw) % 8)
    whole = HEAD.pack(b"TBARRAYS", len(found), 0) + entries + data
    stem.with_suffix(".bin").write_bytes(whole)
    facts = {**about, "n_arrays": len(found), "sha256": hashlib.sha256(whole).hexdigest()}
    stem.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")


def main() -> None:
    """Write the three files."""
    assert diffusers.__version__ == "0.24.0", diffusers.__version__
    torch.set_num_threads(1)
    about = {
        "script": SCRIPT,
        "libraries": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
        },
    }
    folder = Path(__file__).resolve().parents[3] / "tests" / "data" / "vectors"
    write(folder / "diffusion_schedules", schedules(), about)
    write(folder / "diffusion_latents", latents(), about)
    write(folder / "diffusion_noise", noise(), about)


if __name__ == "__main__":
    main()
