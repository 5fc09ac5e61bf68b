"""What libtimbre exports and what it calls: names, the public headers, no output, no globals."""

from __future__ import annotations

import re
import sys

from .tree import Tree

PREFIXES = ("timbre_", "tb_")
# A library neither prints nor ends the program. assert's __assert_fail stays: it means our bug.
FORBIDDEN = {
    *"printf vprintf puts putchar perror stdout stderr __printf_chk __vprintf_chk".split(),
    *"__stdoutp __stderrp exit _exit _Exit quick_exit abort".split(),
}
MEMBER = re.compile(r"^(\S+)\.o:\s+file format")
WRITABLE = re.compile(
    r"^\S+ .{7} \.t?(?:data|bss)(?:\.(?!rel\.ro)\S+)?\t[0-9a-f]*[1-9a-f]\S* (?:\.hidden )?(\w+)"
)
# Variables that may be there: other libraries want them writable, or once means once.
GLOBALS = {
    "sketch_fluid.c: once": "FluidSynth's process-wide state is set up once per process",
    "sketch_fluid.c: no_drivers": "fluid_audio_driver_register takes no const",
    "kernels_blas_blas.c: shared": "a BLAS is opened once; kernels have no context to find it in",
    "audio_memory_file.c: tb_memory_file_io": "sf_open_virtual takes no const",
    "audio_audio_writer.c: fd_file_io": "sf_open_virtual takes no const",
}
DECLARED = re.compile(r"\b(timbre_\w+)\s*\(|\bextern\b[^;({\"]*\b(timbre_\w+)\s*[;\[]")
INLINE = re.compile(r"\bstatic\s+inline\b[^{;]*\{")
MACRO = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)


def declared(tree: Tree) -> set[str]:
    """The functions and data that the public headers promise."""
    names: set[str] = set()
    for name in tree.c_files:
        if name.startswith("include/timbre/"):
            code = INLINE.sub("", MACRO.sub("", tree.code(name)))
            names.update(a or b for a, b in DECLARED.findall(code))
    return names


def nm_names(tree: Tree, *options: str) -> set[str]:
    """Symbol names of libtimbre, without Mach-O's leading underscore."""
    status, out = tree.run("nm", "-g", *options, str(tree.build / "engine/libtimbre.a"))
    if status:
        raise RuntimeError(out)
    names = {line.split()[-1] for line in out.splitlines() if re.search(r" [A-Za-z] \S+$", line)}
    if sys.platform == "darwin":
        names = {name.removeprefix("_") for name in names}
    return names


def writable_data(tree: Tree) -> list[str]:
    """`OBJECT: NAME` of each variable in writable memory (ELF only)."""
    if sys.platform == "darwin":
        return []
    _, out = tree.run("objdump", "-t", str(tree.build / "engine/libtimbre.a"))
    names = []
    member = ""
    for line in out.splitlines():
        if found := MEMBER.match(line):
            member = found[1].rpartition("/")[2]
        elif found := WRITABLE.match(line):
            names.append(f"{member}: {found[1]}")
    return names


def check(tree: Tree) -> list[str]:
    defined = nm_names(tree, "--defined-only") if sys.platform != "darwin" else nm_names(tree, "-U")
    undefined = nm_names(tree, "-u")
    public = declared(tree)
    exported = {name for name in defined if name.startswith("timbre_")}
    found = [f"libtimbre: {n} has no {' or '.join(PREFIXES)} prefix"
             for n in sorted(defined) if not n.startswith(PREFIXES)]  # fmt: skip
    found += [
        f"libtimbre: {n} is in no header of include/timbre" for n in sorted(exported - public)
    ]
    found += [f"include/timbre: {n} is declared but not defined" for n in sorted(public - exported)]
    found += [f"libtimbre: uses {n}" for n in sorted(undefined & FORBIDDEN)]
    found += [
        f"libtimbre: {n} is writable global data" for n in writable_data(tree) if n not in GLOBALS
    ]
    return found
