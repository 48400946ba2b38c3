"""The guest's root file system: a Debian 13 directory made by mmdebstrap, cached outside the source tree.

It holds nothing of this project, so it is made again only when the lists below change. Several labs share one
directory, which they mount read-only."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from . import processes
from .errors import LabError
from .progress import Progress

SUITE = "trixie"
PACKAGES = (
    "linux-image-amd64", "udev", "kmod",  # the unmodified kernel and what brings up its devices
    "v4l-utils", "libdrm-tests", "strace", "procps",  # independent witnesses
    "mesa-vulkan-drivers", "libvulkan1", "vulkan-tools", "vulkan-validationlayers",  # lavapipe
    "libstdc++6", "libudev1", "libpng16-16t64", "libjpeg62-turbo",  # what the project's programs load
    # Whose pipelines and programs use the project's memory: GStreamer with its kernel elements, PipeWire, Python.
    "gstreamer1.0-tools", "gstreamer1.0-plugins-base", "gstreamer1.0-plugins-good", "gstreamer1.0-plugins-bad",
    "pipewire", "wireplumber",
    "python3-gi", "gir1.2-gstreamer-1.0", "gir1.2-gst-plugins-base-1.0", "python3-numpy", "python3-pytest", "python3-dev",
)
DPKG_OPTIONS = ("path-exclude=/usr/share/doc/*", "path-exclude=/usr/share/man/*", "path-exclude=/usr/share/locale/*")
MODULES = pathlib.Path(__file__).with_name("add_modules")  # those that are no part of the kernel's package
RECIPE = 1  # raise it when the way of making changes but none of the lists does
KEEP_UNUSED = 24 * 3600  # seconds; other worktrees may be on another key


def cache():
    if os.environ.get("HWALLOC_CACHE"):
        return pathlib.Path(os.environ["HWALLOC_CACHE"]).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "hwalloc"


def path():
    """Where the root file system is or will be."""
    key = hashlib.sha256(repr((SUITE, PACKAGES, DPKG_OPTIONS, MODULES.read_text(), RECIPE)).encode()).hexdigest()[:12]
    return cache() / f"lab-{key}"


@contextlib.contextmanager
def in_use():
    """Makes the root file system if it is missing and keeps it from being removed while the context lasts."""
    root = path()
    cache().mkdir(parents=True, exist_ok=True)
    with _lock_file(root) as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        while not root.is_dir():
            fcntl.flock(lock, fcntl.LOCK_UN)
            _make_locked(root)
            fcntl.flock(lock, fcntl.LOCK_SH)
        os.utime(lock.fileno())
        yield root


def clean(everything=True):
    """Removes root file systems that no lab uses: all of them, or those of other keys unused for a day."""
    removed = []
    for root in sorted(cache().glob("lab-*")):
        if not root.is_dir() or (root == path() and not everything):
            continue
        with _lock_file(root) as lock:
            recent = time.time() - os.fstat(lock.fileno()).st_mtime < KEEP_UNUSED
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if everything or not recent:
                    shutil.rmtree(root)
                    removed.append(root)
    return removed


def kernel(root):
    images = sorted((root / "boot").glob("vmlinuz-*"))
    if not images:
        raise LabError(f"no kernel in {root}/boot: run 'scripts/lab clean' and try again")
    return images[-1]


def _lock_file(root):
    return open(f"{root}.lock", "a")


def _make_locked(root):
    """One builder at a time; the others wait for it and then find the directory there."""
    with open(cache() / "build.lock", "a") as lock:
        progress = Progress("waiting for another lab to make the root file system")
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                progress.tick()
                time.sleep(0.2)
        progress.done()
        for left_over in cache().glob("making-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        if not root.is_dir():
            _make(root)
            clean(everything=False)


def _make(root):
    if not shutil.which("mmdebstrap"):
        raise LabError("mmdebstrap is not installed: run 'scripts/setup --lab'")
    temporary = pathlib.Path(tempfile.mkdtemp(prefix="making-", dir=cache()))
    try:
        temporary.chmod(0o755)
        # Debian's own mirror, or what HWALLOC_LAB_MIRROR names. INITRD=No: the kernel boots without an initramfs.
        command = ["mmdebstrap", "--variant=minbase", "--format=directory", f"--include={','.join(PACKAGES)}"]
        command += [f"--dpkgopt={option}" for option in DPKG_OPTIONS] + [f"--customize-hook={MODULES}"]
        command += [SUITE, str(temporary / "root")] + os.environ.get("HWALLOC_LAB_MIRROR", "").split()
        with open(temporary / "log", "w+") as log:
            os.environ["INITRD"] = "No"
            child = processes.start(command, log)
            progress = Progress("making the Debian 13 root file system, once (some minutes)")
            try:
                while child.poll() is None:
                    progress.tick()
                    time.sleep(0.2)
            finally:
                progress.done()
                processes.stop([child])
            if child.returncode != 0:
                log.seek(0)
                raise LabError("mmdebstrap could not make the root file system; its last words:\n"
                               + "".join(log.readlines()[-15:])
                               + "lab: it needs root and a Debian mirror (HWALLOC_LAB_MIRROR=URL names another one)")
        os.rename(temporary / "root", root)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
