"""Proves that each check fails on a bad sample and passes a good one: a check that cannot fail is
none."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import platform
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from types import ModuleType

from . import isa_leak, layers, size, symbols, words
from .tree import Tree


class Sample(unittest.TestCase):
    """A scratch checkout."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def tree(self, **files: str) -> Tree:
        """Writes files; `__` in a name stands for `/` and the last `_` for the dot."""
        for key, text in files.items():
            stem, _, suffix = key.replace("__", "/").rpartition("_")
            self.write(f"{stem}.{suffix}", text)
        return Tree(self.root, self.root / "build")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def compile(self, source: str, target: str, *flags: str) -> None:
        path = self.root / target
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["cc", "-O1", *flags, "-c", "-o", str(path), str(self.root / source)], check=True
        )

    def library(self, text: str, header: str = "") -> list[str]:
        """What the symbol check says of a libtimbre made of one source."""
        tree = self.tree(engine__base__a_c=text, include__timbre__a_h=header)
        self.compile("engine/base/a.c", "build/engine/a.o", "-w")
        archive = self.root / "build/engine/libtimbre.a"
        subprocess.run(["ar", "rc", str(archive), str(self.root / "build/engine/a.o")], check=True)
        return symbols.check(tree)


class Layers(Sample):
    def test_lower_layer_may_not_see_a_higher_one(self) -> None:
        tree = self.tree(
            engine__base__a_c='#include "engine/os/pool.h"\n', engine__os__pool_h="int a;\n"
        )
        self.assertEqual(
            layers.check(tree), ["engine/base/a.c: engine/base may not include engine/os/pool.h"]
        )

    def test_public_header_stands_alone(self) -> None:
        tree = self.tree(
            include__timbre__a_h='#include "../../engine/base/b.h"\n#include "engine/base/b.h"\n',
            engine__base__b_h="",
        )
        self.assertEqual(len(layers.check(tree)), 2)

    def test_higher_layer_and_tests_may_look_down(self) -> None:
        tree = self.tree(
            engine__os__a_c='#include "engine/base/b.h"\n#include <timbre/c.h>\n',
            engine__base__b_h="",
            include__timbre__c_h="",
            tests__t_c='#include "engine/base/b.h"\n',
        )
        self.assertEqual(layers.check(tree), [])

    def test_a_comment_is_no_include(self) -> None:
        tree = self.tree(engine__base__a_c='/*\n#include "engine/os/b.h"\n*/\n', engine__os__b_h="")
        self.assertEqual(layers.check(tree), [])

    def test_circle(self) -> None:
        tree = self.tree(
            engine__base__a_h='#include "engine/base/b.h"\n',
            engine__base__b_h='#include "engine/base/a.h"\n',
        )
        self.assertIn("includes go round", layers.check(tree)[0])

    def test_only_the_door_of_the_worker(self) -> None:
        tree = self.tree(
            cli__a_c='#include "worker/worker.h"\n#include "worker/store.h"\n',
            worker__worker_h="",
            worker__store_h="",
        )
        self.assertEqual(layers.check(tree), ["cli/a.c: cli may not include worker/store.h"])

    def test_unknown_folder(self) -> None:
        self.assertIn("no row", layers.check(self.tree(engine__new__a_c=""))[0])


class Symbols(Sample):
    def test_clean(self) -> None:
        text = 'int timbre_a(void) { return 1; }\nconst char *const tb_b[] = {"b"};\n'
        self.assertEqual(self.library(text, "int timbre_a(void);\n"), [])

    def test_name_without_prefix(self) -> None:
        self.assertIn("helper has no", self.library("int helper(void) { return 1; }\n")[0])

    def test_public_name_in_no_header(self) -> None:
        self.assertIn("in no header", self.library("int timbre_a(void) { return 1; }\n")[0])

    def test_header_that_promises_too_much(self) -> None:
        text = "int tb_a(void) { return 1; }\n"
        self.assertIn("not defined", self.library(text, "int timbre_a(int x);\n")[0])

    def test_printing_and_exiting(self) -> None:
        text = (
            "#include <stdio.h>\n#include <stdlib.h>\n"
            'void tb_a(int x) { printf("%d", x); fprintf(stderr, "%d", x); exit(x); }\n'
        )
        found = " ".join(self.library(text))
        self.assertIn("uses exit", found)
        self.assertRegex(found, "uses (__)?printf")
        self.assertIn("stderr", found)

    @unittest.skipIf(sys.platform == "darwin", "reads ELF")
    def test_global_variables(self) -> None:
        text = "static int hits;\nint tb_count = 3;\nint tb_a(void) { return hits++ + tb_count; }\n"
        found = self.library(text)
        self.assertEqual(sum("writable global" in line for line in found), 2, found)


