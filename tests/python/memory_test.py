"""Memory and allocators, on every kind of memory that there is."""

import errno
import mmap
import os

import hwalloc
import pytest


def test_found_by_name(name):
    allocator = hwalloc.Allocator.resolve(name)
    assert hwalloc.Allocator.find(name) == allocator and hash(hwalloc.Allocator.find(name)) == hash(allocator)
    assert allocator.available() is True and allocator.check() is None
    assert allocator.mem_type in (name, name.split("/")[0]) and name.split("/")[0] in repr(allocator)


def test_find_is_a_look_up_and_resolve_explains():
    assert hwalloc.Allocator.find("no-such/memory") is None
    with pytest.raises(hwalloc.Unavailable) as refused:
        hwalloc.Allocator.resolve("no-such/memory")
    assert refused.value.errno == errno.ENOENT and "no-such/memory" in str(refused.value)
    assert isinstance(refused.value, FileNotFoundError) and refused.value.kind == "unavailable"


def test_one_more_name_and_none(allocator):
    allocator.register("mine")
    assert hwalloc.Allocator.find("mine") == allocator and hwalloc.alloc(16, "mine").allocator == allocator
    hwalloc.Allocator.unregister("mine")
    assert hwalloc.Allocator.find("mine") is None
    with pytest.raises(hwalloc.Unavailable):
        hwalloc.Allocator.unregister("mine")
    with pytest.raises(hwalloc.Error) as refused:
        allocator.register("")
    assert refused.value.errno == errno.EINVAL


def test_default(allocator):
    before = hwalloc.Allocator.find()
    try:
        allocator.set_default()
        assert hwalloc.alloc(16).allocator == allocator
    finally:
        before.set_default()


def test_properties(name, allocator):
    properties = allocator.properties()
    assert {"alloc", "map"} <= properties.can and properties.granule >= 1
    assert ("export dmabuf" in properties.can) == (name not in ("sysmem", "memfd"))
    assert properties.contiguous in (True, False, None) and properties.sync in (
        "unknown", "importer aware", "exporter only", "fence only", "none")


def test_sizes(allocator):
    memory = allocator.alloc(1000, align=63, prefix=100, padding=50)
    assert (memory.size, memory.offset, len(memory)) == (1000, 100, 1000)
    assert memory.maxsize >= 1150 and memory.align & 63 == 63
    memory.set_window(90, 1010)
    assert (memory.offset, memory.size) == (90, 1010)
    memory.resize(10, 990)
    assert (memory.offset, memory.size) == (100, 990)
    with pytest.raises(hwalloc.Error) as refused:
        memory.resize(0, memory.maxsize)
    assert refused.value.errno == errno.EINVAL


def test_flags(allocator):
    memory = allocator.alloc(16, flags=hwalloc.MemoryFlags.NO_SHARE)
    assert memory.flags & hwalloc.MemoryFlags.NO_SHARE
    with pytest.raises(hwalloc.Error) as refused:
        memory.share()
    assert refused.value.kind == "unsupported"


def test_share_copy_span(memory):
    with memory.map("w") as view:
        memoryview(view)[:] = bytes(range(256)) * 256
    first, second = memory.share(0, 256), memory.share(256)
    assert first.is_share and not memory.is_share and second.size == memory.size - 256
    assert first.is_span(second) == 0 and second.is_span(first) is None
    assert memory.is_writable is False and first.flags & hwalloc.MemoryFlags.READONLY
    with pytest.raises(hwalloc.Error) as refused:
        memory.map("w")
    assert (refused.value.kind, refused.value.errno) == ("conflict", errno.EPERM)
    copy = second.copy(1, 3)
    with copy.map() as view:
        assert bytes(view) == b"\1\2\3"
    system = memory.copy(10, 5, allocator=hwalloc.Allocator.resolve("sysmem"))
    assert system.allocator.name == "sysmem" and bytes(memoryview(system.map())) == bytes(range(10, 15))


def test_maps_of_one_memory(memory):
    with memory.map("r") as one, memory.map("r") as two:
        assert bytes(one) == bytes(two)
        with pytest.raises(hwalloc.Error) as refused:
            memory.map("w")
        assert refused.value.kind == "conflict"
    with memory.map("rw") as view:
        assert not view.readonly and view.nbytes == memory.size and view.memory == memory


def test_descriptors(name, memory):
    kinds = {"sysmem": [], "memfd": ["memfd"]}.get(name, ["dmabuf"])
    for kind in ("dmabuf", "memfd"):
        if kind not in kinds:
            with pytest.raises(hwalloc.Error) as refused:
                memory.export_fd(kind)
            assert refused.value.kind == "unsupported"
            continue
        lent, fd = memory.borrow_fd(kind), memory.export_fd(kind)
        try:
            assert lent.kind == kind and lent.size == memory.size and fd != lent.fd
            assert os.path.sameopenfile(fd, lent.fd)
            with memory.map("w") as view:
                memoryview(view)[:4] = b"here"
            if kind == "memfd":
                with mmap.mmap(fd, 4, prot=mmap.PROT_READ) as other:
                    assert other[:] == b"here"
        finally:
            os.close(fd)
    if kinds:
        assert memory.fileno() in [memory.borrow_fd(kind).fd for kind in kinds]
    else:
        with pytest.raises(hwalloc.Error):
            memory.fileno()


def test_import(name, memory):
    if name in ("sysmem", "memfd"):
        with open("/dev/null", "rb") as other, pytest.raises(hwalloc.Error) as refused:
            hwalloc.Memory.import_dmabuf(other)
        assert refused.value.errno == errno.EINVAL
        return
    with memory.map("w") as view:
        memoryview(view)[:4] = b"here"
    fd = memory.export_fd()
    again = hwalloc.Memory.import_dmabuf(fd)
    os.close(fd)
    part = hwalloc.Memory.import_dmabuf(memory.borrow_fd().fd, 1, 2)
    assert again.size >= memory.size and part.size == 2
    with part.map() as view:
        assert bytes(view) == b"er"
    with pytest.raises(TypeError):
        hwalloc.Memory.import_dmabuf(memory.borrow_fd().fd, allocator="dmabuf")


def test_wrapped():
    bytes_of_another = bytearray(b"0123456789")
    memory = hwalloc.wrap(bytes_of_another)
    with memory.map("w") as view:
        memoryview(view)[3:5] = b"ab"
    assert bytes_of_another == b"012ab56789"
    with pytest.raises(BufferError):
        bytes_of_another.append(1)  # it is held
    share = memory.share(2, 4)
    del memory
    with share.map() as view:
        assert bytes(view) == b"2ab5"
    del share, view
    bytes_of_another.append(1)
    fixed = hwalloc.wrap(b"fixed")
    assert fixed.flags & hwalloc.MemoryFlags.READONLY
    with pytest.raises(hwalloc.Error):
        fixed.map("w")
    with pytest.raises(TypeError):
        hwalloc.wrap(3)


def test_nothing_is_made_by_hand():
    for kind in (hwalloc.Allocator, hwalloc.Memory, hwalloc.View):
        with pytest.raises(TypeError):
            kind()


def test_version_and_idle_devices():
    assert hwalloc.__version__ == hwalloc.version() and hwalloc.version().count(".") == 2
    hwalloc.close_idle_devices()
