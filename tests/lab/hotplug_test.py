#!/usr/bin/env python3
"""Devices come and go in the lab while a thread allocates, maps and frees by name: vgem is loaded and unloaded, cards are
removed from the PCI bus with their memory mapped, vivid is unloaded and loaded with its buffers held and made, and unbound
from its driver while it streams. come_and_go.cpp does it and judges each step; what is left over is judged here, by what
the kernel counts.

HWALLOC_HOTPLUG_CYCLES says how often (20)."""

import json
import os
import shlex
import sys

sys.dont_write_bytecode = True
from lab_cases import BUILD, in_lab, run  # noqa: E402

# What malloc keeps for its threads, in more and more sizes, would count as used.
COME_AND_GO = "GLIBC_TUNABLES=glibc.malloc.tcache_count=0 " + shlex.quote(str(BUILD / "tests" / "lab" / "come_and_go"))
CYCLES = int(os.environ.get("HWALLOC_HOTPLUG_CYCLES", "20"))
WARM = 4  # cycles after which every cache is filled, and a card has had each of its numbers


def judge(cases, name, done, cycles, source):
    if done.code or not done.document:
        cases.case(f"{name}: {cycles} cycles", [done.told()])
        return
    document, found = done.document, done.document["cycles"]
    print(f"        {name}: {document['allocated']} allocations, {document['device_lost']} on lost devices, "
          f"{document['not_there']} names not there; last: {json.dumps(found[-1])}")
    cases.case(f"{name}: {cycles} cycles, each step as promised", document["faults"] +
               ([] if len(found) == cycles else [f"{len(found)} cycles"]))
    cases.case(f"{name}: the news come by {source}", [] if document["source"] == source else [done.told()])
    if source == "listing":
        cases.case(f"{name}: and it is told why", [] if "/run/udev/control" in document["why_listing"] else [done.told()])
    # In each cycle vgem and a card, in every fifth the camera, once unloaded and once unbound.
    cases.case(f"{name}: everything is told, once", [f"{key}: {document[key]}" for key in ("arrivals", "departures")
                                                     if document[key] != 2 * cycles + (cycles + 3) // 5 + (cycles + 2) // 5])
    cases.case(f"{name}: the thread met both what is there and what is not",
               [] if document["allocated"] > cycles and document["not_there"] > 0 and document["of_cameras"] > 0
               else [done.told()])
    cases.case(f"{name}: no dma-buf is left", [f"cycle {number}: {entry['dma_bufs']}" for number, entry in enumerate(found)
                                               if entry["dma_bufs"]])
    if cycles <= WARM:
        return
    for key, most in (("fds", 0), ("mappings", 4), ("threads", 0), ("heap_bytes", 4096)):
        values = [entry[key] for entry in found[WARM:]]
        cases.case(f"{name}: {key} as after {WARM} cycles",
                   [] if values[-1] - values[0] <= most else [f"{values[0]} became {values[-1]}: {values}"])


def cards(cases, directory, _):
    # Cards leave the bus in each cycle: with a thread for each processor that ends qemu 7.2 once in some hundred cycles.
    done = in_lab(directory, "--accel", "turns", processors=2, timeout=280 + 15 * CYCLES, commands={
        "udev": f"{COME_AND_GO} {CYCLES}",
        # As in a container: the nodes are there, udev is not to be seen.
        "container": f"unshare -m bash -c 'mount -t tmpfs none /run/udev && {COME_AND_GO} 2'",
        # Video memory of a card that has gone is freed late (TTM), now and then after its manager, which then warns.
        "kernel": "dmesg | grep -E 'WARNING|BUG|Oops|refcount_t|leak' | grep -v drm_mm_takedown"})
    judge(cases, "udev", done["udev"], CYCLES, "udev")
    judge(cases, "container", done["container"], 2, "listing")
    cases.case("the kernel has nothing to complain of", [done["kernel"].told()] if done["kernel"].out else [])


if __name__ == "__main__":
    sys.exit(run({"cards": cards}))
