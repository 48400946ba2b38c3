#!/usr/bin/env python3
"""What a user in group video alone, without rights on the heap and udmabuf, can do in the lab, and is told.

usage: user_test.py [check|plan|capture]..."""

import sys

sys.dont_write_bytecode = True
from lab_cases import HEAP, HEAP_NODE, differing, in_lab, run  # noqa: E402

# The second camera demands contiguous memory.
GUEST = ("--user", "--vivid", "n_devs=2 node_types=0x1,0x1 allocators=0,1")


def check(cases, directory, _):
    """Without rights on the heap's node: which node, its owner and mode, what to do; the same from check."""
    directory.chmod(0o777)
    done = in_lab(directory, *GUEST, commands={
        "list": "hwalloc list --json", "check": f"hwalloc check {HEAP} --json", "plain": "hwalloc check sysmem --json"})
    item = {one["name"]: one for one in done["list"].document["allocators"]}.get(HEAP, {})
    why = item.get("why") or {}
    message = why.get("message", "")
    faults = [] if item.get("available") is False else [f"expected unavailable, found {item}"]
    if why.get("kind") != "permission" or why.get("errno") != "EACCES":
        faults.append(f"expected kind permission and EACCES, found {why.get('kind')}, {why.get('errno')}")
    faults += [f"the message lacks {word!r}: {message}" for word in (HEAP_NODE, "root", "0600") if word not in message]
    if not why.get("remedy"):
        faults.append("no remedy")
    cases.case("list without rights: which node, its owner and mode, what to do", faults)

    code, document = done["check"].code, done["check"].document
    faults = [] if code == 1 else [f"exit code {code}, expected 1"]
    failed = [(step["step"], step["detail"]) for step in document["steps"] if step["status"] == "failed"]
    if failed != [("available", message)]:
        faults.append(f"expected the step available to fail with that message, found {failed}")
    cases.case("check without rights: the same message, exit code 1", faults)
    cases.case("check sysmem without rights", [done["plain"].told()] if done["plain"].code else [])


def plan(cases, directory, _):
    """Who may not open the heap is told so in its row, and gets a plan all the same."""
    directory.chmod(0o777)
    done = in_lab(directory, *GUEST, commands={
        "plan": "hwalloc plan --camera /dev/video0 --cpu read --size 320x180 --format YUYV --json",
        "heap": f"hwalloc plan --camera /dev/video0 --size 320x180 --format YUYV --prefer {HEAP} --policy strict --json"})
    document, strict = done["plan"].document, done["heap"].document
    row = [one for one in document.get("candidates", []) if one["name"] == HEAP]
    cases.case("a heap that is closed: untested, with its owner, its mode and the line that mends it",
               [] if row and row[0]["verdict"] == "untested" and row[0]["why"]["errno"] == "EACCES"
               and "0600" in row[0]["why"]["message"] and row[0]["why"].get("mend") else [done["plan"].told()])
    cases.case("the camera's own memory does", differing(document, choice="v4l2/video0"))
    cases.case("strict says no, and why", [] if done["heap"].code == 1 and strict.get("choice") is None
               and "EACCES" in strict["error"]["message"] else [done["heap"].told()])


def capture(cases, directory, _):
    """In group video alone: the camera may be used, the heap and udmabuf not."""
    directory.chmod(0o777)
    done = in_lab(directory, *GUEST, commands={
        "list": "hwalloc list --json",
        "contiguous": "hwalloc capture --device /dev/video1 --buffers 6 --frames 3 --json",
        "named": f"hwalloc capture --device /dev/video0 --allocator {HEAP} --frames 3 --json",
        "auto": "hwalloc capture --device /dev/video0 --frames 3 --json",
        "words": f"hwalloc capture --device /dev/video0 --allocator {HEAP} --frames 3",
        "sysmem": "hwalloc capture --device /dev/video0 --allocator sysmem --frames 3 --json",
        "test": "hwalloc capture --device test --frames 3 --json"})
    item = {one["name"]: one for one in done["list"].document.get("allocators", [])}.get(HEAP, {})
    told = (item.get("why") or {}).get("message", "")
    must = [HEAP_NODE, "root:root", "0600", "EACCES"]
    cases.case("list tells the node, its owner, its mode and what to do",
               [f"{word!r} is missing: {told}" for word in [*must, "udev rule"] if word not in told])
    error = done["named"].error
    faults = [] if done["named"].code == 1 and error.get("kind") == "permission" else [done["named"].told()]
    faults += [f"{word!r} is missing: {error.get('message')}" for word in must if word not in error.get("message", "")]
    story = (item.get("why") or {}).get("remedy")
    if not faults and error.get("remedy") != story:
        faults.append(f"another story than list's: {error.get('remedy')!r}, {story!r}")
    cases.case("capture fails with that same message and exit code 1", faults)
    cases.case("and says it to people", [] if done["words"].code == 1 and story and story in done["words"].err
               else [done["words"].told()])
    # The camera's own buffers need no right but the camera's.
    report = done["auto"].document
    cases.case("auto takes v4l2/video0", [done["auto"].told()] if done["auto"].code else
               differing(report, allocator="v4l2/video0", passed_over=[]))
    cases.case("and of a camera that demands contiguous memory", [done["contiguous"].told()] if done["contiguous"].code else
               differing(done["contiguous"].document, allocator="v4l2/video1", memory="dmabuf", imports=6, copies=0, frames=3))
    error = done["sysmem"].error
    cases.case("memory without a dma-buf is refused in words",
               [] if done["sysmem"].code == 1 and error.get("kind") == "unsupported" and "dma-buf" in error["message"]
               else [done["sysmem"].told()])
    cases.case("the test source needs no rights", [done["test"].told()] if done["test"].code else [])


if __name__ == "__main__":
    sys.exit(run({"check": check, "plan": plan, "capture": capture}))
