"""Plans, pictures and the inventory."""

import errno

import hwalloc
import numpy
import pytest
from conftest import IN_LAB
from threads_test import counted_meanwhile


def test_inventory():
    items = {item.name: item for item in hwalloc.inventory()}
    assert items["sysmem"].allocator == hwalloc.Allocator.find("sysmem") and items["sysmem"].why is None
    assert "SystemMemory" in items["sysmem"].aliases and items["memfd"].family == "memfd"
    assert [item.name for item in items.values() if item.is_default] == [hwalloc.Allocator.find().name]
    assert {item.name for item in hwalloc.inventory(quick=True)} >= {"sysmem", "memfd"}
    for item in items.values():
        assert item.why is None or (isinstance(item.why, hwalloc.Error) and str(item.why))
        assert item.allocator is None or item.allocator.name == item.name
    if not IN_LAB:
        return
    assert items["dma-heap/system"].allocator.available()


def test_pixel_formats():
    yuyv = hwalloc.pixel_format("yuyv")
    assert yuyv == hwalloc.pixel_format("YUYV") and yuyv.drm == yuyv.v4l2 == int.from_bytes(b"YUYV", "little") and yuyv.is_yuv
    assert yuyv.name == "YUYV" and not hwalloc.pixel_format("XR24").is_yuv and hwalloc.pixel_format("nv12").vulkan
    with pytest.raises(hwalloc.Error) as refused:
        hwalloc.pixel_format("no such format")
    assert refused.value.errno == errno.EINVAL


def test_layouts():
    layout = hwalloc.linear_layout("NV12", 64, 32)
    assert [tuple(plane) for plane in layout.planes] == [(0, 64, 0, 64 * 32), (0, 64, 64 * 32, 64 * 16)]
    assert layout.memory_sizes == (64 * 48,) and (layout.format, layout.width, layout.height, layout.modifier) == ("NV12", 64, 32, 0)
    apart = hwalloc.linear_layout("NV12", 64, 32, memory_per_plane=True)
    assert [plane.memory for plane in apart.planes] == [0, 1] and len(apart.memory_sizes) == 2
    assert hwalloc.linear_layout("YUYV", 64, 32, 256).planes[0].stride == 256
    with pytest.raises(hwalloc.Error):
        hwalloc.linear_layout("YUYV", 64, 32, 1)


@pytest.mark.parametrize("apart", [False, True])
def test_images(allocator, apart):
    layout = hwalloc.linear_layout("NV12", 64, 32, 80, memory_per_plane=apart)
    image = hwalloc.Image.alloc_layout(allocator, layout)
    assert image.layout == layout and len(image.memories) == 1 + apart and "NV12" in repr(image)
    with image.map("w") as view:
        numpy.asarray(view)[:] = 7
    with image.map("w", plane=1) as view:
        assert view.shape == (16, 64) and view.strides == (80, 1)
        numpy.asarray(view)[:] = 9
    with image.map() as luma, image.map(plane=1) as chroma:
        assert (numpy.asarray(luma).sum(), numpy.asarray(chroma).sum()) == (7 * 64 * 32, 9 * 64 * 16)
    with pytest.raises(IndexError):
        image.map(plane=2)


def test_images_by_name(name):
    if name in ("sysmem", "memfd"):
        with pytest.raises(hwalloc.Error) as refused:
            hwalloc.Image.alloc("no-such/memory", "YUYV", 64, 32)
        assert refused.value.kind == "unavailable"
    image = hwalloc.Image.alloc(name, "XR24", 64, 32)
    with image.map("w") as view:
        assert view.shape == (32, 256)


def test_a_plan_of_the_cpu(name):
    plan = hwalloc.plan(["cpu read"], format="YUYV", width=64, height=32, prefer=[name])
    if plan.choice is None:
        assert isinstance(plan.error, hwalloc.Error)
        with pytest.raises(hwalloc.Error):
            plan.allocate(1)
        return
    assert plan.choice == plan.ranking[0] and plan.error is None and plan.choice in plan.explain()
    chosen = next(one for one in plan.candidates if one.name == plan.choice)
    assert chosen.verdict == "accepted" and chosen.cells[0].verdict == "accepted" and chosen.layout.width == 64
    images = plan.allocate(3)
    assert len(images) == 3 and all(image.layout.format == "YUYV" for image in images)
    with images[2].map("r") as view:
        assert view.shape == (32, 128)


def test_what_a_plan_refuses():
    with pytest.raises(ValueError, match="policy"):
        hwalloc.plan(["cpu"], size=10, policy="whatever")
    with pytest.raises(TypeError):
        hwalloc.plan([3], size=10)
    with pytest.raises(TypeError):
        hwalloc.plan(["cpu"], size=10, prefer=[3])
    with pytest.raises(hwalloc.Unavailable):
        hwalloc.plan(["no-such/device"], size=10)
    with pytest.raises(hwalloc.Error) as refused:
        hwalloc.plan([], size=10)
    assert refused.value.errno == errno.EINVAL
    hwalloc.forget_plans()


@pytest.mark.skipif(not IN_LAB, reason="needs the lab's devices")
def test_a_plan_of_devices():
    plan = hwalloc.plan(["v4l2/video0", "vulkan/0", "cpu read"], format="YUYV", width=640, height=480, complete=True)
    assert plan.choice and len(plan.participants) == 3 and plan.participants[2].name
    for candidate in plan.candidates:
        assert len(candidate.cells) == 3
        for cell in candidate.cells:
            assert cell.verdict in ("accepted", "refused", "untested") and (cell.verdict == "accepted" or cell.why is not None)
    assert len(plan.allocate(2)) == 2 and plan.copy is None


@pytest.mark.skipif(not IN_LAB, reason="needs the lab's devices")
def test_others_run_while_a_plan_is_made():
    hwalloc.forget_plans()
    turns, took = counted_meanwhile(lambda: hwalloc.plan(["v4l2/video0", "cpu read"], format="YUYV", width=640, height=480, complete=True))
    assert turns >= min(5, took / 0.02), (turns, took)


@pytest.mark.skipif(not IN_LAB, reason="needs the lab's devices")
def test_a_plan_that_finds_nothing():
    """The camera has no pixels of ten bits."""
    plan = hwalloc.plan(["v4l2/video0", "cpu read"], format="P010", width=640, height=480)
    assert plan.choice is None and plan.ranking == () and str(plan.error)
    refused = [cell for candidate in plan.candidates for cell in candidate.cells if cell.verdict == "refused"]
    assert refused and all(isinstance(cell.why, hwalloc.Error) and str(cell.why) for cell in refused)
    with pytest.raises(hwalloc.Error):
        plan.allocate(1)


@pytest.mark.skipif(not IN_LAB, reason="needs the lab's camera")
def test_a_plan_with_an_open_camera():
    with hwalloc.Camera("/dev/video0") as camera:
        camera.configure("YUYV", 320, 180)
        plan = hwalloc.plan([camera, "cpu read"], format="YUYV", width=320, height=180)
        assert plan.choice and "video0" in plan.participants[0].name
        with pytest.raises(RuntimeError, match="already"):
            hwalloc.plan([camera, camera], size=10)
        assert camera.current_format().format == "YUYV"
        with pytest.raises(ValueError, match="closed"):
            camera.close()
            hwalloc.plan([camera], size=10)
