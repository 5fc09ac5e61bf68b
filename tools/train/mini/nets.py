"""The three networks as PyTorch modules, with the tensor names of diffusers and transformers.

Shapes are [batch, channels, height, width] for images and latents, [batch, tokens, width] for text.
The modules compute what diffusers 0.24 (AutoencoderKL, UNet2DConditionModel) and transformers 4.36
(CLIPTextModel) do; tools/reference/check_mini.py holds them to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

VAE_EPS, UNET_EPS, TRANSFORMER_EPS = 1e-6, 1e-5, 1e-6


@dataclass(frozen=True)
class TextConfig:
    """CLIP's text encoder."""

    vocab_size: int
    width: int
    n_layers: int
    n_heads: int
    n_positions: int = 77


@dataclass(frozen=True)
class VaeConfig:
    """Pictures to latents and back; every level but the last halves both sides."""

    channels: tuple[int, ...]
    latent_channels: int
    n_groups: int
    layers_per_block: int = 1

    @property
    def factor(self) -> int:
        """Pixels a side of one latent."""
        return int(2 ** (len(self.channels) - 1))


@dataclass(frozen=True)
class UnetConfig:
    """The denoiser: attention at every level but the first `n_plain` ones."""

    channels: tuple[int, ...]
    latent_channels: int
    n_groups: int
    n_heads: int
    cross_width: int
    sample_size: int
    n_plain: int = 0
    layers_per_block: int = 1


# ---- what they share ----


class Resnet(nn.Module):
    """Two convolutions around a skip; `time_width` 0: without a time."""

    def __init__(self, n_in: int, n_out: int, n_groups: int, eps: float, time_width: int = 0):
        super().__init__()
        self.norm1 = nn.GroupNorm(n_groups, n_in, eps=eps)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        if time_width:
            self.time_emb_proj = nn.Linear(time_width, n_out)
        self.norm2 = nn.GroupNorm(n_groups, n_out, eps=eps)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else None

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if time is not None:
            h = h + self.time_emb_proj(F.silu(time))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (x if self.conv_shortcut is None else self.conv_shortcut(x))


class Down(nn.Module):
    """Half the size. The VAE's pads one side only."""

    def __init__(self, n_channels: int, padding: int):
        super().__init__()
        self.padding = padding
        self.conv = nn.Conv2d(n_channels, n_channels, 3, stride=2, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x if self.padding else F.pad(x, (0, 1, 0, 1)))


