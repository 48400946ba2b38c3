#!/usr/bin/env python3
"""A USB webcam on the kernel's own driver, a loopback camera, one behind a media controller, and the cards of qxl and cirrus: what
few guests have. The webcam
is a program of ours (tests/lab/webcam), so what its frames must be is known to the byte, and it fails when it is told to."""

import json
import math
import re
import shlex
import sys

sys.dont_write_bytecode = True
from check_test import EXPECTED, compare  # noqa: E402
from lab_cases import BUILD, HEAP, TREE, differing, in_lab, meanwhile, run  # noqa: E402
from png import Picture  # noqa: E402

ALONE = ("--vivid", "none", "--webcam", "--webcam", "formats=MJPG")  # so that the first camera is a webcam
GUEST = ("--webcam", "--webcam", "formats=MJPG", "--loopback", "--vimc", "--card", "cirrus", "--card", "qxl")
WEBCAM = shlex.quote(str(BUILD / "tests" / "lab" / "webcam"))
CONTRACT = shlex.quote(str(BUILD / "tests" / "contract" / "contract_tests"))
# $camera and $other: the nodes of their pictures. What another script told them is taken back.
PRELUDE = f"""for port in 0 1; do {WEBCAM} tell $port frames=whole stop-after=0 slow=0; done
camera=$({WEBCAM} tell 0 plug) other=$({WEBCAM} tell 1 plug)
udevadm settle
"""
TO = {"png": "", "gpu": "--to gpu", "display": "--to display"}  # who gets the frames
BLOCK = 16, 8  # the test picture is made of blocks of one colour
BRIGHT = 191
OF_CAMERAS = set(EXPECTED["v4l2/video0"])
OF_CARDS = set(EXPECTED["drm-dumb/bochs-drm"])
OF_THE_SUITE = 100  # tests of the contract over one allocator, at the least


