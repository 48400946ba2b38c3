"""Cameras: a real driver's in the lab (vivid), and what is said where there is none."""

import errno
import gc
import os
import select
import signal
import subprocess
import threading
import time

import hwalloc
import numpy
import pytest
from conftest import IN_LAB, descriptors

CAMERA = "/dev/video0"
needs_camera = pytest.mark.skipif(not IN_LAB, reason="needs the lab's camera")


@pytest.fixture
def camera():
    with hwalloc.Camera(CAMERA) as opened:
        opened.configure("YUYV", 320, 180)
        yield opened


def test_no_camera():
    before = descriptors()
    with pytest.raises(hwalloc.Unavailable):
        hwalloc.Camera("/dev/no-such-camera")
    with pytest.raises(hwalloc.Error) as refused:
        hwalloc.Camera("/dev/null")
    assert refused.value.kind == "unsupported"
    for wrong in (None, 1.5, ["/dev/video0"]):
        with pytest.raises(TypeError):
            hwalloc.Camera(wrong)
    del refused
    gc.collect()
    assert descriptors() == before


def test_a_descriptor_becomes_the_cameras():
    fd = os.open("/dev/null", os.O_RDWR)
    with pytest.raises(hwalloc.Error):
        hwalloc.Camera(fd)
    with pytest.raises(OSError):
        os.fstat(fd)  # it was closed


@needs_camera
def test_what_it_is(camera):
    assert (camera.path, camera.driver) == (CAMERA, "vivid") and camera.card and camera.bus
    now = camera.current_format()
    assert (now.format, now.width, now.height, now.field) == ("YUYV", 320, 180, "progressive") and now.fps > 0
    assert camera.layout.format == "YUYV" and camera.layout.planes[0].stride == now.stride
    assert camera.needs_contiguous in (True, False, None)


@needs_camera
@pytest.mark.parametrize("memory", ["dma-heap/system", "udmabuf", "drm-dumb/vgem", None])
def test_frames(camera, memory):
    name = camera.allocate(memory, 4)
    assert name == hwalloc.Allocator.find(memory).name if memory else name
    seen = []
    for frame in camera:
        assert frame.layout == camera.layout and frame.bytes_used == (320 * 180 * 2,) and frame.memories[0].allocator.name == name
        with frame.map() as view:
            array = numpy.asarray(view)
            assert array.shape == (180, 640) and array.std() > 10  # bars, not nothing
            del array
        seen.append((frame.sequence, frame.timestamp_ns))
        if len(seen) == 20:
            break
    assert seen == sorted(seen) and len(set(seen)) == 20 and camera.copies == 0


@needs_camera
def test_the_bytes_are_the_drivers(camera, tmp_path):
    """The picture of a still scene, beside what v4l2-ctl captures of it."""
    still = "osd_text_mode=2,test_pattern=0"
    subprocess.run(["v4l2-ctl", "-d", CAMERA, "-c", still], check=True)
    camera.allocate("dma-heap/system")
    for frame in camera:
        with frame.map() as view:
            ours = numpy.array(view)
        if frame.sequence >= 2:
            break
    camera.close()
    subprocess.run(["v4l2-ctl", "-d", CAMERA, "--set-fmt-video", "width=320,height=180,pixelformat=YUYV", "--stream-mmap",
                    "--stream-count=3", f"--stream-to={tmp_path / 'raw'}"], check=True, capture_output=True)
    theirs = numpy.fromfile(tmp_path / "raw", numpy.uint8)[-ours.size:].reshape(ours.shape)
    assert (ours == theirs).all()


@needs_camera
def test_an_array_that_lives_too_long(camera):
    camera.allocate("udmabuf", 4)
    frames = camera.frames()
    frame = next(frames)
    view = frame.map()
    array = numpy.asarray(view)
    with pytest.raises(hwalloc.Error) as refused:
        frame.queue()
    assert refused.value.kind == "conflict"
    del array
    view.unmap()
    frame.queue()
    frame.queue()
    with pytest.raises(ValueError, match="again"):
        frame.map()
    assert next(frames).sequence > frame.sequence
    frames.close()


@needs_camera
def test_the_last_frame_of_a_loop_stays(camera):
    camera.allocate("dma-heap/system", 4)
    for frame in camera:
        with frame.map() as view:
            picture = numpy.array(view)
        break
    time.sleep(0.2)  # the driver has stopped
    with frame.map() as view:
        assert (numpy.asarray(view) == picture).all()
    frames = camera.frames()
    another = next(frames)
    with pytest.raises(ValueError, match="again"):
        frame.map()
    frames.close()
    camera.close()
    with another.map() as view:  # its memory is its own
        assert numpy.asarray(view).std() > 10


