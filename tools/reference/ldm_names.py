"""The names that Stable Diffusion's own code (CompVis) gave the tensors which diffusers renamed."""

from __future__ import annotations

from typing import Any

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}
VAE_MID = {"resnets.0": "block_1", "resnets.1": "block_2"}


def unet_prefixes(config: Any) -> dict[str, str]:
    """diffusers' module prefix -> LDM's, for any number of blocks and layers."""
    n_layers, found = (
        config["layers_per_block"],
        {
            "conv_in": "input_blocks.0.0",
            "time_embedding.linear_1": "time_embed.0",
            "time_embedding.linear_2": "time_embed.2",
            "mid_block.resnets.0": "middle_block.0",
            "mid_block.attentions.0": "middle_block.1",
            "mid_block.resnets.1": "middle_block.2",
            "conv_norm_out": "out.0",
            "conv_out": "out.2",
        },
    )
    i = 1
    for block, kind in enumerate(config["down_block_types"]):
        for layer in range(n_layers):
            found[f"down_blocks.{block}.resnets.{layer}"] = f"input_blocks.{i}.0"
            if kind.startswith("CrossAttn"):
                found[f"down_blocks.{block}.attentions.{layer}"] = f"input_blocks.{i}.1"
            i += 1
        found[f"down_blocks.{block}.downsamplers.0.conv"] = f"input_blocks.{i}.0.op"
        i += 1  # behind the last block there is none: neither are tensors
    i = 0
    for block, kind in enumerate(config["up_block_types"]):
        has_attention = kind.startswith("CrossAttn")
        for layer in range(n_layers + 1):
            found[f"up_blocks.{block}.resnets.{layer}"] = f"output_blocks.{i}.0"
            if has_attention:
                found[f"up_blocks.{block}.attentions.{layer}"] = f"output_blocks.{i}.1"
            i += 1
        up = f"output_blocks.{i - 1}.{2 if has_attention else 1}.conv"
        found[f"up_blocks.{block}.upsamplers.0.conv"] = up
    return found


def unet(state: dict[str, Any], config: Any) -> dict[str, Any]:
    """The tensors under LDM's names, which begin with model.diffusion_model."""
    prefixes, found = unet_prefixes(config), {}
    for name, tensor in state.items():
        prefix = max((p for p in prefixes if name.startswith(p + ".")), key=len)
        rest = name[len(prefix) + 1 :]
        if ".resnets." in name:
            part, _, last = rest.rpartition(".")
            rest = f"{RESNET[part]}.{last}"
        found[f"model.diffusion_model.{prefixes[prefix]}.{rest}"] = tensor
    return found


def vae_name(name: str, n_blocks: int) -> str:
    parts = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    fields = parts.split(".")
    if fields[1] == "mid_block":
        kind, rest = ".".join(fields[2:4]), ".".join(fields[4:])
        if kind == "attentions.0":
            part, _, last = rest.rpartition(".")
            return f"{fields[0]}.mid.attn_1.{VAE_ATTENTION[part]}.{last}"
        return f"{fields[0]}.mid.{VAE_MID[kind]}.{rest}"
    if fields[1] in ("down_blocks", "up_blocks"):
        block = int(fields[2])
        side = f"down.{block}" if fields[1] == "down_blocks" else f"up.{n_blocks - 1 - block}"
        if fields[3] == "resnets":
            return f"{fields[0]}.{side}.block.{'.'.join(fields[4:])}"
        return f"{fields[0]}.{side}.{fields[3][:-2]}.{'.'.join(fields[5:])}"  # downsample.conv
    return parts


def vae(state: dict[str, Any], config: Any) -> dict[str, Any]:
    """Under first_stage_model., attention as 1x1 convolutions."""
    found = {}
    for name, tensor in state.items():
        new = vae_name(name, len(config["block_out_channels"]))
        is_projection = ".attn_1." in new and tensor.ndim == 2
        found[f"first_stage_model.{new}"] = tensor[:, :, None, None] if is_projection else tensor
    return found


def text(state: dict[str, Any], positions: Any) -> dict[str, Any]:
    """Under cond_stage_model.transformer., with the buffer that old transformers stored."""
    found = {f"cond_stage_model.transformer.{name}": tensor for name, tensor in state.items()}
    found["cond_stage_model.transformer.text_model.embeddings.position_ids"] = positions
    return found
