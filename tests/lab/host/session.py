"""One command in one guest: its streams, its exit code, its end."""

import os
import selectors
import shlex
import shutil
import sys
import time

from .errors import TIMED_OUT, DiedBooting, LabError
from .progress import Progress
from .screenshot import LINE

PASSED_ON = ("HWALLOC_", "GTEST_")
GUEST_FILES = ("init", "first_mounts", "fragment")


def environment():
    """What of the caller's environment the command sees."""
    return [f"{name}={value}" for name, value in os.environ.items()
            if name.startswith(PASSED_ON) or name.endswith("SAN_OPTIONS")]


def write_job(job, guest_directory, command, settings):
    """Fills the directory from which the guest's init takes its orders."""
    for name in GUEST_FILES:
        shutil.copy(guest_directory / name, job / name)
    (job / "command").write_bytes(b"".join(os.fsencode(word) + b"\0" for word in command))
    (job / "environment").write_bytes(b"".join(os.fsencode(entry) + b"\0" for entry in environment()))
    with open(job / "settings", "w") as file:
        for name, value in settings.items():
            if isinstance(value, list):
                file.write(f"{name}=({' '.join(shlex.quote(str(item)) for item in value)})\n")
            else:
                file.write(f"{name}={shlex.quote(str(value))}\n")


class Session:
    """Watches a machine from power-on until the command's result and all of its output have arrived."""

    def __init__(self, machine, timeout, screenshot=None):
        self.machine = machine
        self.screenshot = screenshot
        self.timeout = timeout
        self.outputs = {"stdout": 1, "stderr": 2}
        self.received = dict.fromkeys(self.outputs, 0)
        self.words = b""
        self.started = False
        self.result = None  # "failed" until the guest says otherwise
        self.selector = selectors.DefaultSelector()

    def run(self):
        """Returns the command's exit code; LabError when there is none."""
        for name, listener in self.machine.listeners.items():
            self.selector.register(listener, selectors.EVENT_READ, (self._accept, name))
        self.machine.start()
        progress = Progress("booting the guest")
        end = time.monotonic() + self.timeout if self.timeout else None
        gone = False
        try:
            while not self._complete():
                left = end - time.monotonic() if end else 1
                if left <= 0:
                    what = "the command did not end" if self.started else "the guest did not boot"
                    raise LabError(f"{what} within {self.timeout:g} s; the guest was killed", TIMED_OUT)
                ready = self.selector.select(min(left, 0.2))
                for key, _ in ready:
                    self._call(key, progress)
                if gone and not ready:
                    if not self.started:
                        raise DiedBooting("the guest died while booting\n" + self.machine.last_words())
                    raise LabError("the guest died before the command ended\n" + self.machine.last_words())
                gone = self.machine.qemu.poll() is not None
                if not self.started:
                    progress.tick()
        finally:
            progress.done()
            self.selector.close()
        if self.screenshot and not self.screenshot.taken:
            raise LabError(f"no picture was taken: the command ended with exit code {self.result[0]} and without a line "
                           f"{LINE.decode()} on its standard error")
        return self.result[0]

    def _complete(self):
        return self.result and all(self.received[name] >= count for name, count in self.result[1].items())

    def _call(self, key, progress):
        handler, name = key.data
        if handler != self._accept:
            progress.done() if self.started else None
        handler(key.fileobj, name)

    def _accept(self, listener, name):
        connection, _ = listener.accept()
        self.selector.unregister(listener)
        self.selector.register(connection, selectors.EVENT_READ,
                               (self._control if name == "control" else self._forward, name))

    def _receive(self, connection):
        try:
            data = connection.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            self.selector.unregister(connection)
            connection.close()
        return data

    def _forward(self, connection, name):
        data = self._receive(connection)
        self.received[name] += len(data)
        if self.screenshot and name == "stderr":
            self.screenshot.look_at(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self.outputs[name], view):]

    def _control(self, connection, _):
        self.words += self._receive(connection)
        *lines, self.words = self.words.split(b"\n")
        for line in lines:
            word, _, rest = line.decode(errors="replace").partition(" ")
            if word == "failed":
                raise LabError(f"the guest could not be set up: {rest}\n{self.machine.last_words()}")
            self.started = True
            if word == "result":
                code, out, err = map(int, rest.split())
                self.result = (code, {"stdout": out, "stderr": err})


def report(text):
    sys.stderr.write(f"lab: {text.rstrip()}\n")
