#!/usr/bin/env python3
"""`hwalloc capture --to display` on the kernel's own display drivers in the lab, seen from outside the guest: what the
virtual monitor shows, what the console is afterwards, and what is left over.

usage: display_test.py [screen|start_stop]...

DISPLAY_PICTURE=FILE.png keeps the screenshot."""

import json
import os
import shlex
import shutil
import sys

sys.dont_write_bytecode = True
from capture_test import MOST_DIFFERENCE as MOST_ROUNDED  # noqa: E402
from lab_cases import BUILD, HEAP, JUDGE, differing, in_lab, run  # noqa: E402
from png import Picture  # noqa: E402

SHOW_BARS, START_STOP = (shlex.quote(str(BUILD / "tests" / "lab" / name)) for name in ("show_bars", "start_stop"))
# The bars of vivid's test pattern 1, as they are in R'G'B'.
BARS = [(255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0), (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0)]
# The camera rounds to 8-bit Y'CbCr of limited range, and chroma weighs up to 2.1 in R'G'B'.
MOST_DIFFERENCE = 3
WIDTH, HEIGHT = 640, 480
CAPTURE = f"hwalloc capture --device /dev/video0 --allocator {HEAP} --format YUYV --fps 30 --json"

# What the guest's shell can do. A card that somebody else has open too is not put back by the kernel when the command
# ends: whoever wants to know whether the command does it holds the card meanwhile, as no master or as the master.
PRELUDE = r"""
exec 3>&2
dri() { local d name; for d in /sys/kernel/debug/dri/[0-9]; do read -r name _ <$d/name; [ $name != $1 ] || echo $d; done; }
state() { grep -v 'refcount\|vaddr\|_changed\|pages_use\|vmap_use' "$(dri ${1:-virtio_gpu})/state"; }
hold() {
    rm -f held
    perl -e 'open(my $card, "+<", shift) or die; ioctl($card, 0x641f, 0) unless shift eq "master"; open(my $mark, ">", "held");
             close($mark); sleep 1000' "/dev/dri/card$(basename "$(dri $1)")" "$2" 3>&- &
    holder=$!
    until [ -e held ]; do sleep 0.1; done
}
let_go() { kill $holder; wait $holder 2>/dev/null; }
until_shown() { for i in $(seq 300); do ! grep -q SCREENSHOT $1 || return 0; sleep 0.1; done; echo "nothing was shown: $1"; }
"""


def in_display_lab(directory, *options, **arguments):
    """in_lab() with what the guest's shell can do above; descriptor 3 is the lab's standard error."""
    return in_lab(directory, *options, prelude=PRELUDE, **arguments)


