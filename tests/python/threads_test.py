"""Threads: those that wait do not keep others from running, and memory may be used, shared and dropped by any of them."""

import threading
import time

import hwalloc
import numpy
import pytest


def counted_meanwhile(call):
    """How often another thread came to its turn while `call` was running, and for how long it did."""
    turns, stop = 0, threading.Event()

    def count():
        nonlocal turns
        while not stop.is_set():
            turns += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    begun, at = turns, time.monotonic()
    try:
        call()
    finally:
        took, meanwhile = time.monotonic() - at, turns - begun
        stop.set()
        thread.join()
    return meanwhile, took


@pytest.mark.parametrize("call", ["alloc", "map", "copy"])
def test_others_run_while_one_waits(blocks, call):
    slow = hwalloc.Allocator.resolve("faulty/slow")  # takes 300 ms for an allocation and for a map
    memory = slow.alloc(4096)
    todo = {"alloc": lambda: slow.alloc(4096), "map": lambda: memory.map().unmap(),
            "copy": lambda: memory.copy(allocator=hwalloc.Allocator.resolve("sysmem"))}[call]
    turns, took = counted_meanwhile(todo)
    assert took >= 0.29 and turns >= 5, (turns, took)


def test_a_window_is_not_moved_while_a_thread_maps(blocks):
    memory = hwalloc.Allocator.resolve("faulty/slow").alloc(4096, padding=4096)
    thread = threading.Thread(target=lambda: memory.map().unmap())
    thread.start()
    try:
        deadline = time.monotonic() + 0.25
        with pytest.raises(RuntimeError, match="another thread"):
            while time.monotonic() < deadline:  # until the thread has begun
                memory.set_window(0, 4096)
    finally:
        thread.join()
    memory.resize(16, 4096)


def in_threads(count, work):
    faults = []

    def run(number):
        try:
            work(number)
        except BaseException as error:  # noqa: B036
            faults.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults


def test_many_at_once(allocator):
    memory = allocator.alloc(4096)
    with memory.map("w") as view:
        numpy.asarray(view)[:] = 5

    def work(number):
        for _ in range(300):
            with memory.map("r") as view:
                assert numpy.asarray(view)[number] == 5
            share = memory.share(number, 1)
            with share.map() as view:
                assert bytes(view) == b"\5"
            assert allocator.alloc(64).copy().size == 64

    in_threads(4, work)
    with memory.map("w"):
        pass


def test_one_view_of_all_threads(memory):
    view = memory.map("r")

    def work(_):
        for _ in range(500):
            memoryview(view).release()
            numpy.asarray(view)
    in_threads(4, work)
    view.unmap()


def test_dropped_by_another_thread(allocator):
    made = [allocator.alloc(4096) for _ in range(50)] + [hwalloc.wrap(bytearray(10)) for _ in range(50)]

    def work(_):
        while True:
            try:
                made.pop()
            except IndexError:
                return
    in_threads(3, work)
