#!/usr/bin/env python3
"""The programs of examples/ on real drivers in the lab: they are what people copy, so they must work as they are.

The GPU's picture is judged by a program that shares no code with the library (judge_picture)."""

import shlex
import struct
import sys
import zlib

sys.dont_write_bytecode = True
from display_test import in_display_lab, same  # noqa: E402
from lab_cases import BUILD, JUDGE, in_lab, run  # noqa: E402

EXAMPLES = BUILD / "examples"
# None: whatever the plan chooses.
MEMORIES = ["dma-heap/system", "udmabuf", "vulkan/0", "drm-dumb/vgem", None]
MOST_DIFFERENCE = 2


def png_of_ppm(path):
    """judge_picture reads PNG; an example has no library for that."""
    data = path.read_bytes()
    magic, width, height, most = data.split(maxsplit=4)[:4]
    assert (magic, most) == (b"P6", b"255"), data[:20]
    width, height = int(width), int(height)
    pixels = data[len(data) - 3 * width * height:]
    rows = b"".join(b"\0" + pixels[y * width * 3:(y + 1) * width * 3] for y in range(height))

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def to_gpu(cases, directory, _):
    commands = {"scene": "v4l2-ctl -d /dev/video0 -c osd_text_mode=2,test_pattern=0"}
    for number, memory in enumerate(MEMORIES):
        commands[f"run{number}"] = f"{EXAMPLES}/camera_to_gpu /dev/video0 {f'{memory} 5' if memory else ''} >{number}.ppm"
    commands["nothing"] = f"{EXAMPLES}/camera_to_gpu /dev/video0 no-such-memory"
    done = in_lab(directory, commands=commands)
    for number in range(len(MEMORIES)):
        if not done[f"run{number}"].code:
            (directory / f"{number}.png").write_bytes(png_of_ppm(directory / f"{number}.ppm"))
    judge = shlex.quote(str(JUDGE))
    judged = in_lab(directory, commands={
        "scene": commands["scene"],
        **{f"judge{number}": f"{judge} /dev/video0 640x480 YUYV {number}.png" for number in range(len(MEMORIES))}})
    for number, memory in enumerate(MEMORIES):
        verdict = judged[f"judge{number}"].document
        most = verdict.get("max_difference", 256)
        faults = [done[f"run{number}"].told()] if done[f"run{number}"].code else []
        if not faults and (most > MOST_DIFFERENCE or verdict.get("scene_range", 0) < 100):
            faults.append(f"judged: {verdict} {judged[f'judge{number}'].err}")
        cases.case(f"camera_to_gpu through {memory}: at most {most} levels off", faults)
    cases.case("camera_to_gpu with memory that does not exist: an error in words, exit code 1",
               [] if done["nothing"].code == 1 and "no-such-memory" in done["nothing"].err else [done["nothing"].told()])


