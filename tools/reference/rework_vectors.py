"""Takes that begin with a picture: riffusion's riffuse(), image-to-image, Magic Mix, variations.

Writes tests/data/vectors/network_rework.*: what the published algorithms make in PyTorch with the
modules of the model "tiny" (written from their description, with diffusers' schedulers). Single
precision as users run it; the JSON tells how far that is from double precision (relative L2).

The picture is 512 rows of 128 columns, value(y, x, c) = (7 x + 3 y + 31 c + x y // 16) % 256; masks
are 64x16, at the size of the latents: "half" is white where x >= 8, "grey" is 17 x % 256.
Prompts A and B, negative prompt "", seeds 42 and 43, guidance 7 and 5 of both ends.

    moments [1, 8, 64, 16]: the encoder's mean and log variance
    init_latents [1, 4, 64, 16]: its sample with the noise of seed 42, scaled
    riffuse_I [1, 4, 64, 16]: case I of "riffuse" in the JSON, which has the timesteps of the UNet
    img2img_SCHEDULER: 20 steps, strength 0.55, prompt A: as StableDiffusionImg2ImgPipeline, the
        sample of the encoder and the added noise from one generator of seed 42
    magic_mix: 20 steps of ddim, kmin 0.3, kmax 0.5, mix 0.5, prompt A, the encoder's sample with
        seed 42, the noise from another generator of seed 42
    variation: 20 steps of dpmpp_2m from noise 42 turned by 0.3 towards noise 77, prompt A

"timesteps" in the JSON: of (steps, strength), how many evaluations and the first timestep.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any
from unittest import mock

import diffusers
import torch

from tools.reference import network_vectors, vectors
from tools.reference.generate_vectors import DRAW, SCHEDULERS, draw

PROMPTS = ["", "funk bassline with a jazzy saxophone solo", "church organ"]
SEED, OTHER_SEED, FAR_SEED = 42, 43, 77
SHAPE = (1, 4, 64, 16)
GUIDANCE = (7.0, 5.0)
# steps, strength at both ends, alpha, mask
CASES: list[tuple[int, float, float, float, str]] = [
    (20, 0.75, 0.75, 0.0, ""),
    (20, 0.75, 0.75, 0.5, ""),
    (20, 0.95, 0.4, 0.25, ""),
    (20, 1.0, 1.0, 1.0, ""),
    (50, 0.4, 0.4, 0.5, ""),
    (20, 0.75, 0.75, 0.5, "half"),
    (20, 0.75, 0.75, 0.5, "grey"),
    (25, 0.55, 0.55, 0.3, ""),
    (20, 0.0, 0.0, 0.5, ""),
]
TABLE = [(50, 0.75), (50, 0.8), (50, 0.95), (50, 1.0), (50, 0.4), (25, 0.55), (30, 0.75), (50, 0.0)]
IMG2IMG = ["dpmpp_2m", "ddim", "euler", "euler_a", "unipc", "pndm"]


def picture() -> Any:
    y, x, c = torch.meshgrid(torch.arange(512), torch.arange(128), torch.arange(3), indexing="ij")
    return (x * 7 + y * 3 + c * 31 + x * y // 16) % 256


def mask_of(name: str) -> Any:
    x = torch.arange(SHAPE[3]).expand(SHAPE[2], -1)
    return (x >= 8) * 255 if name == "half" else x * 17 % 256


def scheduler(name: str, steps: int) -> Any:
    path = network_vectors.MODELS / "tiny" / "scheduler" / "scheduler_config.json"
    kind, more = SCHEDULERS[name]
    made = kind.from_config(json.loads(path.read_text()), **more)
    made.set_timesteps(steps)
    return made


def randn(seed: int) -> Any:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def slerp(alpha: float, a: Any, b: Any) -> Any:
    dot = (a * b / (a.norm() * b.norm())).sum()
    if abs(float(dot)) > 0.9995:
        return (1 - alpha) * a + alpha * b
    angle = math.acos(float(dot))
    return (math.sin(angle - angle * alpha) * a + math.sin(angle * alpha) * b) / math.sin(angle)


def cut(steps: int, strength: float) -> tuple[Any, list[int], int]:
    """riffuse()'s list of timesteps, where it begins, and the timestep of the first noise."""
    plms = scheduler("pndm", steps)
    offset = plms.config.steps_offset
    count = min(int(steps * strength) + offset, steps)
    begin = max(steps - count + offset, 0)
    return plms, [int(t) for t in plms.timesteps[begin:]], int(plms.timesteps[-count])


