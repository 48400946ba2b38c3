"""Reads what test programs report into Counts."""

import re
import xml.etree.ElementTree as xml

from runner import Counts, StageFailed

LAST_LINE = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


def junit(path, prefix="", log=None):
    """A JUnit file as ctest and GoogleTest write it. What ctest kept of a failed test's output goes to the log again,
    at its end, where people look first."""
    counts = Counts()
    try:
        root = xml.parse(path).getroot()
    except (OSError, xml.ParseError) as error:
        raise StageFailed(f"no report of the tests was written: {error}") from error
    for case in root.iter("testcase"):
        name = ".".join(dict.fromkeys(filter(None, [prefix, case.get("classname"), case.get("name")])))
        status = case.get("status")
        if case.find("failure") is not None or case.find("error") is not None or status == "fail":
            counts += Counts(failed=1, failures=[name])
            said = (case.findtext("system-out") or "").strip().splitlines()
            if log and said:
                log.write("\n".join(["", f"---- {name}:", *said[-20:], ""]))
        elif (case.find("skipped") is not None or status in ("disabled", "notrun")
              or case.get("result") in ("skipped", "suppressed")):
            counts.skipped += 1
        else:
            counts.passed += 1
    if not counts.passed + counts.failed:
        raise StageFailed(f"{path} reports no test that ran")
    return counts


def printed(text):
    """What a program that is no GoogleTest program printed about its cases, or None: a last line "N passed, N failed" (lines
    before it that begin with "unchanged" are kept), Python's unittest summary, or a line that begins with "ok" or "FAILED"
    for each case."""
    lines = text.strip().splitlines()
    found = LAST_LINE.match(lines[-1]) if lines else None
    if found:
        counts = Counts(*(int(number or 0) for number in found.groups()))
        counts.failures = [line for line in lines if line.startswith("FAILED")] if counts.failed else []
        counts.unchanged = [line for line in lines if line.startswith("unchanged ")]
        return counts
    ran = re.search(r"^Ran (\d+) tests? in ", text, re.MULTILINE)
    if ran:
        outcome = dict(re.findall(r"(failures|errors|skipped)=(\d+)", lines[-1]))
        failed = int(outcome.get("failures", 0)) + int(outcome.get("errors", 0))
        skipped = int(outcome.get("skipped", 0))
        return Counts(int(ran[1]) - failed - skipped, failed, skipped,
                      re.findall(r"^(?:FAIL|ERROR): (.*)$", text, re.MULTILINE))
    passed = [line for line in lines if re.match(r"ok\s", line)]
    failed = [line for line in lines if re.match(r"FAILED\s", line)]
    return Counts(len(passed), len(failed), 0, failed) if passed or failed else None
