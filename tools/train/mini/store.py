"""Weights as files: safetensors, and a folder in diffusers' layout that the engine reads."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tools.train.mini import nets
from tools.train.mini.words import Tokenizer

SHARD_BYTES = 16 << 20
NAMES = {torch.float32: "F32", torch.float16: "F16"}
SCHEDULE: dict[str, Any] = {
    "_class_name": "DDIMScheduler",
    "_diffusers_version": "0.24.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "clip_sample": False,
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "set_alpha_to_one": False,
    "steps_offset": 1,
    "timestep_spacing": "trailing",
    "trained_betas": None,
}


def write_whole(path: Path, data: bytes) -> None:
    """The file appears under its name when all of it is on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_json(path: Path, content: Any) -> None:
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())


def write_png(path: Path, picture: Tensor) -> None:
    """[height, width] of uint8, grey."""
    height, width = picture.shape
    rows = b"".join(b"\0" + row.numpy().tobytes() for row in picture)  # 0: a row as it is

    def chunk(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    write_whole(path, b"\x89PNG\r\n\x1a\n" + head + body)


def safetensors(tensors: dict[str, Tensor]) -> bytes:
    """The format of https://github.com/huggingface/safetensors: length, JSON header, bytes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts, at = [], 0
    for name in sorted(tensors):
        data = tensors[name].contiguous().numpy().tobytes()
        header[name] = {
            "dtype": NAMES[tensors[name].dtype],
            "shape": list(tensors[name].shape),
            "data_offsets": [at, at + len(data)],
        }
        parts.append(data)
        at += len(data)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return b"".join([struct.pack("<Q", len(head)), head, *parts])


def shards_of(tensors: dict[str, Tensor], limit: int) -> list[dict[str, Tensor]]:
    """In the order of names, each under the limit, its header included."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for name in sorted(tensors):
        n_bytes = tensors[name].numel() * tensors[name].element_size() + 256
        if shards[-1] and size + n_bytes > limit:
            shards.append({})
            size = 0
        shards[-1][name] = tensors[name]
        size += n_bytes
    return shards


def write_weights(folder: Path, stem: str, module: torch.nn.Module, dtype: torch.dtype) -> None:
    """One file, or shards with an index where one is over SHARD_BYTES."""
    tensors = {k: v.detach().cpu().to(dtype) for k, v in module.state_dict().items()}
    shards = shards_of(tensors, SHARD_BYTES)
    if len(shards) == 1:
        write_whole(folder / f"{stem}.safetensors", safetensors(tensors))
        return
    places = {}
    for i, shard in enumerate(shards):
        name = f"{stem}-{i + 1:05d}-of-{len(shards):05d}.safetensors"
        write_whole(folder / name, safetensors(shard))
        places.update(dict.fromkeys(shard, name))
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": places}
    write_json(folder / f"{stem}.safetensors.index.json", index)


def write_manifest(folder: Path, name: str, licence: str) -> None:
    """MANIFEST.json of a model that comes with the program: size and SHA-256 of every file."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "MANIFEST.json")
    files = [
        {
            "path": path.relative_to(folder).as_posix(),
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in paths
    ]
    made_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    content = {"schema": 1, "name": name, "licence": licence, "made_at": made_at, "files": files}
    write_json(folder / "MANIFEST.json", content)


def write_model(
    folder: Path,
    text: nets.Text,
    unet: nets.Unet,
    vae: nets.Vae,
    scaling_factor: float,
    facts: dict[str, Any],
    dtype: torch.dtype = torch.float16,
) -> None:
    """Everything but the tokenizer, which stands in folder/tokenizer already.

    `facts` is timbre.json: name, licence, and what the model is best sampled with."""
    tokenizer = Tokenizer(folder / "tokenizer")
    size = 512
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULE)
    write_json(
        folder / "text_encoder" / "config.json",
        nets.text_json(text.config, tokenizer.bos, tokenizer.eos),
    )
    write_json(folder / "vae" / "config.json", nets.vae_json(vae.config, scaling_factor, size))
    write_json(folder / "unet" / "config.json", nets.unet_json(unet.config))
    write_weights(folder / "text_encoder", "model", text, dtype)
    write_weights(folder / "vae", "diffusion_pytorch_model", vae, dtype)
    write_weights(folder / "unet", "diffusion_pytorch_model", unet, dtype)
    write_json(folder / "timbre.json", facts)
    write_json(
        folder / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "_diffusers_version": "0.24.0",
            "feature_extractor": [None, None],
            "requires_safety_checker": False,
            "safety_checker": [None, None],
            "scheduler": ["diffusers", SCHEDULE["_class_name"]],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["diffusers", "AutoencoderKL"],
        },
    )
