#!/usr/bin/env python3
"""GStreamer's own tests on hwalloc's memory: the programs of upstream's suites that are about memory, from a Debian release's source
packages, compiled in a clean root of that release, with an allocator of ours as GStreamer's default; there on sysmem and memfd, and in
the lab on memory that needs a kernel's. Each case ends as it does on GStreamer's own memory, or stands in upstream/differences.txt.

    tests/gstreamer/upstream_test.py bookworm|trixie…

A source that the release's archive does not give is said, and counted as skipped."""

import base64
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TREE / "scripts" / "stages"))

import roots  # noqa: E402
from stamps import cache  # noqa: E402

# Of each source package the module whose version it has, and the programs.
SOURCES = {
    "gstreamer1.0": ("gstreamer-1.0", ("gst/gstmemory", "gst/gstbuffer", "gst/gstbufferlist", "gst/gstbufferpool", "gst/gstmeta", "libs/adapter")),
    "gst-plugins-base1.0": ("gstreamer-video-1.0", ("libs/allocators", "libs/video")),
}
RELEASES = {"bookworm": "1.22", "trixie": "1.26"}
OWN = "GStreamer's"
IN_ROOT, IN_LAB = ("sysmem", "memfd"), ("dma-heap/system", "udmabuf")
# They have descriptors of their own, or none of the allocator's kind.
UNTOUCHED = {("allocators", "sysmem")}
# The lab's GStreamer: suites of the other release's that are about more than memory differ there in any case.
OF_LAB, OF_ANY = "trixie", "gstreamer1.0"
# Arithmetic on pixels, and thousands of buffers; each takes minutes in an emulator.
SLOW = {
    "video": {"test_video_size_convert", "test_video_pack_unpack2", "test_video_color_convert_rgb_yuv", "test_video_color_convert_yuv_rgb",
              "test_video_color_convert_yuv_yuv", "test_video_color_convert_rgb_rgb", "test_video_color_convert_other", "test_video_formats",
              "test_video_formats_all", "test_video_chroma", "test_overlay_blend"},
    "adapter": {"test_take_order", "test_take_buf_order", "test_take_list", "test_take_buffer_list", "test_get_list", "test_get_buffer_list"},
}
MARK = "= what was built ="
BUILD = r"""
set -e
scripts/setup >/dev/null
sudo apt-get -q -y install --no-install-recommends gstreamer1.0-plugins-base xz-utils >/dev/null
cmake -B build -G Ninja -DHWALLOC_GSTREAMER=ON -DHWALLOC_VULKAN=OFF -DHWALLOC_TOOLS=OFF -DHWALLOC_EXAMPLES=OFF >/dev/null
cmake --build build --target gstreamer_default_allocator >build.log || { tail -n 40 build.log; exit 1; }
sed -n 's/^deb /deb-src /p' /etc/apt/sources.list | sudo tee /etc/apt/sources.list.d/upstream.list >/dev/null
# The archive may have one version's changes and not another's; what upstream wrote is in the same file for all of them.
fetch() { # package, version
    local version
    [ -e "sources/$1_$2.orig.tar.xz" ] && return
    [ -e updated ] || sudo apt-get -q update || return
    touch updated
    for version in $(apt-cache showsrc "$1" | sed -n 's/^Version: //p' | sort -u); do
        case $version in $2-*) ;; *) continue ;; esac
        (cd sources && apt-get -q source --download-only --tar-only "$1=$version") || true
        [ -e "sources/$1_$2.orig.tar.xz" ] && return
    done
    return 1
}
source_of() { # package, module, programs
    local package=$1 version program
    version=$(pkg-config --modversion "$2")
    echo "= version $package: $version"
    shift 2
    fetch "$package" "$version" || { echo "= no source $package: $version"; return 0; }
    mkdir -p "upstream/$package"
    tar -x -f "sources/${package}_$version.orig.tar.xz" --strip-components=1 -C "upstream/$package"
    for program; do
        cc -w -O1 -o "ours/suite_${program##*/}" "upstream/$package/tests/check/$program.c" \
            $(pkg-config --cflags --libs gstreamer-check-1.0 gstreamer-base-1.0 gstreamer-video-1.0 gstreamer-allocators-1.0) -lm
    done
}
mkdir -p sources ours
"""
RUN = r"""
cp -L build/libhwalloc.so.0 build/libhwalloc-gst.so.0 build/tests/gstreamer/libgstreamer_default_allocator.so ours/
echo "= ready"
"""
CASE = re.compile(r"^(not )?ok \d+ - [^:]*:[^:]*:(\w+): (.*)$")
ENDED = re.compile(r"^= (\S+) (\w+): exit code (\d+), (\d+) memories$")


