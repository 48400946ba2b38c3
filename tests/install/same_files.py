"""The same sources give the same files, in whichever directory they are built."""

import pathlib
import shutil
import subprocess
import tempfile

from installed import configured, expect, run

# Compiled in both directories: what CMake writes into its build directory, what is told a directory, and what has static
# objects, whose constructors a compiler may name after the file's path. All others are those of this build.
COMPILED = ["generated/built_in_backends.cpp.o", "generated/companions.cpp.o", "allocators/registry/loader.cpp.o", "common/error.cpp.o"]


def built(options, source, directory):
    """The bytes of all that is linked and shipped."""
    configured(options, source, directory, "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O0", "-DCMAKE_UNITY_BUILD=OFF",
               "-DHWALLOC_TESTS=OFF", "-DHWALLOC_EXAMPLES=OFF")
    run(options.cmake, "--build", directory, "--target", *(f"CMakeFiles/hwalloc_objects.dir/{name}" for name in COMPILED))
    files = {}
    for name in (f"libhwalloc.so.{options.version}", f"libhwalloc-vulkan.so.{options.version}", "tools/hwalloc", "tools/hwalloc-devices.so"):
        if not (options.build / name).exists():
            continue
        link = run("ninja", "-C", directory, "-t", "commands", name, stdout=subprocess.PIPE).stdout.splitlines()[-1]
        for word in link.split():
            there = directory / word
            if word.endswith((".o", ".a")) and not there.exists() and (options.build / word).exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(options.build / word, there)
        run("sh", "-c", link, cwd=directory)
        files[name] = (directory / name).read_bytes()
    return files


def same_files(options):
    with tempfile.TemporaryDirectory(prefix="hwalloc-same-") as temporary:
        places = []
        for place in ("a", "another-and-longer/place"):
            source = pathlib.Path(temporary) / place / "hwalloc"
            shutil.copytree(options.source, source, ignore=shutil.ignore_patterns(".*", "build*", "tests", "abi", "__pycache__"))
            places.append(built(options, source, source / "build"))
        expect(places[0], "nothing was built")
        for name, content in places[0].items():
            expect(content == places[1][name], f"{name} is another file in another directory")
