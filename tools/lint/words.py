"""Words that no committed file may hold: the folder of outside data, and unfinished-work marks."""

from __future__ import annotations

import re

from .tree import Tree

# Written in two parts so that this file passes its own check.
OUTSIDE = ".." + "/shared"
OUTSIDE_WIRING = ("tools/run-tests", "DEFAULT_TEST_DATA =")  # the one file and line that may
UNFINISHED = re.compile(r"\b(TO" + "DO|FIX" + r"ME)\b")
CODE = (".c", ".h", ".py", ".sh", ".build")


def check(tree: Tree) -> list[str]:
    found = []
    for name in tree.files:
        for number, line in enumerate(tree.text(name).splitlines(), 1):
            wiring = name == OUTSIDE_WIRING[0] and line.startswith(OUTSIDE_WIRING[1])
            if OUTSIDE in line and not wiring:
                found.append(f"{name}:{number}: names {OUTSIDE}")
            if name.endswith(CODE) and UNFINISHED.search(line):
                found.append(f"{name}:{number}: unfinished: {line.strip()}")
    return found
