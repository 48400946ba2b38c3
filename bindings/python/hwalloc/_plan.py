"""Which memory all devices take, found by trying."""

from . import _native, _values
from ._image import code_of


def plan(participants, *, format=None, width=0, height=0, size=0, prefer=(), policy="strict", memory_per_plane=False, complete=False):
    """A Plan for those who share the memory, in the order in which they see a frame: a Camera; an allocator's name for the device
    behind it ("v4l2/video0", "vulkan/0", "drm-dumb/card0"); "cpu", "cpu read" or "cpu write"; "output /dev/video1".

    It is for a picture of `format`, `width` and `height`, or for `size` bytes (several sizes: several memories). `prefer`: names of
    allocators, the best one first. policy: "strict" takes what is preferred alone, where anything is; "prefer" the others after it;
    "allow copy" two kinds of memory with a copy in between, too. complete: every candidate is tried. A plan without a choice is no
    error: `error` says why, and allocate() raises it. A Camera has to be negotiated again afterwards. Raises Error."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    if policy not in _values.POLICIES:
        raise ValueError(f"policy is one of {', '.join(_values.POLICIES)}")
    return _native._plan(tuple(participants), tuple(prefer), code_of(format) if format else 0, width, height,
                         _values.POLICIES.index(policy), sizes, memory_per_plane, complete)
