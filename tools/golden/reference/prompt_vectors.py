#!/usr/bin/python3
"""What Riffusion makes of the weights in a prompt.

Writes tests/data/vectors/prompts.json: pieces, chunks of tokens of the tiny vocabulary, and
weighted embeddings, by riffusion/external/prompt_weighting.py of the checkout that $RIFFUSION names
(https://github.com/riffusion/riffusion-hobby). Needs transformers 4.36.2 and torch; without
any of them nothing is written.
"""

from __future__ import annotations

import json
import os
import random
import sys
import types
import typing
from pathlib import Path
from typing import Any

try:
    import torch
    import transformers
except ImportError:
    print("prompt_vectors: left out, it needs torch and transformers", file=sys.stderr)
    sys.exit(0)

ROOT = Path(__file__).parents[3]
SEED = 20261122
N_RANDOM = 400
WIDTH = 3  # of the embeddings that are weighted

CASES = [
    "",
    " ",
    "normal text",
    "an (important) word",
    "(unbalanced",
    "[unbalanced",
    "\\(literal\\]",
    "(unnecessary)(parens)",
    "a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
    "funk (bassline) with a [jazzy] (saxophone solo:1.5)",
    "(x:1.5",
    "x:1.5)",
    "x:1.5",
    "(x:1.5))",
    "(x:)",
    "(x: 1.5)",
    "(x:1.5 )",
    "(x:+.5)",
    "(x:-2)",
    "(x:0)",
    "(x:1.)",
    "(x:00012.50)",
    "(x:1e3)",
    "(x:nan)",
    "(x:inf)",
    "(x:\uff11.\uff15)",
    "(x:\u0663)",
    "(x:\U0001d7d9.\U0001d7dd)",
    "(x:\U0001d7ff.\U0001d7f6)",
    "[x:1.5]",
    "[x:1.5)",
    "([x:1.5)]",
    "(a [b) c]",
    "[a (b] c)",
    "((a)",
    "(a))",
    "[[a]",
    "[a]]",
    "()",
    "[]",
    "(:1.5)",
    "(a)()b",
    "()(a:2)",
    "\\",
    "\\\\",
    "\\\\(a)",
    "\\(a)",
    "(a\\)",
    "(a\\:1.5)",
    "(a:1\\.5)",
    "a\\b",
    "(a)\\ (b)",
    "(a) (b)",
    "(a)(b:1.1)",
    "(a:1.1)(b)",
    "[a](b:0.9090909090909091)",
    "((a:1.1):1.1)",
    "(a:2)(b:0.5)(c)",
    "(((((((((((((((a)))))))))))))))",
    "([([([a])])])",
    "::",
    ":(",
    ":)",
    "(:)",
    "(::1.2)",
    "4:3, (4:3)",
    "(caf\u00e9:1.2) \u97f3\u697d [\U0001f3b8]",
    "(two\nlines:1.3)",
    "(<|endoftext|>:1.2)",
    "a, b, (c, (d, [e, (f:0.7)], g):1.9)",
]
CHUNKS = [
    "",
    "funk",
    "funk (bassline) with a [jazzy] (saxophone solo:1.5)",
    "(a )" * 10 + "b " * 62,
    "a " * 75,
    "a " * 76,
    "a " * 74 + "(b c:1.4)",
    "a " * 150,
    "(a :1.2)" + "b " * 150,
    "a " * 225,
    "(x:0.5) " + "a " * 240 + "(y:1.5)",
]
WEIGHED = ["funk", "(funk)", "funk (bass:1.5) [x]", "(a :1.2)" + "b " * 80, "(a:-1.5) b"]
ELEMENTS = ["(", ")", "[", "]", ":", "\\", "a", "bc ", " ", "1", ".", "1.5)", ":1.5)", ":0.5)"]
ELEMENTS += [":-2)", ":+.5)", "\u00e9", "(((", "\n", ":\uff11.\uff15)", ":0)", "(x:1)", "]]"]


def embeddings(n: int) -> torch.Tensor:
    """[n, WIDTH], exact in single precision; the test has the same."""
    x = (torch.arange(n * WIDTH) * 37 % 101 - 30) / 128
    return x.reshape(n, WIDTH)


class TextEncoder:
    def __init__(self) -> None:
        self.chunks: list[list[int]] = []

    def __call__(self, tokens: torch.Tensor) -> tuple[torch.Tensor]:
        n = tokens.shape[1]
        self.chunks.append(tokens[0].tolist())
        first = n * (len(self.chunks) - 1)
        return (embeddings(first + n)[first:].unsqueeze(0).clone(),)


def weighting(path: Path) -> dict[str, Any]:
    """The module's functions; some commits of it lack an import of typing."""
    scope: dict[str, Any] = {"T": typing, "__name__": "prompt_weighting"}
    stand_in: Any = types.ModuleType("diffusers")
    stand_in.StableDiffusionPipeline = object  # only named there
    sys.modules["diffusers"] = stand_in
    exec(compile(path.read_text(), str(path), "exec"), scope)
    return scope


def parsed(module: dict[str, Any]) -> list[Any]:
    rng = random.Random(SEED)
    texts = list(CASES)
    for _ in range(N_RANDOM):
        texts.append("".join(rng.choice(ELEMENTS) for _ in range(rng.randint(1, 20))))
    rows = []
    for text in texts:
        try:
            rows.append([text, module["parse_prompt_attention"](text)])
        except ValueError:  # a weight such as 1.2.3
            continue
    return [r for r in rows if all(abs(w) <= 100 for _, w in r[1])]


def encoded(module: dict[str, Any], text: str) -> tuple[list[list[int]], torch.Tensor]:
    folder = ROOT / "tests/data/models/tiny/tokenizer"
    pipe = types.SimpleNamespace(
        tokenizer=transformers.CLIPTokenizerFast.from_pretrained(str(folder)),
        text_encoder=TextEncoder(),
        device="cpu",
    )
    out, _ = module["get_weighted_text_embeddings"](pipe, text)
    return pipe.text_encoder.chunks, out[0]


def main() -> None:
    assert transformers.__version__ == "4.36.2"
    path = Path(os.environ.get("RIFFUSION", "")) / "riffusion/external/prompt_weighting.py"
    if not path.exists():
        print("prompt_vectors: left out, $RIFFUSION is no checkout", file=sys.stderr)
        return
    module = weighting(path)
    vectors = {
        "script": "tools/golden/reference/prompt_vectors.py",
        "transformers": transformers.__version__,
        "torch": torch.__version__,
        "width": WIDTH,
        "pieces": parsed(module),
        "chunks": [[text, encoded(module, text)[0]] for text in CHUNKS],
        "weighed": [[text, encoded(module, text)[1].flatten().tolist()] for text in WEIGHED],
    }
    lines = [
        f'"{key}": '
        + (
            "[\n" + ",\n".join(json.dumps(row) for row in value) + "\n]"
            if isinstance(value, list)
            else json.dumps(value)
        )
        for key, value in vectors.items()
    ]
    out = ROOT / "tests/data/vectors/prompts.json"
    out.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
