"""Cameras as iterators of frames."""

import contextlib
import fractions

from . import _image, _native, _plan, _values

_FLAGS = ("monotonic", "at exposure", "damaged", "key", "last")


class Camera(_native.Camera):
    """An open camera, by its node or a descriptor of it, which is the camera's from then on.

        with hwalloc.Camera("/dev/video0") as camera:
            camera.configure("YUYV", 640, 480)
            for frame in camera:                        # allocates by a plan, starts, and stops with the loop
                with frame.map() as view:
                    picture = numpy.array(view)

    Several threads may use one: each call has it for itself, and one that waits for a frame lets the others in."""

    _starts = 0  # how often frames began to come, by which a Frame knows whether its memory is filled again

    def configure(self, format=None, width=0, height=0, *, fps=0, stride=0, field="any"):
        """Sets format and rate, and gives the CaptureFormat that the driver made of it: look. What is not named stays the
        driver's choice. Only while no memory is bound. Raises Error."""
        code = format if isinstance(format, int) else _native.pixel_format(format).v4l2 if format else 0
        rate = fractions.Fraction(fps).limit_denominator(10_000)
        return self._told(self._negotiate(code, width, height, stride, rate.numerator, rate.denominator if fps else 0,
                                          _values.FIELDS.index(field)))

    def current_format(self):
        """The CaptureFormat that the device is set to, whoever set it. Raises Error."""
        return self._told(self._current_format())

    @staticmethod
    def _told(numbers):
        name, code, width, height, stride, frames, seconds, field = numbers
        return _values.CaptureFormat(name, code, width, height, stride, frames / seconds if seconds else 0.0, _values.FIELDS[field])

    @property
    def layout(self):
        """How a picture of the configured format lies in memory, as Layout. Raises Error before configure()."""
        return self._layout()

    def allocate(self, allocator=None, count=0, *, participants=("cpu read",)):
        """Gets memory for `count` frames (0: as many as the driver needs, and three) and binds it: of an Allocator, of the one with
        that name, or of what a plan finds for the camera and these participants. Of a driver that imports nothing, its own. Gives
        the name of the memory. Raises Error."""
        count = count or self._min_buffers() + 3
        layout = self.layout
        if self._has_only_own_buffers():
            self._bind_own(count)
            return self._memory(0, 0).allocator.name
        if allocator is None:
            now = self._current_format()
            found = _plan.plan((self, *participants), format=layout.fourcc, width=layout.width, height=layout.height, policy="prefer",
                               size=0 if layout.fourcc else layout.memory_sizes, memory_per_plane=len(layout.memory_sizes) > 1)
            images = found.allocate(count)
            # The plan has set the camera's format for a moment; its stride is now the memory's.
            self._negotiate(now[1], now[2], now[3], images[0].layout.planes[0].stride if layout.fourcc else now[4], *now[5:])
            memories = [memory for image in images for memory in image.memories]
        else:
            if not isinstance(allocator, _native.Allocator):
                allocator = _native.Allocator.resolve(allocator)
            memories = [allocator.alloc(size) for _ in range(count) for size in layout.memory_sizes]
        self._bind(memories)
        return memories[0].allocator.name

    def bind(self, memories):
        """Binds memory of yours; of a format in several memories those of the first frame first. Raises Error, and nothing is
        bound then."""
        self._bind(memories)

    def unbind(self):
        """Stops, and lets go of the memory. Raises Error."""
        self._unbind()

    def start(self):
        """Lets frames come. Raises Error."""
        self._start()
        self._starts += 1

    def stop(self):
        """Lets no more frames come. Raises Error."""
        self._stop()

    def dequeue(self, timeout=None):
        """Waits so many seconds for a Frame (None: for ever). Raises TimedOut when none came, and Error; none of them ends the
        stream."""
        return Frame(self, self._dequeue(-1 if timeout is None else int(timeout * 1000)))

    def frames(self, timeout=5.0):
        """Frames as they come, each of which goes back to the driver when the next is asked for. Allocates where no memory is
        bound, starts, and stops with the iterator: the last frame then stays as it is until the camera starts again. Raises
        TimedOut when none comes for so many seconds, and Error."""
        if not self._bound():
            self.allocate()
        self.start()
        try:
            while True:
                frame = self.dequeue(timeout)
                yield frame
                frame.queue()
        finally:
            with contextlib.suppress(ValueError):  # closed meanwhile
                self.stop()

    def __iter__(self):
        """frames()."""
        return self.frames()

    def formats(self):
        """A list with an OfferedFormat for each pixel format, in the driver's order. Raises Error."""
        return self._formats()

    def controls(self):
        """A list with a Control for each, in the driver's order. Raises Error."""
        return self._controls()

    def get_control(self, name):
        """The value of a control, by its name or number as text ("exposure", "0x980900"). Raises Error."""
        return self._get_control(name)

    def set_control(self, name, value):
        """Sets a control, and gives the value that it has then. Raises Error."""
        return self._set_control(name, value)

    def close(self):
        """Stops, lets go of the memory and closes the node. Once more is nothing; all else raises ValueError then."""
        self._close()

    def __enter__(self):
        """The camera."""
        return self

    def __exit__(self, *exception):
        """Closes it."""
        self.close()

    def fileno(self):
        """The descriptor of the node, for select and event loops: ready to be read when there is a frame. The camera's."""
        return self._fileno()

    @property
    def path(self):
        """The node."""
        return self._path()

    @property
    def driver(self):
        """The driver's name."""
        return self._driver()

    @property
    def card(self):
        """What the device calls itself."""
        return self._card()

    @property
    def bus(self):
        """Where the device is."""
        return self._bus()

    @property
    def needs_contiguous(self):
        """Whether the device demands contiguous memory; None: not known. Raises Error."""
        return self._needs_contiguous()

    @property
    def copies(self):
        """How many frames were copied since memory was bound: 0, unless allow_copies() was called."""
        return self._copies()

    def allow_copies(self, allowed=True):
        """Whether frames may be copied where the driver imports nothing."""
        self._allow_copies(allowed)


