"""Models of random weights in the exact layout of diffusers, small enough to be committed.

    -m tools.reference.make_models      tests/data/models/tiny and tiny-v
        --full DIR [--dtype fp16]       one of the size of Stable Diffusion 1.5 instead

The weights are made to prove something: every gain, shift and bias is random, layers keep their
activations near one, predicted noise has unit deviation at t = 500, pictures fill -1..1 without
being clipped everywhere. Needs diffusers 0.24 (tools/venv diffusers-0.24).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from tools.reference import bpe, vectors

MODELS = vectors.ROOT / "tests" / "data" / "models"
SCHEDULE = {"beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085}
TINY = {
    "seed": 20261122,
    "tokenizer": {"n_vocab": 1000, "shuffled": False, "pad": bpe.EOS},
    "text": {"hidden_size": 30, "num_hidden_layers": 3, "num_attention_heads": 3,
             "intermediate_size": 40, "hidden_act": "quick_gelu"},
    "unet": {"in_channels": 4, "out_channels": 4, "sample_size": 64,
             "block_out_channels": (8, 12, 16), "layers_per_block": 1,
             "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
             "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
             "attention_head_dim": [2, 3, 2], "cross_attention_dim": 30, "norm_num_groups": 4},
    "vae": {"block_out_channels": (8, 12, 8, 12), "layers_per_block": 1, "latent_channels": 4,
            "norm_num_groups": 4, "sample_size": 512, "scaling_factor": 0.18215},
    "scheduler": {"_class_name": "PNDMScheduler", "_diffusers_version": "0.9.0", **SCHEDULE,
                  "num_train_timesteps": 1000, "set_alpha_to_one": False, "skip_prk_steps": True,
                  "steps_offset": 1, "trained_betas": None},
    "timbre": None,
}  # fmt: skip
TINY_V = {
    "seed": 20261123,
    "tokenizer": {"n_vocab": 900, "shuffled": True, "pad": "!"},
    "text": {"hidden_size": 18, "num_hidden_layers": 2, "num_attention_heads": 2,
             "intermediate_size": 44, "hidden_act": "gelu"},
    "unet": {"in_channels": 8, "out_channels": 8, "sample_size": 32,
             "block_out_channels": (12, 8), "layers_per_block": 2,
             "down_block_types": ("CrossAttnDownBlock2D",) * 2,
             "up_block_types": ("CrossAttnUpBlock2D",) * 2,
             "attention_head_dim": [3, 2], "cross_attention_dim": 18, "norm_num_groups": 4,
             "use_linear_projection": True},
    "vae": {"block_out_channels": (8, 12, 8, 8, 8), "layers_per_block": 2, "latent_channels": 8,
            "norm_num_groups": 4, "sample_size": 512, "scaling_factor": 0.41407},
    "scheduler": {"_class_name": "DDIMScheduler", "_diffusers_version": "0.24.0", **SCHEDULE,
                  "clip_sample": False, "num_train_timesteps": 1000,
                  "prediction_type": "v_prediction", "set_alpha_to_one": False,
                  "steps_offset": 1, "timestep_spacing": "trailing", "trained_betas": None},
    "timbre": {"name": "Tiny V (random weights, for tests)", "licence": "Apache-2.0",
               "steps": 6, "cfg_scale": 4, "scheduler": "ddim"},
}  # fmt: skip
FULL = {
    "seed": 20261124,
    "text": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
             "intermediate_size": 3072, "hidden_act": "quick_gelu"},
    "unet": {"in_channels": 4, "out_channels": 4, "sample_size": 64,
             "block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2,
             "attention_head_dim": 8, "cross_attention_dim": 768, "norm_num_groups": 32},
    "vae": {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2,
            "latent_channels": 4, "norm_num_groups": 32, "sample_size": 512},
    "scheduler": TINY["scheduler"],
    "timbre": None,
}  # fmt: skip


def randomise(module: torch.nn.Module, generator: torch.Generator) -> None:
    """Gains 1 + 0.3 n, shifts 0.2 n, biases 0.1 n; weights keep the deviation of their input."""
    for layer in module.modules():
        is_norm = isinstance(layer, (torch.nn.GroupNorm, torch.nn.LayerNorm))
        for name, parameter in layer.named_parameters(recurse=False):
            data = parameter.data
            if is_norm:
                data.normal_(generator=generator).mul_(0.3 if name == "weight" else 0.2)
                data.add_(1 if name == "weight" else 0)
            elif name == "bias":
                data.normal_(generator=generator).mul_(0.1)
            elif isinstance(layer, torch.nn.Embedding):
                data.normal_(generator=generator).mul_(0.7)
            else:
                data.normal_(generator=generator).mul_(data[0].numel() ** -0.5)


def scale(layer: torch.nn.Module, factor: float) -> None:
    for parameter in layer.parameters():
        parameter.data.mul_(factor)


def noise(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator)


def calibrate_unet(unet: Any, context: torch.Tensor, generator: torch.Generator) -> None:
    """Unit deviation of the output at t = 500."""
    latents = noise(generator, 2, unet.config.in_channels, 32, 24)
    out = unet(latents, 500, context).sample
    scale(unet.conv_out, 1 / float(out.std()))


def calibrate_vae(vae: Any, generator: torch.Generator) -> None:
    """Pictures of deviation 0.4 around 0; latents of deviation 1 once scaled."""
    factor = vae.config.scaling_factor
    channels = vae.config.latent_channels
    vae.post_quant_conv.weight.data.mul_(factor)
    image = vae.decode(noise(generator, 1, channels, 12, 8) / factor).sample
    scale(vae.decoder.conv_out, 0.4 / float(image.std()))
    image = vae.decode(noise(generator, 1, channels, 12, 8) / factor).sample
    vae.decoder.conv_out.bias.data.sub_(image.mean(dim=(0, 2, 3)))
    moments = vae.quant_conv(vae.encoder(image))
    means, log_variances = moments.chunk(2, dim=1)
    weight, bias = vae.quant_conv.weight.data, vae.quant_conv.bias.data
    for part, goal in ((slice(0, channels), 1 / factor), (slice(channels, None), 1.5)):
        spread = float((means if goal == 1 / factor else log_variances).std())
        weight[part].mul_(goal / spread)
        bias[part].mul_(goal / spread)
    bias[channels:].sub_(4)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")


def write_index(folder: Path, recipe: dict[str, Any]) -> None:
    write_json(
        folder / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "_diffusers_version": "0.24.0",
            "feature_extractor": [None, None],
            "requires_safety_checker": False,
            "safety_checker": [None, None],
            "scheduler": ["diffusers", recipe["scheduler"]["_class_name"]],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
    write_json(folder / "scheduler" / "scheduler_config.json", recipe["scheduler"])
    if recipe["timbre"]:
        write_json(folder / "timbre.json", recipe["timbre"])
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o644)  # safetensors gives them to nobody else


def networks(recipe: dict[str, Any], ids: dict[str, int]) -> tuple[Any, Any, Any]:
    """Text encoder, UNet, autoencoder, with torch's own first weights."""
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=ids["n"],
            max_position_embeddings=77,
            projection_dim=recipe["text"]["hidden_size"],
            bos_token_id=ids["bos"],
            eos_token_id=ids["eos"],
            pad_token_id=ids["pad"],
            **recipe["text"],
        )
    )
    n_blocks = len(recipe["vae"]["block_out_channels"])
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * n_blocks,
        up_block_types=("UpDecoderBlock2D",) * n_blocks,
        **recipe["vae"],
    )
    return text.eval(), UNet2DConditionModel(**recipe["unet"]).eval(), vae.eval()


