"""The processes a guest consists of: one virtiofsd a share, and qemu."""

import os
import shutil
import signal
import socket
import subprocess

from . import processes
from .errors import LabError

TO_GUEST = "mount -t virtiofs job /mnt && exec /mnt/init"


def _virtiofsd():
    """The C one of Debian 12 and the Rust one of Debian 13 name their options differently."""
    rust, c = "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"
    if os.access(rust, os.X_OK):
        return lambda path, fd, cache, read_only: [
            rust, f"--shared-dir={path}", f"--fd={fd}", "--sandbox=chroot", f"--cache={cache}", "--rlimit-nofile=0",
            "--log-level=error"] + (["--readonly"] if read_only else [])
    if os.access(c, os.X_OK):
        return lambda path, fd, cache, read_only: [
            c, "-o", f"source={path}", f"--fd={fd}", "-o", "sandbox=chroot", "-o", f"cache={cache}",
            "--rlimit-nofile=0", "-o", "log_level=err", "-f"]
    raise LabError("virtiofsd is not installed: run 'scripts/setup --lab'")


# Without what helps a processor and costs an emulator time: bytes copied by one instruction are copied one by one (erms), and
# each time that the kernel may touch a program's memory a block of emulated code ends (smap).
EMULATED = "max,la57=off,erms=off,smap=off,smep=off"
PROCESSORS = {
    "tcg": ["-accel", "tcg,thread=multi", "-cpu", EMULATED],
    # One thread for all processors: a device that leaves the bus while the other processor uses it takes qemu 7.2 along.
    "turns": ["-accel", "tcg,thread=single", "-cpu", EMULATED],
    "icount": ["-accel", "tcg,thread=single", "-icount", "shift=0", "-cpu", "max,la57=off"],
    "kvm": ["-accel", "kvm", "-cpu", "host"],
}


class Machine:
    """Sockets and processes of one guest, all inside one run directory. `hardware`: more arguments for qemu."""

    PORTS = ("control", "stdout", "stderr")
    DISPLAY = "display"  # the virtio-gpu's name for qemu

    def __init__(self, run_directory, root, kernel, memory, processors, accelerator, terminal=False, hardware=()):
        if not shutil.which("qemu-system-x86_64"):
            raise LabError("qemu-system-x86_64 is not installed: run 'scripts/setup --lab'")
        self.run_directory = run_directory
        self.console = run_directory / "console"
        self.monitor = run_directory / "qmp"
        self.children = []
        self.listeners = {}
        self._log = open(run_directory / "log", "w")
        self._arguments = self._hardware(kernel, memory, processors, accelerator) + list(hardware)
        self._shares = 0
        # The root never changes under a guest, so the guest may cache it for ever; it has no way to write to it.
        self.share("root", root, cache="always", read_only=True)
        if terminal:
            self._arguments += ["-chardev", "stdio,id=terminal,signal=off", "-device", "virtconsole,chardev=terminal"]
        self.terminal = terminal
        for port in self.PORTS:
            self._port(port)

    def share(self, tag, path, cache="auto", read_only=False):
        """Shares path with the guest under tag."""
        name = self.run_directory / f"fs{self._shares}"
        self._shares += 1
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(name))
            listener.listen(1)
            command = _virtiofsd()(path, listener.fileno(), cache, read_only)
            self.children.append(processes.start(command, self._log, pass_fds=[listener.fileno()]))
        self._arguments += ["-chardev", f"socket,id={tag},path={name}",
                            "-device", f"vhost-user-fs-pci,chardev={tag},tag={tag}"]

    def start(self):
        """Power on."""
        out = None if not self.terminal else 1
        self.qemu = processes.start(self._arguments, self._log, 
                                    stdin=0 if self.terminal else subprocess.DEVNULL, stdout=out)
        self.children.insert(0, self.qemu)

    def stop(self):
        processes.stop(self.children)
        for listener in self.listeners.values():
            listener.close()
        self._log.close()

    def last_words(self, lines=60):
        """How qemu ended, the end of the kernel console, and what qemu and virtiofsd had to say."""
        code = self.qemu.poll() or 0
        text = f"qemu itself was killed by {signal.Signals(-code).name}: no fault of the guest's\n" if code < 0 else ""
        for name, title in (("console", "kernel console"), ("log", "qemu and virtiofsd")):
            path = self.run_directory / name
            tail = path.read_text(errors="replace").splitlines() if path.exists() else []
            # What virtiofsd says whenever its qemu is gone.
            tail = [line for line in tail if "Unexpected poll revents" not in line][-lines:]
            if tail:
                text += f"--- the end of {title} ---\n" + "\n".join(tail) + "\n"
        return text.replace("\r", "")

    def _hardware(self, kernel, memory, processors, accelerator):
        return [
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-vga", "none",
            "-machine", "q35,sata=off,smbus=off,memory-backend=memory", "-smp", str(processors),
            "-m", str(memory),
            "-object", f"memory-backend-memfd,id=memory,size={memory}M,share=on",
            *PROCESSORS[accelerator],
            "-kernel", str(kernel), "-append",
            "rootfstype=virtiofs root=root ro console=ttyS0 quiet panic=-1 mitigations=off no_timer_check cryptomgr.notests=1 "
            f'init=/bin/sh -- -c "{TO_GUEST}"',
            "-serial", f"file:{self.console}",
            "-qmp", f"unix:{self.monitor},server=on,wait=off",
            "-device", f"virtio-gpu-pci,id={self.DISPLAY}", "-device", "bochs-display", "-device", "virtio-serial-pci",
        ]

    def _port(self, name):
        path = self.run_directory / name
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(1)
        self.listeners[name] = listener
        self._arguments += ["-chardev", f"socket,id={name},path={path}",
                            "-device", f"virtserialport,chardev={name},name={name}"]
