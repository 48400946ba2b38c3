#!/usr/bin/env python3
"""`hwalloc capture --to gpu` from the kernel's own camera driver to lavapipe in the lab, seen from outside: the GPU's
pictures judged by a program that shares no code with the library, system calls counted by strace, allocations, mappings and
copies by a library that is preloaded.

usage: gpu_test.py [pictures|calls|disturbances]...

What is chosen at random is printed: LAB_SEED repeats it."""

import collections
import json
import os
import pathlib
import re
import shlex
import sys

sys.dont_write_bytecode = True
from capture_test import ENCODINGS, MOST_DIFFERENCE, PATTERNS, RANGES  # noqa: E402
from lab_cases import BUILD, JUDGE, differing, in_lab, meanwhile, run  # noqa: E402

MEMORIES = os.environ.get("GPU_MEMORIES", "dma-heap/system udmabuf vulkan/0 drm-dumb/vgem").split()
FORMATS = ["YUYV", "NV12", "Y16"]
MORE_FORMATS = ["UYVY", "GREY", "YU12", "YV12", "NV21", "NV16", "NV61", "422P", "YVYU", "VYUY", "NV24", "RGBP", "XB24",
                "XR15", "Y10", "Y12"]
DEEP = {"Y10", "Y12", "Y16"}  # of more than 8 bits
APART = {"NM12": 2, "YM12": 3}  # and in how many memories
COUNTER = BUILD / "tests" / "lab" / "count_calls.so"
CULPRIT = BUILD / "tests" / "lab" / "costly_frames.so"
# What a driver does for a submission is its own affair, as long as it is not done with pictures.
DRIVERS = re.compile(r"lib(vulkan|VkLayer|LLVM|gallium|drm)[-\w.]*\.so|^nobody$")
# Drivers that have no device here only take time to load.
ALONE = "VK_DRIVER_FILES=$(echo /usr/share/vulkan/icd.d/lvp_icd*.json)"
CAPTURE = "hwalloc capture --device /dev/video0 --to gpu --json"