def ran(said):
    """What run_suites told: {allocator: {program: (exit code, memories, {case: None or why it failed})}}."""
    told, cases, given = {}, {}, None
    for line in said.splitlines():
        if case := CASE.match(line):
            why = case[3] if case[1] else None
            cases[case[2]] = cases.get(case[2]) or why  # cases that run in a loop: none of them may fail
        elif line.startswith("default allocator: "):
            given = line.removeprefix("default allocator: ")
        elif end := ENDED.match(line):
            memories = int(end[4]) if given == end[1] else None
            told.setdefault(end[1], {})[end[2]] = (int(end[3]), memories, cases)
            cases, given = {}, None
    return told


def listed():
    """The differences that are to be: {(program, case, allocator or *): why}."""
    contract = " ".join((TREE / "docs" / "contract.md").read_text().split())
    found = {}
    for line in (TREE / "tests" / "gstreamer" / "upstream" / "differences.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            program, case, allocators, why = line.split(maxsplit=3)
            if why not in contract:
                sys.exit(f"FAILED  differences.txt has a reason that docs/contract.md has not: {why}")
            found.update({(program, case, allocator): why for allocator in allocators.split(",")})
    return found


def compared(told, allocators, programs, expected):
    """Of each allocator and program: what is wrong, and how many cases ended as they do on GStreamer's own memory."""
    for program in programs:
        own_code, _, own = told.get(OWN, {}).get(program, (None, None, {}))
        faults = [f"on GStreamer's own memory: exit code {own_code}"] if own_code is None or not own else []
        faults += [f"{case}, on GStreamer's own memory: {why}" for case, why in own.items() if why and (program, case, OWN) not in expected]
        yield program, OWN, faults, sum(why is None for why in own.values())
        for allocator in allocators:
            code, memories, cases = told.get(allocator, {}).get(program, (None, None, {}))
            faults = [] if memories or (program, allocator) in UNTOUCHED and memories == 0 else [f"{memories} memories of it were asked for"]
            for case in sorted({*own, *cases}):
                why = "it did not run" if case not in cases or case not in own else cases[case]
                differs = (why is None) != (own.get(case) is None)
                wanted = expected.get((program, case, allocator)) or expected.get((program, case, "*"))
                if differs and not wanted:
                    faults.append(f"{case}: {why or 'passes only here'}")
                if wanted and not differs:
                    faults.append(f"{case}: ends as on GStreamer's own memory, and is listed: {wanted}")
            if not cases:
                faults.append(f"exit code {code}, and no report")
            yield program, allocator, faults, sum(why is None for why in cases.values())


def built(suite, directory):
    """The programs and their libraries into the directory. Which versions there are, which of them have no source, what was said of
    their run there, and whether it came to an end."""
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TREE, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    kept = cache() / "upstream"
    kept.mkdir(parents=True, exist_ok=True)
    script = BUILD
    for source in sorted(kept.glob(f"*_{RELEASES[suite]}.*.orig.tar.xz")):
        script += f"base64 -d >sources/{source.name} <<'END'\n{base64.encodebytes(source.read_bytes()).decode()}END\n"
    for package, (module, programs) in SOURCES.items():
        script += f"source_of {package} {module} {' '.join(programs)}\n"
    script += RUN + f"tests/gstreamer/upstream/run_suites ours \"{OWN}\" {' '.join(IN_ROOT)}\n"
    script += f"tar -c ours sources >built.tar\nprintf '\\n%s\\n' '{MARK}'\nbase64 built.tar\n"
    with roots.entered(suite, TREE, [name for name in files if (TREE / name).is_file()]) as run:
        done = run(f"typed() {{\n{script}}}\ntyped </dev/null\n", output=subprocess.PIPE)
    said, found, archive = done.stdout.partition(f"\n{MARK}\n")
    if found:
        subprocess.run(["tar", "-x", "-C", directory], input=base64.b64decode(archive), check=True)
        for source in (directory / "sources").glob("*.orig.tar.xz"):
            new = kept / f".{source.name}.{os.getpid()}"
            new.write_bytes(source.read_bytes())
            new.rename(kept / source.name)
    versions = dict(re.findall(r"^= version (\S+): (\S+)$", said, re.MULTILINE))
    missing = dict(re.findall(r"^= no source (\S+): (\S+)$", said, re.MULTILINE))
    return versions, missing, said, bool(found) and not done.returncode


def in_lab(directory, told):
    """What run_suites says in the lab, of all but what is slow there."""
    quick = " ".join(f"SUITE_CHECKS_{program}={','.join(sorted(case for case in told[OWN][program][2] if case not in slow))}"
                     for program, slow in SLOW.items() if program in told[OWN])
    script = (f"export CK_TIMEOUT_MULTIPLIER=10 {quick}; exec {shlex.quote(str(TREE))}/tests/gstreamer/upstream/run_suites "
              f"{shlex.quote(str(directory))}/ours \"{OWN}\" {' '.join(IN_LAB)}")
    lab = subprocess.run([TREE / "scripts" / "lab", "run", "--timeout", "2400", "--share", directory, "--", "sh", "-c", script], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    return lab.stdout


def main(suites):
    expected, passed, failed, skipped = listed(), 0, 0, 0
    for suite in suites or RELEASES:
        with tempfile.TemporaryDirectory(prefix="hwalloc-upstream.") as name:
            directory = pathlib.Path(name)
            os.chmod(directory, 0o755)
            versions, missing, said, whole = built(suite, directory)
            programs = [program.rpartition("/")[2] for package, (_, some) in SOURCES.items() if package in versions and package not in missing
                        for program in some]
            print(said[-3000:] if not whole else "\n".join(line for line in said.splitlines() if line.startswith("= ")))
            if not whole or not all(version.startswith(f"{RELEASES[suite]}.") for version in versions.values()):
                print(f"FAILED  {suite}: it was not built and run, or not with GStreamer {RELEASES[suite]}: {versions}")
                failed += 1
                continue
            for package, version in missing.items():
                print(f"left out {suite}: GStreamer's own tests of {package}: the release's archive does not give the source of {version}")
                skipped += len(SOURCES[package][1])
            told = ran(said)
            places = [("in its root", told, IN_ROOT, programs)]
            others = {program.rpartition("/")[2] for package, (_, some) in SOURCES.items() if suite != OF_LAB and package != OF_ANY
                      for program in some}
            for program in others:
                (directory / "ours" / f"suite_{program}").unlink(missing_ok=True)
            there = [program for program in programs if program not in others]
            if there and OWN in told:
                lab = in_lab(directory, told)
                print("\n".join(line for line in lab.splitlines() if not line.startswith("ok "))[-6000:])
                places.append(("in the lab", ran(lab), IN_LAB, there))
            for place, outcome, allocators, some in places:
                for program, allocator, faults, agreed in compared(outcome, allocators, some, expected):
                    print(f"{'FAILED' if faults else 'ok    '}  {suite}, {place}: {program} on {allocator}: {agreed} cases passed",
                          *(f"        {fault}" for fault in faults), sep="\n", flush=True)
                    failed, passed = failed + bool(faults), passed + (not faults)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (roots.RootsError, subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"FAILED  {error}")
