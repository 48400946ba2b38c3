"""Reads what test programs report into Counts."""

import re
import xml.etree.ElementTree as xml

from runner import Counts, StageFailed

LAST_LINE = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


def junit(path, prefix=""):
    """A JUnit file as ctest and GoogleTest write it."""
    counts = Counts()
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError) as error:
        raise StageFailed(f"no report of the tests was written: {error}") from error
    for case in root.iter("testcase"):
        name = ".".join(filter(None, [prefix, case.get("classname"), case.get("name")]))
        status = case.get("status")
        if case.find("failure") is not None or case.find("error") is not None or status == "fail":
            counts += Counts(failed=1, failures=[name])
        elif (case.find("skipped") is not None or status in ("disabled", "notrun")
              or case.get("result") in ("skipped", "suppressed")):
            counts.skipped += 1
        else:
            counts.passed += 1
    if not counts.passed + counts.failed:
        raise StageFailed(f"{path} reports no test that ran")
    return counts


def last_line(text):
    """The counts that a program prints as its last line, or None."""
    lines = text.strip().splitlines()
    found = LAST_LINE.match(lines[-1]) if lines else None
    return Counts(*(int(number or 0) for number in found.groups())) if found else None
