"""The kernel's own test of its heaps, from the distribution's source of the kernel: fetched by apt, kept outside the build tree
by its version, and never committed."""

import os
import pathlib
import subprocess
import tempfile

SOURCE = "linux-source-6.1"
IN_ARCHIVE = "tools/testing/selftests/dmabuf-heaps/dmabuf-heap.c"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "hwalloc"


def version():
    shown = subprocess.run(["apt-cache", "policy", SOURCE], check=True, stdout=subprocess.PIPE, text=True).stdout
    return next(line.split()[1] for line in shown.splitlines() if line.strip().startswith("Candidate:"))


def source():
    """The file of C."""
    kept = CACHE / f"selftest-{version()}" / "dmabuf-heap.c"
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hwalloc-selftest.") as directory:
        pathlib.Path(directory).chmod(0o777)  # apt fetches as a user of its own
        subprocess.run(["apt-get", "-qq", "download", SOURCE], cwd=directory, check=True)
        fetched = next(pathlib.Path(directory).glob("*.deb"))
        subprocess.run(f"dpkg-deb --fsys-tarfile {fetched.name} | tar -xO --wildcards '*/{SOURCE}.tar.xz' | "
                       f"tar -xJO --occurrence=1 {SOURCE}/{IN_ARCHIVE} >dmabuf-heap.c || [ -s dmabuf-heap.c ]",
                       cwd=directory, shell=True, check=True, stderr=subprocess.DEVNULL)
        new = kept.with_suffix(f".{os.getpid()}")
        new.write_bytes((pathlib.Path(directory) / "dmabuf-heap.c").read_bytes())
        new.rename(kept)
    return kept


def build(directory, *options):
    """The program, in `directory`."""
    program = directory / "-".join(["dmabuf-heap", *(option.strip("-") for option in options)])
    # The kernel's headers of cards, which the distribution has elsewhere.
    (directory / "include").mkdir(exist_ok=True)
    if not (directory / "include" / "drm").exists():
        (directory / "include" / "drm").symlink_to("/usr/include/libdrm")
    subprocess.run(["cc", "-O2", "-w", "-I", directory / "include", *options, source(), "-o", program], check=True)
    return program
