#!/usr/bin/env python3
"""`hwalloc ps` against processes that hold real dma-bufs in every way there is (hold_dma_bufs.cpp), against the kernel's own list, and
beside a camera that captures: as root, as another user, and of one process."""

import re
import shlex
import sys

sys.dont_write_bytecode = True
from lab_cases import BUILD, HEAP, differing, in_lab, meanwhile, run  # noqa: E402

HOLD = shlex.quote(str(BUILD / "tests" / "lab" / "hold_dma_bufs"))
PAGE = 4096
NOBODY = "setpriv --reuid 65534 --regid 65534 --clear-groups --"


def beside(command):
    """Shell: `command` while hold_dma_bufs holds, whose lines go to the file `held`."""
    return (f"rm -f held hold; mkfifo hold; {HOLD} <hold >held & holder=$!; exec 9>hold; "
            "until grep -q ready held || ! kill -0 $holder; do sleep 0.1; done; "
            f"{command}; code=$?; exec 9>&-; wait $holder; cat held >&2; (exit $code)")


def held_of(done):
    """{what: (inode, pid)} of what hold_dma_bufs told."""
    return {what: (int(inode), int(pid)) for what, inode, pid in re.findall(r"^(\w+) (\d+) (\d+)$", done.err, re.MULTILINE)}


def by_inode(document):
    return {one["inode"]: one for one in document.get("dma_bufs", [])}


def holder(entry, pid):
    return next((one for one in entry.get("holders", []) if one["pid"] == pid), {})


def judge_root(cases, done):
    held, found = held_of(done["root"]), by_inode(done["root"].document)
    if done["root"].code or len(held) != 7:
        cases.case("everything that is held", [done["root"].told()])
        return
    entry = {what: found.get(inode, {}) for what, (inode, _) in held.items()}
    of = {what: holder(entry[what], pid) for what, (_, pid) in held.items()}
    cases.case("a dma-buf with two descriptors",
               differing(entry["descriptors"], bytes=PAGE, exporter="system", name="shared") +
               differing(of["descriptors"], command="hold_dma_bufs", mappings=0, mapped_bytes=0) +
               ([] if len(of["descriptors"].get("descriptors", [])) == 2 else [str(of["descriptors"])]))
    cases.case("one that is mapped only, twice",
               differing(entry["mappings"], bytes=3 * PAGE, name=None) +
               differing(of["mappings"], descriptors=[], mappings=2, mapped_bytes=3 * PAGE))
    cases.case("in a child, in a process whose first thread has ended, in another user's program",
               [f"{what}: {of[what]}" for what in ("child", "thread", "user") if of[what].get("descriptors") != [200]] +
               differing(of["user"], command="sleep"))
    cases.case("one that a driver alone holds: no process, and what it is attached to",
               differing(entry["driver"], bytes=7 * PAGE, holders=[]) +
               ([] if any("vgem" in name for name in entry["driver"].get("devices", [])) else [str(entry["driver"])]))
    cases.case("a name that would act on a terminal, or passes itself off as another line, is shown in numbers",
               differing(entry["named"], name=r"red\x1b[31m", exporter="system", bytes=2 * PAGE))
    processes = {one["pid"]: one for one in done["root"].document["processes"]}
    self = processes.get(held["descriptors"][1], {})
    cases.case("each process with what it holds, once",
               differing(self, dma_bufs=3, bytes=6 * PAGE, descriptors=3, mapped_bytes=3 * PAGE, user=0) +
               differing(processes.get(held["user"][1], {}), dma_bufs=1, bytes=PAGE, user=65534))
    cases.case("root sees all", differing(done["root"].document, closed_processes=0, hides_processes=False, no_kernel_list=None))
    listed = re.search(r"^Total (\d+) objects, (\d+) bytes", done["list"].out, re.MULTILINE)
    cases.case("the kernel's list has the same", [] if listed and (len(found), done["list_ps"].document["bytes"]) ==
               tuple(map(int, listed.groups())) else [done["list"].told(), str(len(found))])


def judge_others(cases, done):
    held = held_of(done["user"])
    document = done["user"].document
    found = by_inode(document)
    cases.case("another user sees his own program's, and is told that there is more",
               ([] if list(found) == [held["user"][0]] else [done["user"].told()]) +
               ([] if document.get("closed_processes", 0) > 0 and (document.get("no_kernel_list") or {}).get("errno") == "EACCES"
                else [done["user"].told()]))
    cases.case("in words, too", [] if "sudo hwalloc ps" in done["words"].out and "sleep" in done["words"].out
               else [done["words"].told()])
    cases.case("nothing that would act on a terminal is written", [] if "\x1b" not in done["table"].out and
               "no process seen" in done["table"].out else [done["table"].told()])
    held, one = held_of(done["one"]), by_inode(done["one"].document)
    # A child of fork keeps its parent's mappings.
    cases.case("of one process, and no other's", [] if set(one) == {held["child"][0], held["mappings"][0]} and
               all([each["pid"] for each in entry["holders"]] == [held["child"][1]] for entry in one.values()) and
               one[held["child"][0]]["references"] > 1 else [done["one"].told()])
    cases.case("one that may not be looked into: permission, and how",
               differing(done["closed"].error, kind="permission", errno="EACCES") +
               ([] if done["closed"].code == 1 and "as root" in done["closed"].error["remedy"] else [done["closed"].told()]))
    camera = done["camera"].document
    entries = [one for one in camera.get("dma_bufs", []) if one["exporter"] == "system"]
    cases.case("a camera that captures: its buffers, its process, and a reference of the driver's",
               [] if len(entries) == 4 and all(len(one["holders"]) == 1 and one["holders"][0]["command"] == "hwalloc" and
                                               one["references"] > len(one["holders"][0]["descriptors"]) + one["holders"][0]["mappings"] for one in entries)
               else [done["camera"].told()])


def holders(cases, directory, _):
    directory.chmod(0o777)
    capture = f"hwalloc capture --device vivid --allocator {HEAP} --buffers 4 --frames 0 >/dev/null"
    done = in_lab(directory, commands={
        "root": beside("hwalloc ps --json"),
        "list_ps": beside("hwalloc ps --json; cat /sys/kernel/debug/dma_buf/bufinfo >bufinfo"),
        "list": "cat bufinfo",
        "user": beside(f"{NOBODY} hwalloc ps --json"),
        "words": beside(f"{NOBODY} hwalloc ps"),
        "table": beside("hwalloc ps"),
        "one": beside("hwalloc ps --json $(awk '$1 == \"child\" { print $3 }' held)"),
        "closed": f"{NOBODY} hwalloc ps 1 --json",
        "camera": meanwhile(capture, "hwalloc ps --json >camera.json; kill -INT $process") + "; cat camera.json"})
    judge_root(cases, done)
    judge_others(cases, done)


if __name__ == "__main__":
    sys.exit(run({"holders": holders}))
