#!/usr/bin/env python3
"""`hwalloc run`: programs that nobody here wrote on memory that they do not know. The kernel's own test of its heaps passes on udmabuf and
on a card's memory in place of the system heap; v4l2-ctl and v4l2-compliance stream into memory of an allocator.

usage: run_test.py [heaps|exports|programs]..."""

import shlex
import sys

sys.dont_write_bytecode = True
import kernel_selftest  # noqa: E402
from lab_cases import differing, in_lab, run  # noqa: E402

MEMORIES = ("udmabuf", "drm-dumb/vgem")
CARD = "drm-dumb/card2"  # what the lab's guest calls the card of vgem


def heaps(cases, directory, _):
    selftest = shlex.quote(str(kernel_selftest.build(directory)))
    commands = {"kernel": selftest}
    for name in MEMORIES:
        short = name.rsplit("/", maxsplit=1)[-1]
        # As strace sees it: the kernel's heap is opened by nobody.
        commands[short] = f"strace -f -o {short}.calls hwalloc run --heap system={name} --json -- {selftest}"
        commands[f"{short}_calls"] = f"grep -c 'open.*/dev/dma_heap/system' {short}.calls"
    commands["children"] = (f"hwalloc run --heap system=udmabuf --json -- sh -c '{selftest} >/dev/null & {selftest} >/dev/null; "
                            "wait; true'")
    commands["words"] = f"hwalloc run --heap system=udmabuf --log -- {selftest}"
    done = in_lab(directory, commands=commands)
    cases.case("the kernel's selftest passes on its own heap", [done["kernel"].told()] if done["kernel"].code else [])
    buffers = 0
    for name in MEMORIES:
        short = name.rsplit("/", maxsplit=1)[-1]
        one = done[short]
        heap = (one.document.get("heaps") or [{}])[0]
        buffers = heap.get("buffers", 0)
        cases.case(f"and on {name}, which answers every open and allocation of it",
                   differing(one.document, exit_code=0, signal=None) + differing(heap, node="system", allocator=CARD if short == "vgem" else name) +
                   ([] if one.code == 0 and heap.get("opens", 0) > 3 and buffers > 3 and heap["bytes"] % 4096 == 0
                    else [one.told()]))
        cases.case(f"{name}: the kernel's heap is not opened", [done[f"{short}_calls"].told()]
                   if done[f"{short}_calls"].out.strip() != "0" else [])
        cases.case(f"{name}: what the kernel refuses is refused", [] if heap.get("refused", 0) >= 2 else [str(heap)])
    both = (done["children"].document.get("heaps") or [{}])[0]
    cases.case("children count in one place", differing(both, buffers=2 * buffers))
    words = done["words"].err
    cases.case("in words: each answer, and what it came to",
               [] if f"DMA_HEAP_IOCTL_ALLOC of system, " in words and
               f"/dev/dma_heap/system was answered by udmabuf: " in words and f"{buffers} buffers of " in words
               else [done["words"].told()])


def exports(cases, directory, _):
    camera = "-d /dev/video0 -c osd_text_mode=2 --stream-skip=0 --stream-count=3"
    other = "--export-device=/dev/video1"
    done = in_lab(directory, "--vivid", "n_devs=2 node_types=0x1,0x1", commands={
        "own": f"v4l2-ctl {camera} --stream-mmap --stream-to=own.raw",
        "ctl": f"hwalloc run --v4l2-export udmabuf --json -- v4l2-ctl {camera} --stream-dmabuf {other} --stream-to=ours.raw",
        "same": "cmp own.raw ours.raw && test -s own.raw",
        "plain": "v4l2-compliance -d /dev/video0 -e /dev/video1 -s5",
        "compliance": "hwalloc run --v4l2-export dma-heap/system --json -- v4l2-compliance -d /dev/video0 -e /dev/video1 -s5",
        "streams": "hwalloc run --v4l2-export udmabuf -- gst-launch-1.0 -q v4l2src device=/dev/video0 num-buffers=3 io-mode=dmabuf ! "
                   "fakesink"})
    exported = done["ctl"].document.get("v4l2_export") or {}
    cases.case("v4l2-ctl --stream-dmabuf streams into udmabuf's memory, and its frames are the same",
               differing(exported, allocator="udmabuf", refused=0) +
               ([] if done["ctl"].code == 0 and exported.get("buffers", 0) >= 3 else [done["ctl"].told()]) +
               ([done["same"].told()] if done["same"].code else []))

    def verdicts(text):
        return [line.strip() for line in text.splitlines() if line.strip().startswith("test DMABUF")]

    plain, ours = verdicts(done["plain"].out), verdicts(done["compliance"].err)
    exported = done["compliance"].document.get("v4l2_export") or {}
    cases.case("v4l2-compliance streams DMABUF with memory of a heap, and finds what it finds without",
               ([] if ours and ours == plain and any("OK" in line for line in ours) else [f"{plain} became {ours}"]) +
               ([] if exported.get("buffers", 0) else [done["compliance"].told()[-1500:]]))
    cases.case("a program that streams into what it exports is refused, and told why",
               [] if done["streams"].code and "--v4l2-export" in done["streams"].err and "VIDIOC_QBUF is refused" in done["streams"].err
               else [done["streams"].told()])


