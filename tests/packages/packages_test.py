#!/usr/bin/env python3
"""The Debian packages, built in a clean root of a release as scripts/package builds them, and used in another one.

    packages_test.py [--once] RELEASE…      bookworm, trixie; both, when none is named

Built: twice (with --once, once), in directories with other names, where all files but the records of the builds themselves have to be equal; lintian
has nothing to say. Used: an older version is installed, then what README tells people to type follows on it, debian/tests pass, and
when the packages are purged nothing of them is left."""

import filecmp
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TREE / directory) for directory in ("scripts/stages", "tests/documents")]

import lines  # noqa: E402
import packaging  # noqa: E402
import roots  # noqa: E402

MARK = "= step ="
ELSEWHERE = "another-and-longer/place"
# The packages of the build that there is, as of an older version: the one without what a release adds.
AS_OLDER = """set -e
sed -i '1s/+[^)]*)/)/' debian/changelog
mkdir -p ~/newer ~/older
mv ~/*.deb ~/newer
DEB_RULES_REQUIRES_ROOT=no debian/rules binary >/dev/null
mv ~/*.deb ~/older
"""
LINTIAN = "cd ~ && lintian --fail-on error,warning --tag-display-limit 0 --show-overrides *.changes"
# What a purge has to leave nothing of; the copy of the sources and apt's own records are no part of it.
LEFT = (r"find / -xdev \( -path /home -o -path /tmp -o -path /var/cache/apt -o -path /var/lib/apt -o -path /var/log -o -path /proc \) -prune "
        r"-o -iname '*hwalloc*' -print")


class Told:
    """Which of the checks passed."""

    def __init__(self, release):
        self.release, self.passed, self.failed = release, 0, 0

    def __call__(self, what, faults=()):
        faults = list(faults)
        self.passed, self.failed = self.passed + (not faults), self.failed + bool(faults)
        print(f"{'FAILED ' if faults else 'ok     '} {self.release}: {what}", *(f"        {one}" for one in faults), sep="\n", flush=True)


def last(text, count=40):
    return text.splitlines()[-count:]


def differences(one, other):
    """What of the packages is not the same, byte by byte. What records a build tells its time and place, as it should."""
    names = [{path.name for path in packaging.artifacts(directory) if path.suffix not in (".changes", ".buildinfo")}
             for directory in (one, other)]
    if not names[0]:
        return ["nothing was built"]
    return sorted(f"{name} was built once only" for name in names[0] ^ names[1]) + \
        [f"{name} differs" for name in sorted(names[0] & names[1]) if not filecmp.cmp(one / name, other / name, shallow=False)]


def build(release, jobs, told, older, again):
    """Builds, judges what was built, leaves the packages where scripts/package does and those of an older version in a directory."""
    with packaging.root(release) as run:
        elsewhere = run.home / ELSEWHERE
        shutil.copytree(run.home / "hwalloc", elsewhere / "hwalloc", symlinks=True)
        alice = run.home.stat()
        for path in (run.home / ELSEWHERE.split("/", maxsplit=1)[0]).rglob("*"):
            os.chown(path, alice.st_uid, alice.st_gid, follow_symlinks=False)
        os.chown(run.home / ELSEWHERE.split("/", maxsplit=1)[0], alice.st_uid, alice.st_gid)
        packaging.built(release, run, jobs)
        told(f"{len(packaging.collected(release, run))} packages")
        done = run(LINTIAN, output=subprocess.PIPE)
        told("lintian has nothing to say", last(done.stdout) if done.returncode or re.search(r"^[EW]:", done.stdout, re.MULTILINE) else [])
        if again:
            packaging.built(release, run, jobs, f"{ELSEWHERE}/hwalloc")
            told("the same bytes when built again in another directory", differences(run.home, elsewhere))
        done = run(AS_OLDER, output=subprocess.PIPE)
        told("an older version", last(done.stdout) if done.returncode else [])
        for path in (run.home / "older").glob("*.deb"):
            shutil.copy(path, older)