@needs_camera
def test_controls(camera):
    assert camera.set_control("brightness", 200) == 200 and camera.get_control("Brightness") == 200
    assert camera.set_control("0x00980900", 128) == 128
    with pytest.raises(hwalloc.Error) as refused:
        camera.set_control("no such control", 1)
    assert refused.value.kind == "unsupported" and "brightness" in str(refused.value)
    with pytest.raises(hwalloc.Error):
        camera.set_control("brightness", 100_000)


@needs_camera
def test_what_it_offers(camera):
    items = {item.path: item for item in hwalloc.cameras()}
    assert items[CAMERA].driver == "vivid" and items[CAMERA].why is None and items[CAMERA].card == camera.card
    controls = {control.name: control for control in camera.controls()}
    brightness, pattern = controls["Brightness"], controls["Test Pattern"]
    assert (brightness.type, brightness.min, brightness.max, brightness.default) == ("integer", 0, 255, 128) and not brightness.items
    assert pattern.type == "menu" and pattern.items[0] == "75% Colorbar" and pattern.max in pattern.items
    formats = {offered.format: offered for offered in camera.formats()}
    assert formats["YUYV"].sizes and not formats["YUYV"].compressed and formats["YUYV"].description
    assert any(size.min_width == 320 and size.min_height == 180 for size in formats["YUYV"].sizes)


def test_cameras_of_this_machine():
    assert isinstance(hwalloc.cameras(), list)


@needs_camera
def test_no_frame_in_time(camera):
    camera.allocate("dma-heap/system", 4)
    camera.start()
    held = [camera.dequeue(5.0)]
    with pytest.raises(hwalloc.Error):
        for _ in range(8):
            held.append(camera.dequeue(5.0))  # all are held: waiting for ever would be for nothing
    for frame in held:
        frame.queue()
    camera.stop()
    with pytest.raises(hwalloc.Error) as refused:
        camera.dequeue(0.1)
    assert refused.value.errno == errno.EINVAL


@needs_camera
def test_others_run_and_use_the_camera_while_one_waits(camera):
    camera.configure("YUYV", 320, 180, fps=1)
    camera.allocate("dma-heap/system", 4)
    camera.start()
    camera.dequeue(5.0).queue()
    got = []
    thread = threading.Thread(target=lambda: got.append(camera.dequeue(5.0)))
    thread.start()
    turns = 0
    while thread.is_alive():
        camera.set_control("brightness", 100 + turns % 2)
        turns += 1
    thread.join()
    assert turns >= 2 and got[0].sequence >= 1


@needs_camera
def test_closed_while_a_thread_waits(camera):
    camera.configure("YUYV", 320, 180, fps=1)
    camera.allocate("dma-heap/system", 4)
    camera.start()
    ended = []

    def wait():
        try:
            while True:
                camera.dequeue().queue()
        except ValueError as error:
            ended.append(str(error))
    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    camera.close()
    camera.close()
    thread.join(10)
    assert ended == ["the camera is closed"]
    for use in (lambda: camera.fileno(), lambda: camera.start(), lambda: camera.path, lambda: camera.configure()):
        with pytest.raises(ValueError, match="closed"):
            use()


@needs_camera
def test_control_c_ends_a_wait(camera):
    camera.allocate("dma-heap/system", 4)

    class Rung(Exception):
        pass

    def ring(*_):
        raise Rung
    before = signal.signal(signal.SIGALRM, ring)
    camera.start()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.4)
        with pytest.raises(Rung):
            while True:
                camera.dequeue().queue()
    finally:
        signal.signal(signal.SIGALRM, before)


@needs_camera
def test_in_an_event_loop(camera):
    camera.allocate("dma-heap/system", 4)
    camera.start()
    for _ in range(3):
        assert select.select([camera], [], [], 5.0)[0] == [camera]
        with camera.dequeue(0) as frame:
            assert frame.index < 4
    camera.stop()


@needs_camera
def test_descriptors_are_flat_over_many_frames(camera):
    camera.allocate("udmabuf", 4)
    counts = set()
    for frame in camera:
        with frame.map() as view:
            numpy.asarray(view)
        if frame.sequence > 20:
            counts.add(descriptors())
        if frame.sequence > 100:
            break
    assert len(counts) == 1
    camera.unbind()


@needs_camera
def test_planes_in_memories_of_their_own():
    with hwalloc.Camera(CAMERA) as camera:
        told = camera.configure("NV16", 320, 180)
        layout = camera.layout
        camera.allocate("dma-heap/system")
        frame = next(iter(camera))  # of an iterator that has ended: the frame stays as it is
        with frame.map(plane=0) as luma, frame.map(plane=1) as chroma:
            assert luma.shape == (180, 320) and chroma.shape == (180, 320) and told.format == layout.format == "NV16"
