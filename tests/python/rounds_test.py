"""Ten thousand rounds leave as many descriptors, mappings and references as there were."""

import gc
import sys

import hwalloc
import numpy
from conftest import descriptors, mappings

ROUNDS = 10_000


def flat(rounds, step):
    """Runs `step`, and holds what the process has afterwards to what it had after the first few."""
    for _ in range(50):
        step()
    gc.collect()
    before = descriptors(), mappings(), len(gc.get_objects())
    allocated = sys.getallocatedblocks()
    for _ in range(rounds):
        step()
    gc.collect()
    after = descriptors(), mappings(), len(gc.get_objects())
    assert after[0] == before[0]
    assert abs(after[1] - before[1]) <= 4 and abs(after[2] - before[2]) <= 20  # the interpreter's own
    assert sys.getallocatedblocks() - allocated < rounds / 10


def test_memory(allocator):
    def step():
        memory = allocator.alloc(4096)
        with memory.map("rw") as view:
            numpy.asarray(view)[0] = 1
        share = memory.share(1, 10)
        assert share.allocator == allocator
        with share.map() as view:
            bytes(view)
    flat(ROUNDS, step)


def test_refused(allocator):
    memory = allocator.alloc(4096)

    def step():
        try:
            memory.share(4096, 1)
        except hwalloc.Error:
            pass
        try:
            hwalloc.Allocator.unregister("no such name")
        except hwalloc.Error:
            pass
        try:
            with memory.map() as view:
                array = numpy.asarray(view)
        except BufferError:
            del array
    flat(ROUNDS, step)


def test_dlpack(memory):
    def step():
        with memory.map("rw") as view:
            numpy.from_dlpack(view)
            view.__dlpack__()
            view.__dlpack__(max_version=(1, 0))
    flat(ROUNDS, step)


def test_wrapped():
    def step():
        hwalloc.wrap(bytearray(100)).share(3).map().unmap()
    flat(ROUNDS, step)


def test_descriptors(name, memory):
    if name == "sysmem":
        return
    kind = "memfd" if name == "memfd" else "dmabuf"

    def step():
        import os
        os.close(memory.export_fd(kind))
        memory.fileno()
        memory.borrow_fd(kind)
        memory.allocator.properties()
    flat(ROUNDS, step)
