"""OpenVINO on single layers, each a model built with its op API: what its CPU plugin makes of it.

    bench_nn --shapes | python3 -m bench.peers.openvino_layers [--threads N] [--repeats N]

Single precision by hint; weights are constants, so they are packed beforehand, and layouts inside
are OpenVINO's own. Rows have the names that came in. Layers other than products are left out.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, Callable

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from bench.peers.report import Report

RANDOM = np.random.default_rng(0)


def floats(*shape: int) -> Any:
    return RANDOM.standard_normal(shape, dtype=np.float32) * np.float32(0.05)


def linear(n: int, h: int, w: int, c_in: int, c_out: int, _stride: int) -> Any:
    x = ops.parameter([n * h * w, c_in], np.float32)
    weights = ops.constant(floats(c_out, c_in))
    return ov.Model([ops.matmul(x, weights, False, True)], [x])


def conv(n: int, h: int, w: int, c_in: int, c_out: int, stride: int) -> Any:
    x = ops.parameter([n, c_in, h, w], np.float32)
    weights = ops.constant(floats(c_out, c_in, 3, 3))
    out = ops.convolution(x, weights, [stride] * 2, [1, 1], [1, 1], [1, 1])
    return ov.Model([out], [x])


def attention(n: int, h: int, w: int, heads: int, dim: int, _stride: int) -> Any:
    q = ops.parameter([n, heads, h, dim], np.float32)
    k = ops.parameter([n, heads, w, dim], np.float32)
    v = ops.parameter([n, heads, w, dim], np.float32)
    return ov.Model([ops.scaled_dot_product_attention(q, k, v)], [q, k, v])


def geglu(n: int, h: int, w: int, c_in: int, c_out: int, _stride: int) -> Any:
    x = ops.parameter([n * h * w, c_in], np.float32)
    both = ops.matmul(x, ops.constant(floats(2 * c_out, c_in)), False, True)
    hidden, gate = ops.split(both, ops.constant(1, np.int64), 2).outputs()
    return ov.Model([ops.multiply(hidden, ops.gelu(gate, "erf"))], [x])


LAYERS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "conv 3x3": conv,
    "attention": attention,
    "geglu": geglu,
}


def main() -> None:
    """Every layer of the standard input."""
    parser = argparse.ArgumentParser(description="OpenVINO, layer by layer")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    settings = {
        "INFERENCE_NUM_THREADS": asked.threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    core = ov.Core()
    report = Report("OpenVINO", ov.__version__.split("-")[0], f"f32, {asked.threads} threads")
    for line in sys.stdin:
        name, kind, *sizes = line.rstrip("\n").split("\t")
        if kind not in LAYERS:
            continue
        model = core.compile_model(LAYERS[kind](*map(int, sizes)), "CPU", settings)
        request = model.create_infer_request()
        for i, port in enumerate(model.inputs):
            request.set_input_tensor(i, ov.Tensor(floats(*port.shape)))
        report.time(name, asked.repeats, request.infer, best=True)


if __name__ == "__main__":
    main()