def programs(cases, directory, _):
    directory.chmod(0o777)
    static = shlex.quote(str(kernel_selftest.build(directory, "-static")))
    heap = "hwalloc run --heap system=udmabuf"
    done = in_lab(directory, commands={
        "code": f"{heap} -- sh -c 'exit 7'",
        "signal": f"{heap} -- sh -c 'kill -TERM $$'",
        "signal_json": f"{heap} --json -- sh -c 'kill -TERM $$'",
        "handed_on": f"{heap} -- sh -c 'trap \"echo got it; exit 3\" TERM; echo ready; while :; do sleep 0.1; done' >said & process=$!; "
                     "until grep -q ready said; do sleep 0.1; done; kill -TERM $process; wait $process; code=$?; cat said; (exit $code)",
        "words": f"{heap} -- sh -c 'printf %s, \"$@\"; cat' sh '' 'two words' --json </etc/hostname",
        "untouched": f"{heap} -- sh -c 'ls -l /proc/$$/maps >/dev/null; grep -c libhwalloc.so /proc/$$/maps'",
        "environment": f"LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libdl.so.2 {heap} -- sh -c 'echo $LD_PRELOAD'",
        "static": f"{heap} --json -- {static}",
        "setuid": f"cp /bin/true setuid; chmod 4755 setuid; setpriv --reuid 65534 --regid 65534 --clear-groups -- {heap.replace('system=udmabuf', 'system=vgem')} "
                  "--json -- ./setuid",
        "setuid_script": "printf '#!%s/setuid\\n' $PWD >script; chmod 755 script; setpriv --reuid 65534 --regid 65534 --clear-groups -- "
                         "hwalloc run --heap system=vgem --json -- ./script",
        "script": f"printf '#!/usr/bin/env -S sh -e\\necho runs\\n' >good; chmod 755 good; {heap} -- ./good",
        "none": f"{heap} --json -- no-such-program",
        "no_program": f"echo text >text; chmod 755 text; {heap} --json -- ./text",
        "no_dma_buf": "hwalloc run --heap system=memfd --json -- true",
        "no_name": "hwalloc run --heap system=udmabug --json -- true",
        "no_node": "hwalloc run --heap udmabuf --json -- true",
        "nothing": "hwalloc run --json -- true",
        "refused": f"hwalloc run --heap system=udmabuf -- python3 -c 'import fcntl, os, struct\n"
                   "fd = os.open(\"/dev/dma_heap/system\", os.O_RDWR)\n"
                   "fcntl.ioctl(fd, 0xc0184800, struct.pack(\"QIIQ\", 1 << 40, 0, 0, 0))'",
        "relative": "hwalloc run --heap system=udmabuf --json -- sh -c 'cd /dev/dma_heap && : <system && : <./system && "
                    ": </dev//dma_heap/./system && : </dev/dma_heap/../dma_heap/system'"})
    cases.case("its exit code is the program's", [] if done["code"].code == 7 else [done["code"].told()])
    cases.case("a signal that ends it is told", ([] if done["signal"].code == 143 else [done["signal"].told()]) +
               differing(done["signal_json"].document, exit_code=None, signal=15))
    cases.case("a signal is handed on", [] if done["handed_on"].code == 3 and "got it" in done["handed_on"].out
               else [done["handed_on"].told()])
    cases.case("words, empty ones too, and standard input are the program's",
               [] if done["words"].out.startswith(",two words,--json,") and len(done["words"].out) > 19 else [done["words"].told()])
    cases.case("a process that opens no heap has no library of ours but the small one",
               [] if done["untouched"].out.strip() == "0" else [done["untouched"].told()])
    cases.case("what was preloaded before still is", [] if done["environment"].out.strip().endswith(
        "hwalloc-preload.so:/usr/lib/x86_64-linux-gnu/libdl.so.2") else [done["environment"].told()])
    for name, word in (("static", "statically"), ("setuid", "setuid"), ("setuid_script", "setuid")):
        cases.case(f"{name} is refused in words", differing(done[name].error, kind="unsupported") +
                   ([] if done[name].code == 1 and word in done[name].error.get("message", "") and done[name].error.get("remedy")
                    else [done[name].told()]))
    cases.case("a script runs by its interpreter", [] if done["script"].out == "runs\n" else [done["script"].told()])
    for name, kind, code in (("none", "unavailable", 1), ("no_program", "unsupported", 1), ("no_dma_buf", "unsupported", 1),
                             ("no_name", "unavailable", 1), ("no_node", "usage", 2), ("nothing", "usage", 2)):
        cases.case(f"wrong from the beginning: {name}", differing(done[name].error, kind=kind) +
                   ([] if done[name].code == code else [done[name].told()]))
    cases.case("what cannot be had is the program's errno, and our story",
               [] if done["refused"].code == 1 and "DMA_HEAP_IOCTL_ALLOC of system was refused: " in done["refused"].err and
               "OSError" in done["refused"].err else [done["refused"].told()])
    relative = (done["relative"].document.get("heaps") or [{}])[0]
    cases.case("a node is found however it is written, but through links", differing(relative, opens=3, buffers=0))


if __name__ == "__main__":
    sys.exit(run({"heaps": heaps, "exports": exports, "programs": programs}))
