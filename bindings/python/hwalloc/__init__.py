"""One allocator interface for every memory that cameras, GPUs, displays and the CPU share on Linux.

    import hwalloc, numpy

    heap = hwalloc.Allocator.resolve("dma-heap/system")     # or "udmabuf", "memfd", "vulkan/0" ...
    memory = heap.alloc(1920 * 1080)
    with memory.map("w") as view:                           # cache maintenance included, ends with the block
        numpy.asarray(view)[:] = 128
    memory.fileno()                                         # the dma-buf, for a camera, a GPU, a display

Whatever is refused is a hwalloc.Error, which tells the call, the errno and what helps. docs/python.md is the manual."""

from ._camera import Camera, Frame
from ._errors import Denied, Error, TimedOut, Unavailable
from ._image import Image, linear_layout
from ._native import (Allocator, Memory, Plan, View, cameras, close_idle_devices, forget_plans, inventory, pixel_format, version,
                      wrap)
from ._plan import plan
from ._values import (BorrowedFd, CameraItem, Candidate, CaptureFormat, Cell, Control, FrameSize, Item, Layout, MemoryFlags,
                      OfferedFormat, PixelFormat, Plane, PlanParticipant, Properties)

__all__ = [
    "Allocator", "BorrowedFd", "Camera", "CameraItem", "Candidate", "CaptureFormat", "Cell", "Control", "Denied", "Error",
    "Frame", "FrameSize", "Image", "Item", "Layout", "Memory", "MemoryFlags", "OfferedFormat", "PixelFormat", "Plan",
    "PlanParticipant", "Plane", "Properties", "TimedOut", "Unavailable", "View", "alloc", "cameras", "close_idle_devices",
    "forget_plans", "inventory", "linear_layout", "pixel_format", "plan", "version", "wrap",
]
__version__ = version()


def alloc(size, allocator=None, *, flags=0, align=0, prefix=0, padding=0):
    """New memory of so many bytes, of an Allocator, of the one with that name, or of the default. The rest is as of
    Allocator.alloc(). Raises Error."""
    if not isinstance(allocator, Allocator):
        allocator = Allocator.resolve(allocator)
    return allocator.alloc(size, flags=flags, align=align, prefix=prefix, padding=padding)