class Frame:
    """A frame that the camera has filled, and the application's until it is queued again: at the end of its `with` block, when an
    iterator goes on, or when a camera that was stopped starts again."""

    index: int
    """Which of the bound buffers it is in."""
    sequence: int
    """The driver's count: a gap is a frame that was lost."""
    timestamp_ns: int
    """When the driver took it."""
    flags: "frozenset[str]"
    """Of "monotonic" (the time is CLOCK_MONOTONIC's), "at exposure" (taken when exposure began), "damaged", "key", "last"."""
    field: str
    """How its lines come."""
    memories: "tuple[Memory, ...]"
    """Its Memory objects."""

    def __init__(self, camera, numbers):
        self._camera = camera
        self._layout = camera.layout
        (self.index, self.sequence, self.timestamp_ns, flags, field, self._offsets, self._used) = numbers
        self.flags = frozenset(name for bit, name in enumerate(_FLAGS) if flags >> bit & 1)
        self.field = _values.FIELDS[field]
        self.memories = tuple(camera._memory(self.index, which) for which in range(max(1, len(self._layout.memory_sizes))))
        self._queued = False
        self._starts = camera._starts

    @property
    def layout(self):
        """Its Layout."""
        return self._layout

    @property
    def bytes_used(self):
        """How many bytes of each memory are the picture's."""
        return self._used[:len(self.memories)]

    def map(self, mode="r", plane=0):
        """A View of one plane: rows of the bytes that are pixels. Of a compressed picture (a webcam's JPEG) all its bytes. Raises
        Error."""
        if self._queued or self._starts != self._camera._starts:
            raise ValueError("the frame is the camera's again: map it before it is queued")
        if not self._layout.fourcc:
            return self.memories[plane].map(mode, offset=self._offsets[plane], shape=(self._used[plane],))
        return _image.map_plane(self.memories, self._layout, mode, plane, self._offsets)

    def queue(self):
        """Gives the memory back to the driver; once more is nothing. Raises Error, while an array still looks at it, too."""
        if not self._queued:
            self._camera._queue(self.index)
            self._queued = True

    def __enter__(self):
        """The frame."""
        return self

    def __exit__(self, *exception):
        """Queues it. Where the block ended by an exception that one goes on, whatever the driver says."""
        with contextlib.suppress(*((OSError, ValueError) if any(exception) else ())):
            self.queue()

    def __repr__(self):
        return f"<hwalloc.Frame {self.sequence} of {self._layout.width}x{self._layout.height} {self._layout.format}>"
