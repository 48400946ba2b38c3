#!/usr/bin/env python3
"""What scripts/test remembers to have passed, and in which trees it knows it again."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts" / "stages"))

import main  # noqa: E402
from includes import Includes  # noqa: E402
from runner import Context, Counts, Runner  # noqa: E402

REAL_TIDY = shutil.which("clang-tidy-19")


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="hwalloc-stamps."))
        self.addCleanup(shutil.rmtree, self.directory)
        changed = unittest.mock.patch.dict(os.environ, {"HWALLOC_CACHE": str(self.directory / "cache")})
        changed.start()
        self.addCleanup(changed.stop)

    def tree(self, name, **files):
        """A git tree of these files."""
        tree = self.directory / name
        for file, text in files.items():
            path = tree / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        subprocess.run(["git", "init", "--quiet", tree], check=True)
        return tree


class Remembered(Case):
    def stage(self, tree, failed=0, everything=False, left_out=()):
        """What a stage over the file `input` counts, and whether it ran."""
        context = Context(tree, 1, types.SimpleNamespace(all=everything))
        ran = []

        def function(_):
            ran.append(True)
            return Counts(passed=3, failed=failed, left_out=left_out)

        with open(tree / "log", "w", encoding="utf-8") as context.log:
            return context.unless_unchanged("a stage", ["input"], function), bool(ran)

    def test_what_passed_is_known_in_another_clone(self):
        self.assertTrue(self.stage(self.tree("one", input="x"))[1])
        counts, ran = self.stage(self.tree("two", input="x"))
        self.assertFalse(ran)
        self.assertEqual((counts.passed, counts.failed, counts.skipped), (0, 0, 3))
        self.assertRegex(counts.unchanged[0], "a stage: unchanged since it passed at .")

    def test_all_runs_it_in_any_case(self):
        tree = self.tree("one", input="x")
        self.stage(tree)
        self.assertTrue(self.stage(tree, everything=True)[1])

    def test_a_change_runs_it_again(self):
        tree = self.tree("one", input="x")
        self.stage(tree)
        (tree / "input").write_text("y")
        self.assertTrue(self.stage(tree)[1])

    def test_what_failed_is_not_remembered_and_no_longer_what_passed_before(self):
        tree = self.tree("one", input="x")
        self.stage(tree)
        self.stage(tree, failed=1, everything=True)
        self.assertTrue(self.stage(tree)[1])

    def test_what_was_left_out_for_want_of_something_is_tried_again(self):
        tree = self.tree("one", input="x")
        self.stage(tree, left_out=["a source that was not to be had"])
        self.assertTrue(self.stage(tree)[1])

    def test_a_run_in_which_nothing_changed_passes(self):
        runner = Runner(types.SimpleNamespace())
        runner.total = Counts(skipped=3, unchanged=["a stage: unchanged since it passed at v1"])
        with unittest.mock.patch("builtins.print") as printed:
            self.assertEqual(runner.summary(), 0)
        self.assertIn("a stage: unchanged since it passed at v1", [call.args[0] for call in printed.call_args_list])

    def test_headers_of_headers(self):
        tree = self.tree("one", **{"a/a.cpp": '#include "b/b.h"\n', "b/b.h": '# include "../c.h"\n#include "hwalloc/d.h"\n',
                                   "c.h": "#include <vector>\n", "b/d.h": "", "b/other.h": ""})
        files = [str(path.relative_to(tree)) for path in tree.rglob("*.*") if path.is_file()]
        self.assertEqual(Includes(tree, files).of("a/a.cpp"), {"a/a.cpp", "b/b.h", "c.h", "b/d.h"})


class Lint(Case):
    def setUp(self):
        super().setUp()
        tool = self.directory / "bin" / "clang-tidy-19"
        tool.parent.mkdir()
        tool.write_text("#!/bin/sh\nfor file; do :; done\n! grep -q bad $file\n")
        tool.chmod(0o755)

    def lint_tree(self, name):
        tree = self.tree(name, **{"common/one.cpp": '#include "common/one.h"\n', "common/one.h": "", "common/two.cpp": "",
                                  ".clang-tidy": "Checks: bugprone-*\n"})
        (tree / "scripts").mkdir()
        shutil.copy(TREE / "scripts" / "tidy", tree / "scripts" / "tidy")
        (tree / "scripts" / "stages").symlink_to(TREE / "scripts" / "stages")
        (tree / "build").mkdir()
        self.commands(tree)
        return tree

    @staticmethod
    def commands(tree, flag=""):
        (tree / "build" / "compile_commands.json").write_text("[" + ",".join(
            f'{{"directory": "{tree}/build", "file": "{tree}/common/{name}.cpp",'
            f' "command": "c++ {flag} -I{tree} -o {name}.o -c {tree}/common/{name}.cpp"}}' for name in ("one", "two")) + "]")

    def lint(self, tree, *options):
        """The files that it had to look at, and its last line."""
        done = subprocess.run([tree / "scripts" / "tidy", "--build", tree / "build", *options], check=False, text=True,
                              stdout=subprocess.PIPE, env={**os.environ, "PATH": f"{self.directory}/bin:{os.environ['PATH']}"})
        lines = done.stdout.splitlines()
        return sorted(line.split()[1] for line in lines if line.startswith(("ok ", "FAILED "))), lines[-1]

    def test_only_what_changed(self):
        tree = self.lint_tree("one")
        both = ["common/one.cpp", "common/two.cpp"]
        self.assertEqual(self.lint(tree), (both, "2 passed, 0 failed"))
        self.assertEqual(self.lint(tree), ([], "0 passed, 0 failed, 2 skipped"))
        self.assertEqual(self.lint(self.lint_tree("another clone")), ([], "0 passed, 0 failed, 2 skipped"))
        self.assertEqual(self.lint(tree, "--all")[0], both)
        (tree / "common" / "one.h").write_text("int x;\n")
        self.assertEqual(self.lint(tree), (["common/one.cpp"], "1 passed, 0 failed, 1 skipped"))
        self.commands(tree, "-DX")
        self.assertEqual(self.lint(tree)[0], both)
        (tree / ".clang-tidy").write_text("Checks: misc-*\n")
        self.assertEqual(self.lint(tree)[0], both)
        (tree / "common" / "two.cpp").write_text("bad\n")
        for _ in range(2):
            self.assertEqual(self.lint(tree), (["common/two.cpp"], "0 passed, 1 failed, 1 skipped"))


    @unittest.skipUnless(REAL_TIDY, "no clang-tidy")
    def test_options_that_only_gcc_knows(self):
        tool = self.directory / "bin" / "clang-tidy-19"
        tool.unlink()
        tool.symlink_to(REAL_TIDY)
        tree = self.lint_tree("one")
        (tree / ".clang-tidy").write_text("Checks: -*,misc-static-assert\nWarningsAsErrors: '*'\n")
        self.commands(tree, "-Wno-restrict")
        self.assertEqual(self.lint(tree)[1], "2 passed, 0 failed")


@unittest.skipUnless(shutil.which("ccache") and shutil.which("c++"), "no ccache or no compiler")
class Compiled(Case):
    def test_a_file_compiled_in_another_clone_is_not_compiled_again(self):
        for name in ("one", "another clone"):
            tree = self.tree(name, **{"a.cpp": '#include "a.h"\n', "a.h": "int a();\n"})
            (tree / "build").mkdir()
            with unittest.mock.patch.dict(os.environ, {"CCACHE_DIR": str(self.directory / "ccache")}):
                for variable in [name for name in os.environ if name.startswith("CCACHE_") and name != "CCACHE_DIR"]:
                    del os.environ[variable]
                os.environ["CCACHE_CONFIGPATH"] = os.devnull
                main.share_compiled(tree)
                subprocess.run(["ccache", "c++", "-g1", f"-I{tree}", "-o", "a.o", "-c", tree / "a.cpp"],
                               cwd=tree / "build", check=True)
                said = subprocess.run(["ccache", "--print-stats"], check=True, stdout=subprocess.PIPE, text=True).stdout
        counters = dict(line.split("\t") for line in said.splitlines())
        self.assertEqual((counters["cache_miss"], int(counters["direct_cache_hit"]) + int(counters["preprocessed_cache_hit"])),
                         ("1", 1), said)


if __name__ == "__main__":
    unittest.main()
