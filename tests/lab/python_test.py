#!/usr/bin/env python3
"""The package for Python on real drivers in the lab, with Debian 13's Python: the suites of tests/python, which find dma-heap, udmabuf
and vgem there. The extension is the one that was built here for another Python: the interface is stable."""

import re
import shlex
import sys

sys.dont_write_bytecode = True
from lab_cases import BUILD, JUDGE, TREE, in_lab, run  # noqa: E402

MOST_DIFFERENCE = 2  # of 255: numbers are rounded differently
TESTS = TREE / "tests" / "python"
ENVIRONMENT = (f"HWALLOC_BUILD_DIR={shlex.quote(str(BUILD))} PYTHONPATH={shlex.quote(str(BUILD / 'python'))} "
               f"HWALLOC_MODULE_PATH={shlex.quote(str(BUILD / 'tests' / 'python' / 'modules'))}")


def suites(cases, directory, names, timeout=900):
    command = f"{ENVIRONMENT} python3 -B -m pytest -q -p no:cacheprovider --rootdir {shlex.quote(str(TESTS))}"
    done = in_lab(directory, commands={name: f"{command} {shlex.quote(str(TESTS / f'{name}_test.py'))}" for name in names},
                  timeout=timeout, processors=2)
    for name, one in done.items():
        counts = dict((word, int(number)) for number, word in re.findall(r"(\d+) (passed|failed|skipped|errors?)\b", one.out))
        # nm is not in the guest.
        faults = [] if one.code == 0 and counts.get("passed") and counts.get("skipped", 0) <= (name == "interpreters") else [one.told()]
        cases.case(f"tests/python/{name}_test.py: {counts.get('passed', 0)} passed on real drivers", faults)


def memory(cases, directory, _):
    suites(cases, directory, ["memory", "view", "errors", "interpreters", "stubs", "threads"])


def rounds(cases, directory, _):
    """Ten thousand rounds of each kind of memory, which take long under emulation."""
    suites(cases, directory, ["rounds"], timeout=1800)


def camera(cases, directory, _):
    suites(cases, directory, ["camera", "plan", "page"])


def example(cases, directory, _):
    """examples/capture.py, judged by a program that shares no code with it; and that the page's picture is of it."""
    capture = f"{ENVIRONMENT} python3 -B {shlex.quote(str(TREE / 'examples' / 'capture.py'))}"
    judge = f"{shlex.quote(str(JUDGE))} /dev/video0 640x480 YUYV frame.png"
    done = in_lab(directory, processors=2, commands={
        "scene": "v4l2-ctl -d /dev/video0 -c osd_text_mode=2,test_pattern=0", "capture": f"{capture} /dev/video0 frame.png",
        "judge": judge, "nothing": f"{capture} /dev/no-such-camera"})
    verdict = done["judge"].document
    cases.case("capture.py: the picture is the camera's, two levels off at most",
               [] if done["capture"].code == 0 and verdict.get("max_difference", 256) <= MOST_DIFFERENCE and
               verdict.get("scene_range", 0) >= 100 else [done["capture"].told(), done["judge"].told()])
    cases.case("capture.py tells what it took", [] if " into " in done["capture"].err else [done["capture"].told()])
    cases.case("capture.py without a camera: an error in words, exit code 1",
               [] if done["nothing"].code == 1 and done["nothing"].err.startswith("capture.py: ") and "no-such-camera" in done["nothing"].err
               else [done["nothing"].told()])


if __name__ == "__main__":
    sys.exit(run({"memory": memory}, {"camera": camera, "example": example}, {"rounds": rounds}))
