#!/usr/bin/env python3
"""Programs and scripts that share a guest of the lab: what one of them breaks, the others do not suffer for.

The guest here is a shell on this machine."""

import contextlib
import os
import pathlib
import shutil
import sys
import tempfile
import time
import types
import unittest
import unittest.mock

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TREE / "scripts" / "stages"), str(TREE / "tests" / "lab")]

import lab_guest  # noqa: E402
import stages  # noqa: E402
from lab_guest import Guest, GuestFailed  # noqa: E402
from runner import Context  # noqa: E402

# Boots are lines of a file. The command is this process's child, so that it may kill its guest.
LAB = """#!/bin/bash
until [ "$1" = -- ]; do options+="$1 "; shift; done
shift
echo "$options" >>"{directory}/boots"
trap 'kill -KILL $!; exit 143' TERM
"$@" &
wait $!
"""
REPORT = """#!/bin/sh
for option; do case $option in --gtest_output=xml:*) report=${{option#*:}} ;; esac; done
echo '<testsuites><testsuite><testcase name="one" status="run"{attributes}>{inside}</testcase></testsuite></testsuites>' >$report
exit {code}
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="hwalloc-runner."))
        self.addCleanup(shutil.rmtree, self.directory)
        self.lab = self.program("scripts/lab", LAB.format(directory=self.directory))

    def program(self, name, text):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def boots(self):
        return (self.directory / "boots").read_text().splitlines()


class Suites(Case):
    def counts_of(self, **programs):
        context = Context(self.directory, 1, types.SimpleNamespace(all=False))
        with open(self.directory / "log", "a", encoding="utf-8") as context.log:
            return stages._suites_in_lab(context, [self.program(name, text) for name, text in programs.items()])

    def test_each_counts_its_own(self):
        good = REPORT.format(attributes="", inside="", code=0)
        bad = REPORT.format(attributes="", inside="<failure/>", code=1)
        late = REPORT.format(attributes="", inside="", code=134)
        skipped = good.replace("</testsuite>", '<testcase name="two" result="skipped"/></testsuite>', 1)
        none = good.replace("testcase", "no_case")
        counts = self.counts_of(a_tests=good, b_tests=bad, c_tests=late, d_tests=skipped, e_tests=none, f_tests=good)
        self.assertEqual((counts.passed, counts.failed, counts.skipped), (4, 4, 1))
        self.assertEqual(counts.failures[:3], ["lab.one", "lab c_tests: exit code 134", "lab d_tests: 1 tests were skipped"])
        self.assertRegex(counts.failures[3], "^lab e_tests: .* reports no test that ran")
        self.assertEqual(len(self.boots()), 1)

    def test_those_after_one_that_ends_the_guest_get_another(self):
        good = REPORT.format(attributes="", inside="", code=0)
        counts = self.counts_of(a_tests=good, b_tests="#!/bin/sh\nkill -KILL $PPID\n", c_tests=good)
        self.assertEqual((counts.passed, counts.failed, counts.skipped), (2, 1, 0))
        self.assertEqual(counts.failures, ["lab b_tests: exit code 137"])
        self.assertEqual(len(self.boots()), 2)

    def test_a_guest_may_end_before_it_has_written_how_a_program_ended(self):
        good = REPORT.format(attributes="", inside="", code=0)
        early = '#!/bin/sh\nreport=${1#*:}\n: >"${report%.xml}.code"\nkill -KILL $PPID\n'
        counts = self.counts_of(a_tests=early, b_tests=good)
        self.assertEqual((counts.passed, counts.failures), (1, ["lab a_tests: exit code 137"]))
        self.assertEqual(len(self.boots()), 2)

    def test_an_old_report_is_not_taken_for_a_new_one(self):
        self.counts_of(a_tests=REPORT.format(attributes="", inside="", code=0))
        counts = self.counts_of(a_tests="#!/bin/sh\nexit 3\n")
        self.assertEqual((counts.passed, counts.failures), (0, ["lab a_tests: exit code 3"]))


class Scripts(Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(Guest.end)
        for tool in ("rmmod", "modprobe", "udevadm"):
            self.program(f"bin/{tool}", f'#!/bin/sh\necho {tool} "$@" >>{self.directory}/cameras\n')
        path = unittest.mock.patch.dict(os.environ, {"PATH": f"{self.directory}/bin:{os.environ['PATH']}"})
        path.start()
        self.addCleanup(path.stop)
        lab = unittest.mock.patch.object(lab_guest, "LAB", self.lab)
        lab.start()
        self.addCleanup(lab.stop)

    def script(self, text, *options, limit=60):
        directory = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
        (directory / "commands").write_text(text)
        Guest.run(directory, options, "commands", limit)
        return directory

    def cameras(self):
        return (self.directory / "cameras").read_text().splitlines()

    def test_one_guest_for_equal_options_with_a_new_camera_each_time(self):
        first = self.script("echo one >file", "--accel", "turns")
        self.assertEqual((first / "file").read_text(), "one\n")
        self.script("true", "--accel", "turns", "--vivid", "n_devs=2")
        self.assertEqual(self.cameras(), ["rmmod vivid", "modprobe vivid n_devs=1 node_types=0x1 n_devs=2", "udevadm settle"])
        self.assertEqual(len(self.boots()), 1)
        self.script("true")
        self.assertEqual(len(self.boots()), 2)

    def test_users_share_a_guest_only_with_the_same_camera(self):
        for options, boots in ((("--user",), 1), (("--user",), 1), (("--user", "--vivid", "n_devs=2"), 2)):
            self.script("true", *options)
            self.assertEqual(len(self.boots()), boots)
        self.assertFalse((self.directory / "cameras").exists())

    def test_memory_in_pieces_is_used_once(self):
        for _ in range(2):
            self.script("true", "--fragment=64")
        self.assertEqual(len(self.boots()), 2)

    def test_a_guest_that_dies_fails_one_script(self):
        self.script("true")
        with self.assertRaisesRegex(GuestFailed, "exit code"):
            self.script("kill -KILL $(ps -o ppid= $PPID)")
        self.script("true")
        self.assertEqual(len(self.boots()), 2)

    def test_a_guest_that_ended_for_lack_of_orders_is_replaced(self):
        with unittest.mock.patch.object(lab_guest, "PATIENCE", 1):
            self.script("true")
        self.assertEqual(Guest._kept.process.wait(60), 0)
        self.script("true")
        self.assertEqual(len(self.boots()), 2)

    def test_a_script_that_does_not_end(self):
        with self.assertRaisesRegex(GuestFailed, "not ended within 1 s"):
            self.script("sleep 1000", limit=1)

    def test_nothing_of_a_script_is_left_and_signals_are_as_ever(self):
        directory = self.script("sleep 1000 & echo $! >left; grep SigIgn /proc/self/status >ignored")
        self.assertRegex((directory / "ignored").read_text(), r"SigIgn:\s+0+\n")
        left = int((directory / "left").read_text())
        # Killed by then, and a moment later gone.
        deadline = time.monotonic() + 60
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            while pathlib.Path(f"/proc/{left}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                self.assertLess(time.monotonic(), deadline, "it is left")
                time.sleep(0.01)


if __name__ == "__main__":
    unittest.main()
