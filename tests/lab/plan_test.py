#!/usr/bin/env python3
"""`hwalloc plan` on real drivers in the lab: every cell of its matrix against a program that tries the same by bare ioctls and
shares no code with the library (judge_plan); the choice for a camera that demands contiguous memory in a guest whose memory is
in pieces; and captures that take what the plan found.

usage: plan_test.py [matrix|names|fragmented]...

HWALLOC_PLAN_BOOTS says how many guests are broken into pieces (1)."""

import os
import shlex
import sys

sys.dont_write_bytecode = True
from lab_cases import BUILD, HEAP, differing, in_lab, run  # noqa: E402

JUDGE = shlex.quote(str(BUILD / "tests" / "lab" / "judge_plan"))
BOOTS = int(os.environ.get("HWALLOC_PLAN_BOOTS", "1"))
SCATTERED = (HEAP, "udmabuf", "vulkan/0")
TWO_CAMERAS = "n_devs=2 node_types=0x1,0x1 allocators=0,1"
# How the judge calls whom the plan calls so.
ROLES = {"camera": "camera", "output": "output", "GPU": "gpu", "screen": "display", "CPU,": "cpu"}


def cells(document, participant_of=lambda name: ROLES.get(name.split()[0])):
    return {(cell["candidate"], participant_of(cell["participant"])): cell for cell in document.get("cells", [])}


def disagreements(planned, judged):
    """Where the plan's cells are not the judge's: by verdict, and by call and errno where memory was refused at once. What was
    taken by luck was refused by nobody but reason."""
    faults = []
    for key, theirs in cells(judged, lambda name: name).items():
        ours = cells(planned).get(key)
        if ours is None:
            faults.append(f"{key}: the plan has no such cell")
        elif ours["verdict"] != theirs["verdict"]:
            faults.append(f"{key}: {ours['verdict']} ({ours['reason']}), judged {theirs}")
        elif theirs["verdict"] == "refused" and not theirs.get("luck") and \
                (ours["errno"], ours["vk_result"]) != (theirs["errno"], theirs["result"]):
            faults.append(f"{key}: {ours['call']} {ours['errno']} {ours['vk_result']}, judged {theirs}")
        elif ours["verdict"] != "accepted" and not ours["reason"]:
            faults.append(f"{key}: {ours['verdict']}, without a reason")
    return faults


# name: (plan, judge)
MATRICES = {
    "camera-gpu": ("--camera /dev/video0 --gpu 0 --cpu read", "--camera /dev/video0 --gpu --cpu", "640x480", "YUYV"),
    "contiguous-gpu": ("--camera /dev/video1 --gpu 0", "--camera /dev/video1 --gpu", "640x480", "YUYV"),
    "camera-virtio": ("--camera /dev/video0 --display virtio_gpu", "--camera /dev/video0 --display virtio_gpu", "640x480", "XR24"),
    "gpu-bochs": ("--gpu 0 --display bochs-drm", "--gpu --display bochs-drm", "1024x768", "XR24"),
    "camera-nv12": ("--camera /dev/video0 --gpu 0", "--camera /dev/video0 --gpu", "320x180", "NV12"),
    "output": ("--gpu 0 --video-output /dev/video2", "--output-node /dev/video2 --gpu", "640x360", "YUYV"),
}


def memories(plan):
    """The candidates of a plan: what its devices bring, and what is there for all (three cards in a guest)."""
    words = plan.split()
    brought = [word.replace("/dev", "v4l2") for word in words[words.index("--camera") + 1:][:1]] if "--camera" in words else []
    return [*brought, *(["vulkan/0"] if "--gpu" in words else []), HEAP, "udmabuf", *(f"drm-dumb/card{i}" for i in range(3))]