class Run:
    """The model in one precision."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        networks = network_vectors.load("tiny")
        self.text, self.unet, self.vae = (network.to(dtype) for network in networks)
        torch.set_default_dtype(dtype)  # the causal mask is made in it
        self.texts = self.text(network_vectors.tokens_of("tiny", PROMPTS))[0]
        torch.set_default_dtype(torch.float32)
        image = (picture().permute(2, 0, 1)[None].float() / 255 * 2 - 1).to(dtype)
        self.moments = self.vae.encoder(image)
        self.moments = self.vae.quant_conv(self.moments)
        self.init = self.sample(randn(SEED))

    def sample(self, noise: Any) -> Any:
        mean, log_variance = self.moments.chunk(2, dim=1)
        deviation = torch.exp(log_variance.clamp(-30, 20) / 2)
        return (mean + deviation * noise.to(self.dtype)) * self.vae.config.scaling_factor

    def evaluate(self, steps: Any, x: Any, t: Any, prompt: Any, guidance: float) -> Any:
        both = steps.scale_model_input(torch.cat([x] * 2), t).to(self.dtype)
        without, with_prompt = self.unet(both, t, torch.cat([self.texts[:1], prompt])).sample.chunk(
            2
        )
        return without + guidance * (with_prompt - without)

    def riffuse(self, case: tuple[int, float, float, float, str]) -> Any:
        n, strength_a, strength_b, alpha, mask_name = case
        strength = strength_a * (1 - alpha) + strength_b * alpha
        guidance = GUIDANCE[0] * (1 - alpha) + GUIDANCE[1] * alpha
        prompt = self.texts[1:2] + alpha * (self.texts[2:3] - self.texts[1:2])
        noise = slerp(alpha, randn(SEED), randn(OTHER_SEED)).to(self.dtype)
        steps, timesteps, first = cut(n, strength)
        keep = 1 - mask_of(mask_name).to(self.dtype) / 255 if mask_name else None
        x = steps.add_noise(self.init, noise, torch.tensor([first]))
        for t in timesteps:
            output = self.evaluate(steps, x, t, prompt, guidance)
            x = steps.step(output, t, x).prev_sample.to(self.dtype)
            if keep is not None:
                old = steps.add_noise(self.init, noise, torch.tensor([t]))
                x = old * keep + x * (1 - keep)
        return x

    def img2img(self, name: str) -> Any:
        n, strength = 20, 0.55
        steps, generator = scheduler(name, n), torch.Generator().manual_seed(SEED)
        init = self.sample(torch.randn(SHAPE, generator=generator))
        noise = torch.randn(SHAPE, generator=generator).to(self.dtype)
        begin = max(n - min(int(n * strength), n), 0)
        timesteps = steps.timesteps[begin * steps.order :]
        x = steps.add_noise(init, noise, timesteps[:1])
        more = {"generator": generator} if name in ("euler_a", "ddim") else {}
        for t in timesteps:
            output = self.evaluate(steps, x, t, self.texts[1:2], GUIDANCE[0])
            x = steps.step(output, t, x, **more).prev_sample.to(self.dtype)
        return x

    def magic_mix(self) -> Any:
        n, kmin, kmax, mix = 20, 0.3, 0.5, 0.5
        steps, noise = scheduler("ddim", n), randn(SEED).to(self.dtype)
        t_min, t_max = n - int(kmin * n), n - int(kmax * n)
        x = steps.add_noise(self.init, noise, steps.timesteps[t_max : t_max + 1])
        for i, t in enumerate(steps.timesteps):
            if i <= t_max:
                continue
            seen = x
            if i < t_min:
                old = steps.add_noise(self.init, noise, t[None])
                seen = mix * x + (1 - mix) * old
            output = self.evaluate(steps, seen, t, self.texts[1:2], GUIDANCE[0])
            x = steps.step(output, t, x).prev_sample.to(self.dtype)
        return x

    def variation(self) -> Any:
        steps = scheduler("dpmpp_2m", 20)
        x = slerp(0.3, randn(SEED), randn(FAR_SEED)).to(self.dtype) * steps.init_noise_sigma
        for t in steps.timesteps:
            output = self.evaluate(steps, x, t, self.texts[1:2], GUIDANCE[0])
            x = steps.step(output, t, x).prev_sample.to(self.dtype)
        return x

    def all(self) -> dict[str, Any]:
        found = {"moments": self.moments, "init_latents": self.init}
        found.update({f"riffuse_{i}": self.riffuse(case) for i, case in enumerate(CASES)})
        found.update({f"img2img_{name}": self.img2img(name) for name in IMG2IMG})
        return {**found, "magic_mix": self.magic_mix(), "variation": self.variation()}


def describe(case: tuple[int, float, float, float, str]) -> dict[str, Any]:
    n, strength_a, strength_b, alpha, mask = case
    _, timesteps, _ = cut(n, strength_a * (1 - alpha) + strength_b * alpha)
    return {
        "steps": n,
        "strength": strength_a,
        "strength_b": strength_b,
        "alpha": alpha,
        "mask": mask,
        "timesteps": timesteps,
    }


def main() -> None:
    """Write the pair of files."""
    torch.set_num_threads(1)
    diffusers.utils.logging.set_verbosity_error()
    with torch.no_grad():
        found = Run(torch.float32).all()
        with mock.patch(DRAW, draw):
            exact = Run(torch.float64).all()
    far = {key: float((found[key] - exact[key]).norm() / exact[key].norm()) for key in found}
    table = [(n, s, len(cut(n, s)[1]), cut(n, s)[1][0]) for n, s in TABLE]
    vectors.write(
        "network_rework",
        Path(__file__).name,
        found,
        prompts=PROMPTS[1:],
        riffuse=[describe(case) for case in CASES],
        timesteps=[
            {"steps": n, "strength": s, "evaluations": count, "first": first}
            for n, s, count, first in table
        ],
        far_from_double={key: float(f"{value:.3g}") for key, value in far.items()},
    )


if __name__ == "__main__":
    main()