def colour(x, y, width, height, brightness=0):
    """Red, green and blue of a pixel of the test picture."""
    column, row, columns, rows = x // BLOCK[0], y // BLOCK[1], width // BLOCK[0], height // BLOCK[1]
    if row * 4 >= rows * 3:
        levels = [column * 16 // columns * 17] * 3
    else:
        bar = column * 8 // columns
        levels = [0 if bar & bit else BRIGHT for bit in (2, 4, 1)]
    return tuple(min(max(level + brightness, 0), 255) for level in levels)


def yuyv(width, height, brightness=0):
    """The picture as YUYV of BT.601 in limited range."""
    lines = {}
    for y in (0, height - 1):
        line = bytearray()
        for x in range(0, width, 2):
            red, green, blue = colour(x, y, width, height, brightness)
            luma = 0.299 * red + 0.587 * green + 0.114 * blue
            levels = (16 + luma * 219 / 255, 128 + (blue - luma) / 1.772 * 224 / 255, 128 + (red - luma) / 1.402 * 224 / 255)
            shade, cb, cr = (math.floor(level + 0.5) for level in levels)
            line += bytes((shade, cb, shade, cr))
        lines[y] = bytes(line)
    rows = height // BLOCK[1]
    return b"".join(lines[0 if y // BLOCK[1] * 4 < rows * 3 else height - 1] for y in range(height))


def other_colours(path, width, height):
    """What of a PNG is further off the test picture than two levels."""
    picture = Picture(path)
    if (picture.width, picture.height) != (width, height):
        return [f"{path.name} has {picture.width}x{picture.height}"]
    faults = [f"{path.name} at {x},{y}: {picture.at(x, y)}, expected {colour(x, y, width, height)}"
              for y in range(3, height, BLOCK[1]) for x in range(5, width, BLOCK[0])
              if any(abs(a - b) > 2 for a, b in zip(picture.at(x, y), colour(x, y, width, height)))]
    return faults[:3]


def frames_of_mjpg(data):
    """The frames in a file of them: each from a start of image to an end of image."""
    return [b"\xff\xd8" + part for part in data.split(b"\xff\xd8")[1:]]


def pictures(cases, directory, _):
    """What the camera sends is what arrives, by us and by a stranger."""
    capture = f"hwalloc capture --device $camera --allocator {HEAP} --frames 3 --json"
    stranger = "v4l2-ctl -d $camera --stream-mmap --stream-count=3 --silent --set-fmt-video=pixelformat="
    done = in_lab(directory, *GUEST, prelude=PRELUDE, timeout=600, commands={
        "formats": "hwalloc capture --device $camera --list-formats --json",
        "fewer": "hwalloc capture --device $other --list-formats --json",
        "raw": f"{capture} --size 640x480 --format YUYV --output raw.raw",
        "stranger": f"{stranger}YUYV,width=640,height=480 --stream-to=stranger.raw",
        "udmabuf": f"{capture.replace(HEAP, 'udmabuf')} --size 320x240 --format YUYV --output udmabuf.raw",
        "auto": f"{capture.replace(HEAP, 'auto')} --size 320x240 --format YUYV --output auto.raw",
        "png": f"{capture} --size 640x480 --output png.png",
        "mjpg": f"{capture} --size 1280x720 --fps 30 --format MJPG --output mjpg.raw",
        "fast": f"{capture} --size 1280x720 --fps 30 --output fast.raw",
        "mjpg_stranger": f"{stranger}MJPG,width=1280,height=720 --stream-to=mjpg_stranger.raw",
        "bright": f"v4l2-ctl -d $camera -c brightness=20 && {capture} --size 320x240 --format YUYV --output bright.raw; "
                  "code=$?; v4l2-ctl -d $camera -c brightness=0; (exit $code)",
        "set": f"{capture} --control brightness=20 --size 320x240 --format YUYV --output set.raw; "
               "code=$?; v4l2-ctl -d $camera -c brightness=0; (exit $code)",
        "range": f"{capture} --control brightness=twenty --size 320x240",
        "none": f"{capture} --control gain=1 --size 320x240",
        "metadata": "hwalloc capture --device /dev/video$((${camera#/dev/video} + 1)) --json",
        "both": f"{capture.replace('camera', 'other')} --size 640x480 --format MJPG >both.json & "
                f"{capture} --size 320x240 --format YUYV; code=$?; wait $! && (exit $code)"})
    listed = {name: {entry["format"] for entry in done[name].document.get("formats", [])} for name in ("formats", "fewer")}
    cases.case("webcam: its formats are listed", [] if listed == {"formats": {"YUYV", "MJPG"}, "fewer": {"MJPG"}} else
               [done["formats"].told(), done["fewer"].told()])
    for name, size, brightness in (("raw", (640, 480), 0), ("stranger", (640, 480), 0), ("udmabuf", (320, 240), 0),
                                   ("auto", (320, 240), 0), ("bright", (320, 240), 20), ("set", (320, 240), 20)):
        faults = [done[name].told()] if done[name].code else []
        if not faults and (directory / f"{name}.raw").read_bytes() != 3 * yuyv(*size, brightness):
            faults.append(f"the bytes are others: {done[name].told()}")
        if not faults and name != "stranger":
            faults += differing(done[name].document, driver="uvcvideo", frames=3, copies=0, errors=0, memory="dmabuf")
        cases.case(f"webcam: YUYV ({name}), byte for byte", faults)
    cases.case("webcam: a picture with the colours that were sent",
               [done["png"].told()] if done["png"].code else other_colours(directory / "png.png", 640, 480))
    faults = [done[name].told() for name in ("mjpg", "mjpg_stranger") if done[name].code]
    if not faults:
        ours, theirs = (frames_of_mjpg((directory / f"{name}.raw").read_bytes()) for name in ("mjpg", "mjpg_stranger"))
        faults += [] if len(ours) == 3 and ours == theirs and all(frame.endswith(b"\xff\xd9") for frame in ours) else \
            [f"{len(ours)} frames of {[len(frame) for frame in ours]} bytes, and {[len(frame) for frame in theirs]}"]
        faults += differing(done["mjpg"].document, width=1280, height=720)
    cases.case("webcam: MJPG, byte for byte as a stranger captures it", faults)
    rates = {(entry["format"], size["width"][0]): [rate["max"] for rate in size["fps"]]
             for entry in done["formats"].document.get("formats", []) for size in entry["sizes"]}
    wide = {name: max(rates.get((name, 1280), [0])) for name in ("YUYV", "MJPG")}
    cases.case("webcam: a format is taken that has the size and rate that are asked for",
               ([] if wide["YUYV"] < 30 <= wide["MJPG"] + 0.1 else [f"or this shows nothing: {rates}"]) +
               ([done["fast"].told()] if done["fast"].code else
                differing(done["fast"].document, format="MJPG", width=1280, height=720)))
    cases.case("webcam: a control is set by its name; a wrong value and a wrong name are told what there is",
               [done[name].told() for name, word in (("range", "a number from"), ("none", "brightness"))
                if done[name].code != 1 or word.lower() not in str(done[name].error).lower()])
    cases.case("webcam: the node beside it is no camera", [] if done["metadata"].code == 1 and done["metadata"].error else
               [done["metadata"].told()])
    cases.case("webcam: two at once", [done["both"].told()] if done["both"].code else [])


def loopback(cases, directory, _):
    """A driver that imports no dma-buf, exports none and makes no single buffers."""
    width, height = 320, 240
    (directory / "frame").write_bytes(yuyv(width, height))
    prelude = f"""{PRELUDE}loopback=/dev/$(basename /sys/devices/virtual/video4linux/*)
v4l2-ctl -d $loopback --set-fmt-video-out=width={width},height={height},pixelformat=YUYV
perl -e 'open F, "<frame"; read F, $frame, {width * height * 2}; open D, "+<", $ARGV[0];
         while (syswrite D, $frame) {{ print STDERR "."; select undef, undef, undef, 0.03 }}' $loopback 2>fed &
until [ -s fed ]; do sleep 0.1; done
"""
    done = in_lab(directory, *GUEST, prelude=prelude, timeout=600, commands={
        "stranger": "v4l2-ctl -d $loopback --stream-mmap --stream-count=3 --silent --stream-to=stranger.raw",
        "list": "hwalloc list --json",
        "doctor": "hwalloc doctor v4l2/${loopback#/dev/} --json",
        "refused": f"hwalloc capture --device $loopback --allocator {HEAP} --frames 3 --json",
        **{name: f"hwalloc capture --device $loopback --allocator {memory} --allow-copy --frames 12 --json --output {name}.raw"
           for name, memory in (("auto", "auto"), ("heap", HEAP), ("sysmem", "sysmem"))},
        **{policy: f"hwalloc plan --camera $loopback --cpu read --size 320x240 --format YUYV --policy {policy} --json"
           for policy in ("prefer", "allow-copy")},
        "png": "hwalloc capture --device $loopback --allow-copy --frames 3 --json --output loopback.png",
        "gpu": "hwalloc capture --device $loopback --allow-copy --to gpu --frames 3 --json --output gpu.png",
        "imports": "hwalloc capture --device /dev/video0 --allow-copy --size 320x240 --frames 3 --json"})
    listed = {item["name"]: item for item in done["list"].document["allocators"] if item["family"] == "v4l2"}
    what = {name: (item["available"], bool(item["claims"]), (item["why"] or {}).get("kind")) for name, item in listed.items()}
    sound, nothing = (True, True, None), (False, False, "unsupported")
    cases.case("list: cameras, those that export nothing, and nodes of metadata are told apart",
               [] if sorted(what.values(), key=str) == sorted([sound] * 6 + [nothing] * 3, key=str) else [f"{what}"])
    cases.case("loopback: a stranger captures what is written to it", [] if done["stranger"].code == 0 and
               (directory / "stranger.raw").read_bytes() == 3 * yuyv(width, height) else [done["stranger"].told()])
    cases.case("loopback: without leave to copy it is refused, and the option named", [] if done["refused"].code == 1 and
               done["refused"].error.get("kind") == "unsupported" and "--allow-copy" in done["refused"].error.get("remedy", "")
               else [done["refused"].told()])
    cases.case("loopback: doctor says that frames can only be copied",
               [] if any(check["status"] == "warning" and "--allow-copy" in check["message"]
                         for check in done["doctor"].document.get("checks", [])) else [done["doctor"].told()])
    for name in ("auto", "heap", "sysmem"):
        faults = [done[name].told()] if done[name].code else differing(done[name].document, frames=12, copies=12, errors=0,
                                                                       imports=0, allocations_per_frame=0)
        if not faults and (directory / f"{name}.raw").read_bytes() != 12 * yuyv(width, height):
            faults.append(f"the bytes are others: {done[name].told()}")
        cases.case(f"loopback: copied ({name}), byte for byte, and counted", faults)
    plain, copied = done["prefer"], done["allow-copy"]
    cases.case("loopback: a plan with it takes any memory where copies are allowed, and none elsewhere",
               [] if plain.code == 1 and "allow-copy" in plain.out and copied.code == 0 and copied.document["choice"] and
               "cop" in str(copied.document["recipes"]) else [plain.told(), copied.told()])
    for name, file in (("png", "loopback.png"), ("gpu", "gpu.png")):
        cases.case(f"loopback: a picture of copied frames ({name})", [done[name].told()] if done[name].code else
                   differing(done[name].document, copies=3) + other_colours(directory / file, width, height))
    cases.case("a camera that imports copies nothing whatever is allowed", [done["imports"].told()] if done["imports"].code else
               differing(done["imports"].document, copies=0, memory="dmabuf"))


def outputs(cases, directory, _):
    """Frames that are sent: what comes out at the other end is what was put in, and is copied only where that is allowed. vivid's
    output is connected to its own input by HDMI; v4l2loopback's other end is itself."""
    width, height = 640, 480
    (directory / "frame").write_bytes(yuyv(width, height))
    (directory / "small").write_bytes(yuyv(320, 240))
    send = shlex.quote(str(BUILD / "tests" / "lab" / "send_frames"))
    take = f"v4l2-ctl --set-fmt-video=width={width},height={height},pixelformat=YUYV --stream-mmap --stream-count=3 --silent"
    prelude = f"""
node() {{ for entry in /sys/class/video4linux/*; do [ "$(cat $entry/name)" != "$1" ] || echo /dev/${{entry##*/}}; done; }}
input=$(node vivid-000-vid-cap) output=$(node vivid-000-vid-out) loopback=/dev/$(basename /sys/devices/virtual/video4linux/*)
# Begins to send, and ends it: what was sent is printed then.
sending() {{
    rm -f said
    {send} "$@" 2>said & sender=$!
    until grep -q sent said || ! kill -0 $sender; do sleep 0.1; done
}}
ended() {{ kill $sender; wait $sender; code=$?; cat said >&2; return $code; }}
v4l2-ctl -d $input -c hdmi_000_0_is_connected_to=2,osd_text_mode=2
for end in $output $input; do v4l2-ctl -d $end --set-dv-bt-timings cvt,width={width},height={height},fps=60; done >/dev/null
"""
    options = "node_types=0x101 num_inputs=1 input_types=3 num_outputs=1 output_types=1"
    done = in_lab(directory, *GUEST, "--vivid", options, prelude=prelude, timeout=600, commands={
        **{name: f"sending $output {memory} {width}x{height} frame 0; {take} -d $input --stream-to={name}.raw; ended"
           for name, memory in (("import", HEAP), ("own", "own"), ("planned", "plan"))},
        "only-own": f"LD_PRELOAD={shlex.quote(str(BUILD / 'tests' / 'lab' / 'refuse_imports.so'))} "
                    f"{send} $output plan {width}x{height} frame 5",
        "traced": f"strace -f -v -s 0 -o traced.txt {send} $output {HEAP} {width}x{height} frame 20",
        "refused": f"{send} $loopback {HEAP} 320x240 small 3",
        **{name: f"sending $loopback {memory} 320x240 small 0 copy; "
                 f"v4l2-ctl -d $loopback --stream-mmap --stream-count=3 --silent --stream-to={name}.raw; "
                 f"hwalloc capture --device $loopback --allow-copy --frames 6 --output {name}-ours.raw >&2; ended"
           for name, memory in (("copied", "sysmem"), ("heap", HEAP))}})

    def sent(name):
        """What the program says of all frames."""
        line = done[name].out.strip().splitlines()[-1:] or ["{}"]
        return json.loads(line[0])

    for name, title in (("import", "memory of the heap is imported"), ("own", "the driver's own buffers are exported"),
                        ("planned", "memory that a plan chose is imported")):
        faults = [done[name].told()] if done[name].code else differing(sent(name), copies=0, damaged=0)
        # The first that is captured may be older than the stream.
        if not faults and (directory / f"{name}.raw").read_bytes()[-2 * width * height:] != yuyv(width, height):
            faults.append("the bytes that arrived are others")
        cases.case(f"output: {title}, and arrives byte for byte", faults)
    cases.case("output: a plan for one that imports nothing takes its own buffers, which carry the frames",
               [done["only-own"].told()] if done["only-own"].code else differing(sent("only-own"), sent=5, copies=0, damaged=0)
               + ([] if "planned: own memory of output" in done["only-own"].err else [done["only-own"].told()]))
    queued = re.findall(r"VIDIOC_QBUF, .*", (directory / "traced.txt").read_text())
    whole = [line for line in queued if "memory=V4L2_MEMORY_DMABUF" in line and f"bytesused={2 * width * height}" in line]
    total = sent("traced")
    cases.case("output: each frame is one QBUF of a dma-buf, with the bytes that are in it", [] if done["traced"].code == 0 and
               total["sent"] == 20 and len(queued) == len(whole) == total["queued"] + total["buffers"] else
               [f"{len(whole)} of {len(queued)}: {queued[:1]} {done['traced'].told()}"])
    cases.case("output: one that imports nothing is sent nothing, and the way out is named", [] if done["refused"].code == 1 and
               "Output::allow_copies()" in done["refused"].err else [done["refused"].told()])
    for name in ("copied", "heap"):
        faults = [done[name].told()] if done[name].code else differing(sent(name), damaged=0, copies=sent(name)["queued"])
        for file, count in ((f"{name}.raw", 3), (f"{name}-ours.raw", 6)):
            if not faults and (directory / file).read_bytes() != count * yuyv(320, 240):
                faults.append(f"the bytes of {file} are others")
        cases.case(f"output: copied ({name}) and counted, and arrives byte for byte", faults)


def faults(cases, directory, _):
    """A camera that is pulled out, stops, is slow, sends half frames or none: told in words, and sound again afterwards."""
    capture = f"hwalloc capture --device $camera --allocator {HEAP} --size 320x240 --format YUYV --json"
    tell = f"{WEBCAM} tell 0"
    done = in_lab(directory, *GUEST, prelude=PRELUDE, timeout=600, processors=1, commands={
        "gone": meanwhile(f"{capture} --frames 0 --output gone.png", f"{tell} unplug"),
        "missing": f"{capture} --frames 1",
        "again": f"camera=$({tell} plug) && udevadm settle && {capture} --frames 3 --output again.png",
        "none": f"{tell} frames=none && {capture} --frames 3; code=$?; {tell} frames=whole; (exit $code)",
        "over": f"{tell} stop-after=5 && {capture} --frames 10 --output over.png; code=$?; {tell} stop-after=0; (exit $code)",
        # As docs/lab.md has it, from where that is typed.
        "short": f"(cd {shlex.quote(str(TREE))} && camera=$(build/dev/tests/lab/webcam tell 0 frames=short unplug plug) && "
                 f"udevadm settle && {capture} --frames 3); code=$?; camera=$({tell} frames=whole plug); (exit $code)",
        "slow": f"{tell} slow=100 && {capture} --frames 3; code=$?; {tell} slow=0; (exit $code)",
        "sound": f"{capture} --frames 3 --output sound.png"})
    cases.case("webcam: pulled out while it streams: what was captured is written, and it is told",
               [] if done["gone"].code == 1 and done["gone"].error.get("kind") == "device lost" and
               (directory / "gone.png").exists() else [done["gone"].told()])
    cases.case("webcam: its name is then nobody's", [] if done["missing"].code == 1 and done["missing"].error else
               [done["missing"].told()])
    for name, words in (("again", "plugged in again it works"), ("sound", "after all that it works"),
                        ("slow", "slow control transfers are waited for")):
        cases.case(f"webcam: {words}", [done[name].told()] if done[name].code else
                   differing(done[name].document, frames=3, errors=0, copies=0) +
                   (other_colours(directory / f"{name}.png", 320, 240) if name != "slow" else []))
    for name, words in (("none", "that has no frames"), ("over", "that stops")):
        cases.case(f"webcam: a camera {words} is told", [] if done[name].code == 1 and "frame" in done[name].error["message"]
                   else [done[name].told()])
    cases.case("webcam: half frames are no frames", [] if done["short"].code == 1 or done["short"].document.get("errors")
               else [done["short"].told()])


def auto(cases, directory, _):
    """Cameras that do not work before the one that does: each is passed over with its reason."""
    # vivid refuses one STREAMON each time that it is told to.
    refuse = "v4l2-ctl -d /dev/video0 -c inject_vidioc_streamon_error=1"
    capture = f"hwalloc capture --device auto --allocator {HEAP} --size 320x240 --frames 3"
    done = in_lab(directory, *GUEST, prelude=PRELUDE, timeout=600, commands={
        "good": f"{refuse} && {capture} --output auto.png --json",
        "path": "hwalloc capture --device v4l2/vimc --frames 1 --json",
        "sensor": """media-ctl -d platform:vimc -V '"Sensor A":0[fmt:SBGGR8_1X8/640x480]' && """
                  "hwalloc capture --device v4l2/vimc --size 640x480 --format BA81 --frames 2 --json --output sensor.png",
        "gone": f"{WEBCAM} tell 0 unplug && {WEBCAM} tell 1 unplug && {refuse} && {capture} --output gone.png --json",
        "doctor": "hwalloc doctor v4l2/vimc --json"})
    reasons = [("/dev/video0", "VIDIOC_STREAMON", "EINVAL"), ("/dev/video1", "VIDIOC_ENUMINPUT", "ENOLINK"),
               *((f"/dev/video{number}", "VIDIOC_QUERYCAP", "libcamera") for number in (2, 3, 4))]
    good, gone = done["good"], done["gone"]
    cases.case("auto: a camera that does not start, a loopback that nobody feeds and the ends of a pipeline are passed over and named",
               [good.told()] if good.code else differing(good.document, driver="uvcvideo", frames=3, copies=0, errors=0) +
               other_reasons(good.document["cameras_passed_over"], reasons) + other_colours(directory / "auto.png", 320, 240))
    cases.case("auto: where all fail, all are named", [gone.told()] if gone.code != 1 or (directory / "gone.png").exists() else
               other_reasons(gone.error["causes"], reasons))
    path, sensor = done["path"], done["sensor"]
    cases.case("vimc: by its path, without its pipeline: the remedy names it",
               [] if path.code == 1 and path.error["errno"] == "EPIPE" and "media-ctl" in path.error["remedy"] else [path.told()])
    cases.case("vimc: by its path, with its pipeline set up: a picture", [sensor.told()] if sensor.code else
               differing(sensor.document, driver="vimc", frames=2, copies=0, errors=0) + other_bars(directory / "sensor.png"))
    warned = [check["message"] for check in done["doctor"].document.get("checks", []) if check["status"] == "warning"]
    cases.case("vimc: doctor tells what has to be done first", [] if len(warned) == 1 and "libcamera" in warned[0] else
               [done["doctor"].told()])


def other_reasons(told, wanted):
    """`wanted`: of each camera in order its node, the call, and a word of the text."""
    found = [(error["device"].split()[0], error["call"]) for error in told]
    return ([] if found == [reason[:2] for reason in wanted] else [f"passed over are {found}"]) or \
        [error["message"] for error, (_, _, word) in zip(told, wanted) if word not in error["message"]]


def other_bars(path):
    """What of a PNG is no bars from white to black, in the middle of each, where no neighbour shines in."""
    picture = Picture(path)
    found = [tuple(level > 100 for level in picture.at((2 * bar + 1) * picture.width // 16, picture.height // 2)) for bar in range(8)]
    return [] if found == [tuple(bool(bars & bit) for bit in (2, 4, 1)) for bars in range(7, -1, -1)] else [f"the bars are {found}"]


def contract(cases, directory, _):
    """The steps of `check`, and the suite of the contract, over what only this guest has."""
    wanted = {"v4l2/${camera#/dev/}": OF_CAMERAS, "drm-dumb/cirrus": OF_CARDS, "drm-dumb/qxl": OF_CARDS}
    done = in_lab(directory, *GUEST, prelude=PRELUDE, timeout=900, commands={
        **{name.partition("/")[0] + str(number): f"hwalloc check {name} --json" for number, name in enumerate(wanted)},
        # Its tests have the name of a card by number.
        "suite": "for uevent in $(grep -lxE 'DRIVER=(cirrus|qxl)' /sys/class/drm/card?/device/uevent); do "
                 "card=${uevent%/device/uevent}; cards=$cards:*/drm_dumb_${card##*/}; done; "
                 f"{CONTRACT} --gtest_brief=1 --gtest_filter=\"*/v4l2_${{camera#/dev/}}$cards\""})
    for number, (name, steps) in enumerate(wanted.items()):
        one = done[name.partition("/")[0] + str(number)]
        title = one.document.get("allocator", name)
        cases.case(f"check {title}: exactly these steps pass", compare(title, one.code, one.document, steps))
    ran = re.search(r"\[  PASSED  \] (\d+) tests", done["suite"].out)
    each = OF_THE_SUITE * len(wanted)
    cases.case(f"the suite of the contract passes on all of them: {ran and ran[1]} tests",
               [] if done["suite"].code == 0 and ran and int(ran[1]) >= each else [f"fewer than {each}: {done['suite'].told()}"])


def tables_of(frame):
    """Where the Huffman tables of a JPEG are: [(begin, end)]."""
    found, at = [], 2
    while frame[at + 1] != 0xda:
        end = at + 2 + int.from_bytes(frame[at + 2:at + 4], "big")
        found += [(at, end)] if frame[at + 1] == 0xc4 else []
        at = end
    return found


def pictures_of_mjpg(cases, directory, _):
    """Frames of JPEG become pictures, for a file, a GPU and a display; with broken ones among them, and from a camera that is
    pulled out meanwhile."""
    tell, wide, narrow = f"{WEBCAM} tell 0", (1280, 720), (320, 240)
    capture = "hwalloc capture --device auto --frames 4 --json --size 1280x720 --fps 30"
    small = "hwalloc capture --device $camera --format MJPG --size 320x240 --json"
    done = in_lab(directory, *ALONE, prelude=PRELUDE, timeout=900, commands={
        **{name: f"{capture} {to} --output {name}.png" for name, to in TO.items()},
        "heap": f"{capture} --to gpu --allocator {HEAP} --output heap.png",
        "card": f"{small} --to display --allocator drm-dumb/virtio_gpu --frames 4 --output card.png",
        "yuyv": "hwalloc capture --device $camera --size 320x240 --to gpu --frames 4 --json",
        "jpg": f"{small} --frames 4 --output jpg.jpg",
        "stranger": "v4l2-ctl -d $camera --stream-mmap --stream-count=3 --silent --stream-to=stranger.raw "
                    "--set-fmt-video=pixelformat=MJPG,width=320,height=240",
        "bare": f"{tell} huffman=no && {small} --frames 4 --output bare.jpg",
        "bare_raw": f"{small} --frames 1 --output bare.raw",
        "bare_png": f"{small} --frames 4 --output bare_png.png",
        "bare_gpu": f"{small} --to gpu --frames 4 --output bare_gpu.png; code=$?; {tell} huffman=yes; (exit $code)",
        **{f"some_{name}": f"{tell} frames=some && {small} --frames 9 {to} --output some_{name}.png" for name, to in TO.items()},
        **{f"passed_{name}": f"{tell} frames=short && {capture} {to} --output passed_{name}.png"
           for name, to in TO.items() if name != "display"},
        "none": f"{small} --output none.jpg; code=$?; {tell} frames=whole; (exit $code)",
        **{f"{when}_{name}": command for name, to in TO.items() for when, command in (
            ("gone", meanwhile(f"{small} --frames 0 {to} --output gone_{name}.png", f"{tell} unplug").replace(
                "FRAME", "SCREENSHOT" if name == "display" else "FRAME")),
            ("again", f"camera=$({tell} plug) && udevadm settle && {small} --frames 4 {to} --output again_{name}.png"))}})

    def case(words, name, picture, **wanted):
        cases.case(f"webcam: MJPG {words}", [done[name].told()] if done[name].code else
                   differing(done[name].document, **{"format": "MJPG", "copies": 0, **wanted}) +
                   other_colours(directory / f"{name}.png", *picture))

    case("becomes a picture, at the size and rate that are asked for", "png", wide, width=1280, height=720, decodes=4, errors=0)
    case("is decoded for a GPU, and counted", "gpu", wide, decodes=4, errors=0, imports=4)
    case("is decoded into the memory that is named", "heap", wide, allocator=HEAP, memory="dmabuf", gpu_imports=4, decodes=4)
    case("is decoded for a display", "display", wide, decodes=4, errors=0)
    case("is decoded into a card's own memory", "card", narrow, decodes=4,
         allocator=re.sub(r"^(?!drm-dumb/card).*", "one of a card", done["card"].document.get("allocator", "none")))
    cases.case("webcam: what is not compressed is preferred, and nothing is decoded", [done["yuyv"].told()] if done["yuyv"].code
               else differing(done["yuyv"].document, format="YUYV", decodes=0, decoded=None, copies=0))
    case("without Huffman tables becomes a picture", "bare_png", narrow)
    case("without Huffman tables is decoded for a GPU", "bare_gpu", narrow, decodes=4)
    faults = [done[name].told() for name in ("jpg", "stranger", "bare", "bare_raw") if done[name].code]
    if not faults:
        theirs = frames_of_mjpg((directory / "stranger.raw").read_bytes())[-1]
        bare, mended = ((directory / f"bare.{kind}").read_bytes() for kind in ("raw", "jpg"))
        faults += [] if (directory / "jpg.jpg").read_bytes() == theirs else ["it is not the frame that a stranger gets"]
        tables = tables_of(mended)
        faults += [] if len(tables) == 1 and not tables_of(bare) and mended[:tables[0][0]] + mended[tables[0][1]:] == bare else \
            [f"tables at {tables} and {tables_of(bare)} of {len(mended)} and {len(bare)} bytes"]
    cases.case("webcam: a .jpg is the frame as it was sent, with Huffman tables where they were left out", faults)
    for name in TO:
        errors = done[f"some_{name}"].document.get("errors") or 0
        case(f"of which every second frame is broken: counted and left out ({name})", f"some_{name}", narrow,
             errors=max(errors, 1))
    for name in ("passed_png", "passed_gpu"):
        case(f"that is never whole: the camera is passed over ({name})", name, wide)
        told = [error["message"] for error in done[name].document.get("cameras_passed_over", [])]
        cases.case(f"webcam: and why is told ({name})", [] if len(told) == 1 and "every frame was damaged" in told[0] and
                   "cut off" in told[0] and "passed over" in done[name].err else [f"{told}: {done[name].told()}"])
    cases.case("webcam: MJPG that is never whole, of a camera that is named, fails in words",
               [] if done["none"].code == 1 and "cut off" in done["none"].error["message"] and
               not (directory / "none.jpg").exists() else [done["none"].told()])
    for name in TO:
        gone = done[f"gone_{name}"]
        cases.case(f"webcam: pulled out while it sends MJPG ({name}): told, and what was captured is written",
                   [gone.told()] if gone.code != 1 or gone.error.get("kind") != "device lost" else
                   other_colours(directory / f"gone_{name}.png", *narrow))
        case(f"works again once it is plugged in again ({name})", f"again_{name}", narrow, errors=0)


if __name__ == "__main__":
    sys.exit(run({"pictures": pictures, "loopback": loopback, "outputs": outputs, "faults": faults, "auto": auto,
                  "contract": contract},
                 {"mjpg": pictures_of_mjpg}))