def pictures(cases, directory, chance):
    """Whatever the driver draws, in whatever colours, in whosever memory: the GPU's picture is the right one."""
    commands, takes = {}, {}
    for memory in MEMORIES:
        for fourcc in FORMATS + [chance.choice(MORE_FORMATS)]:
            name = f"{memory}-{fourcc}".replace("/", "-")
            size = chance.choice(["320x180", "640x360"])
            scene = {"test_pattern": chance.choice(PATTERNS), "y_cbcr_encoding": chance.choice(list(ENCODINGS)),
                     "quantization": chance.choice(list(RANGES))}
            takes[name] = (memory, fourcc, size, ", ".join(f"{key} {value}" for key, value in scene.items()))
            controls = ",".join(f"{key}={value}" for key, value in {"osd_text_mode": 2, **scene}.items())
            commands[f"controls-{name}"] = f"v4l2-ctl -d /dev/video0 -c {controls}"
            commands[f"capture-{name}"] = (f"{CAPTURE} --allocator {memory} --size {size} --format {fourcc} --fps 30 "
                                           f"--frames 12 --output {name}.png")
            commands[f"judge-{name}"] = f"{shlex.quote(str(JUDGE))} /dev/video0 {size} {fourcc} {name}.png"
    commands["list"] = "hwalloc list --json"
    commands["auto"] = f"{CAPTURE} --size 320x180 --frames 3"
    commands["raw"] = f"{CAPTURE} --size 320x180 --frames 3 --format RGGB"
    # In several memories: the camera stands at such a format, and is asked for one.
    apart = CAPTURE.replace("video0", "video1") + " --size 320x180 --frames 3"
    commands["still"] = "v4l2-ctl -d /dev/video1 -c osd_text_mode=2"
    for fourcc in APART:
        commands[f"apart-{fourcc}"] = (f"{apart} --format {fourcc} --output {fourcc}.png && "
                                       f"{shlex.quote(str(JUDGE))} /dev/video1 320x180 {fourcc} {fourcc}.png >{fourcc}.json")
        commands[f"plan-{fourcc}"] = (f"hwalloc plan --camera /dev/video1 --gpu 0 --cpu read --size 320x180 --format {fourcc} "
                                      "--quick --json")
    commands["sysmem"] = f"{CAPTURE} --size 320x180 --frames 3 --allocator sysmem"
    done = in_lab(directory, "--vivid", "n_devs=2 node_types=0x1,0x1 multiplanar=1,2", commands=commands, timeout=900)
    # A card is listed by its number, and called by its driver.
    names = {alias: item["name"] for item in done["list"].document.get("allocators", []) for alias in item["aliases"]}
    for name, (memory, fourcc, size, scene) in takes.items():
        steps = [done[f"{step}-{name}"] for step in ("controls", "capture", "judge")]
        report, judged = steps[1].document, steps[2].document
        faults = [step.told() for step in steps if step.code]
        if not faults:
            # The dma-bufs of its own memory are no imports to the GPU; to the camera they are.
            faults = differing(report, allocator=names.get(memory, memory), memory="dmabuf", format=fourcc, frames=12,
                               errors=0, copies=0, buffers=4, imports=4, gpu_imports=0 if memory == "vulkan/0" else 4,
                               mmaps_per_frame=0, allocations_per_frame=0)
            if "llvmpipe" not in report.get("gpu", "") or not report["gpu_us"]["p50"] or not report["wait_us"]:
                faults.append(f"no GPU, or no times of it: {report}")
            if judged["max_difference"] > MOST_DIFFERENCE:
                faults.append(f"a pixel is {judged['max_difference']} levels off: {judged}")
            if judged["depth"] != (16 if fourcc in DEEP else 8):
                faults.append(f"the picture has {judged['depth']} bits")
            if judged["stride"] != report["stride"]:
                faults.append(f"the stride is {judged['stride']}, reported as {report['stride']}")
        cases.case(f"{memory} {fourcc} {size} ({scene}): at most {judged.get('max_difference')} levels off", faults)
    for fourcc, count in APART.items():
        faults = [done[f"apart-{fourcc}"].told()] if done[f"apart-{fourcc}"].code else \
            differing(done[f"apart-{fourcc}"].document, format=fourcc, copies=0, imports=4 * count, gpu_imports=4 * count)
        judged = {} if faults else json.loads((directory / f"{fourcc}.json").read_text())
        if judged.get("max_difference", 1000) > MOST_DIFFERENCE:
            faults.append(f"the picture: {judged}")
        plan = done[f"plan-{fourcc}"].document
        chosen = [one for one in plan.get("candidates", []) if one["name"] == plan["choice"]]
        if plan.get("verdict") != "accepted" or len(chosen[0]["layout"]["memories"]) != count:
            faults.append(done[f"plan-{fourcc}"].told())
        cases.case(f"{fourcc}, in {count} memories: at most {judged.get('max_difference')} levels off, and a plan", faults)
    report = done["auto"].document
    cases.case(f"auto takes {report.get('allocator')}", [done["auto"].told()] if done["auto"].code else
               differing(report, imports=4, copies=0, format="YUYV"))
    cases.case("a format that the GPU does not take is refused in words",
               [] if done["raw"].code == 1 and done["raw"].error.get("kind") == "unsupported" and
               "RGGB" in done["raw"].error["message"] and "NV12" in done["raw"].error["remedy"] else [done["raw"].told()])
    cases.case("memory without a dma-buf is refused in words",
               [] if done["sysmem"].code == 1 and "dma-buf" in done["sysmem"].error.get("message", "")
               else [done["sysmem"].told()])


def traced(path, first, last):
    """{call: count} of all threads, from one frame that is taken from the camera to another; an ioctl with its name."""
    counts, taken = collections.Counter(), 0
    for line in path.open(errors="replace"):
        found = re.match(r"\d+\s+(\w+)\((?:\d+, (\w+))?", line)
        if not found:
            continue
        call = f"{found[1]} {found[2]}" if found[1] == "ioctl" else found[1]
        taken += call == "ioctl VIDIOC_DQBUF"
        if first < taken <= last:
            counts[call] += 1
    return counts if taken > last else collections.Counter()


def counted(path):
    """{(object, what): (calls, bytes)}"""
    lines = (line.rsplit(" ", 3) for line in path.read_text().splitlines())
    return {(pathlib.Path(name).name, what): (int(calls), int(size)) for name, what, calls, size in lines}


