"""What tests/data/models/forms compute whose weights are halves, widened: double precision.

Writes tests/data/vectors/network_forms.*: of the inputs in network_tiny.bin, for FORM fp16
(forms/single/tiny-fp16.safetensors) and bf16 (forms/bf16-sharded), names as there:

    FORM_text_hidden [2, 77, width]; FORM_unet_0_out [2, C, H, W]; FORM_vae_moments [1, 2 C, h, w];
    FORM_vae_image [1, 3, 8, W]: the first rows

Needs diffusers 0.24.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tools.reference import network_vectors, vectors

ROWS = 8


def outputs(dtype: Any) -> dict[str, Any]:
    """Outputs of tiny with weights rounded once to dtype."""
    text, unet, vae = networks = network_vectors.load("tiny")
    found = network_vectors.make_inputs("tiny", networks)
    for network in networks:
        for parameter in network.parameters():
            parameter.data = parameter.data.to(dtype).double()
    pictures = network_vectors.vae_outputs(vae, found)
    return {
        "text_hidden": network_vectors.text_outputs(text, found["text_tokens"])["text_hidden"],
        "unet_0_out": network_vectors.unet_output(unet, found, 0),
        "vae_moments": pictures["vae_moments"],
        "vae_image": pictures["vae_image"][:, :, :ROWS],
    }


def main() -> None:
    """Write the pair of files."""
    torch.set_num_threads(1)
    arrays: dict[str, Any] = {}
    with torch.no_grad():
        for form, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
            arrays |= {f"{form}_{name}": value for name, value in outputs(dtype).items()}
    vectors.write("network_forms", Path(__file__).name, arrays, model="tiny")


if __name__ == "__main__":
    main()
