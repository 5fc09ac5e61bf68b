"""A byte-pair vocabulary in CLIP's format, trained on the captions below."""

from __future__ import annotations

import collections
import json
import random
from pathlib import Path
from typing import Any

BOS, EOS = "<|startoftext|>", "<|endoftext|>"

GENRES = """funk jazz blues rock pop metal punk disco house techno trance ambient dubstep reggae
ska dub soul gospel folk country bluegrass classical baroque opera swing bebop bossa nova samba
salsa tango flamenco klezmer afrobeat highlife bollywood lofi hip hop trap drill grime garage
jungle drum and bass synthwave vaporwave chiptune industrial gothic grunge surf rockabilly waltz
polka march lullaby hymn chorale minimalism celtic nordic latin arabic turkish persian greek
balkan""".split()
SOUNDS = """bassline saxophone solo piano guitar violin cello viola double bass trumpet trombone
tuba flute clarinet oboe bassoon harp organ accordion banjo mandolin ukulele sitar tabla congas
bongos djembe timpani marimba vibraphone xylophone glockenspiel synthesizer pad lead arpeggio pluck
strings choir vocals whistle handclap snare kick hihat cymbal cowbell tambourine shaker rhodes
wurlitzer clavinet mellotron theremin bagpipes harmonica kalimba steelpan beat groove riff chord
melody harmony rhythm percussion drone texture noise vinyl crackle rain thunder ocean birds
wind""".split()
QUALITIES = """jazzy funky mellow warm bright dark slow fast upbeat relaxing dreamy heavy gentle
distorted clean acoustic electric electronic vintage modern romantic melancholic happy sad epic
cinematic playful mysterious energetic calm lush sparse syncopated swinging driving hypnotic
nostalgic haunting soaring tender triumphant smooth gritty crunchy airy deep punchy groovy
soulful""".split()
FORMS = [
    "a {q} {g} {s} with a {q2} {s2} solo",
    "{g} {s}, {q}, {q2}",
    "{q} {g} song, the {s} and the {s2} in the background",
    "{q} {s} over a {q2} {g} beat at 120 bpm",
    "it's a {g} tune that's {q}; we've got {s} & {s2}, don't stop!",
    "solo {s} from the 1970s, recorded live in a small {q} room",
    "{g} meets {g2}: {q} {s}, no vocals",
]


def captions(seed: int, n: int = 3000) -> list[str]:
    """The text that vocabularies are trained on."""
    rng = random.Random(seed)

    def pick(words: list[str]) -> str:
        return words[int(len(words) * rng.random() ** 1.6)]

    return [
        rng.choice(FORMS).format(
            g=pick(GENRES),
            g2=pick(GENRES),
            s=pick(SOUNDS),
            s2=pick(SOUNDS),
            q=pick(QUALITIES),
            q2=pick(QUALITIES),
        )
        for _ in range(n)
    ]


def byte_symbols() -> list[str]:
    """CLIP's printable symbol of every byte, in the order of its vocabulary."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [b for b in range(256) if b not in kept]
    return [chr(b) for b in kept] + [chr(256 + i) for i in range(len(moved))]


def train(text: list[str], n_merges: int) -> list[tuple[str, str]]:
    """The most frequent pair first; ties in the order of their symbols."""
    counts: collections.Counter[tuple[str, ...]] = collections.Counter()
    for line in text:
        for word in line.split():
            core = word.strip(",;:!&'")
            for part in (core, word[len(core) :]):
                if part:
                    counts[(*part[:-1], part[-1] + "</w>")] += 1
    merges = []
    for _ in range(n_merges):
        pairs: collections.Counter[tuple[str, str]] = collections.Counter()
        for symbols, count in counts.items():
            for pair in zip(symbols, symbols[1:], strict=False):
                pairs[pair] += count
        if not pairs:
            break  # every word is one symbol
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        merged: collections.Counter[tuple[str, ...]] = collections.Counter()
        for symbols, count in counts.items():
            merged[join(symbols, best)] += count
        counts = merged
    return merges


def join(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """The word with the pair merged wherever it stands."""
    out: list[str] = []
    for symbol in word:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return tuple(out)


def special(content: str) -> dict[str, Any]:
    return {
        "content": content,
        "lstrip": False,
        "normalized": True,
        "rstrip": False,
        "single_word": False,
    }


def write(folder: Path, seed: int, n_vocab: int, *, shuffled: bool, pad: str) -> dict[str, int]:
    """vocab.json, merges.txt and the two small files; returns the vocabulary.

    shuffled: ids in no order at all, special tokens among them; else in CLIP's."""
    symbols = byte_symbols()
    tokens = symbols + [symbol + "</w>" for symbol in symbols]
    merges = train(captions(seed), n_vocab - len(tokens) - 2)
    tokens += [a + b for a, b in merges] + [BOS, EOS]
    assert len(set(tokens)) == n_vocab
    if shuffled:
        random.Random(seed).shuffle(tokens)
    return save(folder, tokens, merges, pad)


def save(
    folder: Path, tokens: list[str], merges: list[tuple[str, str]], pad: str
) -> dict[str, int]:
    """The four files of CLIP's tokenizer; a token's id is its place in the list."""
    vocabulary = {token: i for i, token in enumerate(tokens)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False) + "\n")
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    common = {"bos_token": special(BOS), "eos_token": special(EOS), "pad_token": pad}
    common["unk_token"] = special(EOS)
    config = {
        "add_prefix_space": False,
        **{
            k: {"__type": "AddedToken", **v} if isinstance(v, dict) else v
            for k, v in common.items()
        },
        "do_lower_case": True,
        "errors": "replace",
        "model_max_length": 77,
        "tokenizer_class": "CLIPTokenizer",
    }
    for name, content in (("tokenizer_config", config), ("special_tokens_map", common)):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    return vocabulary
