"""Clean Debian systems to type in: a directory made by mmdebstrap, kept in the cache, used through an overlay that is thrown
away. A plain user `alice` may use sudo, as on a machine that somebody has just installed.

What was compiled there once is kept: CMake is told of a ccache which no PATH there knows, so that what is built sees a machine
without one. ccache repeats a compiler's words, so warnings are seen all the same."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from stamps import cache

PACKAGES = ("sudo", "ca-certificates", "ccache")
RECIPE = 2  # raise it when the way of making changes but not the list
CCACHE = "/opt/compiled/ccache"
CCACHE_SETTINGS = "cache_dir = /var/cache/compiled\nmax_size = 3G\nsloppiness = pch_defines,time_macros\n"
LAUNCHERS = f"CMAKE_C_COMPILER_LAUNCHER={CCACHE} CMAKE_CXX_COMPILER_LAUNCHER={CCACHE}"
# Mounts that end with the process, because it is in a namespace of its own.
ENTER = r"""
set -e
root=$1
mount -t overlay overlay -o "lowerdir=$2,upperdir=$3/upper,workdir=$3/work" "$root"
mount --bind "$4" "$root/var/cache/compiled"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
n=3
for device in null zero full; do [ $device = full ] && n=7; [ $device = zero ] && n=5; mknod -m 666 "$root/dev/$device" c 1 $n; done
mknod -m 666 "$root/dev/random" c 1 8
mknod -m 666 "$root/dev/urandom" c 1 9
mknod -m 666 "$root/dev/tty" c 5 0
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
cp -L /etc/hosts "$root/etc/hosts"
shift 4
exec chroot "$root" "$@"
"""


class RootsError(Exception):
    """No root can be made here; the text says why."""


def base(suite, packages=(), hook=""):
    """The directory of a suite, with these packages beside its own, made when it is missing. The hook is a shell script that is
    run in it, as root, when the packages are there."""
    more = (packages, hook) if packages or hook else ()
    key = hashlib.sha256(repr((suite, PACKAGES, RECIPE, *more)).encode()).hexdigest()[:12]
    path = cache() / f"root-{suite}-{key}"
    if path.is_dir():
        return path
    if os.geteuid():
        raise RootsError("clean roots are made and entered as root: run this by sudo")
    if not shutil.which("mmdebstrap"):
        raise RootsError("mmdebstrap is not installed: run 'scripts/setup --check'")
    cache().mkdir(parents=True, exist_ok=True)
    new = pathlib.Path(tempfile.mkdtemp(prefix=f".root-{suite}-", dir=cache()))
    try:
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--format=directory",
                        f"--include={','.join([*PACKAGES, *packages])}", suite, str(new / "root")], check=True, stdin=subprocess.DEVNULL)
        if hook:
            for file in ("resolv.conf", "hosts"):
                shutil.copy(f"/etc/{file}", new / "root" / "etc")
            done = subprocess.run(["chroot", str(new / "root"), "sh", "-ec", hook], check=False, text=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                raise RootsError(f"the root of {suite} was not finished: exit code {done.returncode} of\n{hook}\n{done.stdout}")
        subprocess.run(["chroot", str(new / "root"), "useradd", "--create-home", "--shell", "/bin/bash", "alice"], check=True)
        sudoers = new / "root" / "etc" / "sudoers.d" / "alice"
        sudoers.write_text("alice ALL=(ALL) NOPASSWD: ALL\n")
        sudoers.chmod(0o440)
        for place in ("opt/compiled", "var/cache/compiled"):
            (new / "root" / place).mkdir()
        (new / "root" / "usr" / "bin" / "ccache").rename(new / "root" / CCACHE.removeprefix("/"))
        (new / "root" / "etc" / "ccache.conf").write_text(CCACHE_SETTINGS)
        with contextlib.suppress(OSError):  # who was faster has made the same
            os.rename(new / "root", path)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return path


def compiled(suite, owner):
    """The directory of what was compiled in roots of a suite."""
    path = cache() / f"compiled-{suite}"
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, owner.st_uid, owner.st_gid)
    return path


@contextlib.contextmanager
def entered(suite, tree, files, packages=(), hook=""):
    """A function run(script) that runs a bash script as alice, in a copy of these files of the tree, and gives a
    CompletedProcess; what it changes lasts as long as the context. run.home is alice's directory, to take files from between
    two scripts. The rest is base()'s."""
    lower = base(suite, packages, hook)
    with tempfile.TemporaryDirectory(prefix="root-", dir=cache()) as private:
        private = pathlib.Path(private)
        for name in ("upper", "work", "root"):
            (private / name).mkdir()
        home = private / "upper" / "home" / "alice" / "hwalloc"
        for name in files:
            target = home / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(tree / name, target, follow_symlinks=False)
        alice = (lower / "home" / "alice").stat()
        for place in (home.parent.parent, home.parent):
            shutil.copystat(lower / place.relative_to(private / "upper"), place)
        for path in (home.parent, *home.parent.rglob("*")):
            os.chown(path, alice.st_uid, alice.st_gid, follow_symlinks=False)

        def run(script, timeout=3600, output=None):
            words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", ENTER, "bash", private / "root", lower, private]
            words += [compiled(suite, alice), "su", "-", "alice", "-c", f"cd ~/hwalloc && {LAUNCHERS} exec bash -s"]
            return subprocess.run([str(word) for word in words], input=script, text=True, stdout=output, stderr=subprocess.STDOUT,
                                  timeout=timeout, check=False)
        run.home = home.parent
        yield run
