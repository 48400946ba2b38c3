#!/usr/bin/env python3
"""What the summary of a run tells of a case that failed: where the logs are not kept, it is all there is."""

import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "stages"))

import reports  # noqa: E402

CASES = """ok      one
FAILED  two
        the card's return did not happen
        and a second thing
ok      three
        what a case that passed printed
FAILED  four
1 passed, 2 failed
"""
FAILED_TEST = """<testsuite><testcase name="Plan.Chooses" classname="tools" status="fail"><failure message="no"/>
<system-out>[ RUN      ] Plan.Chooses
tests/tools/plan_test.cpp:12: Failure
Expected equality of these values:
  1
  2
[  FAILED  ] Plan.Chooses (1 ms)
 1 FAILED TEST
</system-out></testcase><testcase name="Plan.Ends" classname="tools" status="fail"><failure message="no"/>
<system-out>Segmentation fault</system-out></testcase></testsuite>
"""


class Reasons(unittest.TestCase):
    def test_a_case_is_told_with_its_reasons(self):
        self.assertEqual(reports.printed(CASES).failures,
                         ["FAILED  two\n        the card's return did not happen\n        and a second thing", "FAILED  four"])

    def test_what_was_left_out_is_told_and_counts_as_skipped(self):
        counts = reports.printed("ok      one\nleft out two: no source\n1 passed, 0 failed, 3 skipped\n")
        self.assertEqual((counts.passed, counts.skipped, counts.left_out), (1, 3, ["two: no source"]))

    def test_of_many_or_long_reasons_the_beginning_is_told(self):
        told = reports.printed("FAILED  one\n" + "        " + "long" * 1000 + "\n" + "        more\n" * 100).failures
        self.assertEqual(len(told), 1)
        self.assertEqual(len(told[0].splitlines()), 1 + reports.REASONS)
        self.assertLess(len(told[0]), 1000)

    def test_a_program_that_prints_no_last_line(self):
        counts = reports.printed("ok      one\nFAILED  two\n        why\n")
        self.assertEqual((counts.passed, counts.failed, counts.failures), (1, 1, ["FAILED  two\n        why"]))

    def test_a_test_of_ctest_is_told_with_what_it_printed(self):
        with tempfile.NamedTemporaryFile("w", suffix=".xml") as file:
            file.write(FAILED_TEST)
            file.flush()
            first, second = reports.junit(file.name).failures
        self.assertEqual(first.splitlines()[:2], ["tools.Plan.Chooses", "        tests/tools/plan_test.cpp:12: Failure"])
        self.assertIn("          2", first.splitlines())
        self.assertEqual(second, "tools.Plan.Ends\n        Segmentation fault")


if __name__ == "__main__":
    unittest.main()