class Up(nn.Module):
    """Twice the size."""

    def __init__(self, n_channels: int):
        super().__init__()
        self.conv = nn.Conv2d(n_channels, n_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def attend(q: Tensor, k: Tensor, v: Tensor, n_heads: int, bias: Tensor | None = None) -> Tensor:
    """softmax(q kT / sqrt(d) + bias) v for [batch, tokens, heads * d]."""
    batch, n_q, width = q.shape
    q, k, v = (t.view(batch, -1, n_heads, width // n_heads).transpose(1, 2) for t in (q, k, v))
    if hasattr(F, "scaled_dot_product_attention"):  # since torch 2.0
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    else:
        scores = q @ k.transpose(2, 3) / math.sqrt(width // n_heads)
        out = (scores if bias is None else scores + bias).softmax(dim=-1) @ v
    return out.transpose(1, 2).reshape(batch, n_q, width)


class Attention(nn.Module):
    """Of tokens to `context`, or to themselves."""

    def __init__(self, width: int, n_heads: int, context_width: int = 0, has_bias: bool = False):
        super().__init__()
        self.n_heads = n_heads
        self.to_q = nn.Linear(width, width, bias=has_bias)
        self.to_k = nn.Linear(context_width or width, width, bias=has_bias)
        self.to_v = nn.Linear(context_width or width, width, bias=has_bias)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        context = x if context is None else context
        q, k, v = self.to_q(x), self.to_k(context), self.to_v(context)
        return self.to_out[0](attend(q, k, v, self.n_heads))


def tokens_of(x: Tensor) -> Tensor:
    return x.flatten(2).transpose(1, 2)


def image_of(tokens: Tensor, like: Tensor) -> Tensor:
    return tokens.transpose(1, 2).reshape(like.shape)


# ---- VAE ----


class VaeAttention(Attention):
    """One head over all places of an image."""

    def __init__(self, width: int, n_groups: int):
        super().__init__(width, 1, has_bias=True)
        self.group_norm = nn.GroupNorm(n_groups, width, eps=VAE_EPS)

    def over(self, x: Tensor) -> Tensor:
        return x + image_of(self(tokens_of(self.group_norm(x))), x)


class VaeMiddle(nn.Module):
    def __init__(self, width: int, n_groups: int):
        super().__init__()
        self.attentions = nn.ModuleList([VaeAttention(width, n_groups)])
        self.resnets = nn.ModuleList(Resnet(width, width, n_groups, VAE_EPS) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.resnets[1](self.attentions[0].over(self.resnets[0](x)))


class VaeBlock(nn.Module):
    """Resnets, then a change of size."""

    def __init__(self, n_in: int, n_out: int, n_layers: int, n_groups: int, resize: str | None):
        super().__init__()
        self.resnets = nn.ModuleList(
            Resnet(n_in if i == 0 else n_out, n_out, n_groups, VAE_EPS) for i in range(n_layers)
        )
        self.downsamplers = nn.ModuleList([Down(n_out, 0)]) if resize == "down" else None
        self.upsamplers = nn.ModuleList([Up(n_out)]) if resize == "up" else None

    def forward(self, x: Tensor) -> Tensor:
        for resnet in self.resnets:
            x = resnet(x)
        for resizers in (self.downsamplers, self.upsamplers):
            x = x if resizers is None else resizers[0](x)
        return x


class Encoder(nn.Module):
    def __init__(self, c: VaeConfig):
        super().__init__()
        n = len(c.channels)
        self.conv_in = nn.Conv2d(3, c.channels[0], 3, padding=1)
        self.down_blocks = nn.ModuleList(
            VaeBlock(
                c.channels[max(i - 1, 0)],
                c.channels[i],
                c.layers_per_block,
                c.n_groups,
                "down" if i < n - 1 else None,
            )
            for i in range(n)
        )
        self.mid_block = VaeMiddle(c.channels[-1], c.n_groups)
        self.conv_norm_out = nn.GroupNorm(c.n_groups, c.channels[-1], eps=VAE_EPS)
        self.conv_out = nn.Conv2d(c.channels[-1], 2 * c.latent_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.conv_norm_out(self.mid_block(x))))


class Decoder(nn.Module):
    def __init__(self, c: VaeConfig):
        super().__init__()
        n, widths = len(c.channels), c.channels[::-1]
        self.conv_in = nn.Conv2d(c.latent_channels, widths[0], 3, padding=1)
        self.mid_block = VaeMiddle(widths[0], c.n_groups)
        self.up_blocks = nn.ModuleList(
            VaeBlock(
                widths[max(i - 1, 0)],
                widths[i],
                c.layers_per_block + 1,
                c.n_groups,
                "up" if i < n - 1 else None,
            )
            for i in range(n)
        )
        self.conv_norm_out = nn.GroupNorm(c.n_groups, widths[-1], eps=VAE_EPS)
        self.conv_out = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.mid_block(self.conv_in(x))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Vae(nn.Module):
    """Pictures in -1..1 as means and log variances of latents, and latents as pictures."""

    def __init__(self, config: VaeConfig):
        super().__init__()
        self.config = config
        n = config.latent_channels
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quant_conv = nn.Conv2d(2 * n, 2 * n, 1)
        self.post_quant_conv = nn.Conv2d(n, n, 1)

    def encode(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, H, W] to mean and log variance, each [B, latent_channels, H / f, W / f]."""
        mean, log_variance = self.quant_conv(self.encoder(image)).chunk(2, dim=1)
        return mean, log_variance.clamp(-30, 20)

    def decode(self, latents: Tensor) -> Tensor:
        return self.decoder(self.post_quant_conv(latents))


# ---- UNet ----


class FeedForward(nn.Module):
    """GEGLU, then back."""

    class Gate(nn.Module):
        def __init__(self, width: int):
            super().__init__()
            self.proj = nn.Linear(width, 8 * width)

        def forward(self, x: Tensor) -> Tensor:
            x, gate = self.proj(x).chunk(2, dim=-1)
            return x * F.gelu(gate)

    def __init__(self, width: int):
        super().__init__()
        self.net = nn.ModuleList([self.Gate(width), nn.Identity(), nn.Linear(4 * width, width)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.net:
            x = layer(x)
        return x


class TransformerBlock(nn.Module):
    def __init__(self, width: int, n_heads: int, cross_width: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, n_heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, n_heads, cross_width)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        x = x + self.attn1(self.norm1(x))
        x = x + self.attn2(self.norm2(x), context)
        return x + self.ff(self.norm3(x))


class Transformer(nn.Module):
    def __init__(self, width: int, c: UnetConfig):
        super().__init__()
        self.norm = nn.GroupNorm(c.n_groups, width, eps=TRANSFORMER_EPS)
        self.proj_in = nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, c.n_heads, c.cross_width)])
        self.proj_out = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        h = self.proj_in(self.norm(x))
        h = image_of(self.transformer_blocks[0](tokens_of(h), context), h)
        return x + self.proj_out(h)


class UnetBlock(nn.Module):
    """Resnet and transformer by turns, or resnets alone, then a change of size."""

    def __init__(self, widths_in: list[int], level: int, c: UnetConfig, resize: str | None):
        super().__init__()
        width = c.channels[level]
        time_width = 4 * c.channels[0]
        self.resnets = nn.ModuleList(
            Resnet(n, width, c.n_groups, UNET_EPS, time_width) for n in widths_in
        )
        self.attentions = None
        if level >= c.n_plain:
            self.attentions = nn.ModuleList(Transformer(width, c) for _ in widths_in)
        self.downsamplers = nn.ModuleList([Down(width, 1)]) if resize == "down" else None
        self.upsamplers = nn.ModuleList([Up(width)]) if resize == "up" else None

    def layer(self, i: int, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        x = self.resnets[i](x, time)
        return x if self.attentions is None else self.attentions[i](x, context)


class UnetMiddle(nn.Module):
    def __init__(self, width: int, c: UnetConfig):
        super().__init__()
        time_width = 4 * c.channels[0]
        self.attentions = nn.ModuleList([Transformer(width, c)])
        self.resnets = nn.ModuleList(
            Resnet(width, width, c.n_groups, UNET_EPS, time_width) for _ in range(2)
        )

    def forward(self, x: Tensor, time: Tensor, context: Tensor) -> Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x, time), context), time)


class TimeEmbedding(nn.Module):
    def __init__(self, n_in: int, width: int):
        super().__init__()
        self.linear_1 = nn.Linear(n_in, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_2(F.silu(self.linear_1(x)))


def sinusoids(times: Tensor, width: int) -> Tensor:
    """cos then sin of time / 10000^(i / half), as diffusers with flip_sin_to_cos."""
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float32, device=times.device) / half
    angles = times.float()[:, None] * torch.exp(-math.log(10000) * exponents)[None]
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class Unet(nn.Module):
    """What is added to latents at a time, given a text."""

    def __init__(self, config: UnetConfig):
        super().__init__()
        self.config = c = config
        widths, n, n_layers = c.channels, len(c.channels), c.layers_per_block
        self.conv_in = nn.Conv2d(c.latent_channels, widths[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(widths[0], 4 * widths[0])
        self.down_blocks = nn.ModuleList()
        skips = [widths[0]]
        for i, width in enumerate(widths):
            first = widths[max(i - 1, 0)]
            inputs = [first] + [width] * (n_layers - 1)
            self.down_blocks.append(UnetBlock(inputs, i, c, "down" if i < n - 1 else None))
            skips += [width] * (n_layers + (i < n - 1))
        self.mid_block = UnetMiddle(widths[-1], c)
        self.up_blocks = nn.ModuleList()
        below = widths[-1]
        for i, width in enumerate(widths[::-1]):
            inputs = []
            for _ in range(n_layers + 1):
                inputs.append(below + skips.pop())
                below = width
            self.up_blocks.append(UnetBlock(inputs, n - 1 - i, c, "up" if i < n - 1 else None))
        self.conv_norm_out = nn.GroupNorm(c.n_groups, widths[0], eps=UNET_EPS)
        self.conv_out = nn.Conv2d(widths[0], c.latent_channels, 3, padding=1)

    def forward(self, x: Tensor, times: Tensor, context: Tensor) -> Tensor:
        """x [B, C, H, W], times [B] in 0..999, context [B, tokens, cross_width]."""
        wave = sinusoids(times, self.config.channels[0]).to(self.conv_in.weight.dtype)
        time = self.time_embedding(wave)
        x = self.conv_in(x)
        skips = [x]
        for block in self.down_blocks:
            for i in range(len(block.resnets)):
                x = block.layer(i, x, time, context)
                skips.append(x)
            if block.downsamplers is not None:
                x = block.downsamplers[0](x)
                skips.append(x)
        x = self.mid_block(x, time, context)
        for block in self.up_blocks:
            for i in range(len(block.resnets)):
                x = block.layer(i, torch.cat([x, skips.pop()], dim=1), time, context)
            if block.upsamplers is not None:
                x = block.upsamplers[0](x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


# ---- text ----


class ClipAttention(nn.Module):
    def __init__(self, width: int, n_heads: int):
        super().__init__()
        self.n_heads = n_heads
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self, name, nn.Linear(width, width))

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
        return self.out_proj(attend(q, k, v, self.n_heads, bias))


class ClipMlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x))  # quick_gelu


class ClipLayer(nn.Module):
    def __init__(self, width: int, n_heads: int):
        super().__init__()
        self.self_attn = ClipAttention(width, n_heads)
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = ClipMlp(width)
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x), bias)
        return x + self.mlp(self.layer_norm2(x))


class ClipEmbeddings(nn.Module):
    def __init__(self, c: TextConfig):
        super().__init__()
        self.token_embedding = nn.Embedding(c.vocab_size, c.width)
        self.position_embedding = nn.Embedding(c.n_positions, c.width)

    def forward(self, ids: Tensor) -> Tensor:
        return self.token_embedding(ids) + self.position_embedding.weight[: ids.shape[1]]


class ClipEncoder(nn.Module):
    def __init__(self, c: TextConfig):
        super().__init__()
        self.layers = nn.ModuleList(ClipLayer(c.width, c.n_heads) for _ in range(c.n_layers))


class ClipModel(nn.Module):
    def __init__(self, c: TextConfig):
        super().__init__()
        self.embeddings = ClipEmbeddings(c)
        self.encoder = ClipEncoder(c)
        self.final_layer_norm = nn.LayerNorm(c.width)


class Text(nn.Module):
    """Tokens [B, T] to what the UNet is told, [B, T, width]. Causal, as CLIP's."""

    def __init__(self, config: TextConfig):
        super().__init__()
        self.config = config
        self.text_model = ClipModel(config)

    def forward(self, ids: Tensor) -> Tensor:
        model = self.text_model
        x = model.embeddings(ids)
        n = ids.shape[1]
        bias = torch.full((n, n), -torch.inf, device=x.device, dtype=x.dtype).triu(1)
        for layer in model.encoder.layers:
            x = layer(x, bias)
        return model.final_layer_norm(x)


# ---- as their libraries describe them ----


def text_json(c: TextConfig, bos: int, eos: int) -> dict[str, Any]:
    return {
        "architectures": ["CLIPTextModel"],
        "bos_token_id": bos,
        "eos_token_id": eos,
        "hidden_act": "quick_gelu",
        "hidden_size": c.width,
        "intermediate_size": 4 * c.width,
        "layer_norm_eps": 1e-05,
        "max_position_embeddings": c.n_positions,
        "model_type": "clip_text_model",
        "num_attention_heads": c.n_heads,
        "num_hidden_layers": c.n_layers,
        "pad_token_id": eos,
        "projection_dim": c.width,
        "vocab_size": c.vocab_size,
    }


def vae_json(c: VaeConfig, scaling_factor: float, sample_size: int) -> dict[str, Any]:
    n = len(c.channels)
    return {
        "_class_name": "AutoencoderKL",
        "_diffusers_version": "0.24.0",
        "act_fn": "silu",
        "block_out_channels": list(c.channels),
        "down_block_types": ["DownEncoderBlock2D"] * n,
        "in_channels": 3,
        "latent_channels": c.latent_channels,
        "layers_per_block": c.layers_per_block,
        "norm_num_groups": c.n_groups,
        "out_channels": 3,
        "sample_size": sample_size,
        "scaling_factor": scaling_factor,
        "up_block_types": ["UpDecoderBlock2D"] * n,
    }


def unet_json(c: UnetConfig) -> dict[str, Any]:
    attends = [level >= c.n_plain for level in range(len(c.channels))]
    return {
        "_class_name": "UNet2DConditionModel",
        "_diffusers_version": "0.24.0",
        "act_fn": "silu",
        "attention_head_dim": c.n_heads,
        "block_out_channels": list(c.channels),
        "cross_attention_dim": c.cross_width,
        "down_block_types": ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attends],
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "in_channels": c.latent_channels,
        "layers_per_block": c.layers_per_block,
        "norm_eps": UNET_EPS,
        "norm_num_groups": c.n_groups,
        "out_channels": c.latent_channels,
        "sample_size": c.sample_size,
        "up_block_types": ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)],
    }


# ---- the first weights ----

BRANCH_SCALE = 0.2
FIRST_LOG_VARIANCE = -6.0


def begin_resize(m: Down | Up) -> None:
    """As a mean of four, or as a copy."""
    weight = m.conv.weight.mul_(BRANCH_SCALE)
    for c in range(len(weight)):
        if isinstance(m, Down):
            weight[c, c, :2, :2] += 0.25
        else:
            weight[c, c, 1, 1] += 1


def begin_resnet(m: Resnet) -> None:
    m.conv2.weight.mul_(BRANCH_SCALE)
    if m.conv_shortcut is not None:
        nn.init.orthogonal_(m.conv_shortcut.weight)


def begin_vae(m: Vae) -> None:
    n = m.config.latent_channels
    m.quant_conv.weight[n:].zero_()
    m.quant_conv.bias[n:].fill_(FIRST_LOG_VARIANCE)


def begin_unet(m: Unet) -> None:
    m.conv_out.weight.zero_()
    m.conv_out.bias.zero_()


def begin_embeddings(m: ClipEmbeddings) -> None:
    """As CLIP: small beside what a step changes."""
    nn.init.normal_(m.token_embedding.weight, std=0.02)
    nn.init.normal_(m.position_embedding.weight, std=0.01)


BEGINNINGS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((Down, Up), begin_resize),
    (Resnet, begin_resnet),
    (VaeAttention, lambda m: m.to_out[0].weight.mul_(BRANCH_SCALE)),
    (Transformer, lambda m: m.proj_out.weight.mul_(BRANCH_SCALE)),
    (ClipEmbeddings, begin_embeddings),
    (Vae, begin_vae),
    (Unet, begin_unet),
)


@torch.no_grad()
def begin(network: nn.Module) -> None:
    """So that a picture goes through from the first step: branches beside skips begin small,
    changes of size as means and copies, latents with little noise, the denoiser's answer as 0."""
    for module in network.modules():
        for kind, set_first in BEGINNINGS:
            if isinstance(module, kind):
                set_first(module)


def config_facts(config: TextConfig | VaeConfig | UnetConfig) -> dict[str, Any]:
    """For checkpoints: a run goes on only with the sizes that it began with."""
    return asdict(config)
