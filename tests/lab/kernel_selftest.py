"""The kernel's own test of its heaps, from the distribution's source of the kernel: fetched by apt, kept outside the build tree
by its version, and never committed."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts" / "stages"))

import stamps  # noqa: E402

SELFTESTS = "tools/testing/selftests"
PARTS = ("dmabuf-heaps/dmabuf-heap.c", "kselftest.h")  # the test, and what it includes from Linux 6.9 on


def asked(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def package():
    """The name of the distribution's source of its kernel, and the version that apt would fetch."""
    names = re.findall(r"^(linux-source-\d+\.\d+) ", asked("apt-cache", "search", "--names-only", "^linux-source-[0-9.]+$"), re.M)
    if not names:
        raise RuntimeError("apt knows no linux-source: run `apt-get update`")
    name = max(names, key=lambda one: [int(number) for number in one.rsplit("-", maxsplit=1)[-1].split(".")])
    return name, re.search(r"Candidate: (\S+)", asked("apt-cache", "policy", name))[1]


def source():
    """The file of C, with what it includes where it looks for that."""
    name, version = package()
    kept = stamps.cache() / f"selftest-{name}-{version}"
    if (kept / PARTS[0]).exists():
        return kept / PARTS[0]
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hwalloc-selftest.", dir=kept.parent) as directory:
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", name], cwd=directory, check=True)
        fetched = next(pathlib.Path(directory).glob("*.deb"))
        wanted = " ".join(f"{name}/{SELFTESTS}/{part}" for part in PARTS)
        # tar ends when it has the files, which the programs before it take for a fault.
        subprocess.run(f"dpkg-deb --fsys-tarfile {fetched.name} | tar -xO --wildcards '*/{name}.tar.xz' | tar -xJ --occurrence=1 {wanted}",
                       cwd=directory, shell=True, check=False, stderr=subprocess.DEVNULL)
        found = pathlib.Path(directory) / name / SELFTESTS
        if not all((found / part).exists() for part in PARTS) or "\nint main(" not in (found / PARTS[0]).read_text():
            raise RuntimeError(f"{fetched.name} has no whole {SELFTESTS}/{PARTS[0]}")
        try:
            found.rename(kept)
        except OSError:  # another has it meanwhile
            if not (kept / PARTS[0]).exists():
                raise
    return kept / PARTS[0]


def build(directory, *options):
    """The program, in `directory`."""
    program = directory / "-".join(["dmabuf-heap", *(option.strip("-") for option in options)])
    # The kernel's headers of cards, which the distribution has elsewhere.
    (directory / "include").mkdir(exist_ok=True)
    if not (directory / "include" / "drm").exists():
        (directory / "include" / "drm").symlink_to("/usr/include/libdrm")
    subprocess.run(["cc", "-O2", "-w", "-I", directory / "include", *options, source(), "-o", program], check=True)
    return program
