"""What `timbre models convert IN OUT` wrote, beside IN as PyTorch and safetensors read it.

    .venv-diffusers-0.24/bin/python -m tools.reference.check_convert IN OUT

Every tensor of OUT is compared with the one of IN that it must be, to the bit: as it is, or
through PyTorch's own half() or float() where the type is another. IN: a model's folder, a
checkpoint, any other file of weights, "*.index.json". Of a whole model with its configs, diffusers'
conversion of single files reads OUT back, too, and its tensors are compared with the folder's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion import convert_from_ckpt
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel

from tools.reference import ldm_names, make_forms

PREFIXES = ("cond_stage_model.transformer.", "model.diffusion_model.", "first_stage_model.")
STEMS = {
    "text_encoder": ("model", "pytorch_model"),
    "unet": ("diffusion_pytorch_model",) * 2,
    "vae": ("diffusion_pytorch_model",) * 2,
}
ENDINGS = (
    (0, ".safetensors"),
    (0, ".safetensors.index.json"),
    (0, ".fp16.safetensors"),
    (1, ".bin"),
)
OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def load(path: Path) -> Any:
    """All tensors of a file, or of the shards of an index."""
    if path.name.endswith(".index.json"):
        names = sorted(set(json.loads(path.read_text())["weight_map"].values()))
        return {key: t for name in names for key, t in load(path.parent / name).items()}
    if path.suffix == ".safetensors":
        return load_file(path)
    state = torch.load(path, map_location="cpu")
    state = state.get("state_dict", state)
    return {key: t for key, t in state.items() if isinstance(t, torch.Tensor)}


def load_component(folder: Path, component: str) -> dict[str, Any]:
    """With today's names, without the buffer of old transformers."""
    stems = STEMS[component]
    paths = [folder / component / (stems[kind] + ending) for kind, ending in ENDINGS]
    found = {}
    for name, tensor in load(next(path for path in paths if path.exists())).items():
        fields = name.split(".")
        if component == "vae" and len(fields) > 2 and fields[-2] in OLD_ATTENTION:
            name = ".".join([*fields[:-2], OLD_ATTENTION[fields[-2]], fields[-1]])
        if component == "text_encoder" and not name.startswith("text_model."):
            name = "text_model." + name
        if not name.endswith("position_ids"):
            found[name] = tensor
    return found


def config(folder: Path, component: str) -> Any:
    return json.loads((folder / component / "config.json").read_text())


def of_folder(folder: Path) -> dict[str, Any]:
    """A model's folder under the names of the original."""
    positions = config(folder, "text_encoder").get("max_position_embeddings", 77)
    return {
        **ldm_names.unet(load_component(folder, "unet"), config(folder, "unet")),
        **ldm_names.vae(load_component(folder, "vae"), config(folder, "vae")),
        **ldm_names.text(load_component(folder, "text_encoder"), torch.arange(positions)[None]),
    }


def expected(source: Path) -> Any:
    if source.is_dir():
        return of_folder(source)
    state = load(source)
    if not all(any(key.startswith(prefix) for key in state) for prefix in PREFIXES):
        return state
    return {key: tensor for key, tensor in state.items() if key.startswith(PREFIXES)}


def compare(source: Path, out: Path) -> str:
    """How many tensors and elements are the same; fails at the first that is not."""
    want, n_elements, types = expected(source), 0, set()
    with safe_open(out, "pt") as file:
        assert set(file.keys()) == want.keys(), set(file.keys()) ^ want.keys()
        for name, tensor in want.items():
            got = file.get_tensor(name)
            meant = tensor.to(got.dtype)
            assert got.shape == meant.shape, f"{name}: {got.shape}, not {meant.shape}"
            bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}.get(got.element_size())
            if bits is not None:
                got, meant = got.contiguous().view(bits), meant.contiguous().view(bits)
            assert torch.equal(got, meant), f"{name} differs"
            n_elements += tensor.numel()
            types.add(f"{tensor.dtype} -> {file.get_tensor(name).dtype}".replace("torch.", ""))
    return f"{len(want)} tensors, {n_elements} elements, {', '.join(sorted(types))}"


def read_back(folder: Path, out: Path) -> str:
    """diffusers' conversion of OUT gives the folder's tensors."""
    state, n = load_file(out), 0
    shapes = {"class_embed_type": None, "addition_embed_type": None, **config(folder, "unet")}
    without_classes = {k: v for k, v in shapes.items() if k != "num_class_embeds"}
    text = CLIPTextModel(CLIPTextConfig(**config(folder, "text_encoder")))
    text = convert_from_ckpt.convert_ldm_clip_checkpoint(dict(state), True, text)
    dtype = next(tensor.dtype for tensor in state.values() if tensor.is_floating_point())
    made = {
        "text_encoder": {
            name: tensor
            for name, tensor in text.to(dtype).state_dict().items()
            if not name.endswith("position_ids")
        },
        "unet": convert_from_ckpt.convert_ldm_unet_checkpoint(dict(state), without_classes),
        "vae": convert_from_ckpt.convert_ldm_vae_checkpoint(dict(state), config(folder, "vae")),
    }
    for component, tensors in made.items():
        meant = load_component(folder, component)
        assert tensors.keys() == meant.keys(), tensors.keys() ^ meant.keys()
        for name, tensor in meant.items():
            got = tensors[name]
            assert torch.equal(got.reshape(tensor.shape), tensor.to(got.dtype)), name
            n += 1
    return f"{n} tensors"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, metavar="IN")
    parser.add_argument("out", type=Path, metavar="OUT")
    asked = parser.parse_args()
    make_forms.callback_class()  # of the small checkpoint, as if its program were installed
    print(f"the same: {compare(asked.source, asked.out)}")
    if asked.source.is_dir():
        print(f"diffusers reads it: {read_back(asked.source, asked.out)}")


if __name__ == "__main__":
    main()
