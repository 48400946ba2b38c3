#!/usr/bin/env python3
"""What the C interface has of devices, on real drivers in the lab: a camera's formats, controls, inputs, standards and timings, an
output, a card with a screen, and a device that goes and comes. tests/c/use_devices.c does and judges it."""

import re
import shlex
import sys

sys.dont_write_bytecode = True
from lab_cases import BUILD, in_lab, run  # noqa: E402

PARTS = ["the list of cameras", "formats, sizes and rates", "controls", "inputs, standards and timings", "an output", "a card",
         "a device that goes and comes"]


def devices(cases, directory, _):
    program = shlex.quote(str(BUILD / "tests" / "c" / "use_devices"))
    done = in_lab(directory, "--vivid", "n_devs=2 node_types=0x1,0x100", timeout=600, commands={
        "use": f"{program} /dev/video0 /dev/video1 virtio_gpu"})["use"]
    held = set(re.findall(r"^ok (.*)$", done.out, re.MULTILINE))
    for part in PARTS:
        cases.case(f"C: {part}", [] if part in held else [done.told()])
    cases.case("C: nothing else fails", [done.told()] if done.code else [])


if __name__ == "__main__":
    sys.exit(run({"devices": devices}))
