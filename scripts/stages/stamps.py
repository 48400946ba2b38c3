"""What has passed, remembered outside the tree: a stage whose inputs did not change since need not run again, in this clone
or another one on the same machine.

A stamp is named by a hash of all that the outcome depends on. No path of the tree is in it."""

import datetime
import functools
import hashlib
import json
import os
import pathlib
import subprocess
import time

KEEP = 30 * 24 * 3600  # seconds since a stamp was last of use
# What of the environment changes how things are built or tested.
ENVIRONMENT = ("HWALLOC_", "GTEST_", "CMAKE_", "VK_", "LAB_", "CC", "CXX", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS")
NOT_OF_IT = ("HWALLOC_CACHE",)
DEVICES = ("/dev/dma_heap", "/dev/dri", "/dev")
OF_DEVICES = ("video", "media", "udmabuf", "card", "renderD", "system", "kvm")


def cache():
    """The project's directory for what is kept between runs."""
    if os.environ.get("HWALLOC_CACHE"):
        return pathlib.Path(os.environ["HWALLOC_CACHE"]).absolute()
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "hwalloc"


@functools.cache
def packages():
    """The tools and libraries of this machine, as text."""
    return subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture} ${db:Status-Status}\n"],
                          stdout=subprocess.PIPE, check=True, text=True).stdout


@functools.cache
def machine():
    """Those, the kernel, the devices and the user that a stage runs with, as text."""
    devices = [f"{directory}/{name} {os.access(f'{directory}/{name}', os.R_OK | os.W_OK)}"
               for directory in DEVICES if os.path.isdir(directory)
               for name in sorted(os.listdir(directory)) if name.startswith(OF_DEVICES)]
    environment = [f"{name}={value}" for name, value in sorted(os.environ.items())
                   if name.startswith(ENVIRONMENT) and name not in NOT_OF_IT]
    return "\n".join([*os.uname()[2:], str(os.geteuid()), *devices, *environment, packages()])


def commit(tree):
    """What is checked out, for people."""
    told = subprocess.run(["git", "describe", "--always", "--dirty= (with changes)"], cwd=tree, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()
    return told or "an unknown commit"


class Stamp:
    """Whether something passed with these inputs: texts and, below `tree`, files."""

    def __init__(self, name, tree, files, *texts):
        digest = hashlib.sha256()
        for text in texts:
            digest.update(hashlib.sha256(text.encode()).digest())
        for file in sorted(files):
            path = pathlib.Path(tree, file)
            content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
            executable = b"x" if os.access(path, os.X_OK) else b"-"
            digest.update(hashlib.sha256(os.fsencode(file) + b"\0" + executable + content).digest())
        self._path = cache() / "passed" / name.replace("/", "-").replace(" ", "-") / digest.hexdigest()[:32]

    def passed(self):
        """{"commit": …, "cases": …} of when it passed, or None."""
        try:
            told = json.loads(self._path.read_text())
            os.utime(self._path)
            return told if {"commit", "cases"} <= told.keys() else None
        except (OSError, ValueError, AttributeError):
            return None

    def write(self, commit_name, cases):
        """Remembers that so many cases passed, and forgets what has long been of no use."""
        directory = self._path.parent
        directory.mkdir(parents=True, exist_ok=True)
        new = directory / f".{self._path.name}.{os.getpid()}"
        new.write_text(json.dumps({"commit": commit_name, "cases": cases,
                                   "when": datetime.datetime.now().isoformat(timespec="seconds")}))
        new.rename(self._path)
        for old in directory.iterdir():
            try:
                if time.time() - old.stat().st_mtime > KEEP:
                    old.unlink()
            except FileNotFoundError:
                pass

    def forget(self):
        self._path.unlink(missing_ok=True)
