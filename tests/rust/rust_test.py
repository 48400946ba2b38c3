#!/usr/bin/env python3
"""The C interface in Rust: in a clean root of a Debian release bindgen reads hwalloc/hwalloc.h as it was installed, and rustc
compiles examples/rust/capture.rs with what that makes, by the lines that docs/c.md tells people to type. The program allocates and
maps there; in the lab it captures from a real driver, byte for byte what v4l2-ctl does.

    rust_test.py SUITE…      bookworm, trixie"""

import base64
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TREE / directory) for directory in ("scripts/stages", "tests/documents")]

import lines  # noqa: E402
import roots  # noqa: E402

MARK = "= what was built ="
# A library alone, and no development of anything else that bindgen could find headers of.
BUILD = """set -e
sudo apt-get update -qq
sudo apt-get install -y -qq --no-install-recommends g++ cmake ninja-build pkg-config libudev-dev libdrm-dev >/dev/null
cmake -G Ninja -B build -DHWALLOC_TESTS=OFF -DHWALLOC_TOOLS=OFF -DHWALLOC_EXAMPLES=OFF -DHWALLOC_VULKAN=OFF >/dev/null
cmake --build build >/dev/null
sudo cmake --install build >/dev/null
sudo ldconfig
"""
USE = """bindgen --version; rustc --version
./capture sysmem
./capture memfd
if ./capture nonesuch; then exit 1; fi
tar -c --dereference capture -C /usr/local/lib libhwalloc.so.0 >built.tar
printf '\\n%s\\n' '""" + MARK + """'
base64 built.tar
"""
SIZE, FRAMES = "width=320,height=180,pixelformat=YUYV", 3


def typed():
    """The lines for Rust in docs/c.md, as they stand there."""
    found = [line for line in lines.typed_in((TREE / "docs" / "c.md").read_text()) if "bindgen" in line or "rustc" in line]
    if len(found) < 3:
        sys.exit(f"FAILED  docs/c.md has {len(found)} lines for Rust")
    return found


def built(suite, directory):
    """What is wrong; nothing when the program and its library are in the directory."""
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TREE, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    with roots.entered(suite, TREE, [name for name in files if (TREE / name).is_file()]) as run:
        done = run(BUILD + "\n".join(typed()) + "\n" + USE, output=subprocess.PIPE)
    said, found, archive = done.stdout.partition(f"\n{MARK}\n")
    print(said[-1500:])
    if done.returncode or not found:
        return [f"exit code {done.returncode}"]
    subprocess.run(["tar", "-x", "-C", directory], input=base64.b64decode(archive), check=True)
    return ["no warning is wanted"] if "warning" in "\n".join(said.splitlines()[-40:]) else []


def captures(directory):
    """In the lab: a frame by v4l2-ctl, and as many as are wanted by the program, whose picture stands still."""
    script = (f"set -e; cd {shlex.quote(str(directory))}; v4l2-ctl -d /dev/video0 -c osd_text_mode=2; v4l2-ctl -d /dev/video0 -v {SIZE}; "
              "v4l2-ctl -d /dev/video0 --stream-mmap --stream-count=1 --stream-to=wanted; "
              f"LD_LIBRARY_PATH=. ./capture dma-heap/system /dev/video0 {FRAMES} taken; ! LD_LIBRARY_PATH=. ./capture udmabuf /dev/video99")
    lab = subprocess.run([TREE / "scripts" / "lab", "run", "--timeout", "900", "--share", directory, "--", "bash", "-c", script], text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    print(lab.stdout[-1500:])
    if lab.returncode:
        return [f"exit code {lab.returncode}"]
    faults = [] if f"{FRAMES} frames, 0 copies" in lab.stdout else ["the frames were not all there, or were copied"]
    if (directory / "taken").read_bytes() != FRAMES * (directory / "wanted").read_bytes():
        faults.append("the bytes are others than v4l2-ctl's")
    return faults


def main(suites):
    failed = passed = 0
    for suite in suites or ["trixie", "bookworm"]:
        with tempfile.TemporaryDirectory(prefix="hwalloc-rust.") as name:
            directory = pathlib.Path(name)
            os.chmod(directory, 0o755)
            for what, step in (("bindgen, rustc, allocate and map", lambda: built(suite, directory)),
                               ("a camera's frames in the lab", lambda: captures(directory))):
                faults = step()
                print(f"{'FAILED' if faults else 'ok    '}  {suite}: {what}", *(f"        {fault}" for fault in faults), sep="\n", flush=True)
                failed, passed = failed + bool(faults), passed + (not faults)
                if faults:
                    break
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (roots.RootsError, subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"FAILED  {error}")
