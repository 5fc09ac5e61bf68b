"""What the networks of tests/data/models/tiny and tiny-v compute in double precision.

Writes tests/data/vectors/network_tiny.* and network_tiny_v.*. Inputs are float32, which the double
network gets exactly. Two things are single precision here as in diffusers always: angles of the
time embedding (frequency, its product with the timestep, sine and cosine).

    text_tokens [2, 77]; text_hidden, text_skip1 [2, 77, width]: last_hidden_state, and
        hidden_states[-2] followed by the final LayerNorm
    unet_I_latents [2, C, H, W], unet_I_context [2, 77 or 154, width], unet_I_timestep [1],
        unet_I_out [2, C, H, W]
    vae_latents [1, C, h, w] as the UNet has them (scaled); vae_image [1, 3, H, W], not clamped;
        vae_pixels [H, W, 3]
    vae_input [1, 3, H, W]; vae_moments [1, 2 C, h, w]; vae_noise, vae_sample [1, C, h, w]: sample
        of the moments with that noise, scaled
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizerFast

from tools.reference import bpe, vectors

MODELS = vectors.ROOT / "tests" / "data" / "models"
SEED = 20261125
CASES = [  # height, width, timestep, tokens of context
    (8, 12, 500.0, 77),
    (7, 9, 981.0, 77),  # sizes that do not halve
    (12, 4, 946.4211, 154),
    (4, 4, 1.0, 77),
]


def load(model: str) -> tuple[Any, Any, Any]:
    """Text encoder, UNet, autoencoder in double precision."""
    folder = MODELS / model
    return (
        CLIPTextModel.from_pretrained(folder / "text_encoder").eval().double(),
        UNet2DConditionModel.from_pretrained(folder / "unet").eval().double(),
        AutoencoderKL.from_pretrained(folder / "vae").eval().double(),
    )


def tokens_of(model: str, prompts: list[str]) -> Any:
    tokenizer = CLIPTokenizerFast.from_pretrained(MODELS / model / "tokenizer")
    return tokenizer(
        prompts, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids


def text_outputs(text: Any, tokens: Any) -> dict[str, Any]:
    torch.set_default_dtype(torch.float64)  # the causal mask is made in it
    out = text(tokens, output_hidden_states=True)
    torch.set_default_dtype(torch.float32)
    skipped = text.text_model.final_layer_norm(out.hidden_states[-2])
    return {"text_hidden": out.last_hidden_state, "text_skip1": skipped}


def unet_output(unet: Any, found: dict[str, Any], i: int) -> Any:
    return unet(
        found[f"unet_{i}_latents"].double(),
        float(found[f"unet_{i}_timestep"][0]),
        found[f"unet_{i}_context"].double(),
    ).sample


def vae_outputs(vae: Any, found: dict[str, Any]) -> dict[str, Any]:
    factor = vae.config.scaling_factor
    image = vae.decode(found["vae_latents"].double() / factor).sample
    unit = (image / 2 + 0.5).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    moments = vae.quant_conv(vae.encoder(found["vae_input"].double()))
    means, log_variances = moments.chunk(2, dim=1)
    spread = torch.exp(0.5 * log_variances.clamp(-30, 20))
    return {
        "vae_image": image,
        "vae_pixels": (unit * 255).round().astype(np.uint8),
        "vae_moments": moments,
        "vae_sample": (means + spread * found["vae_noise"].double()) * factor,
    }


def inputs(model: str, channels: int, width: int, factor: int, generator: Any) -> dict[str, Any]:
    def noise(*shape: int) -> Any:
        return torch.randn(*shape, generator=generator)

    prompts = ["", "funk bassline with a jazzy saxophone solo"]
    if model == "tiny-v":
        prompts[0] = " ".join(bpe.captions(1, 40))  # longer than 77
    found: dict[str, Any] = {"text_tokens": tokens_of(model, prompts)}
    for i, (height, wide, timestep, n_tokens) in enumerate(CASES):
        found[f"unet_{i}_latents"] = noise(2, channels, height, wide)
        found[f"unet_{i}_context"] = noise(2, n_tokens, width)
        found[f"unet_{i}_timestep"] = torch.tensor([timestep])
    found["vae_latents"] = noise(1, channels, 6, 9) if factor == 8 else noise(1, channels, 5, 3)
    found["vae_noise"] = noise(1, channels, 4, 6)
    coarse = noise(1, 3, factor, 12)
    found["vae_input"] = (
        torch.nn.functional.interpolate(coarse, size=(4 * factor, 6 * factor), mode="bilinear")
        .mul(0.6)
        .clamp(-1, 1)
    )
    return found


def make_inputs(model: str, networks: tuple[Any, Any, Any]) -> dict[str, Any]:
    config = networks[1].config
    factor = 2 ** (len(networks[2].config.block_out_channels) - 1)
    generator = torch.Generator().manual_seed(SEED)
    return inputs(model, config.in_channels, config.cross_attention_dim, factor, generator)


def outputs(networks: tuple[Any, Any, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Everything that the three networks make of the inputs."""
    text, unet, vae = networks
    made = text_outputs(text, found["text_tokens"])
    for i in range(len(CASES)):
        made[f"unet_{i}_out"] = unet_output(unet, found, i)
    return {**made, **vae_outputs(vae, found)}


def main() -> None:
    """Write the two pairs of files."""
    torch.set_num_threads(1)
    for model in ("tiny", "tiny-v"):
        networks = load(model)
        found = make_inputs(model, networks)
        with torch.no_grad():
            made = outputs(networks, found)
        name = "network_" + model.replace("-", "_")
        vectors.write(name, Path(__file__).name, {**found, **made}, model=model, seed=SEED)


if __name__ == "__main__":
    main()
