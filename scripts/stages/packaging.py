"""Builds of the Debian packages in clean roots that have what debian/control asks for and nothing else."""

import contextlib
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import roots

TREE = pathlib.Path(__file__).resolve().parents[2]
# What each release adds to the version, so that the packages of the next one follow on those of this one.
RELEASES = {"bookworm": "+deb12", "trixie": "+deb13"}
ARTIFACTS = ("*.deb", "*.dsc", "*.tar.*", "*.changes", "*.buildinfo")
OPTIONAL = ("hwalloc-udev_*.deb", "*-dbgsym_*.deb")
# How packages are built and judged, beside what the control file asks for.
TOOLS = ("build-essential", "lintian")
# Debian 12 has no package of VMA, which is one header without a program: Debian 13's is put there. Of that release the root
# knows nothing more.
VMA = "libvulkan-memory-allocator-dev"
VMA_HOOK = f"""
sed 's/bookworm/trixie/g' /etc/apt/sources.list >/tmp/next.list
apt="apt-get -q -o Dir::Etc::SourceList=/tmp/next.list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=/tmp/lists"
mkdir -p /tmp/lists/partial
cd /tmp
$apt update
$apt -o APT::Sandbox::User=root download {VMA}
dpkg -i {VMA}_*.deb
rm -r /tmp/next.list /tmp/lists {VMA}_*.deb
"""
BUILD = r"""
set -e
cd {directory}
export DEB_BUILD_OPTIONS='nocheck parallel={jobs}'
exec dpkg-buildpackage --no-sign
"""


class PackagingError(Exception):
    """The packages were not built; the text says why."""


def output(release):
    return TREE / "build" / "packages" / release


def version(release):
    """The version of the packages for a release."""
    return re.search(r"\((\S+)\)", (TREE / "debian" / "changelog").read_text())[1] + RELEASES[release]


def sources():
    """What a source package is made of: the tree's files, without what git ignores."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TREE, check=True, text=True,
                            stdout=subprocess.PIPE).stdout.splitlines()
    return [name for name in listed if (TREE / name).is_file()]


def asked_for():
    """The names of the packages that a build depends on."""
    field = re.search(r"^Build-Depends:(.*(?:\n[ \t].*)*)", (TREE / "debian" / "control").read_text(), re.MULTILINE)[1]
    names = [re.match(r"\s*([a-z0-9][-a-z0-9.+]*)", one)[1] for one in field.split(",")]
    # What gives these two.
    given = {"debhelper-compat": "debhelper", "dh-sequence-python3": "dh-python"}
    return [given.get(name, name) for name in names]


@contextlib.contextmanager
def root(release):
    """A root to build in, as roots.entered() gives it, with the sources in ~/hwalloc."""
    packages, hook = [*TOOLS, *asked_for()], ""
    if release == "bookworm":
        packages.remove(VMA)
        hook = VMA_HOOK
    with told(f"{release}: making the root with what a build depends on"):
        roots.base(release, tuple(packages), hook)
    with roots.entered(release, TREE, sources(), tuple(packages), hook) as run:
        changelog = run.home / "hwalloc" / "debian" / "changelog"
        changelog.write_text(re.sub(r"\([^)]+\)", f"({version(release)})", changelog.read_text(), count=1))
        yield run


def built(release, run, jobs, directory="hwalloc"):
    """Builds source and binary packages of the sources in this directory below alice's, and leaves them beside it."""
    log = run.home / "build.log"
    with told(f"{release}: building", log):
        with log.open("w") as file:
            code = run(BUILD.format(directory=shlex.quote(f"/home/alice/{directory}"), jobs=jobs), output=file).returncode
    if code:
        output(release).mkdir(parents=True, exist_ok=True)
        kept = shutil.copy(log, output(release) / "build.log")
        last = "\n".join(log.read_text(errors="replace").splitlines()[-25:])
        raise PackagingError(f"{release}: dpkg-buildpackage ended with {code}; all that it said is in {kept}, and last:\n{last}")


def artifacts(directory):
    """The packages and what belongs to them in a directory, by name."""
    return sorted(path for pattern in ARTIFACTS for path in directory.glob(pattern))


def collected(release, run, directory="."):
    """Puts what was built where people look for it, in the place of what was there, and gives the paths of the packages."""
    target = output(release)
    target.parent.mkdir(parents=True, exist_ok=True)
    new = pathlib.Path(tempfile.mkdtemp(prefix=f".{release}-", dir=target.parent))
    new.chmod(0o755)
    (new / "optional").mkdir()
    for path in artifacts(run.home / directory):
        apart = any(path.match(pattern) for pattern in OPTIONAL)
        shutil.copy(path, new / "optional" if apart else new)
    shutil.copy(run.home / "build.log", new)
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)
    owner = TREE.stat()
    for path in (target.parent, target, *target.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    return sorted(target.rglob("*.deb"))


@contextlib.contextmanager
def told(what, log=None):
    """Tells what is being done and for how long, on a terminal in one line with ninja's count from the log."""
    done = threading.Event()
    begun = time.monotonic()

    def show():
        while not done.wait(1):
            counted = re.findall(r"^\[(\d+/\d+)\]", log.read_text(errors="replace"), re.MULTILINE)[-1:] if log and log.exists() else []
            print(f"\r\033[K{' '.join([what, *counted])} {time.monotonic() - begun:.0f} s", end="", file=sys.stderr, flush=True)
        print("\r\033[K", end="", file=sys.stderr, flush=True)

    thread = threading.Thread(target=show, daemon=True)
    if sys.stderr.isatty():
        thread.start()
    try:
        yield
    finally:
        done.set()
        if thread.is_alive():
            thread.join()
    print(f"{what}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
