#!/usr/bin/env python3
"""`hwalloc capture` on the kernel's own camera driver in the lab, seen from outside: pictures judged by a program that
shares no code with the library, system calls counted by strace, refusals read as a user reads them.

usage: capture_test.py [pictures|formats|calls|own|disturbances|signals|choice|refusals|contiguity]...

What is chosen at random is printed: LAB_SEED repeats it."""

import collections
import re
import shlex
import sys

sys.dont_write_bytecode = True
from lab_cases import BUILD, HEAP, JUDGE, differing, in_lab, meanwhile, run, until_first_frame  # noqa: E402

# Half a level is what rounding to 8 bits costs; the converter may cost a hundredth more.
MOST_DIFFERENCE = 0.51
# Menus of the driver: moving or random pictures cannot be captured twice, flat ones prove little.
PATTERNS = [0, 1, 2, 3, 4, 10, 11, 13, 15, 16, 20]
ENCODINGS = {0: "default", 1: "601", 2: "709", 6: "2020", 8: "240M"}
RANGES = {0: "default", 1: "full", 2: "limited"}
TWO_CAMERAS = "n_devs=2 node_types=0x1,0x1 "


def pictures(cases, directory, chance):
    """Whatever the driver draws, in whatever colours: the picture is the one that a stranger captures."""
    takes = [("/dev/video0", HEAP, "YUYV", "640x480", 30), ("/dev/video0", "udmabuf", "YUYV", "320x180", 10),
             ("/dev/video0", "udmabuf", "NV12", "640x480", 10), ("/dev/video0", HEAP, "UYVY", "320x180", 10),
             ("/dev/video0", HEAP, "RGB24", "320x180", 10), ("/dev/video0", "auto", "XR24", "320x180", 10),
             ("/dev/video0", "udmabuf", "GREY", "320x180", 10), ("/dev/video1", HEAP, "YUYV", "640x480", 10),
             ("/dev/video1", "udmabuf", "NV12", "320x180", 10), ("/dev/video1", HEAP, "XR24", "320x180", 10),
             ("/dev/video1", HEAP, "NM12", "320x180", 10), ("/dev/video1", "auto", "YM16", "320x180", 10)]
    commands, chosen = {}, {}
    for number, (device, allocator, fourcc, size, frames) in enumerate(takes):
        scene = {"test_pattern": chance.choice(PATTERNS), "y_cbcr_encoding": chance.choice(list(ENCODINGS)),
                 "quantization": chance.choice(list(RANGES)), "limited_rgb_range_16_235": 0}
        chosen[number] = ", ".join(f"{key} {value}" for key, value in scene.items())
        controls = ",".join(f"{key}={value}" for key, value in {"osd_text_mode": 2, **scene}.items())
        commands[f"controls{number}"] = f"v4l2-ctl -d {device} -c {controls}"
        commands[f"capture{number}"] = (f"hwalloc capture --device {device} --allocator {allocator} --size {size} "
                                        f"--format {fourcc} --fps 30 --frames {frames} --output {number}.png --json")
        code = {"RGB24": "RGB3"}.get(fourcc, fourcc)
        commands[f"judge{number}"] = f"{shlex.quote(str(JUDGE))} {device} {size} {code} {number}.png"
    commands["formats"] = "hwalloc capture --device /dev/video0 --list-formats --json"
    done = in_lab(directory, "--vivid", TWO_CAMERAS + "multiplanar=1,2", commands=commands)
    for number, (device, allocator, fourcc, size, frames) in enumerate(takes):
        report, judged = done[f"capture{number}"].document, done[f"judge{number}"].document
        width, height = map(int, size.split("x"))
        faults = [done[step].told() for step in (f"controls{number}", f"capture{number}", f"judge{number}")
                  if done[step].code]
        if not faults:
            memories = {"NM12": 2, "YM16": 3}.get(fourcc, 1)
            faults += differing(report, device=device, driver="vivid", memory="dmabuf", format=fourcc, width=width,
                                height=height, frames=frames, errors=0, copies=0, imports=4 * memories,
                                output=f"{number}.png")
            if allocator != "auto":
                faults += differing(report, allocator=allocator)
            if frames == 30 and report["dropped"]:
                # The rate was asked for; an emulated machine that cannot keep it up is told, not failed.
                print(f"        note: {report['dropped']} frames were lost at {report['fps']:.1f} frames a second")
            if judged["max_difference"] > MOST_DIFFERENCE:
                faults.append(f"a pixel is {judged['max_difference']} levels off: {judged}")
            if judged["stride"] != report["stride"]:
                faults.append(f"the stride is {judged['stride']}, reported as {report['stride']}")
        most = judged.get("max_difference")
        cases.case(f"{device} {allocator} {fourcc} {size} ({chosen[number]}): at most {most} levels off", faults)
    names = [entry["format"] for entry in done["formats"].document.get("formats", [])]
    cases.case("the formats are listed", [name + " is missing" for name in ("YUYV", "NV12", "RGB24", "XR24", "GREY")
                                          if name not in names])


