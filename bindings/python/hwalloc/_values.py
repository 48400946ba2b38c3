"""What the library tells in numbers, with names."""

import enum
import typing


class MemoryFlags(enum.IntFlag):
    """How memory may be used. Names and meanings are GStreamer's."""

    READONLY = 0x02
    MAY_BE_LEAKED = 0x04
    NO_SHARE = 0x10
    ZERO_PREFIXED = 0x20
    ZERO_PADDED = 0x40
    PHYSICALLY_CONTIGUOUS = 0x80
    NOT_MAPPABLE = 0x100


class Properties(typing.NamedTuple):
    """What an allocator's memory is like. Of what nobody can tell, None."""

    contiguous: typing.Optional[bool]
    """One run of physical addresses."""
    cached: typing.Optional[bool]
    """Reads by the CPU go through its cache."""
    device_local: typing.Optional[bool]
    """It lives in a device's own memory."""
    sync: str
    """Which caches DMA_BUF_IOCTL_SYNC maintains: "importer aware", "exporter only", "fence only", "none" or "unknown"."""
    granule: int
    """Sizes are rounded up to so many bytes."""
    max_size: int
    """The largest allocation, in bytes."""
    cost: int
    """Order among allocators that would do: the lower is tried first."""
    can: typing.FrozenSet[str]
    """Of "alloc", "map", "export dmabuf", "export memfd", "import dmabuf", "image"."""


class BorrowedFd(typing.NamedTuple):
    """A descriptor that stays the memory's."""

    fd: int
    kind: str
    """"dmabuf" or "memfd"."""
    offset: int
    """Where the memory's window begins in what the descriptor stands for, in bytes."""
    size: int
    """Bytes of the window."""
    writable: bool
    """Whether it may be written through."""


class PixelFormat(typing.NamedTuple):
    """One pixel format by its codes; 0 where an interface has none for it."""

    name: str
    """What the command calls it."""
    drm: int
    """Of drm_fourcc.h."""
    v4l2: int
    """Of videodev2.h."""
    vulkan: int
    """VkFormat."""
    is_yuv: bool
    """Its numbers are Y'CbCr, grey included."""


class Plane(typing.NamedTuple):
    """Where one plane of a picture lies."""

    memory: int
    """Which of the picture's memories."""
    stride: int
    """Bytes from one row to the next."""
    offset: int
    """Of the first row in that memory, in bytes."""
    size: int
    """Bytes: stride times rows."""


class Layout(typing.NamedTuple):
    """How a picture lies in memory."""

    format: typing.Optional[str]
    """The name of its pixel format; None: DRM has no code for it."""
    fourcc: int
    """Its code of drm_fourcc.h; 0: there is none."""
    width: int
    height: int
    modifier: int
    """Of drm_fourcc.h; 0: rows one after the other."""
    planes: typing.Tuple[Plane, ...]
    memory_sizes: typing.Tuple[int, ...]
    """Bytes that each memory must have at least."""
    matrix: str
    """How Y'CbCr numbers were made: "bt601", "bt709" ..., "rgb", "unspecified"."""
    range: str
    """What black and white are: "limited", "full", "unspecified"."""


class Item(typing.NamedTuple):
    """One allocator of the inventory."""

    name: str
    family: str
    backend: str
    """Who offers it: a backend, a module, "application"."""
    aliases: typing.Tuple[str, ...]
    """Its other names."""
    allocator: "typing.Optional[Allocator]"
    """None: it is not registered, and `why` tells the reason."""
    why: "typing.Optional[Error]"
    """Why it cannot be used now; None: it can."""
    is_default: bool


class CameraItem(typing.NamedTuple):
    """A camera that there is."""

    path: str
    card: str
    """What the driver calls the device; empty when unknown, as the next two."""
    driver: str
    bus: str
    why: "typing.Optional[Error]"
    """Why it cannot be used as it is; None: it can be opened."""


class Control(typing.NamedTuple):
    """A control that a camera has."""

    name: str
    id: int
    """V4L2_CID_*."""
    type: str
    """"integer", "boolean", "menu" (one of the items), "bits", "button", "text" or "other"."""
    min: int
    max: int
    step: int
    default: int
    flags: typing.FrozenSet[str]
    """Of "read only", "write only", "inactive" (has no effect now) and "locked" (cannot be set now)."""
    items: typing.Dict[int, str]
    """Of a menu: its values with their names."""


class FrameSize(typing.NamedTuple):
    """Sizes of frames from min to max in steps, in pixels; of a single size both are equal."""

    min_width: int
    max_width: int
    step_width: int
    min_height: int
    max_height: int
    step_height: int


