#!/usr/bin/env python3
"""`hwalloc check` and `hwalloc list` on real drivers in the lab, against the committed table of what must pass.

check_expectations.json: allocator -> the steps that must be "passed". All the others must be "unsupported", so that a
step that is lost, or quietly unsupported, is found like one that fails."""

import json
import pathlib
import shlex
import sys

sys.dont_write_bytecode = True
from lab_cases import BUILD, in_lab, run  # noqa: E402

EXPECTED = json.loads((pathlib.Path(__file__).parent / "check_expectations.json").read_text())


def compare(name, code, report, steps=None):
    """What differs between a report and the table, or these `steps`."""
    faults = []
    if code != 0:
        faults.append(f"exit code {code}, expected 0")
    if report.get("allocator") != name:
        return [*faults, f"no report: {report}"]
    expected = set(EXPECTED[name] if steps is None else steps)
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


def as_root(cases, directory, _):
    done = in_lab(directory, timeout=600, commands={"list": "hwalloc list --json", "all": "hwalloc check --json", "c": shlex.quote(str(BUILD / "tests" / "c" / "use_memory"))})
    # The exit code is that of all of them, and judged below.
    reports = {report["allocator"]: (0, report) for report in done["all"].document.get("allocators", [])}
    # The others have another name there, or are tried only when they are named.
    named = {name: name.replace("/", "-") for name in EXPECTED if name not in reports}
    alone = in_lab(directory, timeout=600, commands={file: f"hwalloc check {name} --json" for name, file in named.items()})
    reports.update({name: (alone[file].code, alone[file].document) for name, file in named.items()})
    items = {name: item for item in done["list"].document.get("allocators", []) for name in (item["name"], *item["aliases"])}
    cases.case("list: every allocator of the table is available",
               [f"{name}: {items.get(name, {}).get('why', 'not listed')}" for name in EXPECTED
                if not items.get(name, {}).get("available")] + ([done["list"].told()] if done["list"].code else []))
    for name in EXPECTED:
        cases.case(f"check {name}: exactly the steps of the table pass", compare(name, *reports[name]))
    used = {line.removeprefix("ok ") for line in done["c"].out.splitlines() if line.startswith("ok ")}
    cases.case(f"by C: memory of {len(used)} allocators, of every one that makes any",
               ([done["c"].told()] if done["c"].code else [])
               + [f"{name} was not used" for name in EXPECTED if "alloc" in EXPECTED[name] and items.get(name, {}).get("name") not in used])
    # What is there beside the table may be unsupported, but it may not fail.
    cases.case("check: all that is available, with no failure",
               [f"{report['allocator']}: {step['step']}: {step['detail']}" for report in done["all"].document["allocators"]
                for step in report["steps"] if step["status"] in ("failed", "not run")]
               + ([f"exit code {done['all'].code}"] if done["all"].code else []))


if __name__ == "__main__":
    sys.exit(run({"root": as_root}))