def formats(cases, directory, chance):
    """Every format of the driver, byte for byte and as a picture, by both of V4L2's interfaces: at an odd size where a
    picture can be made of it, at an even one else."""
    sizes = "35x19 36x20"
    encoding, hues = chance.choice([0, 1, 2, 6, 8]), chance.choice([0, 1])
    controls = f"osd_text_mode=2,test_pattern={chance.choice(PATTERNS)},y_cbcr_encoding={encoding},hsv_encoding={hues}"
    devices, commands = {"planes": "/dev/video1", "one": "/dev/video0"}, {}
    for name, device in devices.items():
        (directory / name).mkdir()
        commands[f"controls_{name}"] = f"v4l2-ctl -d {device} -c {controls}"
        commands[f"capture_{name}"] = f"{shlex.quote(str(JUDGE.with_name('capture_formats')))} {device} {HEAP} {name} {sizes}"
        commands[f"judge_{name}"] = f"{shlex.quote(str(JUDGE))} {device} {name} {sizes}"
    # The command itself and v4l2-ctl, of a format that no other group captures.
    fourcc = chance.choice(["NV21", "422P", "YVYU", "NV16", "RGBP", "XB24", "BGR24", "Y16", "RG10", "GBRG", "HSV4"])
    code = {"BGR24": "BGR3", "Y16": "Y16 "}.get(fourcc, fourcc)
    commands["raw"] = (f"hwalloc capture --device /dev/video0 --size 36x20 --format {fourcc} --frames 1 "
                       "--output command.raw --json")
    commands["stranger"] = (f"v4l2-ctl -d /dev/video0 -v 'width=36,height=20,pixelformat={code}' --stream-mmap=3 "
                            "--stream-count=1 --stream-to=stranger.raw && cmp command.raw stranger.raw")
    # In several memories, one of which has a header; as the camera stands, for whoever names no format.
    apart = chance.choice(["NM12", "NM21", "NM16", "NM61", "YM12", "YM21", "YM16", "YM61", "YM24", "YM42"])
    commands["stranger_apart"] = (f"v4l2-ctl -d /dev/video1 -v 'width=36,height=20,pixelformat={apart}' --stream-mmap=3 "
                                  "--stream-count=1 --stream-to=apart.raw")
    commands["raw_apart"] = ("hwalloc capture --device /dev/video1 --frames 1 --output command_apart.raw --json && "
                             "cmp command_apart.raw apart.raw")
    # HDMI, whose picture is scaled to any size, with neither crop nor compose: those would stay what they were once.
    done = in_lab(directory, "--vivid", TWO_CAMERAS + "multiplanar=1,2 num_inputs=1,1 input_types=3,3 ccs_cap_mode=4,4",
                  commands=commands)
    faults = [done[step].told() for step in ("controls_one", "raw", "stranger") if done[step].code]
    cases.case(f"{fourcc}: the command's bytes are those of v4l2-ctl", faults)
    faults = [done[step].told() for step in ("controls_planes", "stranger_apart", "raw_apart") if done[step].code]
    faults += faults or differing(done["raw_apart"].document, format=apart)
    cases.case(f"{apart}, at which the camera stands: the command's bytes are those of v4l2-ctl", faults)
    for name, device in devices.items():
        faults = [done[f"{step}_{name}"].told() for step in ("controls", "capture", "judge") if done[f"{step}_{name}"].code]
        refusals, judged = done[f"capture_{name}"].document, done[f"judge_{name}"].document
        pictures = {code: [one for one in found if "max_difference" in one] for code, found in judged.items()}
        for code, found in judged.items():
            faults += [f"{code} at {one['asked']}: other bytes" for one in found if not one["is_same"]]
            faults += [f"{code} at {one['asked']}: {one['max_difference']} of {one['depth']} bits off"
                       for one in pictures[code] if one["max_difference"] > MOST_DIFFERENCE]
            if not pictures[code]:
                faults.append(f"{code}: {refusals.get(code)}")
            faults += [f"{code}: {why}" for why in refusals.get(code, []) if pictures[code] and "odd size" not in why]
        count = sum(map(bool, pictures.values()))
        apart = sum(bool(pictures[code]) for code in judged if re.fullmatch("[NY]M..", code))
        if count < 83 or apart != (10 if name == "planes" else 0) or count != len(judged):
            faults.append(f"pictures of {count} of {len(judged)} formats, {apart} in several memories: {judged}")
        odd = sum(one["asked"] == sizes.split()[0] for found in pictures.values() for one in found)
        deep = sum(one["depth"] == 16 for found in pictures.values() for one in found)
        cases.case(f"{device}: {sum(map(bool, judged.values()))} of {len(judged)} formats byte for byte ({controls}), {count} "
                   f"pictures, {odd} of an odd size, {deep} of 16 bits, {apart} of several memories", faults)


def bindings(log):
    """(index, descriptor) of every QBUF of a dma-buf that the kernel logged; strace tells no descriptors there."""
    found = re.findall(r"VIDIOC_QBUF: [^\n]*?index=(\d+),[^\n]*memory=dmabuf(?:\n[^\n]*plane 0:[^\n]*?|[^\n]*?)"
                       r"offset/userptr=0x([0-9a-f]+)", log)
    return [(int(index), int(descriptor, 16)) for index, descriptor in found]