class OfferedFormat(typing.NamedTuple):
    """A pixel format that a camera offers."""

    format: typing.Optional[str]
    """The name of it; None: the library knows none."""
    pixel_format: int
    """V4L2's code of it."""
    description: str
    sizes: typing.Tuple[FrameSize, ...]
    """Empty: the driver does not tell."""
    compressed: bool
    emulated: bool
    """Converted in software by a wrapper library, not by the device."""


class Cell(typing.NamedTuple):
    """What one participant of a plan says of one memory."""

    participant: str
    verdict: str
    """"accepted", "refused" or "untested"."""
    why: "typing.Optional[Error]"
    """Why not."""
    use: str
    """What the memory becomes for it; empty, as the next three, where it was not taken."""
    once: str
    """What is to be done once for each buffer."""
    begin: str
    """For each frame, before it uses the memory."""
    end: str
    """And afterwards."""


class Candidate(typing.NamedTuple):
    """One memory that a plan looked at."""

    name: str
    verdict: str
    """"accepted", "refused" or "untested"."""
    why: "typing.Optional[Error]"
    """What the memory itself lacks."""
    layout: typing.Optional[Layout]
    """As it was tried; None: it was not."""
    cells: typing.Tuple[Cell, ...]
    """One for each participant."""


class PlanParticipant(typing.NamedTuple):
    """Who shares the memory of a plan."""

    name: str
    needs_contiguous: typing.Optional[bool]
    """Whether it demands contiguous memory; None: not known."""
    why: str
    """How that is known, or why not."""


class CaptureFormat(typing.NamedTuple):
    """What a camera is set to."""

    format: typing.Optional[str]
    """The name of its pixel format; None: the library knows none."""
    pixel_format: int
    """V4L2's code of it."""
    width: int
    height: int
    stride: int
    """Of the first plane, in bytes."""
    fps: float
    """Frames in a second; 0: not told."""
    field: str
    """How the lines come: "progressive", "top", "interlaced" ..."""


ANSWERS = (False, True, None)
_SYNC = ("unknown", "importer aware", "exporter only", "fence only", "none")
_CAN = ("alloc", "map", "export dmabuf", "export memfd", "import dmabuf", "image")
_MATRICES = ("unspecified", "rgb", "bt601", "bt709", "bt2020", "bt2020 constant", "smpte240m", "hsv 180", "hsv 256")
_RANGES = ("unspecified", "limited", "full")
_VERDICTS = ("accepted", "refused", "untested")
_CONTROLS = ("integer", "boolean", "menu", "bits", "button", "text", "other")
_CONTROL_FLAGS = ("read only", "write only", "inactive", "locked")
POLICIES = ("strict", "prefer", "allow copy")
FIELDS = ("any", "progressive", "top", "bottom", "interlaced", "top then bottom", "bottom then top", "alternate", "interlaced top",
          "interlaced bottom")


def properties(contiguous, cached, device_local, sync, granule, max_size, cost, can):
    """Properties, of the numbers of the C interface."""
    return Properties(ANSWERS[contiguous], ANSWERS[cached], ANSWERS[device_local], _SYNC[sync], granule, max_size, cost,
                      frozenset(name for bit, name in enumerate(_CAN) if can >> bit & 1))


def layout(name, fourcc, width, height, modifier, planes, sizes, matrix, range_):
    """A Layout, of the numbers of the C interface."""
    return Layout(name, fourcc, width, height, modifier, planes, sizes, _MATRICES[matrix], _RANGES[range_])


def numbers_of(of):
    """The other way round."""
    return (of.fourcc, of.width, of.height, of.modifier, tuple(map(tuple, of.planes)), tuple(of.memory_sizes),
            _MATRICES.index(of.matrix), _RANGES.index(of.range))


def cell(participant, verdict, *rest):
    """A Cell, of the numbers of the C interface."""
    return Cell(participant, _VERDICTS[verdict], *rest)


def candidate(name, verdict, *rest):
    """A Candidate, of the numbers of the C interface."""
    return Candidate(name, _VERDICTS[verdict], *rest)


def control(name, number, kind, low, high, step, default, flags, items):
    """A Control, of the numbers of the C interface."""
    return Control(name, number, _CONTROLS[kind], low, high, step, default,
                   frozenset(word for bit, word in enumerate(_CONTROL_FLAGS) if flags >> bit & 1), items)


def buffers(name, described, memories):
    """The Images of a plan's buffers."""
    from ._image import Image
    each = max(1, len(described.memory_sizes))
    return [Image(described, memories[first:first + each]) for first in range(0, len(memories), each)]
