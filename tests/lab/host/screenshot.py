"""The picture on the monitor of the guest's virtio-gpu, taken from outside when the command asks for it.

The command asks by a line SCREENSHOT on its standard error; the first one counts. QEMU is told to write down what the
monitor would show: the guest has no part in it and cannot tell it anything else."""

import json
import shutil
import socket

from .errors import LabError

LINE = b"SCREENSHOT"
PATIENCE = 60.0  # seconds; QEMU answers at once unless the host is very busy


class Screenshot:
    """Looks at the command's standard error for the line, and takes the picture when it comes."""

    def __init__(self, machine, file):
        self.machine = machine
        self.file = file
        self.taken = False
        self._rest = b""  # the line that has not ended yet, its beginning only

    def look_at(self, data):
        """Takes the next bytes of standard error. When it returns, the picture of a line in them is in the file."""
        if self.taken:
            return
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:len(LINE) + 1]
        if LINE in lines:
            self._take()

    def _take(self):
        picture = self.machine.run_directory / "screenshot.png"
        with Monitor(self.machine.monitor) as monitor:
            monitor.call("screendump", filename=str(picture), format="png", device=self.machine.DISPLAY)
        shutil.copyfile(picture, self.file)
        self.taken = True


class Monitor:
    """QEMU's machine protocol, one call after the other (the QMP specification: one JSON object a line)."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        try:
            self._socket.connect(str(path))
            self._lines = self._socket.makefile("r", encoding="utf-8")
            self._read()  # the greeting
            self.call("qmp_capabilities")
        except OSError as error:
            self._socket.close()
            raise LabError(f"qemu's monitor does not answer: {error}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _read(self):
        line = self._lines.readline()
        if not line:
            raise LabError("qemu ended while it was asked for a picture")
        return json.loads(line)

    def call(self, command, **arguments):
        """Returns when it is done; LabError when qemu refuses."""
        request = {"execute": command, "arguments": arguments}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            while True:
                answer = self._read()
                if "error" in answer:
                    raise LabError(f"qemu refuses {command}: {answer['error'].get('desc')}")
                if "return" in answer:  # all else are events
                    return answer["return"]
        except OSError as error:
            raise LabError(f"qemu does not answer to {command}: {error}") from error