def calls(cases, directory, _):
    """What goes to the kernel, by strace and by the kernel's own log of its video calls."""
    # The command of the first acceptance: default rate, nothing lost.
    whole = f"hwalloc capture --device /dev/video0 --allocator {HEAP} --size 640x480 --format YUYV --frames 30"
    small = f"hwalloc capture --device /dev/video0 --allocator {HEAP} --size 320x180 --format GREY --fps 60"
    trace = "strace -f -y -v -s 0 -o"

    def witnessed(name, command):
        log = "/sys/class/video4linux/video%s/dev_debug"  # ioctls, their arguments, those of streaming too
        return (f"dmesg -C; for n in 0 1; do echo 11 >{log % '$n'}; done; {trace} {name}.txt {command}; code=$?; "
                f"for n in 0 1; do echo 0 >{log % '$n'}; done; dmesg >{name}.log; (exit $code)")

    done = in_lab(directory, "--vivid", TWO_CAMERAS + "multiplanar=1,2", timeout=400, commands={
        "plain": f"{whole} --output plain.png --json",
        "traced": witnessed("traced", f"{whole} --output traced.png --json"),
        "udmabuf": witnessed("udmabuf", f"{whole.replace(HEAP, 'udmabuf')} --output udmabuf.png --json"),
        "planes": witnessed("planes", f"{whole.replace('video0', 'video1')} --output planes.png --json"),
        "short": f"strace -f -s 0 -o short.txt {small} --frames 100 --json",
        "long": f"strace -f -s 0 -o long.txt {small} --frames 400 --json"})
    cases.case("30 frames: nothing copied, nothing lost, as many imports as buffers",
               [done["plain"].told()] if done["plain"].code else
               differing(done["plain"].document, frames=30, copies=0, dropped=0, errors=0, imports=4, memory="dmabuf"))
    for name, device, allocation in (("traced", "/dev/video0", "DMA_HEAP_IOCTL_ALLOC"),
                                     ("udmabuf", "/dev/video0", r"UDMABUF_CREATE\b|_IOC\(_IOC_WRITE, 0x75, 0x42, 0x18\)"),
                                     ("planes", "/dev/video1", "DMA_HEAP_IOCTL_ALLOC")):
        if done[name].code:
            cases.case(f"strace {name}", [done[name].told()])
            continue
        text = (directory / f"{name}.txt").read_text()
        lines = text.splitlines()
        buffers = done[name].document["buffers"]
        faults = []
        allocated = sum(bool(re.search(allocation, line)) for line in lines)
        if allocated != buffers:
            faults.append(f"{allocated} allocations for {buffers} buffers")
        queued = [line for line in lines if "VIDIOC_QBUF," in line]
        if len(queued) < 30:
            faults.append(f"{len(queued)} QBUF for 30 frames")
        if not all("memory=V4L2_MEMORY_DMABUF" in line for line in queued):
            faults.append("a QBUF with other memory than V4L2_MEMORY_DMABUF")
        logged = bindings((directory / f"{name}.log").read_text())
        pairs = set(logged)
        if len(logged) != len(queued) or len(pairs) != buffers or len({fd for _, fd in pairs}) != buffers:
            faults.append(f"indices and descriptors are not bound to each other: {len(queued)} calls, {logged}")
        faults += [f"a bound descriptor is closed: {line}" for line in lines[:lines.index(queued[-1])]
                   for _, fd in pairs if re.search(rf"\bclose\({fd}<", line) and lines.index(line) > lines.index(queued[0])]
        faults += [f"the camera's node is mapped: {line}" for line in lines if "mmap(" in line and device in line]
        image = 640 * 480 * 2
        faults += [f"a read of a frame's size: {line}" for line in lines
                   if re.search(r"\b(p?read(v|64)?2?|recv\w*)\(", line) and
                   (size := re.search(r"= (\d+)$", line)) and int(size[1]) >= image // 4]
        mapped = sum(bool(re.search(r"mmap\(.*dmabuf", line)) for line in lines)
        if mapped > 1:
            faults.append(f"{mapped} buffers are mapped, and only the last frame is read")
        cases.case(f"strace, {name}: {buffers} allocations, each index with one dma-buf for good, nothing read or mapped "
                   "but the picture", faults)
    if done["short"].code or done["long"].code:
        cases.case("calls for each frame", [done["short"].told(), done["long"].told()])
        return
    counts = [calls_in(directory / f"{name}.txt") for name in ("short", "long")]
    each = (counts[1] - counts[0]) / 300
    cases.case(f"({counts[1]} calls of 400 frames - {counts[0]} of 100) / 300 = {each:.3f}",
               [] if 2 <= each <= 3 else ["expected at most 3, and at least 2"])


def calls_in(path):
    return sum(1 for line in path.open() if re.match(r"\d+\s+\w+\(", line))


def own(cases, directory, _):
    """Cameras that import nothing and export their own buffers: the frames are in these, and are copied for nobody."""
    without_import = f"LD_PRELOAD={shlex.quote(str(BUILD / 'tests' / 'lab' / 'refuse_imports.so'))}"
    capture = f"{without_import} hwalloc capture --size 320x180 --format YUYV --json --frames 12 --device"
    strace = f"strace -f -y -v -s 0 -E {without_import} -o"
    small = "hwalloc capture --device /dev/video0 --size 320x180 --format GREY --fps 60 --json"
    quiet = "v4l2-ctl -d /dev/video%d -c osd_text_mode=2"
    # An image of HDMI's is no whole number of the 64 bytes in which a GPU counts.
    odd = ("v4l2-ctl -d /dev/video1 -i 1 --set-dv-bt-timings cvt,width=648,height=485,fps=60 >&2; "
           f"{without_import} hwalloc capture --device /dev/video1 --size 648x485 --format GREY --json --frames 12 --to gpu")
    inputs = "num_inputs=2,2 input_types=0xc,0xc "
    done = in_lab(directory, "--vivid", TWO_CAMERAS + inputs + "multiplanar=1,2 allocators=0,1", timeout=400, commands={
        **{f"auto{n}": f"{quiet % n}; {capture} /dev/video{n} --output {n}.png" for n in (0, 1)},
        **{f"judge{n}": f"{shlex.quote(str(JUDGE))} /dev/video{n} 320x180 YUYV {n}.png" for n in (0, 1)},
        "named": f"{capture} /dev/video0 --allocator v4l2/vivid",
        "gpu": f"{capture} /dev/video1 --to gpu --output gpu.png",
        "heap": f"{capture} /dev/video0 --allocator {HEAP}",
        "copied": f"{capture} /dev/video0 --allocator {HEAP} --allow-copy",
        "leave": f"{capture} /dev/video0 --allow-copy",
        "plan": f"{without_import} hwalloc plan --camera /dev/video0 --gpu 0 --cpu read --size 320x180 --format YUYV --json",
        "doctor": f"{without_import} hwalloc doctor camera/video0 --json",
        "odd": odd,
        # As a container has it that was given --device /dev/video0:/dev/cam.
        "renamed": f"mv /dev/video0 /dev/cam; {capture} /dev/cam --output renamed.png; code=$?; mv /dev/cam /dev/video0; "
                   "(exit $code)",
        "after": "hwalloc capture --device /dev/video0 --size 320x180 --json --frames 3",
        "short": f"{strace} short.txt {small} --frames 100",
        "long": f"{strace} long.txt {small} --frames 400"})
    for name, camera in (("auto0", 0), ("auto1", 1), ("named", 0), ("gpu", 1), ("leave", 0), ("odd", 1)):
        faults = [done[name].told()] if done[name].code else \
            differing(done[name].document, allocator=f"v4l2/video{camera}", memory="dmabuf", frames=12, copies=0, imports=0,
                      errors=0, allocations_per_frame=0)
        judge = done.get(name.replace("auto", "judge")) if "auto" in name else None
        cases.case(f"no import ({name}): frames are in the camera's own buffers", faults + (
            [judge.told()] if judge and judge.code else []))
    cases.case("no import: frames are in the camera's own buffers where its node has another name, too",
               [done["renamed"].told()] if done["renamed"].code else
               differing(done["renamed"].document, allocator="own memory of camera /dev/cam (vivid)", memory="dmabuf", frames=12,
                         copies=0, imports=0))
    message = done["heap"].error.get("remedy", "")
    cases.case("no import: other memory is refused, and both ways out are named",
               [] if done["heap"].code == 1 and "bind_own()" in message and "--allow-copy" in message else [done["heap"].told()])
    cases.case("no import: other memory is copied into where that is allowed", [done["copied"].told()] if done["copied"].code else
               differing(done["copied"].document, allocator=HEAP, copies=12, imports=0))
    choice = done["plan"].document
    cases.case("no import: a plan takes the camera's own, and says how", [] if done["plan"].code == 0 and
               choice["choice"] == "v4l2/video0" and "bind_own()" in str(choice["recipes"]) else [done["plan"].told()])
    cases.case("no import: the doctor finds it sound", [] if any(
        check["status"] == "ok" and "exports its own" in check["message"] for check in done["doctor"].document.get("checks", []))
        else [done["doctor"].told()])
    cases.case("the same camera imports when nobody keeps it from that", [done["after"].told()] if done["after"].code else
               differing(done["after"].document, copies=0, imports=4))
    if done["short"].code or done["long"].code:
        cases.case("no import: calls for each frame", [done["short"].told(), done["long"].told()])
        return
    text = (directory / "long.txt").read_text()
    queued = [line for line in text.splitlines() if "VIDIOC_QBUF," in line]
    buffers = done["long"].document["buffers"]
    faults = [] if len(queued) >= 400 and all("memory=V4L2_MEMORY_MMAP" in line for line in queued) else [f"{len(queued)} QBUF"]
    faults += [f"the camera's node is mapped: {line}" for line in text.splitlines() if "mmap(" in line and "/dev/video" in line]
    # One for each buffer, one for each question whether there is that call, one for the kind and one for each trial of a plan.
    if not buffers <= len(re.findall("VIDIOC_EXPBUF.* = 0", text)) <= buffers + 4:
        faults.append(f"{buffers} buffers, {text.count('VIDIOC_EXPBUF')} exports")
    each = (calls_in(directory / "long.txt") - calls_in(directory / "short.txt")) / 300
    cases.case(f"no import: the queue's own buffers, exported once and mapped by nobody; {each:.3f} calls a frame",
               faults + ([] if 2 <= each <= 3 else ["expected at most 3, and at least 2"]))


def disturbances(cases, directory, _):
    """Frames that are damaged or lost, a user who stops, somebody else at the camera, a camera that goes."""
    capture = "hwalloc capture --device /dev/video0 --size 320x180 --format GREY --fps 30"

    control = "v4l2-ctl -d /dev/video0 -c "
    # HDMI's, where there are rectangles.
    whole = f"hwalloc capture --device /dev/video0 --allocator {HEAP} --size 640x480 --format GREY --frames 2 --json"
    select = "v4l2-ctl -d /dev/video0 --set-selection target"
    done = in_lab(directory, commands={
        "damaged": meanwhile(f"{capture} --frames 180 --json", f"{control}inject_v4l2_buf_flag_error=1"),
        "lossy": f"{control}percentage_of_dropped_buffers=50; {capture} --frames 60 --json; code=$?; "
                 f"{control}percentage_of_dropped_buffers=0; (exit $code)",
        "stopped": meanwhile(f"{capture} --frames 0 --output stopped.png --json", "kill -INT $process"),
        "twice": f"{capture} --frames 0 --mark-first-frame >first.out 2>first.err & process=$!; "
                 f"{until_first_frame('first.err')}; "
                 f"{capture} --frames 5 --json; code=$?; kill $process; wait $process; (exit $code)",
        "again": f"{capture} --frames 5 --json",
        "broken": meanwhile(f"{capture} --frames 0 --output broken.png --json", f"{control}inject_fatal_streaming_error=1"),
        "cut": f"v4l2-ctl -d /dev/video0 -i 3 >&2; {whole} 2>/dev/null >&2; {select}=compose,left=0,top=0,width=320,height=240; {whole}",
        "part": f"{select}=crop,left=8,top=16,width=160,height=120; {whole}",
        "mended": "for said in cut part; do sed -n 's/^.*`\\(v4l2-ctl [^`]*\\)`.*$/\\1/p' $said.err >mend; sh mend >&2; done; "
                  f"{whole}; code=$?; v4l2-ctl -d /dev/video0 -i 0 >&2; (exit $code)",
        "gone": meanwhile(f"{capture} --frames 0 --output gone.png --json", f"{control}disconnect=1")})
    cases.case("frames that the driver marks as damaged are counted",
               [done["damaged"].told()] if done["damaged"].code or done["damaged"].document.get("errors", 0) < 1 else [])
    cases.case("frames that are lost are counted",
               [done["lossy"].told()] if done["lossy"].code or done["lossy"].document.get("dropped", 0) < 5 else [])
    stopped = done["stopped"]
    cases.case("an interrupt ends a capture cleanly, with its picture",
               [stopped.told()] if stopped.document.get("frames", 0) < 1 or not (directory / "stopped.png").exists() else
               [] if stopped.code == 0 else [stopped.told()])
    cases.case("a camera that somebody else uses is busy",
               [] if done["twice"].code == 1 and done["twice"].error.get("kind") == "busy" and
               done["twice"].error.get("errno") == "EBUSY" else [done["twice"].told()])
    cases.case("and free again afterwards", [done["again"].told()] if done["again"].code else [])
    parts = {name: [words for words in ("(compose)", "(crop)") if words in done[name].err] for name in ("cut", "part", "mended")}
    cases.case("rectangles that another program left are told, with the lines that end them",
               [done[name].told() for name in parts if done[name].code] +
               [done["cut"].told() for words in ("puts its picture into 320x240 at 0,0 of the frame of 640x480",
                                                 "target=compose,left=0,top=0,width=640,height=480")
                if words not in done["cut"].err] +
               ([] if "takes 160x120 at 8,16 of the " in done["part"].err else [done["part"].told()]) +
               ([] if parts == {"cut": ["(compose)"], "part": ["(compose)", "(crop)"], "mended": []} else
                [f"{parts}: {done['mended'].told()}"]))
    cases.case("a queue that breaks ends the capture: what was captured is written, and the cause is told",
               [] if done["broken"].code == 1 and done["broken"].error.get("errno") == "EIO" and
               (directory / "broken.png").exists() else [done["broken"].told()])
    cases.case("a camera that goes: what was captured is written, and it is told",
               [] if done["gone"].code == 1 and done["gone"].error.get("kind") == "device lost" and
               (directory / "gone.png").exists() else [done["gone"].told()])


def signals(cases, directory, _):
    """A television's input and HDMI: what is selected, set to the signal, told of it, and what ends by it."""
    capture = f"hwalloc capture --device /dev/video0 --allocator {HEAP} --frames 2 --json"
    control = "v4l2-ctl -d /dev/video0 -c "
    # A menu's value by its words.
    menu = "v4l2-ctl -d /dev/video0 -L | sed -n '/ {}/,/ 0x/s/^[ \\t]*\\([0-9]*\\): {}$/\\1/p' | head -1"

    def sends(kind, mode):
        return (f"{control}{kind}_signal_mode=4 && value=$({menu.format(kind + ' 0x', mode)}) && "
                f"{control}{kind}=$value")

    endless = capture.replace("--frames 2", "--frames 0")
    done = in_lab(directory, commands={
        "parts": f"{shlex.quote(str(BUILD / 'tests' / 'lab' / 'camera_parts'))} /dev/video0 3",
        "parts_stranger": "for target in crop compose; do v4l2-ctl -d /dev/video0 --get-selection target=$target; done",
        "unknown": f"{capture} --input 9",
        "hdmi": f"{capture} --input 'hdmi 000-0'",
        "another": f"{sends('dv_timings', '1280x720p50')}; {capture}",
        "fields": f"{sends('dv_timings', '1920x1080i[0-9]*')}; {capture}",
        "away": f"{control}dv_timings_signal_mode=1; {capture}",
        "auto": capture.replace("--device /dev/video0", "--device auto"),
        "doctor": "hwalloc doctor --json",
        "list": "hwalloc list --json",
        "table": "hwalloc list",
        "quick": "hwalloc list --quick --json",
        "unstable": f"{control}dv_timings_signal_mode=2; {capture}",
        "goes": f"{control}dv_timings_signal_mode=0; " +
                meanwhile(f"{endless} --output goes.raw", f"{control}dv_timings_signal_mode=1"),
        "changes": f"{control}dv_timings_signal_mode=0; " + meanwhile(endless, sends("dv_timings", "1280x720p60")),
        "again": capture,
        "goes_on": meanwhile(endless, "hwalloc list --json >listed.json; kill -INT $process"),
        "listed": "cat listed.json",
        "tv": f"{capture} --input 1",
        "ntsc": f"{sends('standard', 'NTSC-M')}; {capture}",
        "silent": f"{control}standard_signal_mode=1; {capture}",
        "listed_tv": "hwalloc list --json"})

    def fails(name, kind, code, *words):
        error = done[name].error
        return ([] if done[name].code == 1 and (error.get("kind"), error.get("errno")) == (kind, code) else
                [done[name].told()]) + [f"{word!r} is missing: {error.get('message')}" for word in words
                                        if word not in error.get("message", "")]

    def gives(name, *words, **wanted):
        return [done[name].told()] if done[name].code else differing(done[name].document, **wanted) + [
            f"{word!r} is missing: {done[name].err}" for word in words if word not in done[name].err]

    told, there = done["parts"].out, done["parts_stranger"].out
    cases.case("a node that was opened elsewhere is cropped and composed, and its frames come by poll()",
               [done["parts"].told()] if done["parts"].code else
               [f"{words!r} is missing: {told}" for words in
                ("node /dev/video0\n", "VIDIOC_G_SELECTION", "crop 320x240 at 16,8\n", "compose 160x120 at 32,24\n", "5 frames\n")
                if words not in told] +
               [f"the driver has {there}"
                for words in ("Left 16, Top 8, Width 320, Height 240", "Left 32, Top 24, Width 160, Height 120")
                if words not in there])
    cases.case("an input is named, or those that there are", fails("unknown", "invalid", None, "3 (HDMI 000-0)") +
               gives("hdmi", field="progressive"))
    cases.case("a device is set to the timings of its signal, and fields are told as they are",
               gives("another", "1280x720 progressive, 50 pictures", width=1280, height=720) +
               gives("fields", "each frame is one field", width=1920, height=540, field="alternate"))
    cases.case("no signal is an error, for a capture, a choice and the doctor",
               fails("away", "unavailable", "ENOLINK", "there is no signal at input 3 (HDMI 000-0)", "/dev/video0") +
               fails("unstable", "unavailable", "ENOLCK", "not stable at input 3") +
               ([] if done["auto"].code == 1 and "there is no signal at input 3" in done["auto"].err else
                [done["auto"].told()]) +
               [f"doctor: {check}" for check in done["doctor"].document.get("checks", [{}])
                if check.get("id") == "camera/video0" and "there is no signal" not in check.get("message", "")])
    def camera(name):
        return next((one for one in done[name].document.get("allocators", []) if one["name"] == "v4l2/video0"), {})

    cases.case("the list tells a camera without a signal, whose buffers can be had",
               [f"{name}: {camera(name)}" for name, input in (("list", "3 (HDMI 000-0)"), ("listed_tv", "1 (TV 000-0)"))
                if not camera(name).get("available") or
                f"there is no signal at input {input}" not in (camera(name).get("no_picture") or {}).get("message", "")] +
               [f"{name}: {camera(name)}" for name in ("quick", "listed") if camera(name).get("no_picture", "missing") is not None] +
               [done["table"].told() for words in ("ready, no signal", "v4l2/video0: ") if words not in done["table"].out] +
               gives("goes_on", errors=0))
    cases.case("a signal that goes while frames come ends the capture in words, and what came is there",
               fails("goes", "unavailable", "ENOLINK", "there is no signal at input 3") +
               ([] if (directory / "goes.raw").stat().st_size else ["nothing was written"]))
    cases.case("another signal while frames come ends it too, and the next capture has that",
               fails("changes", "incompatible", None, "begin another capture") +
               gives("again", width=1280, height=720))
    cases.case("a television's input likewise, with its standard and two fields in a frame",
               gives("tv", "two fields at once", field="interlaced") + gives("ntsc", "NTSC", height=480) +
               fails("silent", "unavailable", "ENOLINK", "there is no signal at input 1 (TV 000-0)"))


def choice(cases, directory, _):
    """Without a camera that is named, the first one that delivers, whatever the ones before it refuse."""
    capture = f"hwalloc capture --allocator {HEAP} --size 320x180 --format YUYV --frames 3 --json"
    first = "v4l2-ctl -d /dev/video0 -c "
    injected = {step: f"inject_vidioc_{step}_error=1" for step in ("reqbufs", "qbuf", "streamon")}
    done = in_lab(directory, "--vivid", TWO_CAMERAS + "no_error_inj=0", commands={
        **{step: f"{first}{control} && {capture}" for step, control in injected.items()},
        "auto": f"{first}{injected['streamon']} && {capture.replace(HEAP, 'auto')}",
        "silent": f"{first}percentage_of_dropped_buffers=100 && {capture}; code=$?; "
                  f"{first}percentage_of_dropped_buffers=0; (exit $code)",
        "busy": "hwalloc capture --device /dev/video0 --frames 0 >/dev/null & held=$!; "
                "until v4l2-ctl -d /dev/video0 --set-fmt-video width=640,height=480 2>&1 | grep -q busy; do sleep 0.2; done; "
                f"{capture}; code=$?; kill $held; wait $held; (exit $code)",
        "both": f"for n in 0 1; do v4l2-ctl -d /dev/video$n -c {injected['streamon']}; done; {capture}",
        "sound": capture})
    for name in (*injected, "auto", "silent", "busy"):
        report = done[name].document
        faults = [done[name].told()] if done[name].code else differing(report, device="/dev/video1", frames=3)
        passed = report.get("cameras_passed_over", [])
        if len(passed) != 1 or "/dev/video0" not in passed[0]["message"]:
            faults.append(f"not told as passed over: {passed}")
        # Beside other notes.
        if done[name].err.count("passed over /dev/video0: ") != 1:
            faults.append(f"not told to people: {done[name].err}")
        cases.case(f"a first camera that fails ({name}) is passed over, and told", faults)
    error = done["both"].error
    messages = [cause["message"] for cause in error.get("causes", [])]
    cases.case("with none that works all are named, and nothing is captured",
               [] if done["both"].code == 1 and len(messages) == 2 and
               all(f"/dev/video{n}" in text for n, text in enumerate(messages)) else [done["both"].told()])
    cases.case("the first is taken where it works", [done["sound"].told()] if done["sound"].code else
               differing(done["sound"].document, device="/dev/video0", cameras_passed_over=[]))


def refusals(cases, directory, _):
    """Memory that a camera does not take: what it fell back from is told, and a refusal ends in the command that helps."""
    capture = "hwalloc capture --device /dev/video1 --size 1920x1080 --format YUYV --frames 3"
    run_told = "sed -n 's/.*`\\(hwalloc plan [^`]*\\)`.*/\\1/p'"
    done = in_lab(directory, "--vivid", TWO_CAMERAS + "allocators=0,1 no_error_inj=0", commands={
        "named": f"{capture} --allocator {HEAP} --json",
        "read": f"{capture} --allocator {HEAP} --output x.raw",
        "gpu": f"{capture} --allocator {HEAP} --to gpu",
        **{f"told-{name}": f"command=$({run_told} {name}.{stream} | head -1) && eval \"$command --json\""
           for name, stream in (("named", "out"), ("read", "err"), ("gpu", "err"))},
        "preferred": f"HWALLOC_ALLOCATORS={HEAP} {capture}",
        "typo": f"HWALLOC_ALLOCATORS={HEAP}m {capture}",
        "injected": f"v4l2-ctl -d /dev/video0 -c inject_vidioc_qbuf_error=1 && {capture.replace('video1', 'video0')}",
        # Of 2 GB together, in a guest of 2 GiB; the driver takes page after page.
        "many": f"hwalloc capture --device test --allocator {HEAP} --size 3840x2160 --format XR24 --buffers 64 --frames 1 --json",
        "large": f"hwalloc check {HEAP} --json"})
    many = done["many"]
    cases.case("more buffers than there is memory for are refused, and nothing is killed for them",
               [] if many.code == 1 and many.error.get("kind") == "exhausted" and "memory free" in many.error["message"] and
               done["large"].code == 0 else [many.told(), done["large"].told()])
    for name, words in (("named", ""), ("read", "--cpu read"), ("gpu", "--gpu")):
        plan = done[f"told-{name}"]
        cases.case(f"refused memory ({name}) is told with a command that finds what does",
                   [done[name].told()] if done[name].code != 1 or words not in done[name].out + done[name].err else
                   [f"{done[name].told()} {plan.told()}"] if plan.code else differing(plan.document, choice="v4l2/video1"))
    for name, words in (("preferred", (HEAP, "EFAULT")), ("typo", (f"{HEAP}m",)), ("injected", ("VIDIOC_QBUF", "EINVAL"))):
        told = [line for line in done[name].err.splitlines() if "passed over" in line]
        cases.case(f"a fall-back ({name}) is told", [done[name].told()] if done[name].code or
                   not any(all(word in line for word in words) for line in told) else [])


def contiguity(cases, directory, _):
    """A camera that demands contiguous memory, in a guest whose memory is in pieces."""
    # Exporter and size of each. Of a buffer whose exporter lets nobody attach (ENOSYS, bochs' video memory) 6.12 keeps one
    # reference for good when a camera's QBUF names it: a fault of its own, seen when no process is left.
    bufinfo = "awk '/^[0-9]+[ \\t]/ {print $5, $1 + 0}' /sys/kernel/debug/dma_buf/bufinfo"
    capture = "hwalloc capture --buffers 8 --frames 5 --size 640x480 --format YUYV --json"
    done = in_lab(directory, "--fragment", "--vivid", TWO_CAMERAS + "allocators=0,1", processors=2, commands={
        "before": bufinfo,
        "heap": f"{capture} --device /dev/video1 --allocator {HEAP}",
        "udmabuf": f"{capture} --device /dev/video1 --allocator udmabuf",
        "auto": f"{capture} --device /dev/video1",
        "blind": f"mv /dev/udmabuf /dev/hidden; {capture} --device /dev/video1 --allocator {HEAP}; code=$?; "
                 "mv /dev/hidden /dev/udmabuf; (exit $code)",
        "any": f"{capture} --device /dev/video0 --allocator {HEAP}",
        "free": "v4l2-ctl -d /dev/video1 --stream-mmap --stream-count=3",
        "after": bufinfo})
    for name in ("heap", "udmabuf"):
        error = done[name].error
        faults = [] if done[name].code == 1 and error.get("kind") == "incompatible" and error.get("errno") == "EFAULT" \
            else [done[name].told()]
        message = error.get("message", "")
        faults += [f"{word!r} is missing: {message}" for word in
                   ("physically contiguous", "the size is right", "/dev/video1", "VIDIOC_QBUF")
                   if word not in message]
        # Refusing every udmabuf, twins and all, could have another cause; refusing the heap's memory too has not.
        if name == "heap" and "established" not in message:
            faults.append(f"the cause was not established: {message}")
        if error.get("size_wanted") != 640 * 480 * 2 or error.get("size_held", 0) < 640 * 480 * 2:
            faults.append(f"the sizes are missing: {error}")
        cases.case(f"{name}: contiguous memory is demanded, told in words", faults)
    # Nor has the camera's driver so much memory in one piece.
    error = done["auto"].error
    tried = [cause["message"] for cause in error.get("causes", [])]
    cases.case("auto tells each refusal",
               [] if done["auto"].code == 1 and any(HEAP in text and "contiguous" in text for text in tried)
               and any("udmabuf" in text and "contiguous" in text for text in tried)
               and any("v4l2/video1" in text and "ENOMEM" in text for text in tried) else [done["auto"].told()])
    message = done["blind"].error.get("message", "")
    cases.case("without udmabuf the cause is not known: candidates are named, nothing is claimed",
               [] if done["blind"].code == 1 and "may need memory that is physically contiguous" in message
               and "could not be found out" in message and "established" not in message else [done["blind"].told()])
    cases.case("the other camera takes the same memory", [done["any"].told()] if done["any"].code else
               differing(done["any"].document, imports=8, frames=5))
    cases.case("the refusing camera is free afterwards", [done["free"].told()] if done["free"].code else [])
    left = collections.Counter(done["after"].out.splitlines())
    left.subtract(done["before"].out.splitlines())
    # Where one buffer of the camera's own was to be had and eight were not, a second plan looked at everything.
    plans = 2 if "what was taken once" in error.get("message", "") else 1
    left["drm 614400"] -= plans * sum("ENOSYS" in text for text in tried)
    cases.case("no dma-buf is left over", [] if done["before"].out and not any(left.values())
               else [f"before: {done['before'].told()}, after: {done['after'].told()}, auto: {tried}"])


if __name__ == "__main__":
    sys.exit(run({"pictures": pictures, "formats": formats, "calls": calls, "own": own, "disturbances": disturbances, "signals": signals,
                  "choice": choice, "refusals": refusals},
                 {"contiguity": contiguity}))
