"""Turn a data file into C: embed.py INPUT OUTPUT NAME writes the arrays NAME and NAME_len.
A NUL that NAME_len does not count ends it, so that a text is a string."""

import sys
from pathlib import Path


def c_source(data: bytes, name: str) -> str:
    """C text that defines `const unsigned char NAME[]` and `const unsigned NAME_len`."""
    ended = data + b"\0"
    rows = [ended[i : i + 20] for i in range(0, len(ended), 20)]
    body = "\n".join("    " + ", ".join(str(byte) for byte in row) + "," for row in rows)
    return (
        f"extern const unsigned char {name}[];\n"
        f"extern const unsigned {name}_len;\n"
        f"const unsigned char {name}[] = {{\n{body}\n}};\n"
        f"const unsigned {name}_len = {len(data)};\n"
    )


def main() -> int:
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        return 2
    source, target, name = sys.argv[1:]
    data = Path(source).read_bytes()
    if not data:
        print(f"{source}: empty", file=sys.stderr)
        return 1
    Path(target).write_text(c_source(data, name), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
