#!/usr/bin/python3
"""Writes engine/models/text_class.inc: letters, numbers and marks as CLIP's tokenizer knows them.

They are asked of tokenizers 0.15.2 itself, one character at a time: its regular expressions know
Unicode 14, its normal forms only Unicode 9, and the system's utf8proc may know any version.
Needs the packages of transformers 4.36.2; without them nothing is written.
"""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

try:
    from tokenizers import Regex, __version__, normalizers, pre_tokenizers
except ImportError:
    print("token_classes: left out, it needs tokenizers 0.15.2", file=sys.stderr)
    sys.exit(0)

OUT = Path(__file__).parents[3] / "engine/models/text_class.inc"
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"  # CLIPConverter's
SURROGATES = range(0xD800, 0xE000)
PER_LINE = 5
LONGEST = 0xFFFF
HEAD = """/*
 * Letters (L), numbers (N), white space (S) of Unicode 14 and the marks (M) that normal forms of
 * Unicode 9 sort, as CLIP's tokenizer has them (tokenizers 0.15.2). Made by
 * tools/golden/reference/token_classes.py: {first, count, class}.
 */
/* clang-format off */
"""


def is_sorted(char: str, nfc: normalizers.NFC) -> bool:
    """Whether the normal form moves a mark: U+0334 goes before any other, U+0345 behind."""
    if unicodedata.category(char)[0] != "M":
        return False
    alone: str = nfc.normalize_str(char)
    first: str = nfc.normalize_str(char + "\u0334")
    last: str = nfc.normalize_str("\u0345" + char)
    return first != alone + "\u0334" or last != "\u0345" + alone


def class_of(code: int, split: pre_tokenizers.Split, nfc: normalizers.NFC) -> str:
    """How the splitter cuts text shows what it takes a character for."""
    char = chr(code)
    n_doubled = len(split.pre_tokenize_str(char + char))
    if n_doubled != 1:
        return "S" if n_doubled == 0 else "N"
    if len(split.pre_tokenize_str("a" + char)) == 1:
        return "L"
    return "M" if is_sorted(char, nfc) else "O"


def runs() -> list[tuple[int, int, str]]:
    split = pre_tokenizers.Split(Regex(PATTERN), behavior="removed", invert=True)
    nfc = normalizers.NFC()
    found: list[tuple[int, int, str]] = []
    for code in range(0x110000):
        kind = "O" if code in SURROGATES else class_of(code, split, nfc)
        if kind == "O":
            continue
        first, count, last_kind = found[-1] if found else (0, 0, "O")
        if last_kind == kind and first + count == code and count < LONGEST:
            found[-1] = (first, count + 1, kind)
        else:
            found.append((code, 1, kind))
    return found


def main() -> None:
    assert __version__ == "0.15.2", __version__
    items = [f"{{0x{first:04X}, {count}, {kind}}}," for first, count, kind in runs()]
    lines = [" ".join(items[i : i + PER_LINE]) for i in range(0, len(items), PER_LINE)]
    OUT.write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
