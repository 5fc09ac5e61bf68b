"""PyTorch in single precision: stages of a model by diffusers, or single layers.

    -m bench.peers.pytorch --model MODEL [--repeats N]           rows: text, step, decode
    bench_nn --shapes | python3 -m bench.peers.pytorch --layers        rows: the names that came in

As the interpreter, the BLAS in LD_LIBRARY_PATH and the allocator's MALLOC_* make it; --setting says
in words what they were.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Callable

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name

from bench.peers.report import Report

SIDE, N_TOKENS, TIMESTEP = 64, 77, 500  # of the latents; any
HAS_FUSED_ATTENTION = hasattr(F, "scaled_dot_product_attention")  # since PyTorch 2.0


def stages(report: Report, model: Path, repeats: int) -> None:
    try:
        from diffusers import AutoencoderKL, UNet2DConditionModel
        from transformers import CLIPTextModel
    except ImportError as reason:
        for row in ("text", "step", "decode"):
            report.skip(row, f"no diffusers for this interpreter: {reason}")
        return

    def load(kind: Any, part: str) -> Any:
        return kind.from_pretrained(model / part).eval().float()

    def text() -> None:
        network = load(CLIPTextModel, "text_encoder")
        tokens = torch.randint(0, network.config.vocab_size, (2, N_TOKENS))
        report.time("text", repeats, lambda: network(tokens)[0])

    def step() -> None:
        network = load(UNet2DConditionModel, "unet")
        noise = torch.randn(2, network.config.in_channels, SIDE, SIDE)
        context = torch.randn(2, N_TOKENS, network.config.cross_attention_dim)
        report.time("step", repeats, lambda: network(noise, TIMESTEP, context).sample)

    def decode() -> None:
        network = load(AutoencoderKL, "vae")
        latents = torch.randn(1, network.config.latent_channels, SIDE, SIDE)
        report.time("decode", repeats, lambda: network.decode(latents).sample)

    for measure in (text, step, decode):  # each network is gone before the next one is loaded
        measure()


def attention(n: int, h: int, w: int, heads: int, dim: int, _stride: int) -> Callable[[], Any]:
    q, k = torch.randn(n * heads, h, dim), torch.randn(n * heads, w, dim)
    v = torch.randn(n * heads, w, dim)
    if HAS_FUSED_ATTENTION:
        return lambda: F.scaled_dot_product_attention(q, k, v)
    empty = torch.empty(n * heads, h, w)

    def separate() -> Any:  # as diffusers does it there
        scores = torch.baddbmm(empty, q, k.transpose(1, 2), beta=0, alpha=dim**-0.5)
        return torch.bmm(scores.softmax(dim=-1), v)

    return separate


def conv(n: int, h: int, w: int, c_in: int, c_out: int, stride: int) -> Callable[[], Any]:
    x, weights = torch.randn(n, c_in, h, w), torch.randn(c_out, c_in, 3, 3)
    return lambda: F.conv2d(x, weights, stride=stride, padding=1)


def linear(n: int, h: int, w: int, c_in: int, c_out: int, _stride: int) -> Callable[[], Any]:
    x, weights = torch.randn(n * h * w, c_in), torch.randn(c_out, c_in)
    return lambda: F.linear(x, weights)


def geglu(n: int, h: int, w: int, c_in: int, c_out: int, _stride: int) -> Callable[[], Any]:
    x, weights = torch.randn(n * h * w, c_in), torch.randn(2 * c_out, c_in)

    def both() -> Any:
        hidden, gate = F.linear(x, weights).chunk(2, dim=-1)
        return hidden * F.gelu(gate)

    return both


LAYERS: dict[str, Callable[..., Callable[[], Any]]] = {
    "linear": linear,
    "conv 3x3": conv,
    "attention": attention,
    "geglu": geglu,
}


def layers(report: Report, repeats: int) -> None:
    for line in sys.stdin:
        name, kind, *sizes = line.rstrip("\n").split("\t")
        if kind in LAYERS:
            report.time(name, repeats, LAYERS[kind](*map(int, sizes)), best=True)


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description="PyTorch beside Timbre")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--layers", action="store_true", help="shapes are the standard input")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--setting", default="as it comes")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    report = Report("PyTorch", torch.__version__, asked.setting)
    with torch.no_grad():
        if asked.model:
            stages(report, asked.model, asked.repeats)
        if asked.layers:
            layers(report, asked.repeats)


if __name__ == "__main__":
    main()
