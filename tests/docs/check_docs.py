#!/usr/bin/env python3
"""The documents stay true: links resolve, examples run, commands and variables exist.

    check_docs.py ROOT TIMBRE

Reads every *.md under ROOT. A code block opened with ```sh run is executed as a script in an empty
home folder with TIMBRE first in PATH; in every other ```sh block the named `timbre` commands and
`make` targets have to exist, unless it is opened with ```sh planned. Prints TAP.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SKIPPED_FOLDERS = ("build", "artifacts", "subprojects", ".")  # prefixes of folder names
RUN_LIMIT_S = 300  # sanitizer builds are slow


class Block(NamedTuple):
    """One fenced code block: first line number of its text, words after the fence, text."""

    line: int
    info: list[str]
    text: str


def markdown_files(root: Path) -> list[Path]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(SKIPPED_FOLDERS)]
        found += [Path(folder) / name for name in names if name.endswith(".md")]
    return sorted(found)


def split_blocks(text: str) -> tuple[str, list[Block]]:
    """The prose (code lines emptied) and the fenced blocks of a document."""
    prose: list[str] = []
    blocks: list[Block] = []
    inside: list[str] | None = None
    info: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        fence = re.match(r"\s*```(.*)", line)
        if fence and inside is None:
            inside, info = [], fence.group(1).split()
        elif fence and inside is not None:
            blocks.append(Block(number - len(inside), info, "\n".join(inside) + "\n"))
            inside = None
        elif inside is not None:
            inside.append(line)
        prose.append("" if fence or inside is not None else line)
    return "\n".join(prose), blocks


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a document."""
    prose, _ = split_blocks(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for heading in re.findall(r"^#+\s+(.*?)\s*$", prose, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(slug)
    return found


def broken_links(path: Path) -> Iterator[str]:
    prose, _ = split_blocks(path.read_text(encoding="utf-8"))
    prose = re.sub(r"`[^`]*`", "", prose)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        if not linked.exists():
            yield f"{target}: no such file"
        elif anchor and anchor not in anchors(linked):
            yield f"{target}: no such heading"


class Program:
    """The built program in an empty home folder."""

    def __init__(self, timbre: Path, home: Path) -> None:
        self.home = home
        folder = home / "bin"
        folder.mkdir()
        (folder / "timbre").symlink_to(timbre.resolve())
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TIMBRE_", "XDG_"))}
        path = f"{folder}{os.pathsep}{kept.get('PATH', os.defpath)}"
        self.env = kept | {"HOME": str(home), "PATH": path, "SDL_AUDIODRIVER": "dummy"}

    def run(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        work = tempfile.mkdtemp(dir=self.home)
        return subprocess.run(
            command,
            input=stdin,
            cwd=work,
            env=self.env,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=RUN_LIMIT_S,
            check=False,
        )

    def knows(self, command: str) -> bool:
        return self.run("timbre", "help", command).returncode == 0


def make_targets(root: Path) -> set[str]:
    makefile = root / "Makefile"
    if not makefile.exists():
        return set()
    return set(re.findall(r"^([\w-]+)[\w -]*:(?!=)", makefile.read_text(), re.MULTILINE))


def unknown_commands(blocks: list[Block], program: Program, targets: set[str]) -> Iterator[str]:
    for block in blocks:
        if block.info[:1] != ["sh"] or "planned" in block.info:
            continue
        for word in re.findall(r"(?:^|[|(&;] *)timbre +([a-z][\w-]*)", block.text, re.MULTILINE):
            if not program.knows(word):
                yield f"line {block.line}: no command 'timbre {word}'"
        for word in re.findall(r"^make +([a-z][\w-]*)(?!\S*=)", block.text, re.MULTILINE):
            if word not in targets:
                yield f"line {block.line}: no target 'make {word}'"


def undocumented_variables(setup: Path, program: Program) -> Iterator[str]:
    listed = program.run("timbre", "help", "environment").stdout
    names = set(re.findall(r"\bTIMBRE_[A-Z_]+\b", listed))
    if not names:
        yield "`timbre help environment` names no variable"
    text = setup.read_text(encoding="utf-8")
    for name in sorted(names):
        if name not in text:
            yield f"{name} is not in {setup.name}"


class Tap:
    """Counts and prints cases."""

    def __init__(self) -> None:
        self.count = 0
        self.failed = 0

    def case(self, name: str, problems: list[str]) -> None:
        self.count += 1
        self.failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.count} - {name}")
        for problem in problems:
            for line in problem.splitlines():
                print(f"# {line}")


def run_block(block: Block, program: Program) -> list[str]:
    done = program.run("sh", "-eu", stdin=block.text)
    if done.returncode == 0:
        return []
    return [f"exit code {done.returncode}", done.stdout, done.stderr]


def main(root: Path, timbre: Path) -> int:
    tap = Tap()
    targets = make_targets(root)
    with tempfile.TemporaryDirectory() as home:
        program = Program(timbre, Path(home))
        for path in markdown_files(root):
            name = path.relative_to(root)
            _, blocks = split_blocks(path.read_text(encoding="utf-8"))
            tap.case(f"{name}: links resolve", list(broken_links(path)))
            named = list(unknown_commands(blocks, program, targets))
            tap.case(f"{name}: named commands exist", named)
            for block in blocks:
                if block.info == ["sh", "run"]:
                    tap.case(f"{name}:{block.line}: example runs", run_block(block, program))
        setup = root / "docs" / "setup.md"
        missing = list(undocumented_variables(setup, program))
        tap.case("docs/setup.md: names every variable", missing)
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
