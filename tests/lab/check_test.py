#!/usr/bin/env python3
"""`hwalloc check` and `hwalloc list` on real drivers in the lab, against the committed table of what must pass.

check_expectations.json: allocator -> the steps that must be "passed". All the others must be "unsupported", so that a
step that is lost, or quietly unsupported, is found like one that fails. Prints "N passed, N failed" as its last line."""

import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LAB = HERE.parents[1] / "scripts" / "lab"
EXPECTED = json.loads((HERE / "check_expectations.json").read_text())
HEAP, HEAP_NODE = "dma-heap/system", "/dev/dma_heap/system"


class Cases:
    passed = failed = 0

    def case(self, name, faults):
        """`faults`: what was wrong, in words; none when the case passed."""
        if faults:
            self.failed += 1
            print(f"FAILED  {name}")
            for fault in faults:
                print(f"        {fault}")
        else:
            self.passed += 1
            print(f"ok      {name}")


def in_lab(*options, commands):
    """Runs commands of hwalloc in one guest: a list of (exit code, document)."""
    script = "; ".join(f"{command}; echo $?" for command in commands)
    done = subprocess.run([LAB, "run", "--timeout", "600", *options, "--", "sh", "-c", script],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the lab failed: exit code {done.returncode}\n{done.stdout}\n0 passed, 1 failed")
    decoder, text, found = json.JSONDecoder(), done.stdout, []
    for _ in commands:
        document, end = decoder.raw_decode(text.lstrip())
        code, _, text = text.lstrip()[end:].lstrip().partition("\n")
        found.append((int(code), document))
    return found


def compare(name, code, report):
    """What differs between a report and the table."""
    faults = []
    if code != 0:
        faults.append(f"exit code {code}, expected 0")
    if report.get("allocator") != name:
        return [*faults, f"no report: {report}"]
    expected = set(EXPECTED[name])
    known = {step["step"] for step in report["steps"]}
    faults += [f"{step}: the table wants it, the command has no such step" for step in sorted(expected - known)]
    for step in report["steps"]:
        if step["status"] == "not run":
            continue  # the step that failed says why
        wanted = "passed" if step["step"] in expected else "unsupported"
        if step["status"] != wanted:
            faults.append(f"{step['step']}: expected {wanted}, found {step['status']}: {step['detail']}")
    if report["not_run"]:
        faults.append(f"{report['not_run']} steps were not run")
    return faults


def as_root(cases):
    commands = ["hwalloc list --json", *(f"hwalloc check {name} --json" for name in EXPECTED), "hwalloc check --json"]
    (code, listed), *reports, (all_code, whole) = in_lab(commands=commands)
    items = {name: item for item in listed["allocators"] for name in (item["name"], *item["aliases"])}
    cases.case("list: every allocator of the table is available",
               [f"{name}: {items.get(name, {}).get('why', 'not listed')}" for name in EXPECTED
                if not items.get(name, {}).get("available")] + ([f"exit code {code}"] if code else []))
    for name, (code, report) in zip(EXPECTED, reports):
        cases.case(f"check {name}: exactly the steps of the table pass", compare(name, code, report))
    # What is there beside the table may be unsupported, but it may not fail.
    cases.case("check: all that is available, with no failure",
               [f"{report['allocator']}: {step['step']}: {step['detail']}" for report in whole["allocators"]
                for step in report["steps"] if step["status"] in ("failed", "not run")]
               + ([f"exit code {all_code}"] if all_code else []))


def as_user(cases):
    """Without rights on the heap's node: which node, its owner and mode, what to do; the same from check."""
    (_, listed), (code, report), (plain, _) = in_lab(
        "--user", commands=["hwalloc list --json", f"hwalloc check {HEAP} --json", "hwalloc check sysmem --json"])
    item = {one["name"]: one for one in listed["allocators"]}.get(HEAP, {})
    why = item.get("why") or {}
    message = why.get("message", "")
    faults = [] if item.get("available") is False else [f"expected unavailable, found {item}"]
    if why.get("kind") != "permission" or why.get("errno") != "EACCES":
        faults.append(f"expected kind permission and EACCES, found {why.get('kind')}, {why.get('errno')}")
    faults += [f"the message lacks {word!r}: {message}" for word in (HEAP_NODE, "root", "0600") if word not in message]
    if not why.get("remedy"):
        faults.append("no remedy")
    cases.case("list without rights: which node, its owner and mode, what to do", faults)

    faults = [] if code == 1 else [f"exit code {code}, expected 1"]
    failed = [(step["step"], step["detail"]) for step in report["steps"] if step["status"] == "failed"]
    if failed != [("available", message)]:
        faults.append(f"expected the step available to fail with that message, found {failed}")
    cases.case("check without rights: the same message, exit code 1", faults)
    cases.case("check sysmem without rights", [] if plain == 0 else [f"exit code {plain}"])


def main():
    cases = Cases()
    as_root(cases)
    as_user(cases)
    print(f"{cases.passed} passed, {cases.failed} failed")
    return 1 if cases.failed else 0


if __name__ == "__main__":
    sys.exit(main())
