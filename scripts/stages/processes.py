"""Commands that never outlive the runner: whatever they start ends with them, when they take too long and when the runner is
told to stop."""

import contextlib
import ctypes
import os
import pathlib
import select
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 20  # seconds; the lab ends its guest and removes its files meanwhile
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked the runner to stop."""

    def __init__(self, number):
        super().__init__(number)
        self.code = 128 + number


def prepare():
    """Makes this process the parent of whatever its commands leave behind, so that it can be found, and turns the signals
    that ask it to stop into Stopped, once: those that come later find it stopping."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def stop(number, _frame):
        for each in STOPPING:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    # Also those that were ignored, as a shell ignores SIGINT for what it runs in the background.
    for each in STOPPING:
        signal.signal(each, stop)


def start(command, **options):
    """Starts a command in a process group of its own. The kernel tells it to end if this process is killed outright."""
    return subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *command], process_group=0, **options)


def end(process):
    """Ends a command and all that it started, kindly first. Returns when they are gone."""
    family = {process.pid, *descendants(process.pid)}
    _end(lambda: family | set(descendants(process.pid)), [process.pid])
    process.wait()


def end_all():
    """Ends everything that this process started and everything that those left behind. For the end of the program, when no
    other thread waits for a command."""
    us = os.getpid()
    groups = set()
    for pid in descendants(us):
        with contextlib.suppress(ProcessLookupError):
            groups.add(os.getpgid(pid))
    _end(lambda: descendants(us), groups - {os.getpgid(0)})


def descendants(ancestor):
    """The processes below one, whichever sessions and groups they made for themselves."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(entry.name)):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, waiting = [], [ancestor]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _stat(pid):
    """State, parent and what follows in /proc/PID/stat; the name before them, in brackets, may hold anything."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _end(family, groups):
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGTERM)
    kill = time.monotonic() + PATIENCE
    give_up = kill + PATIENCE  # on processes of another user, which only end by themselves
    while (alive := [pid for pid in family() if (_stat(pid) or "X")[0] not in "ZX"]) and time.monotonic() < give_up:
        if time.monotonic() > kill:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        _wait_for_one(alive, 1)


def _wait_for_one(pids, seconds):
    """Returns when one of these processes has ended."""
    poll, descriptors = select.poll(), []
    try:
        for pid in pids:
            descriptors.append(os.pidfd_open(pid))
            poll.register(descriptors[-1], select.POLLIN)
        poll.poll(seconds * 1000)
    except ProcessLookupError:
        pass
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
