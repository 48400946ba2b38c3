"""Pictures: memories, and where the pixels are in them."""

from . import _native, _values


def code_of(format):
    """DRM's code of a pixel format, by its name or the code itself."""
    return format if isinstance(format, int) else _native.pixel_format(format).drm


def linear_layout(format, width, height, stride=0, *, memory_per_plane=False):
    """The Layout with rows one after the other in one memory, as V4L2 has it, or with each plane in a memory of its own.
    stride: of the first plane, in bytes; 0: the smallest. Raises Error."""
    return _native._linear(code_of(format), width, height, stride, memory_per_plane)


def row_bytes(layout, plane):
    """How many bytes of each row of a plane are pixels; the rest is room before the next row."""
    try:
        return min(_native._linear(layout.fourcc, layout.width, layout.height, 0, False).planes[plane].stride, layout.planes[plane].stride)
    except (OSError, IndexError):  # of a format without a code, or of which nothing is known
        return layout.planes[plane].stride


class Image:
    """A picture in memory. The memories are its own, and live as long as somebody uses them."""

    def __init__(self, layout, memories):
        self._layout = layout
        self._memories = tuple(memories)

    @classmethod
    def alloc(cls, allocator, format, width, height, *, modifiers=()):
        """New memory of an Allocator, or of the one with that name, for a picture: laid out by its device where that has rules,
        and as one of `modifiers` (of drm_fourcc.h) has it; none: linear. Raises Error."""
        if not isinstance(allocator, _native.Allocator):
            allocator = _native.Allocator.resolve(allocator)
        return cls(*_native._alloc_image(allocator, code_of(format), width, height, tuple(modifiers)))

    @classmethod
    def alloc_layout(cls, allocator, layout):
        """New memory for a picture that lies as a Layout says. Raises Error."""
        if not isinstance(allocator, _native.Allocator):
            allocator = _native.Allocator.resolve(allocator)
        return cls(*_native._alloc_layout(allocator, _values.numbers_of(layout)))

    @property
    def layout(self):
        """Its Layout."""
        return self._layout

    @property
    def memories(self):
        """Its Memory objects."""
        return self._memories

    def map(self, mode="r", plane=0):
        """A View of one plane: rows of the bytes that are pixels, as `numpy.asarray(view)` with two dimensions. Raises Error."""
        return map_plane(self._memories, self._layout, mode, plane, (0,) * len(self._memories))

    def __repr__(self):
        return f"<hwalloc.Image {self._layout.width}x{self._layout.height} {self._layout.format} of {self._memories[0].allocator.name}>"


def map_plane(memories, layout, mode, plane, offsets):
    """A View of the rows of one plane; the picture begins in each memory at its offset."""
    lies = layout.planes[plane]
    return memories[lies.memory].map(mode, offset=offsets[lies.memory] + lies.offset,
                                     shape=(lies.size // lies.stride if lies.stride else 0, row_bytes(layout, plane)),
                                     strides=(lies.stride, 1))
