"""Every single tensor of the small models matters: without it the outputs in network_*.bin change.

Without it means a gain of 1, a bias or weight of 0. Prints the smallest effects and exits 1 where
one is below 1e-4 relative L2. Left out are the key biases, which softmax takes away: they add the
same number to all scores of a query.
"""

from __future__ import annotations

import sys
from typing import Any

import torch

from tools.reference import network_vectors

LEAST = 1e-4


def without_effect(name: str) -> bool:
    return name.endswith(("k_proj.bias", "to_k.bias"))


def groups(networks: Any, found: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Name, network and what computes its outputs."""
    text, unet, vae = networks
    return [
        ("text_encoder", text, lambda: network_vectors.text_outputs(text, found["text_tokens"])),
        ("unet", unet, lambda: {"out": network_vectors.unet_output(unet, found, 0)}),
        ("vae", vae, lambda: network_vectors.vae_outputs(vae, found)),
    ]


def effect(before: dict[str, Any], after: dict[str, Any]) -> float:
    """The largest relative L2 of any float output."""
    return max(
        float((after[key] - value).norm() / value.norm())
        for key, value in before.items()
        if isinstance(value, torch.Tensor)
    )


def neutral(network: Any, name: str, parameter: Any) -> Any:
    layer = network.get_submodule(name.rpartition(".")[0])
    is_gain = isinstance(layer, (torch.nn.GroupNorm, torch.nn.LayerNorm)) and name.endswith(
        "weight"
    )
    return torch.ones_like(parameter) if is_gain else torch.zeros_like(parameter)


def main() -> None:
    """Take every tensor away once."""
    torch.set_num_threads(1)
    is_bad = False
    for model in ("tiny", "tiny-v"):
        networks = network_vectors.load(model)
        found = network_vectors.make_inputs(model, networks)
        for component, network, compute in groups(networks, found):
            effects = []
            with torch.no_grad():
                before = compute()
                for name, parameter in network.named_parameters():
                    kept = parameter.data
                    parameter.data = neutral(network, name, kept)
                    effects.append((effect(before, compute()), name))
                    parameter.data = kept
            gone = [e for e in effects if without_effect(e[1])]
            effects = sorted(e for e in effects if not without_effect(e[1]))
            is_bad = is_bad or effects[0][0] < LEAST
            print(f"{model} {component}: {len(effects)} tensors, key biases {len(gone)}; smallest:")
            for value, name in effects[:3]:
                print(f"    {value:.2e} {name}")
    sys.exit(is_bad)


if __name__ == "__main__":
    main()