class IsaLeak(Sample):
    TEXT = "void tb_a(float *x) { for (int i = 0; i < 64; i++) x[i] = x[i] * 2 + 1; }\n"

    @unittest.skipUnless(platform.machine() == "x86_64" and sys.platform == "linux", "x86 ELF")
    def test_avx_outside_the_kernels(self) -> None:
        tree = self.tree(engine__base__a_c=self.TEXT)
        self.compile("engine/base/a.c", "build/engine/base_a.c.o", "-O3")
        self.compile("engine/base/a.c", "build/engine/kernels_x86_a.c.o", "-O3", "-mavx2")
        self.assertEqual(isa_leak.check(tree), [])
        self.compile("engine/base/a.c", "build/engine/base_a.c.o", "-O3", "-mavx2")
        self.assertIn("base_a.c.o", isa_leak.check(tree)[0])

    def test_nothing_built(self) -> None:
        self.assertIn("no object files", isa_leak.check(self.tree())[0])


class Size(Sample):
    @staticmethod
    def function(n_lines: int) -> str:
        return "static int big(int a,\n               int b)\n{\n" + "    a++;\n" * n_lines + "}\n"

    def test_long_function(self) -> None:
        self.assertEqual(size.check(self.tree(engine__a_c=self.function(120))), [])
        found = size.check(self.tree(engine__a_c=self.function(121)))
        self.assertEqual(found, ["engine/a.c:big: 121 lines exceed 120"])

    def test_long_file(self) -> None:
        self.assertEqual(len(size.check(self.tree(engine__a_h="\n" * 1001))), 1)

    def test_exception_needs_a_reason_and_a_cause(self) -> None:
        tree = self.tree(engine__a_c=self.function(121))
        self.write(size.EXCEPTIONS, "engine/a.c:big one table\n")
        self.assertEqual(size.check(tree), [])
        self.write(size.EXCEPTIONS, "engine/a.c:big\n")
        self.assertEqual(len(size.check(tree)), 1)
        self.write(size.EXCEPTIONS, "engine/a.c:big one table\nengine/b.c gone\n")
        self.assertEqual(len(size.check(tree)), 1)


class Words(Sample):
    def test_outside_folder_has_one_place(self) -> None:
        tree = self.tree(engine__a_c=f'f("{words.OUTSIDE}/x");\n')
        self.write("tools/run-tests", f'DEFAULT_TEST_DATA = "{words.OUTSIDE}/data"\n')
        found = words.check(Tree(self.root, tree.build))
        self.assertEqual(found, [f"engine/a.c:1: names {words.OUTSIDE}"])

    def test_unfinished(self) -> None:
        self.assertEqual(len(words.check(self.tree(engine__a_c="/* TO" + "DO: all */\n"))), 1)


def load_run_tests() -> ModuleType:
    path = str(Path(__file__).resolve().parent.parent / "run-tests")
    loader = importlib.machinery.SourceFileLoader("run_tests", path)
    spec = importlib.util.spec_from_loader("run_tests", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_tests"] = module  # dataclasses look their module up
    loader.exec_module(module)
    return module


class Counting(unittest.TestCase):
    """The count on the last line of `make test`."""

    def line(self, outcome: str, stdout: str, status: int = 1) -> str:
        result = {"name": "t", "result": outcome, "stdout": stdout, "returncode": status}
        return str(load_run_tests().judge(result).line())

    def test_cases(self) -> None:
        tap = "1..3\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP c\n"
        self.assertEqual(self.line("FAIL", tap), "1 passed, 1 failed, 1 skipped")

    def test_skips_as_cmocka_writes_them(self) -> None:
        tap = "1..2\nok 1 - a\nnot ok 2 # SKIP b\n"
        self.assertEqual(self.line("FAIL", tap, 0), "1 passed, 0 failed, 1 skipped")
        self.assertEqual(self.line("FAIL", tap, -11), "1 passed, 1 failed, 1 skipped")
        self.assertEqual(self.line("FAIL", tap[:-16], 0), "1 passed, 1 failed")

    def test_program_that_stops_early(self) -> None:
        self.assertEqual(self.line("ERROR", "1..3\nok 1 - a\n"), "1 passed, 1 failed")
        self.assertEqual(self.line("OK", "1..3\nok 1 - a\n"), "1 passed, 1 failed")

    def test_crash_before_and_after_the_cases(self) -> None:
        self.assertEqual(self.line("FAIL", ""), "0 passed, 1 failed")
        self.assertEqual(self.line("FAIL", "1..1\nok 1 - a\n"), "1 passed, 1 failed")

    def test_program_without_cases(self) -> None:
        self.assertEqual(self.line("OK", ""), "1 passed, 0 failed")
        self.assertEqual(
            self.line("SKIP", "1..0 # SKIP no data\n"), "0 passed, 0 failed, 1 skipped"
        )


def check(_tree: Tree) -> list[str]:
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=io.StringIO()).run(suite)
    return [f"{test}: {text.strip()}" for test, text in result.failures + result.errors]