def judge_screen(path, shown):
    """Faults of the screenshot: the bars in the middle, black around them, and every pixel the one that the command says
    it showed."""
    if not path.exists():
        return ["there is no screenshot"]
    screen, picture = Picture(path), Picture(shown)
    left, top = (screen.width - WIDTH) // 2, (screen.height - HEIGHT) // 2
    faults = []
    for number, color in enumerate(BARS):
        for y in (0, HEIGHT // 3, HEIGHT - 1):
            x = (2 * number + 1) * WIDTH // 16
            found = screen.at(left + x, top + y)
            if max(abs(a - b) for a, b in zip(found, color)) > MOST_DIFFERENCE:
                faults.append(f"bar {number} at {x},{y} is {found}, not {color}")
    for x, y in ((0, 0), (left - 1, top + 9), (left + WIDTH, top + 9), (left + 9, top - 1), (left + 9, top + HEIGHT),
                 (screen.width - 1, screen.height - 1)):
        if screen.at(x, y) != (0, 0, 0):
            faults.append(f"{x},{y}, beside the picture, is {screen.at(x, y)}")
    if screen.part(left, top, WIDTH, HEIGHT) != picture.part(0, 0, WIDTH, HEIGHT):
        faults.append("the screen differs from the picture that the command wrote")
    return faults


def same(done, before, after):
    return [] if done[before].out and done[before].out == done[after].out \
        else [f"before:\n{done[before].out}\nafter:\n{done[after].out}"]


def screen(cases, directory, _):
    show = f"{CAPTURE} --size {WIDTH}x{HEIGHT} --to display=virtio_gpu --mark-first-frame"
    show_small = f"{CAPTURE} --size 320x180"
    two_cameras = "n_devs=2 node_types=0x1,0x1 multiplanar=1,2"
    apart = show_small.replace("video0", "video1").replace("YUYV", "NM12")
    options = ("--screenshot", str(directory / "screen.png"), "--vivid", two_cameras)
    done = in_display_lab(directory, *options, timeout=400, commands={
        "scene": "v4l2-ctl -d /dev/video0 -c test_pattern=1,osd_text_mode=2",
        "console": "hold virtio_gpu; state",
        # The picture is taken while this one runs: its standard error is the lab's, and a copy of it stays here.
        "bars": f"{show} --frames 40 --output shown.png 2> >(tee -a bars.err >&3)",
        "console_after_bars": "state",
        "two": f"{show} --frames 2",
        "one": f"{show} --frames 1",
        "triple": f"{show_small} --to display=virtio_gpu --screen-buffers 3 --frames 20 --output three.png",
        "apart": "v4l2-ctl -d /dev/video1 -c test_pattern=1,osd_text_mode=2 >&2; "
                 f"{apart} --to display=virtio_gpu --frames 5 --output apart.png",
        "apart_judge": f"{shlex.quote(str(JUDGE))} /dev/video1 320x180 NM12 apart.png",
        "stop": f"{show} --frames 0 >stopped.json 2>stopped.log & pid=$!; until_shown stopped.log; state >stopped.state; "
                "kill -INT $pid; wait $pid; code=$?; cat stopped.json; (exit $code)",
        "console_after_stop": "state",
        "atomic": f"{SHOW_BARS} --card virtio_gpu --frames 3",
        "legacy": f"{SHOW_BARS} --card virtio_gpu --legacy --frames 20",
        "console_after_legacy": "state; let_go",
        "kill": f"{show} --frames 0 >killed.json 2>killed.log & pid=$!; until_shown killed.log; kill -9 $pid; "
                "wait $pid 2>/dev/null; hwalloc capture --device /dev/video0 --frames 3 --json",
        "console_after_kill": "state",
        "master": f"hold virtio_gpu master; {show} --frames 3; code=$?; let_go; (exit $code)",
        "large": "hwalloc capture --device test --allocator udmabuf --size 6000x40 --frames 3 --to display=virtio_gpu --json",
        "mode": "hwalloc capture --device test --allocator udmabuf --size 1300x820 --fps 5 --frames 3 "
                "--to display=virtio_gpu --json",
        "none": f"{show_small} --frames 3 --to display=vgem",
        "driver": f"{show_small} --frames 3 --to display=no-such-driver",
        "node": f"{show_small} --frames 3 --to display=card987",
        "usage": "hwalloc capture --to display= --json || hwalloc capture --to display --scanout copy --json",
        "bochs_console": "hold bochs-drm; state bochs-drm",
        "bochs": f"{show_small} --to display=bochs-drm --frames 12 --output bochs.png",
        "copy": f"{show_small} --to display=bochs-drm --scanout copy --allow-copy --frames 12 --output copy.png",
        "refused": f"{show_small} --to display=bochs-drm --scanout vulkan --frames 12",
        "bochs_console_after": "state bochs-drm; let_go"})
    told = [done[name].told() for name in ("scene", "bars") if done[name].code]
    cases.case("the screen shows the camera's bars, seen from outside",
               told or judge_screen(directory / "screen.png", directory / "shown.png"))
    if os.environ.get("DISPLAY_PICTURE") and (directory / "screen.png").exists():
        shutil.copyfile(directory / "screen.png", os.environ["DISPLAY_PICTURE"])
    document = done["bars"].document
    display = document.get("display", {})
    cases.case("no frame is copied; the card's own buffers are shown",
               told or differing(document, frames=40, copies=0, errors=0, imports=4, gpu_imports=4) +
               differing(display, driver="virtio_gpu", connector="Virtual-1", mode="1280x800@75", atomic=True,
                         scanout="drm-dumb", buffers=2, flips=40))
    refusals = " ".join(error["message"] for error in display.get("passed_over", []))
    cases.case("and it is told why not the GPU's",
               [] if len(display.get("passed_over", [])) == 1 and "/dev/dri/card" in refusals
               and "showing drm-dumb memory: " in done["bars"].err else [done["bars"].told()])
    cases.case("the mark is a line of standard error",
               [] if "SCREENSHOT" in done["bars"].err.splitlines() else [done["bars"].told()])
    cases.case("two frames mark, one does not", [done[name].told() for name, marks in (("two", 1), ("one", 0))
                                                 if done[name].code or done[name].err.count("SCREENSHOT\n") != marks])
    cases.case("three buffers", [done["triple"].told()] if done["triple"].code else
               differing(done["triple"].document["display"], buffers=3, flips=20))
    judged = done["apart_judge"].document
    cases.case(f"NM12, in two memories: at most {judged.get('max_difference')} levels off",
               [done["apart"].told()] if done["apart"].code else
               differing(done["apart"].document, format="NM12", copies=0, imports=8, gpu_imports=8) +
               ([] if judged.get("max_difference", 1000) <= MOST_ROUNDED else [done["apart_judge"].told()]))
    cases.case("the console is back at the end", same(done, "console", "console_after_bars"))
    shown = (directory / "stopped.state").read_text()
    cases.case("an interrupt ends it, and the console is back",
               ([] if done["stop"].code == 0 and done["stop"].document.get("frames", 0) >= 2 else [done["stop"].told()]) +
               ([] if "allocated by = hwalloc" in shown else [f"nothing of ours was on the screen: {shown}"]) +
               same(done, "console", "console_after_stop"))
    cases.case("before it shows anything the card tells which framebuffers it would not, where it can be asked",
               [done["atomic"].told()] if done["atomic"].code else
               differing(done["atomic"].document, atomic=True, takes_half=False, flips=3) +
               differing(done["legacy"].document, takes_half=True))
    cases.case("legacy mode setting shows as well, and the console is back",
               ([] if done["legacy"].code == 0 else [done["legacy"].told()]) +
               differing(done["legacy"].document, atomic=False, flips=20) + same(done, "console", "console_after_legacy"))
    cases.case("after SIGKILL the camera opens at once, and the console is back",
               ([done["kill"].told()] if done["kill"].code else differing(done["kill"].document, frames=3)) +
               same(done, "console", "console_after_kill"))
    error = done["master"].error
    cases.case("a card that another program holds is busy, in words",
               [] if done["master"].code == 1 and error.get("kind") == "busy" and error.get("errno") == "EBUSY" and
               "another program" in error["message"] else [done["master"].told()])
    error = done["large"].error
    cases.case("a picture that fits no mode is refused in words",
               [] if done["large"].code == 1 and error.get("kind") == "incompatible" and "--size" in error["remedy"] and
               "largest mode" in error["message"] else [done["large"].told()])
    cases.case("a larger picture gets a larger mode", [done["mode"].told()] if done["mode"].code else
               differing(done["mode"].document["display"], mode="1440x900@60"))
    cases.case("a card without outputs is refused in words",
               [] if done["none"].code == 1 and "vgem has no outputs" in done["none"].error["message"]
               else [done["none"].told()])
    cases.case("who names a card that is not there is told which there are",
               [done[name].told() for name, there in (("driver", "card0 (virtio_gpu)"), ("node", "card0"))
                if done[name].code != 1 or there not in done[name].error["remedy"]])
    cases.case("a card must be named after display=, and a copy be allowed", [] if done["usage"].code == 2 else [done["usage"].told()])
    bochs(cases, directory, done)


def bochs(cases, directory, done):
    """Another card, and what happens when nothing is left but copying."""
    for name, scanout, copies in (("bochs", "drm-dumb", 0), ("copy", "copy", 12)):
        if done[name].code:
            cases.case(f"bochs-drm by {scanout}", [done[name].told()])
            continue
        cases.case(f"bochs-drm by {scanout}: {copies} copies", differing(done[name].document, copies=copies, frames=12) +
                   differing(done[name].document["display"], scanout=scanout, flips=12, driver="bochs-drm"))
        # What was in the buffers on the screens: one scene, three ways.
        cases.case(f"bochs-drm by {scanout}: the picture is that of the other card",
                   [] if Picture(directory / f"{name}.png").rows == Picture(directory / "three.png").rows
                   else ["it is another one"])
    error = done["refused"].error
    cases.case("without memory for both nothing is copied in silence",
               [] if done["refused"].code == 1 and error.get("kind") == "incompatible" and len(error["causes"]) == 1 and
               "--allow-copy" in error["remedy"] else [done["refused"].told()])
    cases.case("and the other card's state is back", same(done, "bochs_console", "bochs_console_after"))


def start_stop(cases, directory, _):
    """50 times in one process. The first rounds fill caches that live as long as the process."""
    rounds, warm = 50, 5
    done = in_display_lab(directory, timeout=900, commands={
        "rounds": f"{START_STOP} {rounds} 3 /dev/video0 {HEAP} display=virtio_gpu"})["rounds"]
    if done.code:
        cases.case(f"{rounds} starts and stops", [done.told()])
        return
    found = done.document["rounds"]
    print(f"        round {warm}: {json.dumps(found[warm])}\n        round {rounds}: {json.dumps(found[-1])}")
    cases.case(f"{rounds} rounds, nothing copied", ([] if len(found) == rounds else [f"{len(found)} rounds"]) +
               differing(done.document, copies=0))
    # Of each heap the last number is that of imports: four of the camera's buffers, two of the card's.
    cases.case("while a round runs the GPU has imported six buffers",
               [] if sum(heap[-1] for heap in found[0]["heaps_bound"]) == 6 else [f"{found[0]}"])
    for key in found[0]:
        values = [entry[key] for entry in found]
        faults = [] if values[-1] == values[warm] else [f"{values[warm]} became {values[-1]}: {values}"]
        if key == "mappings":
            # The heap is trimmed and grows again: two lines more or less.
            faults = [] if abs(values[-1] - values[warm]) <= 4 else faults
        if key == "shared_memory_kib":
            # Others use it too, and the card lets buffers go a moment after they were closed: what counts is the least.
            early, late = min(values[warm:warm + 15]), min(values[-15:])
            faults = [f"{early} became {late}: {values}"] if late > early + 1024 else []
        cases.case(f"{rounds} starts and stops: {key} as after {warm}", faults)


if __name__ == "__main__":
    sys.exit(run({"screen": screen}, {"start_stop": start_stop}))
