"""No file over 1,000 lines and no C function over 120, but for those listed with a reason."""

from __future__ import annotations

from collections.abc import Iterator

from .tree import Tree

MAX_FILE_LINES = 1000
MAX_FUNCTION_LINES = 120
EXCEPTIONS = "tools/lint/size-exceptions.txt"
CODE = (".c", ".h", ".py", ".sh")


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Each function's name and number of body lines. Its braces stand in column 0."""
    start = 0
    lines = text.splitlines()
    for i, line in enumerate(lines):
        if line == "{":
            start = i
        elif line == "}" and start:
            head = start - 1
            while head > 0 and lines[head][:1] in (" ", "\t"):
                head -= 1
            yield lines[head].split("(")[0].split()[-1].lstrip("*"), i - start - 1
            start = 0


def exceptions(tree: Tree) -> tuple[dict[str, str], list[str]]:
    """PATH or PATH:FUNCTION to its reason, and the lines that have no reason."""
    listed: dict[str, str] = {}
    wrong: list[str] = []
    if not (tree.root / EXCEPTIONS).is_file():
        return listed, wrong
    for line in tree.text(EXCEPTIONS).splitlines():
        if line.strip() and not line.startswith("#"):
            what, _, reason = line.partition(" ")
            listed[what] = reason.strip()
            if not reason.strip():
                wrong.append(f"{EXCEPTIONS}: {what} has no reason")
    return listed, wrong


def check(tree: Tree) -> list[str]:
    listed, found = exceptions(tree)
    too_big: dict[str, str] = {}
    for name in tree.files:
        if not name.endswith(CODE):
            continue
        n_lines = tree.text(name).count("\n")
        if n_lines > MAX_FILE_LINES:
            too_big[name] = f"{n_lines} lines exceed {MAX_FILE_LINES}"
        if name.endswith(".c"):
            for function, n_body in functions(tree.text(name)):
                if n_body > MAX_FUNCTION_LINES:
                    too_big[f"{name}:{function}"] = f"{n_body} lines exceed {MAX_FUNCTION_LINES}"
    found += [f"{what}: {why}" for what, why in too_big.items() if what not in listed]
    found += [f"{EXCEPTIONS}: {what} needs no exception" for what in listed if what not in too_big]
    return found
