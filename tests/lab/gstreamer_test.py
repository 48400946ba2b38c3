#!/usr/bin/env python3
"""GStreamer's pipelines on hwalloc's memory in the lab, with the distribution's GStreamer, by what the kernel was asked: a camera fills
memory of the name that hwallocate was given, the CPU never touches it, and nothing is left over. And a program in Python."""

import re
import shlex
import sys

sys.dont_write_bytecode = True
from lab_cases import BUILD, HEAP, TREE, in_lab, run  # noqa: E402

FRAMES = 1000
# Those that the pipelines need; to look at all that there are takes long in an emulator.
ELEMENTS = "coreelements video4linux2 kms videotestsrc videoconvertscale jpeg app"
PRELUDE = f"""export GST_PLUGIN_PATH={shlex.quote(str(BUILD / 'gstreamer-1.0'))} GST_PLUGIN_SYSTEM_PATH=/tmp/elements GST_REGISTRY_FORK=no
mkdir -p /tmp/elements
for name in {ELEMENTS}; do ln -sf /usr/lib/*/gstreamer-1.0/libgst$name.so /tmp/elements/; done
gst-inspect-1.0 hwallocate >/dev/null 2>&1
"""
# What is looked for in what a pipeline asked of the kernel.
QUEUED = re.compile(r"VIDIOC_QBUF, .*memory=(\w+),.*= 0$", re.MULTILINE)
DEQUEUED = re.compile(r"VIDIOC_DQBUF, .*= 0$", re.MULTILINE)
TOUCHED = re.compile(r".*DMA_BUF_IOCTL_SYNC.*|.*mmap\(.*MAP_SHARED, \d+,.*")


def pipeline(device, caps, name, frames=-1):
    return (f"gst-launch-1.0 -v v4l2src device={device} io-mode=dmabuf-import num-buffers={frames} ! {caps} "
            f"! hwallocate name=memory allocator={name} ! fakesink sync=false")


def traced(command, name):
    """Shell: the command, watched by strace from when it has buffers, with how many descriptors and dma-bufs it has open each second,
    until FRAMES frames were seen; then it is interrupted. (What v4l2src asks of the driver before takes minutes under strace.)"""
    buffers = "ls -l /proc/$process/fd 2>/dev/null | grep -c /dmabuf:"
    return (f"{command} & process=$!; until [ $({buffers}) -ge 3 ] || ! kill -0 $process 2>/dev/null; do sleep 0.2; done; "
            f"strace -f -p $process -e trace=ioctl,mmap -o {name}.trace 2>/dev/null & "
            f"until [ $(grep -c 'VIDIOC_DQBUF.* = 0$' {name}.trace) -ge {FRAMES} ] || ! kill -0 $process 2>/dev/null; do "
            f"echo $(ls /proc/$process/fd | wc -l) $({buffers}) >>{name}.descriptors; sleep 1; done; "
            "kill -INT $process; wait $process; code=$?; wait; (exit $code)")


def judged(directory, name):
    """What is wrong with what a pipeline asked of the kernel, and what there is to be said of it."""
    trace = (directory / f"{name}.trace").read_text(errors="replace")
    queued, seen, touched = QUEUED.findall(trace), len(DEQUEUED.findall(trace)), TOUCHED.findall(trace)
    # Of its second half.
    counts = [tuple(map(int, line.split())) for line in (directory / f"{name}.descriptors").read_text().splitlines()]
    counts = counts[len(counts) // 2:]
    faults = []
    if seen < FRAMES:
        faults.append(f"{seen} frames were seen, of {FRAMES}")
    if set(queued) != {"V4L2_MEMORY_DMABUF"}:
        faults.append(f"the camera's buffers were {sorted(set(queued))}")
    if touched:
        faults.append(f"the CPU had access {len(touched)} times: {touched[:3]}")
    if len(set(counts)) != 1:
        faults.append(f"descriptors and dma-bufs that were open: {sorted(set(counts))}")
    elif counts[0][1] < 2:
        faults.append(f"{counts[0][1]} dma-bufs")
    return faults, f"{seen} seen, {counts[0][1] if counts else 0} dma-bufs, {counts[0][0] if counts else 0} descriptors"


def cameras(cases, directory, _):
    webcam = shlex.quote(str(BUILD / "tests" / "lab" / "webcam"))
    raw = "video/x-raw,format=YUY2,width=320,height=180"
    done = in_lab(directory, "--webcam", timeout=1500, prelude=PRELUDE, processors=2, commands={
        "vivid": traced(pipeline("/dev/video0", raw, HEAP), "vivid"),
        "webcam": f"camera=$({webcam} tell 0 plug); " + traced(pipeline("$camera", "video/x-raw,format=YUY2,width=320,height=240", HEAP), "webcam"),
        "udmabuf": traced(pipeline("/dev/video0", raw, "udmabuf"), "udmabuf"),
        "auto": pipeline("/dev/video0", raw, "auto", 20),
        "none": pipeline("/dev/video0", raw, "no-such/memory", 5),
    })
    for name in ("vivid", "webcam", "udmabuf"):
        faults, said = judged(directory, name) if not done[name].code else ([done[name].told()], "")
        cases.case(f"{name}: {FRAMES} frames in memory of hwalloc's, none touched by the CPU, descriptors flat ({said})", faults)
    cases.case("auto: memory of the plan, not the camera's own, and it says why",
               [] if not done["auto"].code and f"memory: chosen = {HEAP}: by the plan" in done["auto"].out and "v4l2/video0: accepted" in done["auto"].out
               else [done["auto"].told()])
    cases.case("memory that there is none of: a warning with the cause, before v4l2src says that there is no pool",
               [] if "no-such/memory" in done["none"].out + done["none"].err and "WARNING" in done["none"].out + done["none"].err
               else [done["none"].told()])


def python(cases, directory, _):
    program = shlex.quote(str(TREE / "examples" / "gstreamer_memory.py"))
    names = (HEAP, "udmabuf", "drm-dumb/vgem", "memfd")
    done = in_lab(directory, timeout=600, prelude=PRELUDE, commands={
        **{f"of{number}": f"python3 {program} {name}" for number, name in enumerate(names)},
        "none": f"python3 {program} no-such/memory"})
    for number, name in enumerate(names):
        is_dma_buf = name != "memfd"
        wanted = ["mapped True 614400 b'\\x00\\x01\\x02'", "share True 50 b'def' of the default", "copy True 50 b'def' of the default",
                  f"dma-buf {is_dma_buf} share's parent is the memory True"]
        one = done[f"of{number}"]
        cases.case(f"gstreamer_memory.py: {name}", [] if not one.code and one.out.splitlines() == wanted else [one.told()])
    cases.case("gstreamer_memory.py without such memory: an error in words, exit code 1",
               [] if done["none"].code == 1 and "hwalloc list" in done["none"].err else [done["none"].told()])


if __name__ == "__main__":
    sys.exit(run({"cameras": cameras}, {"python": python}))