def calls(cases, directory, _):
    """What a frame costs in the steady state."""
    # Frames of the window, after the driver has compiled its shader. The size shows what a driver copies for itself. One run
    # is looked at both ways: most of its time the driver takes to begin.
    first, last, size = 30, 90, "640x360"
    capture = f"{CAPTURE} --format YUYV --fps 60 --size {size} --frames {last + 10}"
    commands = {}
    for memory in MEMORIES:
        name = memory.replace("/", "-")
        commands[name] = (f"{ALONE} strace -f -s 0 --seccomp-bpf -e trace=!futex -o {name}.strace "
                          f"-E COUNT_CALLS={name}.counts,{first},{last} -E LD_PRELOAD={shlex.quote(str(COUNTER))} "
                          f"{capture} --allocator {memory}")
    commands["culprit"] = (f"COUNT_CALLS=culprit.counts,2,12 LD_PRELOAD={shlex.quote(f'{COUNTER}:{CULPRIT}')} hwalloc capture "
                           f"--device /dev/video0 --allocator udmabuf --size 320x180 --frames 13 --json")
    done = in_lab(directory, commands=commands, timeout=2400)
    spent = {what: count for (owner, what), count in counted(directory / "culprit.counts").items() if owner == CULPRIT.name}
    cases.case("the counter sees an allocation, a mapping and a copy that are made for each frame",
               [done["culprit"].told()] if done["culprit"].code else
               [] if spent == dict.fromkeys(("allocation", "mapping", "copying"), (10, 10000)) else [f"it saw {spent}"])
    for memory in MEMORIES:
        name = memory.replace("/", "-")
        if done[name].code:
            cases.case(f"{memory}: what a frame costs", [done[name].told()])
            continue
        # Futexes, by which threads wait for each other, are left out.
        each = {call: number / (last - first) for call, number in traced(directory / f"{name}.strace", first, last).items()}
        capturing = sum(rate for call, rate in each.items() if re.match(r"poll|ppoll|select|ioctl VIDIOC", call))
        rest = {call: rate for call, rate in each.items()
                if not re.match(r"poll|ioctl VIDIOC_D?QBUF|sched_yield|restart_syscall", call) and rate >= 0.05}
        faults = [] if 2 <= capturing <= 3.05 else [f"{capturing:.3f} calls for the capture: {each}"]
        faults += [f"{rate:.3f} of {call} for each frame" for call, rate in rest.items()]
        cases.case(f"{memory}, strace: {capturing:.3f} calls a frame for the capture, and no others but futex", faults)
        counts = counted(directory / f"{name}.counts")
        frames, _ = counts.pop(("nobody", "frames"), (0, 0))
        width, height = map(int, size.split("x"))
        faults = [] if frames == last - first else [f"the window of frames was not reached: {counts}"]
        told = []
        for (owner, what), (number, moved) in sorted(counts.items()):
            if not DRIVERS.search(owner):
                faults.append(f"{owner}: {number} x {what}, {moved} bytes, in {frames} frames")
                continue
            told.append(f"{owner} {number / frames:.1f} x {what}, {moved / frames:.0f} bytes")
            if what == "copying" and moved / frames > width * height / 2:  # a quarter of a frame
                faults.append(f"{owner} copies {moved / frames:.0f} bytes for each frame")
        if not told:  # lavapipe is known to allocate; a counter that sees nothing would find nothing
            faults.append("the counter saw nothing at all")
        cases.case(f"{memory}, counted in the process: nothing is allocated, mapped or copied by us in {frames} frames "
                   f"(for each frame by the driver: {'; '.join(told)})", faults)


def disturbances(cases, directory, _):
    """A user who stops, a process that is killed, a camera that goes."""
    command = f"{CAPTURE} --allocator dma-heap/system --size 320x180 --format YUYV --fps 30"
    buffers = "/sys/kernel/debug/dma_buf/bufinfo"
    endless = f"{ALONE} {command} --frames 0"

    done = in_lab(directory, timeout=600, commands={
        "before": f"tail -n 1 {buffers}",
        "stopped": meanwhile(f"{endless} --output stopped.png", "kill -INT $process"),
        "killed": meanwhile(endless, "kill -KILL $process"),
        "again": f"{command} --frames 5",
        "after": f"tail -n 1 {buffers}",
        "gone": meanwhile(f"{endless} --output gone.png", "v4l2-ctl -d /dev/video0 -c disconnect=1")})
    stopped = done["stopped"]
    cases.case("an interrupt ends it cleanly, with the last picture",
               [] if stopped.code == 0 and stopped.document.get("frames", 0) > 0 and
               (directory / "stopped.png").exists() else [stopped.told()])
    cases.case("killed in mid-stream, the camera is free at once",
               [] if done["killed"].code == 137 and done["again"].code == 0 else [done["killed"].told(), done["again"].told()])
    cases.case("no dma-buf is left over", [] if done["before"].out and done["before"].out == done["after"].out
               else [f"before: {done['before'].told()}, after: {done['after'].told()}"])
    cases.case("a camera that goes: the last picture is written, and it is told",
               [] if done["gone"].code == 1 and done["gone"].error.get("kind") == "device lost" and
               (directory / "gone.png").exists() else [done["gone"].told()])


if __name__ == "__main__":
    sys.exit(run({"pictures": pictures, "calls": calls, "disturbances": disturbances}))
