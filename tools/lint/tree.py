"""The checkout as the checks see it: its files, its build folder, and how to run a tool."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

C_FOLDERS = ("include", "engine", "hub", "worker", "cli", "tests", "fuzz", "bench")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


@dataclass(frozen=True)
class Tree:
    root: Path
    build: Path

    @cached_property
    def files(self) -> list[str]:
        """Every file that is or would be committed, relative to the root, sorted."""
        names = self._git_files() or self._walk()
        return sorted(name for name in names if (self.root / name).is_file())

    def _git_files(self) -> list[str]:
        """Nothing where there is no git, or no repository that it may read."""
        if not (self.root / ".git").exists() or not shutil.which("git"):
            return []
        safe = f"safe.directory={self.root}"  # the checkout may belong to another user
        command = ["git", "-c", safe, "ls-files", "-z", "-co", "--exclude-standard"]
        out = subprocess.run(command, cwd=self.root, capture_output=True).stdout
        return [name for name in out.decode().split("\0") if name]

    def _walk(self) -> list[str]:
        names = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [f for f in folders if not f.startswith((".", "build", "artifacts", "__"))]
            names += [str((Path(folder) / f).relative_to(self.root)) for f in files]
        return names

    @property
    def c_files(self) -> list[str]:
        return [f for f in self.files if f.endswith((".c", ".h")) and f.split("/")[0] in C_FOLDERS]

    def text(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8", errors="replace")

    def code(self, name: str) -> str:
        """The text of a C file with each comment blanked out, line numbers kept."""
        return COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), self.text(name))

    def run(self, *command: str) -> tuple[int, str]:
        """Exit status and all output of a command run in the root."""
        done = subprocess.run(
            command, cwd=self.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return done.returncode, done.stdout

    def tool(self, name: str) -> str:
        """Path of a program: from .venv-lint, from PATH, or from Homebrew's llvm."""
        for folder in (self.root / ".venv-lint/bin", None, Path("/opt/homebrew/opt/llvm/bin")):
            if found := shutil.which(name, path=folder and str(folder)):
                return found
        raise FileNotFoundError(f"{name} is missing; run: make setup GROUPS=lint")