def typed(release):
    """README's line that installs them, for this release."""
    found = [line for line in lines.typed_in((TREE / "README.md").read_text()) if "build/packages/" in line]
    if len(found) != 1:
        raise packaging.PackagingError(f"README.md has {len(found)} lines that install packages")
    return re.sub("|".join(packaging.RELEASES), release, found[0])


def autopkgtests():
    """{name: packages that it needs} of debian/tests."""
    text = re.sub(r"^#.*\n", "", (TREE / "debian" / "tests" / "control").read_text(), flags=re.MULTILINE)
    fields = [dict(re.findall(r"^(\S+): *(.*)$", paragraph, re.MULTILINE)) for paragraph in text.split("\n\n") if paragraph.strip()]
    return {one["Tests"]: one["Depends"].split(", ") for one in fields}


def steps(release):
    """{what: script} in the order in which they are done in a root that has nothing."""
    ours = [path.name.split("_")[0] for path in sorted(packaging.output(release).rglob("*.deb"))]
    programs = [name for name in ours if not name.endswith("-dbgsym")]
    needed = sorted({name for names in autopkgtests().values() for name in names} - set(ours))
    version = packaging.version(release)
    quiet = "sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y"
    yield "an older version is installed", f"{quiet} update >/dev/null && {quiet} install --no-install-recommends ./older/*.deb"
    yield "README's line brings this one", typed(release)
    yield "all of it is of this version", (f"for name in {' '.join(name for name in programs if name != 'hwalloc-udev')}; do "
                                           f"dpkg-query -W -f '${{Package}} ${{Version}}\\n' $name | grep -x \"$name {version}\" || exit 1; done")
    yield "the udev rules, asked for", f"{quiet} install ./build/packages/{release}/optional/hwalloc-udev_*.deb && [ -s /usr/lib/udev/rules.d/70-hwalloc-udmabuf.rules ]"
    yield "what debian/tests need", f"{quiet} install --no-install-recommends {' '.join(needed)}"
    for name in autopkgtests():
        yield f"debian/tests/{name}", f"AUTOPKGTEST_TMP=$(mktemp -d) bash -c 'said=$(debian/tests/{name} 2>&1) || {{ echo \"$said\"; exit 1; }}'"
    yield "they are purged", f"{quiet} purge {' '.join(programs)}"
    yield "nothing is left", f"left=$(sudo {LEFT}); dpkg -l '*hwalloc*' 2>/dev/null | grep -v '^un' | grep hwalloc && exit 1; echo \"$left\"; [ -z \"$left\" ]"


def use(release, told, older):
    """Installs, uses and purges what was built, in a root that has nothing."""
    files = [name for name in packaging.sources() if name.startswith(("debian/", "tests/install/"))]
    with tempfile.TemporaryDirectory(prefix="hwalloc-packages.") as directory:
        place = pathlib.Path(directory)
        for name in files:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TREE / name, place / name)
        shutil.copytree(older, place / "older")
        shutil.copytree(packaging.output(release), place / "build" / "packages" / release)
        names = [str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()]
        script = "".join(f"(\n{text}\n) </dev/null 2>&1\nprintf '\\n{MARK} %s\\n' $?\n" for _, text in steps(release))
        with roots.entered(release, place, names) as run:
            said = re.split(rf"^{MARK} (\d+)$", run(script, output=subprocess.PIPE).stdout, flags=re.MULTILINE)
    for number, (what, _) in enumerate(steps(release)):
        text, code = (said[2 * number], said[2 * number + 1]) if 2 * number + 1 < len(said) else ("it was not reached", None)
        told(what, [] if code == "0" else [f"exit code {code}", *last(text)])


def main(words):
    passed = failed = 0
    for release in [word for word in words if word != "--once"] or packaging.RELEASES:
        told = Told(release)
        with tempfile.TemporaryDirectory(prefix="hwalloc-older.") as older:
            build(release, len(os.sched_getaffinity(0)), told, older, "--once" not in words)
            use(release, told, older)
        passed, failed = passed + told.passed, failed + told.failed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (packaging.PackagingError, roots.RootsError, subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"FAILED  {error}")
