"""Holds tools/train/mini to the libraries whose networks, tokens and pictures it writes anew.

    .venv-diffusers-0.24/bin/python -m tools.reference.check_mini

Random weights and inputs through both; prints the largest difference of each, fails above 1e-4. The
vocabulary is that of tests/data/models/tiny.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tools.reference import bpe, vectors
from tools.train.mini import nets, schedule, store
from tools.train.mini.presets import PRESETS
from tools.train.mini.words import Tokenizer

LIMIT = 1e-4
TOKENIZER = vectors.ROOT / "tests" / "data" / "models" / "tiny" / "tokenizer"


def library(kind: Any, config: dict[str, Any]) -> Any:
    return kind(**{k: v for k, v in config.items() if not k.startswith("_")}).eval()


def worst(got: Any, want: Any) -> float:
    return float((got - want).abs().max())


def check_vae() -> float:
    config = PRESETS["full"].vae
    ours = nets.Vae(config)
    theirs = library(AutoencoderKL, nets.vae_json(config, 0.5, 512))
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, 64, 96)
    mean, log_variance = ours.encode(image)
    known = theirs.encode(image).latent_dist
    decoded = worst(ours.decode(mean), theirs.decode(mean).sample)
    return max(worst(mean, known.mean), worst(log_variance, known.logvar), decoded)


def unet_error(config: nets.UnetConfig) -> float:
    ours = nets.Unet(config)
    theirs = library(UNet2DConditionModel, nets.unet_json(config))
    ours.load_state_dict(theirs.state_dict())
    x, context = torch.randn(2, 8, 32, 24), torch.randn(2, 77, config.cross_width)
    times = torch.tensor([3, 871])
    return worst(ours(x, times, context), theirs(x, times, context).sample)


def check_unet() -> float:
    return max(unet_error(PRESETS[name].unet) for name in ("full", "cpu"))


def check_text() -> float:
    config = PRESETS["full"].text
    ours = nets.Text(config)
    theirs = CLIPTextModel(CLIPTextConfig(**nets.text_json(config, 4094, 4095))).eval()
    ours.load_state_dict(theirs.state_dict())
    tokens = torch.randint(0, 4096, (2, 77))
    return worst(ours(tokens), theirs(tokens)[0])


def check_sampler() -> float:
    """The same steps for a model that depends on x and on the time."""
    solver = DPMSolverMultistepScheduler.from_config(
        {k: v for k, v in store.SCHEDULE.items() if not k.startswith("_")}
    )
    noise = torch.randn(1, 8, 4, 4, dtype=torch.float64)

    def velocity(x: Any, time: int) -> Any:
        return torch.sin(3 * x + time / 100)

    largest = 0.0
    for n in (1, 2, 5, 12, 20):
        solver.set_timesteps(n)
        assert solver.timesteps.tolist() == schedule.trailing_times(n), n
        x = noise
        for time in solver.timesteps:
            x = solver.step(velocity(x, int(time)), time, x).prev_sample
        largest = max(largest, worst(schedule.sample(velocity, noise, n), x))
    return largest


def check_tokens() -> float:
    ours, theirs = Tokenizer(TOKENIZER), CLIPTokenizer.from_pretrained(TOKENIZER)
    more = ["it's a Song, isn't it? 120bpm!!", "R&B  with rock'n'roll", "", "100 words " * 50]
    texts = bpe.captions(5, 500) + more
    known = theirs(texts, padding="max_length", max_length=77, truncation=True)["input_ids"]
    return float(sum(ours(text) != row for text, row in zip(texts, known)))


def main() -> None:
    """Run every check; exit status 1 when one is over the limit."""
    torch.manual_seed(0)
    checks: tuple[Callable[[], float], ...] = (
        check_vae,
        check_unet,
        check_text,
        check_sampler,
        check_tokens,
    )
    is_fine = True
    with torch.no_grad():
        for check in checks:
            error = check()
            is_fine = is_fine and error <= LIMIT
            print(f"{check.__name__[6:]:8} {error:.3g}")
    raise SystemExit(0 if is_fine else 1)


if __name__ == "__main__":
    main()
