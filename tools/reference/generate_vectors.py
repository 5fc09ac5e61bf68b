"""From the prompt to the picture: what StableDiffusionPipeline makes with the small models.

Writes tests/data/vectors/network_generate.*, single precision as users run it; seed 42, guidance 7
for tiny and 4 for tiny-v, 20 steps (of pndm 21 evaluations), schedulers made by from_config from
the model's own. The JSON tells how far the latents are from those of a double run (relative L2).

    tiny_embeddings [2, 77, width]: of the negative prompt, then of the prompt
    tiny_noise [1, C, 64, 16]: before the scheduler's initial sigma
    tiny_SCHEDULER_latents [1, C, 64, 16]: final, as the UNet has them (scaled)
    tiny_dpmpp_2m_output_0 [1, C, 64, 16]: what guidance made of the first evaluation
    tiny_dpmpp_2m_pixels [512, 128, 3]; tiny_pndm_pixels [128, 128, 3]: rows from 192
    tiny_v_...: the same with tiny-v, latents [1, 8, 32, 4], scheduler ddim, all pixels [512, 64, 3]
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import diffusers
import torch

from tools.reference import network_vectors, vectors

PROMPT = "funk bassline with a jazzy saxophone solo"
NEGATIVE = "rain"
SEED = 42
STEPS = 20
ROWS = slice(192, 320)
DRAW = "diffusers.schedulers.scheduling_euler_ancestral_discrete.randn_tensor"
SCHEDULERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "dpmpp_2m": (diffusers.DPMSolverMultistepScheduler, {}),
    "dpmpp_2m_karras": (diffusers.DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "euler_a": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "euler": (diffusers.EulerDiscreteScheduler, {}),
    "ddim": (diffusers.DDIMScheduler, {"clip_sample": False}),
    "pndm": (diffusers.PNDMScheduler, {}),
    "lms": (diffusers.LMSDiscreteScheduler, {}),
    "unipc": (diffusers.UniPCMultistepScheduler, {}),
}


def scheduler(model: str, name: str) -> Any:
    path = network_vectors.MODELS / model / "scheduler" / "scheduler_config.json"
    kind, more = SCHEDULERS[name]
    made = kind.from_config(json.loads(path.read_text()), **more)
    made.set_timesteps(STEPS)
    return made


def draw(shape: Any, generator: Any, dtype: Any, **_: Any) -> Any:
    """The same noise in both precisions: PyTorch's would be other numbers in double."""
    return torch.randn(shape, generator=generator).to(dtype)


class Run:
    """One model in one precision."""

    def __init__(self, model: str, dtype: Any, guidance: float, shape: tuple[int, ...]) -> None:
        networks = network_vectors.load(model)
        self.model, self.dtype, self.guidance, self.shape = model, dtype, guidance, shape
        self.text, self.unet, self.vae = (network.to(dtype) for network in networks)
        tokens = network_vectors.tokens_of(model, [NEGATIVE, PROMPT])
        torch.set_default_dtype(dtype)  # the causal mask is made in it
        self.embeddings = self.text(tokens)[0]
        torch.set_default_dtype(torch.float32)

    def noise(self, generator: Any) -> Any:
        return torch.randn(self.shape, generator=generator)

    def denoise(self, name: str) -> tuple[Any, Any]:
        """Final latents and the first guided output."""
        steps, generator = scheduler(self.model, name), torch.Generator().manual_seed(SEED)
        x = self.noise(generator).to(self.dtype) * steps.init_noise_sigma
        more = {"generator": generator} if name in ("euler_a", "ddim") else {}
        first = None
        for t in steps.timesteps:
            both = steps.scale_model_input(torch.cat([x] * 2), t).to(self.dtype)
            without, with_prompt = self.unet(both, t, self.embeddings).sample.chunk(2)
            output = without + self.guidance * (with_prompt - without)
            first = output if first is None else first
            x = steps.step(output, t, x, **more).prev_sample.to(self.dtype)
        return x, first

    def pixels(self, latents: Any) -> Any:
        image = self.vae.decode(latents / self.vae.config.scaling_factor).sample
        unit = (image / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
        return (unit * 255).round().astype("uint8")


def run_model(model: str, guidance: float, shape: tuple[int, ...], names: list[str]) -> Any:
    """The arrays, and how far single precision is from double."""
    single = Run(model, torch.float32, guidance, shape)
    double = Run(model, torch.float64, guidance, shape)
    prefix = model.replace("-", "_")
    found = {
        f"{prefix}_embeddings": single.embeddings,
        f"{prefix}_noise": single.noise(torch.Generator().manual_seed(SEED)),
    }
    far: dict[str, float] = {}
    for name in names:
        latents, first = single.denoise(name)
        with mock.patch(DRAW, draw):
            exact, _ = double.denoise(name)
        found[f"{prefix}_{name}_latents"] = latents
        far[f"{prefix}_{name}_latents"] = float((latents - exact).norm() / exact.norm())
        if name in ("dpmpp_2m", "pndm") or model == "tiny-v":
            pixels = single.pixels(latents)
            other = double.pixels(exact)
            far[f"{prefix}_{name}_pixels"] = float((pixels != other).mean())
            found[f"{prefix}_{name}_pixels"] = pixels[ROWS] if name == "pndm" else pixels
        if name == names[0]:
            found[f"{prefix}_{name}_output_0"] = first
    return found, far


def main() -> None:
    """Write the pair of files."""
    torch.set_num_threads(1)
    with torch.no_grad():
        found, far = run_model("tiny", 7, (1, 4, 64, 16), list(SCHEDULERS))
        more, far_v = run_model("tiny-v", 4, (1, 8, 32, 4), ["ddim"])
    vectors.write(
        "network_generate",
        Path(__file__).name,
        {**found, **more},
        prompt=PROMPT,
        negative_prompt=NEGATIVE,
        seed=SEED,
        steps=STEPS,
        far_from_double={key: float(f"{value:.3g}") for key, value in {**far, **far_v}.items()},
    )


if __name__ == "__main__":
    main()
