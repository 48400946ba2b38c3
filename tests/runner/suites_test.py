#!/usr/bin/env python3
"""Which suites the stages of sanitizers and of the other compiler build and run."""

import pathlib
import shutil
import sys
import tempfile
import types
import unittest
import unittest.mock

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts" / "stages"))

import stages  # noqa: E402
from runner import Context  # noqa: E402

PROGRAM = """#!/bin/sh
for option; do case $option in --gtest_output=xml:*) report=${option#*:} ;; esac; done
echo "${0##*/} $ASAN_OPTIONS" >>ran
echo '<testsuites><testsuite><testcase name="one" status="run"/></testsuite></testsuites>' >$report
"""


class Built(Context):
    """Of a tree whose build is there."""

    def must(self, *command, **options):
        self.commands.append([str(word) for word in command])

    def unless_unchanged(self, name, files, function):
        return function(self)


class Suites(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="hwalloc-suites."))
        self.addCleanup(shutil.rmtree, self.directory)
        # Each with what belongs to a suite and is no program of it.
        for preset in ("asan", "tsan", "clang"):
            for kind in ("unit", "contract", "vulkan", "tools", "device"):
                suite = self.directory / "build" / preset / "tests" / kind
                suite.mkdir(parents=True)
                (suite / "CTestTestfile.cmake").touch()
                program = suite / f"{kind}_tests"
                program.write_text(PROGRAM)
                program.chmod(0o755)

    def stage(self, name):
        """What a stage builds, and the programs that it runs, as often as there are jobs."""
        context = Built(self.directory, 2, types.SimpleNamespace(all=False))
        context.commands = []
        (self.directory / "ran").unlink(missing_ok=True)
        with unittest.mock.patch.object(stages, "_files", return_value=[]), \
                open(self.directory / "log", "w", encoding="utf-8") as context.log:
            counts = stages.ALL[name](context)
        self.assertEqual(counts.failed, 0, (self.directory / "log").read_text())
        ran = (self.directory / "ran").read_text().splitlines()
        programs = {line.split()[0] for line in ran}
        self.assertEqual(len(ran), 2 * len(programs))
        self.assertEqual(counts.passed, len(ran))
        built = next(one for one in context.commands if "--target" in one)
        return built[built.index("--target") + 1:], programs, ran

    def test_the_tools_are_watched_by_the_sanitizers_of_memory(self):
        targets, programs, ran = self.stage("asan")
        self.assertEqual(programs, {"unit_tests", "contract_tests", "vulkan_tests", "tools_tests"})
        self.assertEqual(targets, ["hwalloc", *(f"tests/{kind}/all" for kind in ("unit", "contract", "vulkan", "tools"))])
        self.assertTrue(all(line.endswith("detect_stack_use_after_return=1") for line in ran))

    def test_threads_are_the_librarys(self):
        self.assertEqual(self.stage("tsan")[1], {"unit_tests", "contract_tests", "vulkan_tests"})

    def test_the_other_compiler_builds_what_looks_inside(self):
        self.assertEqual(self.stage("clang")[:2], (["hwalloc", "tests/unit/all"], {"unit_tests"}))

    def test_a_suite_that_is_not_there_is_not_asked_for(self):
        shutil.rmtree(self.directory / "build" / "asan" / "tests" / "vulkan")
        targets, programs, _ = self.stage("asan")
        self.assertNotIn("vulkan_tests", programs)
        self.assertNotIn("tests/vulkan/all", targets)


if __name__ == "__main__":
    unittest.main()
