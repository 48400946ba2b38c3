#!/usr/bin/env python3
"""What a numpy view of memory costs, beside numpy's own view of an mmap, in one process: microseconds, the best of many rounds.

usage: PYTHONPATH=build/dev/python benchmarks/view.py [ALLOCATOR …]     sysmem and memfd when none is named

GOAL: a view of a 1080p picture in memory that stays mapped costs below 10 µs."""

import mmap
import sys
import timeit

import hwalloc
import numpy

SIZE = 1920 * 1080 * 2
GOAL = 10.0


def best(call):
    """Microseconds for one call."""
    loops = 2000
    return min(timeit.repeat(call, number=loops, repeat=50)) / loops * 1e6


def main(names):
    file = mmap.mmap(-1, SIZE)
    rows = {"numpy.frombuffer(mmap)": best(lambda: numpy.frombuffer(file, numpy.uint8)),
            "numpy.asarray(memoryview(mmap))": best(lambda: numpy.asarray(memoryview(file)))}
    slow = 0
    for name in names:
        memory = hwalloc.alloc(SIZE, name)

        def view(memory=memory):
            with memory.map("r") as mapped:
                numpy.asarray(mapped)

        def rows_of_it(memory=memory):
            with memory.map("r", shape=(1080, 1920 * 2)) as mapped:
                numpy.asarray(mapped)
        rows[f"{name}: map, numpy.asarray, unmap"] = best(view)
        rows[f"{name}: the same in rows"] = best(rows_of_it)
        rows[f"{name}: map, unmap"] = best(lambda memory=memory: memory.map("r").unmap())
        slow += rows[f"{name}: map, numpy.asarray, unmap"] >= GOAL
    for name, microseconds in rows.items():
        print(f"{name:40} {microseconds:8.3f} µs")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["sysmem", "memfd"]))
