"""Errors of the library as exceptions.

All are OSError: whatever is refused has an errno, that of the system call where one refused, and code which handles OSError,
by class or by errno, handles memory too. Where Python has a class for the case, the exception is of that as well."""

import errno as _numbers

# What the system would say of each kind, where it said nothing itself.
_ERRNO = {
    "invalid": _numbers.EINVAL, "unavailable": _numbers.ENOENT, "permission": _numbers.EACCES, "unsupported": _numbers.EOPNOTSUPP,
    "incompatible": _numbers.EXDEV, "exhausted": _numbers.ENOMEM, "busy": _numbers.EBUSY, "conflict": _numbers.EPERM,
    "limit": _numbers.EOVERFLOW, "device lost": _numbers.ENODEV,
}


class Error(OSError):
    """What the library refused. `errno` and `str()` are as of every OSError; the rest tells why, and what helps."""

    kind: str = "invalid"
    """What to decide by: "invalid", "unavailable", "permission", "unsupported", "incompatible", "exhausted", "busy", "conflict",
    "limit" or "device lost"."""
    message: str = ""
    """The whole story: one line, and one for each cause."""
    operation: str = ""
    """What was being done."""
    device: str = ""
    """The node, heap, driver or card; empty where none was involved."""
    call: str = ""
    """The system call that refused."""
    remedy: str = ""
    """What the user can do."""
    mend: str = ""
    """A line for a shell that does it; empty where none does."""
    vk_result: int = 0
    """Vulkan's answer, where it was Vulkan that refused."""
    size_wanted: int = 0
    """Bytes asked for; 0: no size was in question."""
    size_held: int = 0
    """Bytes there were."""
    causes: "tuple[Error, ...]" = ()
    """What was tried beside, and failed, too."""
    json: str = ""
    """All of it as a JSON object, in the form of the command's --json."""

    def __str__(self):
        return self.message or super().__str__()


class Unavailable(Error, FileNotFoundError):
    """There is no such allocator, node or device now (kind "unavailable")."""


class Denied(Error, PermissionError):
    """It is there, and the process may not use it (kind "permission"); `mend` is the line that lets it."""


class TimedOut(Error, TimeoutError):
    """Nothing came in time, as no frame of a camera did (errno ETIMEDOUT)."""


def made(answer, kind, domain, code, texts, size_wanted, size_held, causes):
    """The exception for what a function answered: 0, or a negative errno."""
    message, operation, device, call, remedy, mend, json = texts
    number = -answer or (code if domain == 1 else 0) or _ERRNO.get(kind, _numbers.EINVAL)
    of = TimedOut if number == _numbers.ETIMEDOUT else {"unavailable": Unavailable, "permission": Denied}.get(kind, Error)
    error = of(number, message)
    error.__dict__.update(kind=kind, message=message, operation=operation, device=device, call=call, remedy=remedy, mend=mend,
                          vk_result=code if domain == 2 else 0, size_wanted=size_wanted, size_held=size_held, causes=tuple(causes),
                          json=json)
    return error