def matrix(cases, directory, __):
    """Each plan, then the judge over the same memory."""
    # The television input is one that can put a picture into a part of the buffer.
    state = "v4l2-ctl -d /dev/video0 --get-fmt-video --get-selection target=compose"
    commands = {"before": f"v4l2-ctl -d /dev/video0 --set-input 1 -v width=640,height=480,pixelformat=YUYV,bytesperline=2048 && {state}",
                "tried": f"hwalloc plan --camera /dev/video0 --cpu read --size 320x180 --format NV12 --json && {state} >&2",
                "webcam": "v4l2-ctl -d /dev/video0 --set-input 0"}
    for name, (plan, judge, size, fourcc) in MATRICES.items():
        commands[name] = f"hwalloc plan {plan} --size {size} --format {fourcc} --json --svg {name}.svg"
        commands[f"judge-{name}"] = f"{JUDGE} {judge} --size {size} --format {fourcc} {' '.join(memories(plan))}"
    commands["words"] = "hwalloc plan --camera /dev/video1 --gpu 0 --size 640x480 --format YUYV"
    commands["copy"] = "hwalloc plan --camera /dev/video1 --display virtio_gpu --size 640x480 --format XR24 --policy allow-copy --json"
    done = in_lab(directory, "--vivid", "n_devs=3 node_types=0x1,0x1,0x100 allocators=0,1,0", commands=commands, timeout=600)
    for name, (plan, *_) in MATRICES.items():
        planned, judged = done[name], done[f"judge-{name}"]
        faults = [one.told() for one in (planned, judged) if one.code or not one.document]
        found = [one["name"] for one in planned.document.get("candidates", [])]
        if sorted(found) != sorted(memories(plan)):
            faults.append(f"the candidates are {found}")
        faults = faults or disagreements(planned.document, judged.document)
        cases.case(f"{name}: {len(judged.document.get('cells', []))} cells as the judge has them", faults)
        if not faults:
            wrong = [f"{one['name']}: {one['needs_contiguous']}, judged {judged.document['contiguous']}"
                     for one in planned.document["participants"] if (role := ROLES.get(one["name"].split()[0]))
                     and one["needs_contiguous"] != judged.document["contiguous"][role]]
            cases.case(f"{name}: who needs contiguous memory", wrong)
    plain, scattered = done["camera-gpu"].document, done["contiguous-gpu"].document
    cases.case("the camera that takes any memory takes scattered memory too",
               [f"{memory}: {cells(plain).get((memory, 'camera'))}" for memory in SCATTERED
                if cells(plain).get((memory, "camera"), {}).get("verdict") != "accepted"] + differing(plain, verdict="accepted"))
    cases.case("the camera that demands contiguous memory gets its own", differing(scattered, choice="v4l2/video1"))
    screen = done["camera-virtio"].document
    card = screen.get("choice") or ""
    told = [one["only_own"] for one in screen.get("participants", []) if one["name"].startswith("screen")]
    cases.case("a card that imports only its own memory: it is told, and its memory is taken",
               ([] if card.startswith("drm-dumb/") else [f"the choice is {card!r}"]) +
               ([] if told == [True] else [f"only_own: {told}"]))
    before, tried = done["before"], done["tried"]
    kept = "Selection" in before.out and before.out.endswith(tried.err)
    cases.case("a camera that another size and format was tried on has its own format and rectangle again",
               differing(tried.document, verdict="accepted") + ([] if kept else [before.told(), tried.told()]))
    copy = done["copy"].document.get("copy") or {}
    sides = {side: copy.get(side, {}) for side in ("from", "to")}
    cases.case("a camera and a card that share nothing: its own memory for each, and the CPU takes part in both",
               differing(done["copy"].document, choice=None) + differing(copy, participants=1) +
               differing(sides["from"], choice="v4l2/video1", verdict="accepted") +
               ([] if str(sides["to"].get("choice")).startswith("drm-dumb/") else [done["copy"].told()]) +
               [f"{side}: {who}" for side, wanted in (("from", ["camera", "CPU,"]), ("to", ["CPU,", "screen"]))
                if (who := [one["name"].split()[0] for one in sides[side].get("participants", [])]) != wanted])
    words = done["words"]
    cases.case("the same in words", [f"{text!r} is missing: {words.told()}" for text in
                                     ("v4l2/video1 does for all", "needs contiguous memory", "EFAULT", "VIDIOC_QBUF")
                                     if text not in words.out])