def make_small(folder: Path, recipe: dict[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    vocabulary = bpe.write(folder / "tokenizer", recipe["seed"], **recipe["tokenizer"])
    ids = {"n": len(vocabulary), "bos": vocabulary[bpe.BOS], "eos": vocabulary[bpe.EOS]}
    ids["pad"] = vocabulary[recipe["tokenizer"]["pad"]]
    generator = torch.Generator().manual_seed(recipe["seed"])
    text, unet, vae = networks(recipe, ids)
    for network in (text, unet, vae):
        randomise(network, generator)
    tokens = torch.randint(0, ids["n"], (2, 77), generator=generator)
    calibrate_unet(unet, text(tokens)[0], generator)
    calibrate_vae(vae, generator)
    for name, network in (("text_encoder", text), ("unet", unet), ("vae", vae)):
        network.save_pretrained(folder / name, safe_serialization=True)
    write_index(folder, recipe)


def make_full(folder: Path, dtype: torch.dtype) -> None:
    """Stable Diffusion 1.5 but for the training; its vocabulary is $TIMBRE_TEST_DATA/clip's."""
    source = Path(os.environ["TIMBRE_TEST_DATA"]) / "clip"
    (folder / "tokenizer").mkdir(parents=True, exist_ok=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copyfile(source / name, folder / "tokenizer" / name)
    generator = torch.Generator().manual_seed(FULL["seed"])
    text, unet, vae = networks(FULL, {"n": 49408, "bos": 49406, "eos": 49407, "pad": 49407})
    for network in (text, unet, vae):
        randomise(network, generator)
    tokens = torch.randint(0, 49408, (2, 77), generator=generator)
    calibrate_unet(unet, text(tokens)[0], generator)
    calibrate_vae(vae, generator)
    for name, network in (("text_encoder", text), ("unet", unet), ("vae", vae)):
        network.to(dtype).save_pretrained(folder / name, safe_serialization=True)
    write_index(folder, FULL)


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description="make models of random weights")
    parser.add_argument("--full", type=Path, metavar="DIR")
    parser.add_argument("--dtype", choices=("fp32", "fp16", "bf16"), default="fp32")
    asked = parser.parse_args()
    torch.manual_seed(0)
    with torch.no_grad():
        if asked.full:
            kinds = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
            make_full(asked.full, kinds[asked.dtype])
            return
        torch.set_num_threads(1)  # the same sums in the same order every time
        make_small(MODELS / "tiny", TINY)
        make_small(MODELS / "tiny-v", TINY_V)


if __name__ == "__main__":
    main()