def event_loop(cases, directory, _):
    """Frames and changes of the source in one loop; the source is HDMI, whose signal goes, and comes back as another."""
    loop, control = f"{EXAMPLES}/camera_event_loop /dev/video0", "v4l2-ctl -d /dev/video0 -c "
    until = "until grep -q {} loop.txt || ! kill -0 $process; do sleep 0.1; done; "
    menu = "$(v4l2-ctl -d /dev/video0 -L | sed -n '/ dv_timings 0x/,/ 0x/s/^[ \\t]*\\([0-9]*\\): 1920x1080i[0-9]*$/\\1/p' | head -1)"
    done = in_lab(directory, commands={
        "controls": f"{loop} 5 brightness=200 'Contrast=100' flip_horizontal=1",
        "set": "v4l2-ctl -d /dev/video0 -C brightness,contrast,horizontal_flip",
        "range": f"{loop} 5 brightness=1000",
        "nothing": f"{loop} 5 no_such_control=1",
        "source": f"v4l2-ctl -d /dev/video0 -i 3 && {loop} 100000 >loop.txt 2>&1 & process=$!; " +
                  until.format("streaming") + f"{control}dv_timings_signal_mode=1; " +
                  until.format("waiting") + f"{control}dv_timings_signal_mode=4; {control}dv_timings={menu}; " +
                  until.format("'[1-9][0-9]* top and [1-9]'") + "kill -INT $(pidof camera_event_loop); wait $process"})
    told = done["controls"].told()
    cases.case("camera_event_loop sets controls by every kind of name",
               [] if done["controls"].code == 0 and "5 frames, 0 top" in done["controls"].out and
               done["set"].out.split() == ["brightness:", "200", "contrast:", "100", "horizontal_flip:", "1"]
               else [told, done["set"].told()])
    cases.case("and tells the range, or the controls that there are",
               [done[name].told() for name, word in (("range", "takes 0 to 255 in steps of 1"), ("nothing", "its controls are brightness, "))
                if done[name].code != 1 or word not in done[name].err])
    text = (directory / "loop.txt").read_text()
    modes = [line for line in text.splitlines() if line.startswith(("streaming", "changed", "waiting"))]
    cases.case("it goes on when its signal goes and comes back as another",
               [] if done["source"].code == 0 and "progressive" in modes[0] and
               any("no signal at input 3" in line for line in modes) and "1920x540, alternate" in modes[-1]
               else [done["source"].told(), text])


def in_c(cases, directory, _):
    """The camera's bytes in a file, of one memory and of two, imported and of the driver's own, by a program in C."""
    example, lone = EXAMPLES / "capture", f"LD_PRELOAD={shlex.quote(str(BUILD / 'tests' / 'lab' / 'refuse_imports.so'))}"
    still = "v4l2-ctl -d /dev/video{0} -c osd_text_mode=2; v4l2-ctl -d /dev/video{0} -v width=320,height=180,pixelformat={1}; "
    take = "v4l2-ctl -d /dev/video{0} --stream-mmap --stream-count=1 --stream-to={2}"
    names = {"one": (0, "YUYV", ""), "two": (1, "NM12", ""), "own": (0, "YUYV", lone)}
    done = in_lab(directory, "--vivid", "n_devs=2 node_types=0x1,0x1 multiplanar=1,2", commands={
        **{name: still.format(camera, code) + take.format(camera, code, f"{name}.wanted") + f" && {preload} {example} /dev/video{camera} "
                 f"3 {name}.raw" for name, (camera, code, preload) in names.items()},
        "nothing": f"{example} /dev/video99"})
    for name in names:
        faults = [done[name].told()] if done[name].code else []
        if not faults and (directory / f"{name}.raw").read_bytes() != 3 * (directory / f"{name}.wanted").read_bytes():
            faults.append("the bytes are others than v4l2-ctl's")
        cases.case(f"capture.c ({name}): byte for byte what v4l2-ctl captures", faults)
    cases.case("capture.c without a camera: an error in words, exit code 1",
               [] if done["nothing"].code == 1 and "/dev/video99" in done["nothing"].err else [done["nothing"].told()])


# A daemon of its own, without a bus; the two programs; and what the source has open. $1: the memory.
PIPEWIRE = """export XDG_RUNTIME_DIR=$PWD/runtime; mkdir -p $XDG_RUNTIME_DIR
if ! pw-cli info 0 >/dev/null 2>&1; then pipewire >pipewire.log 2>&1 & until pw-cli info 0 >/dev/null 2>&1; do sleep 0.2; done; fi
{source} {name} >/dev/null & source=$!
until pw-link -o | grep -q hwalloc:; do sleep 0.2; done
{sink} {frames} >sink.out & sink=$!
until pw-link -i | grep -q receiver:; do sleep 0.2; done
pw-link $(pw-link -o | grep hwalloc:) $(pw-link -i | grep receiver:)
until [ $(grep -c ^buffer sink.out) -ge 2 ] || ! kill -0 $sink; do sleep 0.1; done
echo open $(stat -L -c %i /proc/$source/fd/*)
wait $sink; code=$?; cat sink.out
kill -TERM $source; wait $source && exit $code"""
FRAMES = 200