def fragmented(cases, directory, _):
    """Memory in pieces first: what is scattered is refused for certain, and the camera's own memory is all that does."""
    size = "--size 320x180 --format GREY"
    plans = {camera: f"--camera /dev/video{camera} --gpu 0" for camera in (0, 1)}
    for number in range(BOOTS):
        done = in_lab(directory, "--fragment=64", "--vivid", TWO_CAMERAS, processors=2, commands={
            # A driver's own buffer holds an image of the format that is set at least, and no block of the first one's size
            # has to be free here.
            "small": "v4l2-ctl -d /dev/video1 -v width=320,height=180,pixelformat=GREY",
            "any": f"hwalloc plan {plans[0]} {size} --json",
            "judge-any": f"{JUDGE} --camera /dev/video0 --gpu {size} {' '.join(memories(plans[0]))}",
            "scattered": f"hwalloc plan --camera /dev/video0 --gpu 0 {size} --prefer {HEAP} --policy strict --json",
            "demanding": f"hwalloc plan {plans[1]} {size} --json",
            "judge": f"{JUDGE} --camera /dev/video1 --gpu {size} {' '.join(memories(plans[1]))}",
            "capture0": f"hwalloc capture --device /dev/video0 --to gpu {size} --buffers 8 --frames 20 --json",
            "capture1": f"hwalloc capture --device /dev/video1 --to gpu {size} --buffers 8 --frames 20 --json",
        }, timeout=300)
        name = f"boot {number + 1} of {BOOTS}"
        faults = [one.told() for one in done.values() if one.code]
        cases.case(f"{name}: plans, judge and captures run", faults)
        if faults:
            continue
        demanding, undemanding = done["demanding"].document, done["any"].document
        # Its own driver's memory is scattered too (vmalloc), and the cheapest.
        cases.case(f"{name}: scattered memory does for the one camera, and it gets some",
                   differing(done["scattered"].document, choice=HEAP, verdict="accepted") +
                   differing(undemanding, choice="v4l2/video0", verdict="accepted") +
                   [f"{memory}: {cells(undemanding).get((memory, 'camera'))}" for memory in SCATTERED
                    if cells(undemanding).get((memory, "camera"), {}).get("verdict") != "accepted"])
        cases.case(f"{name}: its own memory does for the other, and nothing scattered",
                   differing(demanding, choice="v4l2/video1", verdict="accepted") +
                   [f"{memory}: {cells(demanding).get((memory, 'camera'))}" for memory in SCATTERED
                    if cells(demanding).get((memory, "camera"), {}).get("verdict") != "refused"])
        cases.case(f"{name}: every cell as the judge has it", disagreements(demanding, done["judge"].document) +
                   disagreements(undemanding, done["judge-any"].document))
        for camera in (0, 1):
            report = done[f"capture{camera}"].document
            cases.case(f"{name}: camera {camera} captures into {report.get('allocator')}, to the GPU, without a copy",
                       differing(report, copies=0, errors=0, frames=20, buffers=8, imports=8) +
                       differing(report, allocator=f"v4l2/video{camera}"))


def ways_to_say(items):
    """Commands that name a device in each way that list has: with its family and without."""
    size = "--size 64x48 --format XR24 --quick --prefer udmabuf"
    uses = {"v4l2": ("plan --camera {} --quick", "capture {} --list-formats", "doctor {}"),
            "drm-dumb": (f"plan --import {{}} {size}", f"plan --display {{}} {size}"), "vulkan": (f"plan --gpu {{}} {size}",)}
    for item in items:
        if item["name"] not in ("v4l2/video0", "drm-dumb/card0", "drm-dumb/card1", "vulkan/0"):
            continue
        names = {item["name"], *item["aliases"]}
        short = {name.split("/", 1)[1] for name in names if "/" in name and not name.startswith("/")}
        for name in sorted((names | short) - set(uses)):
            for use in uses[item["family"]]:
                yield f"hwalloc {use.format(shlex.quote(name))} --json"


def names(cases, directory, _):
    """Every name that list prints, in every option that takes such a device."""
    vivid = ("--vivid", "n_devs=2 node_types=0x1,0x100")  # a camera and an output
    # Both stand at one place, so udev lets its link lead to whichever of them came last: in each boot to the camera here.
    settled = "link=$(ls /dev/v4l/by-path/*index0 | head -n1) && ln -sfn ../../video0 $link"
    listed = in_lab(directory, *vivid, timeout=600,
                    commands={"list": f"{settled} && hwalloc list --json"})["list"].document
    commands = {f"way{i}": command for i, command in enumerate(ways_to_say(listed.get("allocators", [])))}
    wrong = {"near-camera": "hwalloc plan --camera vido0 --json", "near-node": "hwalloc capture /dev/video99 --json"}
    link = f"{settled} && hwalloc plan --camera $link --quick --json"
    rest = {"output": "hwalloc doctor allocator/v4l2 --json",
            "gone": "rm /dev/video0 && hwalloc doctor camera --json"}  # as in a container: /sys has it, /dev has not
    done = in_lab(directory, *vivid, timeout=1200, commands={"link": link, **commands, **wrong, **rest})
    cases.case(f"{len(commands)} ways to say a device",
               [done[key].told() for key in ("link", *commands) if "error" in done[key].document
                and not done[key].document.get("participants") or not done[key].document]
               + ([] if len(commands) > 20 else [str(listed)]))
    cases.case("names that there are not are answered with those like them",
               [done[key].told() for key, near in (("near-camera", "video0"), ("near-node", "/dev/video"))
                if near not in done[key].error.get("message", "").split("; ", 1)[-1]])
    checks = {one["id"]: one["status"] for one in done["output"].document.get("checks", [])}
    cases.case("a video node that is not meant to capture is no trouble",
               differing(checks, **{"allocator/v4l2/video0": "ok", "allocator/v4l2/video1": "ok"})
               + ([] if done["output"].code == 0 else [done["output"].told()]))
    gone = {one["id"]: one["status"] for one in done["gone"].document.get("checks", [])}
    cases.case("a camera that the kernel has and /dev has not is missing, and has not failed",
               [done["gone"].told()] if "missing" not in gone.values() or "failed" in gone.values() else [])


if __name__ == "__main__":
    sys.exit(run({"matrix": matrix, "names": names}, {"fragmented": fragmented}))
