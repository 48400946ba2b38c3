"""The public headers, each by itself."""

import os
import pathlib
import re
import subprocess
import tempfile

from installed import HERE, STRICT, expect, run

# What a public header may include besides the C++ library: POSIX headers of libc.
C = {"stddef.h", "stdint.h"}
POSIX = {"sys/types.h", "sys/stat.h", "sys/time.h", "poll.h", "time.h", "unistd.h"}
# The headers for which an application needs more than hwalloc, and it has that already.
OTHERS = {"vulkan.h": {"vulkan/vulkan_core.h"}, "c_vulkan.h": {"vulkan/vulkan_core.h"}, "gst.h": {"gst/gst.h"}}


def is_c(header):
    """Whether it is for C."""
    return header in ("hwalloc.h", "gst.h") or header.startswith("c_")


def includes(options):
    """Public headers include each other, the C++ library, and a few headers of libc; nothing private, nothing else but
    Vulkan's own header in those of the Vulkan library and GStreamer's in hwalloc/gst.h."""
    directory = options.prefix / "include" / "hwalloc"
    present = set(os.listdir(directory))
    for header in sorted(present):
        text = (directory / header).read_text()
        # What an older language version meets is no file, on purpose: it ends the compilation.
        text = re.sub(r"^#if __cplusplus <= \d+L\n.*?^#endif$", "", text, flags=re.M | re.S)
        for opener, name in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.M):
            if opener == '"':
                owner, _, base = name.rpartition("/")
                expect(owner == "hwalloc" and base in present, f'{header} includes "{name}", which is not installed')
            else:
                expect(re.fullmatch(r"[a-z_]+", name) or name in POSIX | OTHERS.get(header, set()) or (is_c(header) and name in C),
                       f"{header} includes <{name}>")


def header(options):
    """A header alone is a program that compiles, twice over, with nothing to complain about."""
    name = options.words[0]
    with tempfile.TemporaryDirectory(prefix="hwalloc-header-") as directory:
        source = pathlib.Path(directory) / "alone.cpp"
        source.write_text(f'#include "hwalloc/{name}"\n#include "hwalloc/{name}"\n')
        run(options.compiler, *STRICT, "-fsyntax-only", f"-I{options.prefix / 'include'}", source)


def c_headers(options):
    """Each header of the C interface alone, in every language that can take it."""
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Werror"]
    languages = [("c", "c11"), ("c", "c17"), ("c", "gnu2x"), ("c++", "c++11"), ("c++", "c++17"), ("c++", "c++20")]
    with tempfile.TemporaryDirectory(prefix="hwalloc-header-") as directory:
        source = pathlib.Path(directory) / "alone.c"
        for name in options.words:
            source.write_text(f'#include "hwalloc/{name}"\n#include "hwalloc/{name}"\ntypedef int not_empty;\n')
            flags = subprocess.run(["pkg-config", "--cflags", "gstreamer-1.0"], check=True, text=True, stdout=subprocess.PIPE).stdout \
                if name == "gst.h" else ""
            others = flags.replace("-I", "-isystem").split()
            for language, standard in languages:
                prototypes = ["-Wstrict-prototypes", "-Wmissing-prototypes"] if language == "c" else []
                run(options.compiler, "-x", language, f"-std={standard}", *strict, *prototypes, "-fsyntax-only",
                    f"-I{options.prefix / 'include'}", *others, source)


def cxx17(options):
    """In an older language every header says one sentence, and no more than the line that ends the compilation there."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-header-") as directory:
        source = pathlib.Path(directory) / "old.cpp"
        for name in sorted(filter(lambda one: not is_c(one), os.listdir(options.prefix / "include" / "hwalloc"))):
            source.write_text(f'#include "hwalloc/{name}"\n')
            said = run(options.compiler, "-std=c++17", "-fsyntax-only", f"-I{options.prefix / 'include'}", source, check=False,
                       stderr=subprocess.PIPE).stderr
            errors = re.findall(r"error: .*", said)
            expect(len(errors) == 2 and "needs C++20 or later: compile with -std=c++20" in errors[0],
                   f"{name} in C++17 says {errors}")


def dangling(options):
    """clang warns of what is kept of a temporary result or error, at the lines that say so and nowhere else."""
    source = HERE / "outside" / "dangling.cpp"
    lines = source.read_text().splitlines()
    said = run(options.compiler, "-std=c++20", "-Wall", "-Wextra", "-fsyntax-only", f"-I{options.prefix / 'include'}", source,
               stderr=subprocess.PIPE).stderr
    warned = {int(line) for line in re.findall(r"dangling\.cpp:(\d+):\d+: warning: .*\[-Wdangling", said)}
    expect(said.count("warning:") == len(warned), f"there are other warnings: {said}")
    wanted = {number for number, line in enumerate(lines, 1) if line.endswith("// warns")}
    expect(warned == wanted, f"warned of {sorted(warned)}, wanted {sorted(wanted)}: {said}")
