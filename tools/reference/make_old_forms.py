"""The model tests/data/models/tiny as diffusers 0.9.0 and transformers 4.25.1 saved models, which
is Riffusion's era: tests/data/models/forms/

    bin/          the whole folder: pytorch_model.bin, the autoencoder's attention as query, key,
                  value, proj_attn
    legacy.bin    the text encoder in torch.save's form before PyTorch 1.6

Needs diffusers 0.9.0. Also checks that the old UNet computes what network_tiny.bin says.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.utils import logging
from transformers import CLIPTextConfig, CLIPTextModel

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "tests" / "data" / "models"
TINY, FORMS = MODELS / "tiny", MODELS / "forms"
OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def load(path: Path) -> dict[str, Any]:
    """All tensors of a safetensors file of float32."""
    raw = path.read_bytes()
    begin = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:begin])
    header.pop("__metadata__", None)
    found = {}
    for name, facts in header.items():
        first, last = (begin + offset for offset in facts["data_offsets"])
        values = np.frombuffer(raw[first:last], "<f4").reshape(facts["shape"])
        found[name] = torch.from_numpy(values.copy())
    return found


def old_vae_name(name: str) -> str:
    for new, old in OLD_ATTENTION.items():
        if ".attentions." in name:
            name = name.replace(f".{new}.", f".{old}.")
    return name


def config(component: str) -> Any:
    return json.loads((TINY / component / "config.json").read_text())


def networks() -> dict[str, Any]:
    """The three networks of the old libraries with tiny's weights."""
    text = CLIPTextModel(CLIPTextConfig.from_dict(config("text_encoder")))
    missing, extra = text.load_state_dict(load(TINY / "text_encoder/model.safetensors"), False)
    assert [*missing, *extra] == ["text_model.embeddings.position_ids"], (missing, extra)
    unet = UNet2DConditionModel.from_config(config("unet"))
    unet.load_state_dict(load(TINY / "unet/diffusion_pytorch_model.safetensors"))
    vae = AutoencoderKL.from_config(config("vae"))
    state = load(TINY / "vae/diffusion_pytorch_model.safetensors")
    vae.load_state_dict({old_vae_name(name): tensor for name, tensor in state.items()})
    return {"text_encoder": text.eval(), "unet": unet.eval(), "vae": vae.eval()}


def vector(name: str) -> Any:
    stem = ROOT / "tests" / "data" / "vectors" / "network_tiny"
    rows = {row["name"]: row for row in json.loads(stem.with_suffix(".json").read_text())["arrays"]}
    row = rows[name]
    count = int(np.prod(row["shape"]))
    raw = np.frombuffer(stem.with_suffix(".bin").read_bytes(), row["dtype"], count, row["offset"])
    return torch.from_numpy(raw.reshape(row["shape"]).copy())


def check(unet: Any, vae: Any, text: Any) -> None:
    """The old networks compute what the new ones do."""
    unet_out = unet(vector("unet_0_latents"), 500, vector("unet_0_context")).sample
    image = vae.decode(vector("vae_latents") / 0.18215).sample
    hidden = text(vector("text_tokens").long())[0]
    for name, made in (("unet_0_out", unet_out), ("vae_image", image), ("text_hidden", hidden)):
        meant = vector(name)
        far = float((made - meant).norm() / meant.norm())
        print(f"{name}: {far:.1e} from network_tiny.bin")
        assert far < 5e-6, name


def write_legacy(path: Path, state: dict[str, Any]) -> None:
    """Only where it says something else: storages are named by their addresses in it."""
    if path.exists():
        before = torch.load(path)
        if list(before) == list(state) and all(torch.equal(before[k], state[k]) for k in state):
            return
    torch.save(state, path, _use_new_zipfile_serialization=False)


def main() -> None:
    """Make the folder and the file anew."""
    logging.set_verbosity_error()  # configs have keys of newer versions
    folder, made = FORMS / "bin", networks()
    torch.set_num_threads(1)
    with torch.no_grad():
        check(made["unet"], made["vae"], made["text_encoder"])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(TINY / "tokenizer", folder / "tokenizer")
    shutil.copytree(TINY / "scheduler", folder / "scheduler")
    index = json.loads((TINY / "model_index.json").read_text())
    (folder / "model_index.json").write_text(
        json.dumps({**index, "_diffusers_version": "0.9.0"}, indent=2) + "\n"
    )
    for name, network in made.items():
        network.save_pretrained(folder / name)
        path = folder / name / "config.json"
        said = json.loads(path.read_text())
        if "_class_name" in said:  # keys of newer versions that from_config passes on
            known = type(network)().config
            said = {key: value for key, value in said.items() if key in known or key[0] == "_"}
            said["_diffusers_version"] = "0.9.0"
            path.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n")
    write_legacy(FORMS / "legacy.bin", made["text_encoder"].state_dict())
    for path in FORMS.rglob("*"):
        if path.is_file():
            path.chmod(0o644)


if __name__ == "__main__":
    main()