def pipewire(cases, directory, _):
    """Memory by name through PipeWire's daemon to another process: what comes is that memory, and the picture that was drawn."""
    kinds = {"dma-heap/system": "DmaBuf", "udmabuf": "DmaBuf", "memfd": "MemFd"}
    source, sink = shlex.quote(str(EXAMPLES / "pipewire_source")), shlex.quote(str(BUILD / "tests" / "lab" / "pipewire_sink"))
    done = in_lab(directory, timeout=600, processors=2, commands={
        **{f"run{number}": "(" + PIPEWIRE.format(source=source, sink=sink, name=name, frames=FRAMES) + ")" for number, name in enumerate(kinds)},
        "nothing": f"{source} no-such/memory", "daemonless": f"PIPEWIRE_REMOTE=none {source} memfd"})
    for number, (name, kind) in enumerate(kinds.items()):
        run = done[f"run{number}"]
        received = dict(line.split()[1:][::-1] for line in run.out.splitlines() if line.startswith("buffer "))
        has = next((line.split() for line in run.out.splitlines() if line.startswith("open ")), [])
        cases.case(f"pipewire_source: {FRAMES} frames in memory of {name}, received as it is and as drawn",
                   [] if run.code == 0 and f"{FRAMES} frames, 0 wrong" in run.out and f"frames in memory of {name}" in run.err and
                   len(received) >= 2 and set(received.values()) == {kind} and set(received) <= set(has) else [run.told()])
    cases.case("pipewire_source without such memory, and without a daemon: an error in words, exit code 1",
               [done[name].told() for name, word in (("nothing", "no-such/memory"), ("daemonless", "no PipeWire runs here"))
                if done[name].code != 1 or word not in done[name].err])


def to_display(cases, directory, _):
    """Somebody else has the card open too, so that the kernel does not put the console back by itself."""
    node = "/dev/dri/card$(basename $(dri DRIVER))"
    show = f"{EXAMPLES}/camera_to_display /dev/video0 {node}"
    # The example and what the card shows meanwhile; its exit code.
    watched = ("& pid=$!; until state | tee {0}.state | grep -q 'allocated by = camera_to_disp' || ! kill -0 $pid; do sleep 0.2; done; "
               "{1}; wait $pid")
    commands = {}
    for driver in ("virtio_gpu", "bochs-drm"):
        commands[driver] = show.replace("DRIVER", driver) + " 10"
    on_gpu = show.replace("DRIVER", "virtio_gpu")
    commands.update({
        "console": "hold virtio_gpu; state",
        "stopped": f"{on_gpu} 100000 {watched.format('stopped', 'kill -INT $pid')}",
        "console_after_stop": "state",
        "gone": f"{on_gpu} 100000 {watched.format('gone', 'v4l2-ctl -d /dev/video0 -c disconnect=1')}",
        "console_after_error": "state; let_go"})
    done = in_display_lab(directory, commands=commands)
    for driver in ("virtio_gpu", "bochs-drm"):
        run = done[driver]
        cases.case(f"camera_to_display on {driver}: ten frames, each filled where it is scanned out",
                   [] if run.code == 0 and "10 frames of " in run.err and f"({driver})" in run.err else [run.told()])
    for name, after, code, word in (("stopped", "console_after_stop", 0, " frames of "),
                                    ("gone", "console_after_error", 1, "camera_to_display: ")):
        shown = (directory / f"{name}.state").read_text()
        cases.case(f"camera_to_display, {name}: the console is back",
                   ([] if done[name].code == code and word in done[name].err else [done[name].told()]) +
                   ([] if "allocated by = camera_to_disp" in shown else [f"nothing of ours was on the screen: {shown}"]) +
                   same(done, "console", after))


if __name__ == "__main__":
    sys.exit(run({"to_gpu": to_gpu, "event_loop": event_loop, "in_c": in_c, "pipewire": pipewire, "to_display": to_display}))
