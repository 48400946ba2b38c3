"""What an exception tells, and that nothing is left behind by what was refused: with an allocator whose hooks fail, and without
descriptors or address space."""

import errno
import gc
import json
import os
import pickle
import resource
import subprocess
import sys

import hwalloc
import pytest
from conftest import BUILD, SANITIZED, descriptors


def faulty(what):
    return hwalloc.Allocator.resolve(f"faulty/{what}")


def test_an_error_tells_all(blocks):
    with pytest.raises(hwalloc.Error) as refused:
        faulty("alloc").alloc(4096)
    error = refused.value
    assert isinstance(error, OSError) and error.errno == errno.ENOSPC and error.kind == "exhausted"
    assert error.call == "faulty" and error.operation == "allocating" and error.mend == "hwalloc list"
    assert error.remedy == "use another allocator" and str(error) == error.message and "ENOSPC" in str(error)
    document = json.loads(error.json)
    assert document["mend"] == error.mend and document["errno"] == "ENOSPC" and document["kind"] == error.kind
    assert error.causes == () and error.strerror == error.message


def test_an_error_survives_pickle():
    with pytest.raises(hwalloc.Error) as refused:
        hwalloc.alloc(16, "no-such/memory")
    again = pickle.loads(pickle.dumps(refused.value))
    assert (type(again), again.kind, again.message, again.errno) == (
        type(refused.value), "unavailable", refused.value.message, errno.ENOENT)


def test_python_has_names_for_some():
    with pytest.raises(FileNotFoundError):
        hwalloc.alloc(16, "no-such/memory")
    assert issubclass(hwalloc.Denied, PermissionError) and issubclass(hwalloc.TimedOut, TimeoutError)
    for kind in (hwalloc.Unavailable, hwalloc.Denied, hwalloc.TimedOut):
        assert issubclass(kind, hwalloc.Error)


@pytest.mark.parametrize("call", [
    lambda allocator: allocator.alloc(-1), lambda allocator: allocator.alloc(1, align=-1),
    lambda allocator: allocator.alloc(16).share(-1), lambda allocator: allocator.alloc(16).copy(-1),
    lambda allocator: allocator.alloc(16).share(0, -1), lambda allocator: allocator.alloc(16).resize(0, -1),
    lambda allocator: allocator.alloc(16).set_window(-1, 1), lambda allocator: allocator.alloc(16).export_fd("pipe"),
    lambda allocator: hwalloc.Memory.import_dmabuf(0, -1), lambda allocator: hwalloc.Memory.import_dmabuf(0, 0, -1)])
def test_numbers_that_make_no_sense(allocator, call):
    with pytest.raises(ValueError):
        call(allocator)


@pytest.mark.parametrize("call", [
    lambda allocator: allocator.alloc("much"), lambda allocator: allocator.alloc(1, 2), lambda allocator: allocator.alloc(),
    lambda allocator: allocator.alloc(16).share(size="all"), lambda allocator: allocator.alloc(16).is_span(3),
    lambda allocator: allocator.alloc(16).copy(allocator="sysmem"), lambda allocator: hwalloc.Allocator.resolve(3),
    lambda allocator: hwalloc.Memory.import_dmabuf("fd")])
def test_arguments_of_another_type(allocator, call):
    with pytest.raises(TypeError):
        call(allocator)


def test_more_than_there_is(allocator):
    with pytest.raises(hwalloc.Error) as refused:
        allocator.alloc(sys.maxsize)
    assert refused.value.kind in ("exhausted", "limit", "invalid") and refused.value.errno


def test_a_map_that_fails(blocks):
    memory = faulty("map").alloc(4096)
    references = sys.getrefcount(memory)
    for mode in ("r", "w", "rw"):
        with pytest.raises(hwalloc.Error) as refused:
            with memory.map(mode):
                pytest.fail("it was mapped")
        assert refused.value.errno == errno.EIO
    del refused
    gc.collect()
    assert sys.getrefcount(memory) == references and memory.is_writable
    with pytest.raises(hwalloc.Error):
        memory.copy()


def test_an_access_whose_end_fails(blocks):
    memory = faulty("unmap").alloc(4096)
    view = memory.map("w")
    with pytest.raises(hwalloc.Error) as refused:
        view.unmap()
    assert refused.value.errno == errno.EIO and view.ended
    view.unmap()  # it is gone all the same
    with pytest.raises(hwalloc.Error):
        with memory.map("w"):
            pass
    array = memoryview(memory.map("w"))
    del array  # where nobody can be told
    assert blocks() == 1


def test_a_share_and_a_copy_that_fail(blocks):
    with pytest.raises(hwalloc.Error) as refused:
        faulty("share").alloc(4096).share()
    assert refused.value.errno == errno.EMFILE
    with pytest.raises(hwalloc.Error) as refused:
        faulty("copy").alloc(4096).copy()
    assert (refused.value.kind, refused.value.errno) == ("device lost", errno.ENODEV)


def test_nothing_is_left_of_what_failed(blocks):
    gc.collect()
    before, open_files = blocks(), descriptors()
    for what, use in (("alloc", lambda a: a.alloc(64)), ("map", lambda a: a.alloc(64).map()), ("share", lambda a: a.alloc(64).share()),
                      ("unmap", lambda a: a.alloc(64).map().unmap()), ("copy", lambda a: a.alloc(64).copy())):
        allocator = faulty(what)
        for _ in range(1000):
            try:
                use(allocator)
            except hwalloc.Error as error:
                assert error.call == "faulty"
            else:
                pytest.fail(what)
    gc.collect()
    assert (blocks(), descriptors()) == (before, open_files)


@pytest.mark.skipif(SANITIZED, reason="UBSan looks at objects through a pipe, and takes them for none where it has no descriptor")
def test_without_descriptors():
    before = descriptors()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    kept = []
    memfd = hwalloc.Allocator.resolve("memfd")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before + 8, limits[1]))
        with pytest.raises(hwalloc.Error) as refused:
            for _ in range(20):
                kept.append(memfd.alloc(4096))
        with pytest.raises(hwalloc.Error) as full:
            kept[0].export_fd("memfd")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert refused.value.errno == full.value.errno == errno.EMFILE and refused.value.kind == "exhausted" and kept
    del kept, refused, full
    gc.collect()
    assert descriptors() == before


SHORT_OF_MEMORY = """
import resource, hwalloc
sysmem = hwalloc.Allocator.resolve("sysmem")
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), -1))
kept = []
try:
    while True:
        kept.append(sysmem.alloc(1 << 20))
except hwalloc.Error as error:
    assert error.kind == "exhausted", error.kind
    assert len(kept) > 8, len(kept)
    print("refused")
"""


@pytest.mark.skipif(SANITIZED, reason="AddressSanitizer has taken more addresses than are left here")
def test_without_address_space():
    done = subprocess.run([sys.executable, "-B", "-c", SHORT_OF_MEMORY], env={**os.environ, "PYTHONPATH": str(BUILD / "python")},
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "refused\n", "")
