"""What map() gives: bytes for buffers, numpy and DLPack, that end when they should and no earlier."""

import gc
import sys
import zlib

import hwalloc
import numpy
import pytest


def test_numpy_sees_the_memory_itself(memory):
    with memory.map("rw") as view:
        array = numpy.asarray(view)
        assert array.dtype == numpy.uint8 and array.shape == (memory.size,) and array.flags.writeable
        array[:] = 7
        array[5] = 9
        del array
    with memory.map() as view:
        array = numpy.asarray(view)
        assert array[5] == 9 and array[4] == 7 and not array.flags.writeable
        with pytest.raises(ValueError):
            array[0] = 1
        del array


def test_leaving_while_an_array_looks(memory):
    with memory.map("rw") as view:
        numpy.asarray(view)[:] = 1
    with pytest.raises(BufferError, match="still look"):
        with memory.map("r") as view:
            array = numpy.asarray(view)[3:5]
    assert view.ended
    with pytest.raises(hwalloc.Error):
        memory.map("w")  # it is mapped yet, and what the array shows is true
    assert array.tolist() == [1, 1]
    with pytest.raises(ValueError, match="ended"):
        memoryview(view)
    del array
    with memory.map("w") as view:  # with the last array the map has gone
        memoryview(view)[3] = 2


def test_an_exception_of_the_block_goes_on(memory):
    with pytest.raises(KeyError):
        with memory.map("r") as view:
            array = numpy.asarray(view)
            raise KeyError
    assert view.ended and array[0] == array[0]
    with pytest.raises(hwalloc.Error):
        memory.map("w")
    del array
    memory.map("w").unmap()


def test_use_after_unmap(memory):
    view = memory.map("r")
    view.unmap()
    view.unmap()  # once more is nothing
    for use in (memoryview, numpy.asarray, numpy.array, bytes, lambda v: v.__enter__(), lambda v: v.__dlpack__(max_version=(1, 0))):
        with pytest.raises(ValueError, match="ended"):
            use(view)
    assert "ended" in repr(view)


def test_a_view_that_nobody_ended_ends_with_its_object(memory):
    view = memory.map("r")
    with pytest.raises(hwalloc.Error):
        memory.map("w")
    del view
    memory.map("w").unmap()


def test_memory_lives_as_long_as_an_array(allocator):
    array = numpy.asarray(allocator.alloc(4096).map("rw"))
    gc.collect()
    array[:] = 3
    assert array.sum() == 3 * 4096


def test_rows(memory):
    with memory.map("w") as view:
        memoryview(view)[:] = bytes(range(256)) * 256
    with memory.map("r", offset=2, shape=(3, 4), strides=(10, 1)) as view:
        array = numpy.asarray(view)
        assert array.tolist() == [[2, 3, 4, 5], [12, 13, 14, 15], [22, 23, 24, 25]]
        assert (view.shape, view.strides, view.nbytes) == ((3, 4), (10, 1), 12) and array.strides == (10, 1)
        with pytest.raises(BufferError, match="gaps"):
            zlib.crc32(view)
        del array
    with memory.map("r", shape=(2, 2, 3)) as view:
        assert numpy.asarray(view).tolist() == [[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]
        assert view.strides == (6, 3, 1) and bytes(view) == bytes(range(12))
    with memory.map("r", shape=(0, 5)) as view:
        assert numpy.asarray(view).shape == (0, 5)


@pytest.mark.parametrize("wrong", [
    {"offset": -1}, {"offset": 64 * 1024 + 1}, {"shape": (64 * 1024 + 1,)}, {"shape": (2, 2), "strides": (1 << 40, 1)}, {"shape": ()},
    {"shape": (1, 1, 1, 1)}, {"shape": (-1,)}, {"shape": (2, 2), "strides": (2,)}, {"strides": (1,)}, {"shape": (1 << 62, 1 << 62)},
    {"shape": (2, 2), "strides": (1 << 62, 1 << 62)},
    {"offset": 64 * 1024, "shape": (1,)}, {"mode": "a"}, {"mode": ""}])
def test_wrong_shapes_leave_nothing_mapped(memory, wrong):
    with pytest.raises(ValueError):
        memory.map(**{"mode": "r", **wrong})
    memory.map("w").unmap()


def test_the_edge_of_the_window_can_be_looked_at(memory):
    with memory.map("r", offset=64 * 1024 - 24, shape=(3, 4), strides=(10, 1)) as view:
        assert view.nbytes == 12
    with memory.map("r", offset=64 * 1024) as view:
        assert view.nbytes == 0


def test_buffers_ask_for_what_they_get(memory):
    with memory.map("r") as view:
        with memoryview(view) as look:
            assert look.readonly and look.format == "B" and look.nbytes == memory.size and look.contiguous
        with open("/dev/zero", "rb", buffering=0) as zero, pytest.raises((TypeError, BufferError)):
            zero.readinto(view)
    with memory.map("w") as view, open("/dev/zero", "rb", buffering=0) as zero:
        assert zero.readinto(view) == memory.size


def test_references_of_a_view(memory):
    before = sys.getrefcount(memory)
    view = memory.map("r")
    assert sys.getrefcount(memory) == before + 1
    array = numpy.asarray(view)
    held = sys.getrefcount(view)
    del array
    assert sys.getrefcount(view) == held - 1
    view.unmap()
    del view
    assert sys.getrefcount(memory) == before


def test_dlpack(memory):
    with memory.map("rw") as view:
        numpy.asarray(view)[:4] = [1, 2, 3, 4]
        assert view.__dlpack_device__() == (1, 0)
        array = numpy.from_dlpack(view)
        assert array[:4].tolist() == [1, 2, 3, 4] and array.shape == (memory.size,)
        with pytest.raises(BufferError):
            view.unmap()
        del array
    with memory.map("rw", shape=(3, 4), strides=(10, 1)) as view:
        array = numpy.from_dlpack(view)
        assert array.shape == (3, 4) and array.strides == (10, 1)
        del array
    with memory.map("r") as view:
        with pytest.raises(BufferError, match="DLPack before 1.0"):
            view.__dlpack__()
        if numpy.lib.NumpyVersion(numpy.__version__) >= "2.1.0":
            array = numpy.from_dlpack(view)
            assert not array.flags.writeable and array[1] == 2
            del array
        capsule = view.__dlpack__(max_version=(1, 1))
        assert "dltensor_versioned" in repr(capsule)
        with pytest.raises(BufferError):
            view.unmap()
        del capsule  # nobody took it
        for wrong in ({"dl_device": (2, 0)}, {"copy": True}):
            with pytest.raises(BufferError):
                view.__dlpack__(max_version=(1, 0), **wrong)
        with pytest.raises(ValueError):
            view.__dlpack__(max_version=(1, 0), stream=1)
