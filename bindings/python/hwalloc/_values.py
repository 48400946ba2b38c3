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


ANSWERS = (False, True, None)
_SYNC = ("unknown", "importer aware", "exporter only", "fence only", "none")
_CAN = ("alloc", "map", "export dmabuf", "export memfd", "import dmabuf", "image")


def properties(contiguous, cached, device_local, sync, granule, max_size, cost, can):
    """Properties, of the numbers of the C interface."""
    return Properties(ANSWERS[contiguous], ANSWERS[cached], ANSWERS[device_local], _SYNC[sync], granule, max_size, cost,
                      frozenset(name for bit, name in enumerate(_CAN) if can >> bit & 1))
