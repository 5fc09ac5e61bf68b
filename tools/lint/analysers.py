"""The checks that are other people's programs: clang-format, clang-tidy, cppcheck and the like."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

from .tree import Tree

UP = re.compile(r"^\S*?\.\./")  # what leads from the build folder back to the root
# States of a function that clang's analyser looks at: a third of its own limit takes two thirds of
# the time, and the whole of it finds nothing more in this tree.
ANALYSER_MAX_NODES = 75000
SHEBANG = re.compile(r"^#!.*\b(?:ba|da)?sh\b")


def check_format(tree: Tree) -> list[str]:
    status, out = tree.run(tree.tool("clang-format"), "--dry-run", "-Werror", *tree.c_files)
    lines = sorted({line.split(":")[0] for line in out.splitlines() if "error:" in line})
    fix = "run: .venv-lint/bin/clang-format -i"
    return [f"{fix} {name}" for name in lines] if lines or not status else [out]


def compiled(tree: Tree) -> list[str]:
    """The C files of this checkout that the build folder compiles."""
    commands = json.loads((tree.build / "compile_commands.json").read_text())
    names = {os.path.normpath(os.path.join(c["directory"], c["file"])) for c in commands}
    return [name for name in tree.c_files if str(tree.root / name) in names]


def check_tidy(tree: Tree) -> list[str]:
    tidy = tree.tool("clang-tidy")
    # gcc's warning options stand in the commands; clang does not know all of them
    limit = f"max-nodes={ANALYSER_MAX_NODES}"
    words = ["-Wno-unknown-warning-option", "-Xclang", "-analyzer-config", "-Xclang", limit]
    extra = [f"--extra-arg={word}" for word in words]

    def one(name: str) -> list[str]:
        status, out = tree.run(tidy, "--quiet", "-p", str(tree.build), *extra, name)
        lines = [line for line in out.splitlines() if re.search(r"(warning|error): ", line)]
        return lines if lines or not status else [f"{name}: {out}"]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        reports = pool.map(one, compiled(tree))
    found = dict.fromkeys(UP.sub("", line) for lines in reports for line in lines)
    return [line.removeprefix(f"{tree.root}/") for line in found]  # a header's finding once


def check_cppcheck(tree: Tree) -> list[str]:
    # readdirCalled: POSIX 2024 has readdir safe for streams of one thread each, as all of ours are
    sources = [f for f in tree.c_files if f.endswith(".c") and not f.startswith("tests/")]
    status, out = tree.run(
        tree.tool("cppcheck"),
        *"--quiet --std=c11 --inline-suppr --error-exitcode=1".split(),
        *"--library=posix --library=tools/lint/cppcheck.cfg".split(),
        *"--enable=warning,performance,portability --suppress=missingIncludeSystem".split(),
        "--suppress=readdirCalled",
        *("-j", str(os.cpu_count()), "-I", ".", "-I", "include"),
        "--template={file}:{line}: {id}: {message}",
        *sources,
    )
    return [line for line in out.splitlines() if re.match(r"\S+:\d+: ", line)] or (
        [out] if status else []
    )


def check_shell(tree: Tree) -> list[str]:
    scripts = [f for f in tree.files if f.endswith(".sh") or SHEBANG.match(tree.text(f)[:80])]
    status, out = tree.run(tree.tool("shellcheck"), "--format=gcc", *scripts)
    return out.splitlines() if status else []


def python_files(tree: Tree) -> list[str]:
    found = [f for f in tree.files if f.endswith(".py")]
    return [*found, "tools/run-tests", "tools/train/smoke"]


def check_python(tree: Tree) -> list[str]:
    files = python_files(tree)
    found: list[str] = []
    for command in (
        [tree.tool("ruff"), "check", "--quiet", "--output-format=concise", *files],
        [tree.tool("ruff"), "format", "--diff", "--quiet", *files],
        [tree.tool("mypy"), "--no-error-summary", *files],
    ):
        status, out = tree.run(*command)
        found += out.splitlines() if status else []
    return found
