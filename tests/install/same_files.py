"""The same sources give the same files, in whichever directory they are built."""

import pathlib
import shutil
import subprocess
import tempfile

import unity
from installed import configured, expect, run

# Compiled in both directories, with the files that users' builds compile together with them: what CMake writes into its build
# directory, what is told a directory, and what has static objects, whose constructors a compiler may name after the file's path.
# All others are those of this build.
COMPILED = ["generated/built_in_backends.cpp", "generated/companions.cpp", "allocators/registry/loader.cpp", "common/error.cpp"]


def built(options, source, directory):
    """The bytes of all that is linked and shipped."""
    configured(options, source, directory, "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O0", "-DHWALLOC_TESTS=OFF",
               "-DHWALLOC_EXAMPLES=OFF")
    run(options.cmake, "--build", directory, "--target",
        *(unity.object_of("CMakeFiles/hwalloc_objects.dir", name, directory) for name in COMPILED))
    files = {}
    for name in (f"libhwalloc.so.{options.version}", f"libhwalloc-vulkan.so.{options.version}", "tools/hwalloc", "tools/hwalloc-devices.so"):
        if not (options.build / name).exists():
            continue
        link = run("ninja", "-C", directory, "-t", "commands", name, stdout=subprocess.PIPE).stdout.splitlines()[-1]
        words = []
        for word in link.split():
            compiled = (directory / word).exists() or not word.endswith((".o", ".a"))
            parts = [word] if compiled else unity.each_alone(word, source, directory)
            words += parts
            for part in parts:
                if not (directory / part).exists() and (options.build / part).is_file():
                    (directory / part).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(options.build / part, directory / part)
        run("sh", "-c", " ".join(words), cwd=directory)
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
