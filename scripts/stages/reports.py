"""Reads what test programs report into Counts."""

import re
import xml.etree.ElementTree as xml

from runner import Counts, StageFailed

REASONS, LONGEST_REASON = 4, 400  # lines of a case that failed which the summary repeats, and characters of each
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
            said = (case.findtext("system-out") or "").strip().splitlines()
            counts += Counts(failed=1, failures=["\n".join([name, *where_it_failed(said)])])
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


def where_it_failed(said):
    """The lines in which GoogleTest says the first thing that did not hold, or the last ones."""
    first = next((number for number, line in enumerate(said) if line.endswith(": Failure")), None)
    lines = said[-REASONS:] if first is None else said[first:first + REASONS]
    return [f"        {line[:LONGEST_REASON]}" for line in lines]


def failures(lines):
    """Each case that failed, with the first of its reasons: the lines below it that stand further in. Where the summary alone
    is kept, as of a run on another machine, it tells why."""
    found, told = [], REASONS
    for line in lines:
        if line.startswith("FAILED"):
            found.append(line)
            told = 0
        elif told < REASONS and re.match(r" {8}", line):
            found[-1] += "\n" + line[:LONGEST_REASON]
            told += 1
        else:
            told = REASONS
    return found


def printed(text):
    """What a program that is no GoogleTest program printed about its cases, or None: a last line "N passed, N failed" (lines
    before it that begin with "unchanged" or "left out" are kept), Python's unittest summary, or a line that begins with "ok" or "FAILED"
    for each case."""
    lines = text.strip().splitlines()
    found = LAST_LINE.match(lines[-1]) if lines else None
    if found:
        counts = Counts(*(int(number or 0) for number in found.groups()))
        counts.failures = failures(lines) if counts.failed else []
        counts.unchanged = [line for line in lines if line.startswith("unchanged ")]
        counts.left_out = [line.removeprefix("left out ").strip() for line in lines if line.startswith("left out ")]
        return counts
    ran = re.search(r"^Ran (\d+) tests? in ", text, re.MULTILINE)
    if ran:
        outcome = dict(re.findall(r"(failures|errors|skipped)=(\d+)", lines[-1]))
        failed = int(outcome.get("failures", 0)) + int(outcome.get("errors", 0))
        skipped = int(outcome.get("skipped", 0))
        return Counts(int(ran[1]) - failed - skipped, failed, skipped,
                      re.findall(r"^(?:FAIL|ERROR): (.*)$", text, re.MULTILINE))
    passed = [line for line in lines if re.match(r"ok\s", line)]
    failed = failures(lines)
    return Counts(len(passed), len(failed), 0, failed) if passed or failed else None
