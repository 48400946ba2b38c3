#!/usr/bin/env python3
"""GStreamer's library, plugin and tests, built and run in a clean root of a Debian release with its own GStreamer, as a plain user.

    tests/gstreamer/roots_test.py bookworm|trixie…"""

import pathlib
import re
import subprocess
import sys

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts" / "stages"))

import roots  # noqa: E402

GSTREAMER = {"bookworm": "1.22", "trixie": "1.26"}
SCRIPT = r"""
typed() {
set -e
scripts/setup
sudo apt-get -q -y install --no-install-recommends gstreamer1.0-tools gstreamer1.0-plugins-base >/dev/null
echo "= GStreamer $(pkg-config --modversion gstreamer-1.0)"
cmake -B build -G Ninja -DHWALLOC_GSTREAMER=ON -DHWALLOC_VULKAN=OFF -DHWALLOC_TOOLS=OFF -DHWALLOC_EXAMPLES=OFF
cmake --build build --target gstreamer_tests gsthwalloc
echo "= built"
set +e
build/tests/gstreamer/gstreamer_tests
echo "= tests $?"
export GST_PLUGIN_PATH=$PWD/build/gstreamer-1.0
gst-inspect-1.0 hwallocate
echo "= inspect $?"
gst-launch-1.0 -v videotestsrc num-buffers=20 ! video/x-raw,width=64,height=48 ! hwallocate allocator=memfd name=memory ! fakesink
echo "= pipeline $?"
}
typed </dev/null
"""


def not_passed(said):
    """The tests that GoogleTest says failed or were skipped."""
    told = re.findall(r"^\[  (FAILED|SKIPPED) +\] (\w+[./]\S+?),? *(?:\(.*|where .*)?$", said, re.MULTILINE)
    return sorted({f"{name} {how.lower()}" for how, name in told})


def main(suites):
    passed = failed = 0
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TREE, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    for suite in suites or GSTREAMER:
        with roots.entered(suite, TREE, [name for name in files if (TREE / name).is_file()]) as run:
            said = run(SCRIPT, output=subprocess.PIPE).stdout
        told = dict(re.findall(r"^= (tests|inspect|pipeline) (\d+)$", said, re.MULTILINE))
        counted = re.search(r"^\[  PASSED  \] (\d+) tests", said, re.MULTILINE)
        others = not_passed(said)
        for what, good in ((f"its GStreamer is {GSTREAMER[suite]}", f"\n= GStreamer {GSTREAMER[suite]}." in said),
                           ("built without a warning", "\n= built\n" in said and "warning:" not in said),
                           ("the tests", told.get("tests") == "0" and counted and int(counted[1]) > 50 and not others),
                           ("gst-inspect-1.0 tells of the element", told.get("inspect") == "0" and "min-buffers" in said),
                           ("a pipeline", told.get("pipeline") == "0" and "chosen = memfd: asked for by name" in said.replace("\\", ""))):
            passed, failed = passed + bool(good), failed + (not good)
            more = ""
            if what == "the tests":
                more = f" ({counted[1]})" if good else f": {', '.join(others) or 'exit code ' + told.get('tests', 'none')}"
            print(f"{'ok     ' if good else 'FAILED '} {suite}: {what}{more}")
        if failed:
            built, _, ran = said.partition("\n= built\n")
            print(ran[-12000:] if ran else built[-6000:])
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (roots.RootsError, subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"FAILED  {error}")
