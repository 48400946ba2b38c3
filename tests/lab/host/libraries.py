"""Host libraries that programs built here need and the guest does not have.

The guest is always Debian 13, the host may be Debian 12: one has libfmt.so.9, the other libfmt.so.10; sanitizer runtimes
belong to the compiler. Only names the guest lacks are handed in, so its own libraries always win."""

import os
import re
import shutil
import subprocess

GUEST_DIRECTORIES = ("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib")


def copy_missing(root, build, command, shares, target):
    """Copies them into target and returns their names."""
    present = {name for directory in GUEST_DIRECTORIES if (root / directory).is_dir()
               for name in os.listdir(root / directory)}
    programs = list(_programs(build)) if build else []
    programs += [word for word in command if _is_elf(word)]
    missing = {}
    for name, path in _needed(programs):
        if name not in present and not any(os.path.realpath(path).startswith(f"{share}/") for share in shares):
            missing[name] = path
    for name, path in missing.items():
        shutil.copyfile(path, target / name)
        (target / name).chmod(0o755)
    return sorted(missing)


def _programs(build):
    """Executables and shared libraries of a build, without what CMake keeps for itself."""
    for directory, subdirectories, names in os.walk(build):
        subdirectories[:] = [name for name in subdirectories if name not in ("CMakeFiles", "_deps")]
        for name in names:
            path = os.path.join(directory, name)
            if (os.access(path, os.X_OK) or ".so" in name) and _is_elf(path):
                yield path


def _is_elf(path):
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _needed(programs):
    """(soname, path) of everything that the programs load, each once."""
    if not programs:
        return set()
    # A program of another architecture makes ldd fail for that one only.
    answer = subprocess.run(["ldd", *programs], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, errors="replace")
    return set(re.findall(r"^\s+(\S+) => (/\S+) \(", answer.stdout, re.MULTILINE))
