"""The model tests/data/models/tiny in other forms: tests/data/models/forms/

    single/tiny.ckpt                LDM names, fp32, torch.save's zip, as a training run leaves it:
                                    EMA copies, optimizer state, a callback's class and object,
                                    strided and shared storages
    single/tiny-fp16.safetensors    LDM names
    single/*/config.json, tokenizer beside both
    bf16-sharded/                   diffusers' folder without tokenizer, UNet in two shards

Needs diffusers 0.24; make_old_forms.py makes the rest. diffusers' own conversion reads the
checkpoint here, as a check.
"""

from __future__ import annotations

import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion import convert_from_ckpt
from safetensors.torch import load_file, save_file

from tools.reference import ldm_names, vectors

MODELS = vectors.ROOT / "tests" / "data" / "models"
TINY, FORMS = MODELS / "tiny", MODELS / "forms"
FILES = {
    "text_encoder": "model.safetensors",
    "unet": "diffusion_pytorch_model.safetensors",
    "vae": "diffusion_pytorch_model.safetensors",
}
SHARD = "diffusion_pytorch_model-{:05}-of-00002.safetensors"


def config(component: str) -> Any:
    return json.loads((TINY / component / "config.json").read_text())


def ldm_state() -> dict[str, Any]:
    """All three networks under LDM's names."""
    text, unet, vae = (load_file(TINY / component / name) for component, name in FILES.items())
    return {
        **ldm_names.unet(unet, config("unet")),
        **ldm_names.vae(vae, config("vae")),
        **ldm_names.text(text, torch.arange(77)[None]),
    }


def check(state: dict[str, Any]) -> None:
    """diffusers' conversion of the checkpoint gives tiny's tensors again."""
    without_classes = {k: v for k, v in config("unet").items() if k != "num_class_embeds"}
    unet = convert_from_ckpt.convert_ldm_unet_checkpoint(dict(state), without_classes)
    vae = convert_from_ckpt.convert_ldm_vae_checkpoint(dict(state), config("vae"))
    for component, made in (("unet", unet), ("vae", vae)):
        meant = load_file(TINY / component / FILES[component])
        assert made.keys() == meant.keys(), made.keys() ^ meant.keys()
        for name, tensor in meant.items():
            assert torch.equal(made[name].reshape(tensor.shape), tensor), name


def callback_class() -> Any:
    """A class as PyTorch Lightning's: nobody who reads the file has it."""
    module = types.ModuleType("pytorch_lightning.callbacks.model_checkpoint")
    kind = type("ModelCheckpoint", (), {"__module__": module.__name__})
    module.ModelCheckpoint = kind  # type: ignore[attr-defined]
    for name in ("pytorch_lightning", "pytorch_lightning.callbacks"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules[module.__name__] = module
    return kind


def trained(state: dict[str, Any]) -> dict[str, Any]:
    """What a training run wrote around the weights."""
    kind, whole = callback_class(), dict(state)
    name = "model.diffusion_model.input_blocks.0.0.weight"
    whole[name] = whole[name].to(memory_format=torch.channels_last)
    name = "model.diffusion_model.time_embed.2.weight"
    whole[name] = whole[name].t().contiguous().t()
    prefix = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_"
    both = torch.cat([whole[f"{prefix}q.weight"], whole[f"{prefix}k.weight"]])
    whole[f"{prefix}q.weight"], whole[f"{prefix}k.weight"] = both.chunk(2)
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    buffers = {"betas": betas.float(), "alphas_cumprod": torch.cumprod(1 - betas, 0).float()}
    averages = {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(7)}
    for key in [key for key in whole if key.startswith("model.diffusion_model.out.")]:
        averages["model_ema." + key.removeprefix("model.").replace(".", "")] = whole[key] * 0.5
    callback = kind()
    callback.best_model_score, callback.dirpath = np.float64(0.25), "checkpoints"
    moments = {"step": 3, "exp_avg": torch.zeros(4, 4), "exp_avg_sq": torch.ones(4, 4)}
    return {
        "epoch": 1,
        "global_step": 1000,
        "pytorch-lightning_version": "1.4.2",
        "callbacks": {kind: {"monitor": "val/loss", "object": callback}},
        "optimizer_states": [
            {"state": {0: moments}, "param_groups": [{"lr": 1e-4, "params": [0], "eps": 1e-08}]}
        ],
        "lr_schedulers": [{"base_lrs": [1.0], "verbose": False, "last_epoch": -1, "big": 2**70}],
        "state_dict": {**buffers, **whole, **averages},
    }


def copy_configs(folder: Path, *, whole: bool) -> None:
    for component in FILES:
        (folder / component).mkdir(parents=True)
        shutil.copyfile(TINY / component / "config.json", folder / component / "config.json")
    if whole:
        (folder / "scheduler").mkdir()
        for name in ("model_index.json", "scheduler/scheduler_config.json"):
            shutil.copyfile(TINY / name, folder / name)


def make_single(folder: Path) -> None:
    copy_configs(folder, whole=False)
    shutil.copytree(TINY / "tokenizer", folder / "tokenizer")
    state = ldm_state()
    check(state)
    torch.save(trained(state), folder / "tiny.ckpt")
    halves = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in state.items()
    }
    save_file(halves, folder / "tiny-fp16.safetensors", metadata={"format": "pt"})


def make_sharded(folder: Path) -> None:
    copy_configs(folder, whole=True)
    for component, name in FILES.items():
        state = {
            key: tensor.to(torch.bfloat16)
            for key, tensor in load_file(TINY / component / name).items()
        }
        if component != "unet":
            save_file(state, folder / component / name, metadata={"format": "pt"})
            continue
        keys = sorted(state)
        where = {key: SHARD.format(1 + (2 * i >= len(keys))) for i, key in enumerate(keys)}
        for shard in sorted(set(where.values())):
            part = {key: state[key] for key in keys if where[key] == shard}
            save_file(part, folder / component / shard, metadata={"format": "pt"})
        total = sum(2 * tensor.numel() for tensor in state.values())
        index = {"metadata": {"total_size": total}, "weight_map": where}
        text = json.dumps(index, indent=2, sort_keys=True) + "\n"
        (folder / component / f"{name}.index.json").write_text(text)


def main() -> None:
    """Make both folders anew."""
    for name, make in (("single", make_single), ("bf16-sharded", make_sharded)):
        shutil.rmtree(FORMS / name, ignore_errors=True)
        make(FORMS / name)
    for path in FORMS.rglob("*"):
        if path.is_file():
            path.chmod(0o644)


if __name__ == "__main__":
    main()
