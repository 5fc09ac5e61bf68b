"""The vocabulary: byte pairs in CLIP's format, learned from captions, and captions to tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from tools.reference import bpe

N_POSITIONS = 77
# CLIP's, as far as it concerns ASCII
WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


def split(text: str) -> list[str]:
    """What CLIP takes for words; digits stand alone."""
    return WORD.findall(" ".join(text.lower().split()))


def learn(folder: Path, captions: Iterable[str], n_vocab: int) -> int:
    """Writes the tokenizer's files; returns the size of the vocabulary, at most n_vocab."""
    symbols = bpe.byte_symbols()
    tokens = symbols + [symbol + "</w>" for symbol in symbols]
    text = [word for caption in captions for word in split(caption)]
    merges = bpe.train(text, n_vocab - len(tokens) - 2)
    tokens += [a + b for a, b in merges] + [bpe.BOS, bpe.EOS]
    return len(bpe.save(folder, tokens, merges, bpe.EOS))


class Tokenizer:
    """ASCII text to CLIP's ids, padded with the end's."""

    def __init__(self, folder: Path):
        self.ids: dict[str, int] = json.loads((folder / "vocab.json").read_text())
        lines = (folder / "merges.txt").read_text().splitlines()[1:]
        pairs = [tuple(line.split(" ")) for line in lines]
        self.ranks = {(a, b): i for i, (a, b) in enumerate(pairs)}
        self.bos, self.eos = self.ids[bpe.BOS], self.ids[bpe.EOS]
        self.of_word = lru_cache(maxsize=None)(self._of_word)

    def _of_word(self, word: str) -> list[int]:
        symbols: tuple[str, ...] = (*word[:-1], word[-1] + "</w>")
        while len(symbols) > 1:
            pairs = set(zip(symbols, symbols[1:]))
            best = min(pairs, key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            symbols = bpe.join(symbols, best)
        return [self.ids[symbol] for symbol in symbols]

    def __call__(self, text: str) -> list[int]:
        """N_POSITIONS ids: begin, text, end and ends."""
        body = [i for word in split(text) for i in self.of_word(word)][: N_POSITIONS - 2]
        return [self.bos, *body] + [self.eos] * (N_POSITIONS - 1 - len(body))
