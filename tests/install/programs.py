"""Programs of outsiders, and those that the documents show, against an installation."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from installed import HERE, STRICT, by_find_package, by_pkg_config, configured, environment, expect, run, run_program, with_vulkan


def pkg_config(options):
    with tempfile.TemporaryDirectory(prefix="hwalloc-install-") as directory:
        by_pkg_config(options, options.prefix, pathlib.Path(directory))


def find_package(options):
    with tempfile.TemporaryDirectory(prefix="hwalloc-install-") as directory:
        by_find_package(options, options.prefix, pathlib.Path(directory))


def moved(options):
    """The same from a copy of the prefix elsewhere, by both ways, and the command still finds its library."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-moved-") as directory:
        prefix = pathlib.Path(directory) / "elsewhere"
        shutil.copytree(options.prefix, prefix, symlinks=True)
        flags = run("pkg-config", "--cflags", "--libs", "hwalloc", stdout=subprocess.PIPE,
                    env=environment(prefix, options.libdir)).stdout
        expect(str(options.prefix) not in flags, f"hwalloc.pc still points to the old place: {flags}")
        for name, way in (("a", by_pkg_config), ("b", by_find_package)):
            (pathlib.Path(directory) / name).mkdir()
            way(options, prefix, pathlib.Path(directory) / name)
        command = prefix / "bin" / "hwalloc"
        if command.exists():
            linked = run("ldd", command, stdout=subprocess.PIPE).stdout
            library = re.search(r"libhwalloc\.so\.\d+ => (\S+)", linked)
            expect(library and pathlib.Path(library[1]).resolve().is_relative_to(prefix.resolve()),
                   f"the moved command uses {library and library[1]}")
            if with_vulkan(options):
                said = run(command, "list", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           env={**os.environ, "LD_DEBUG": "files"}).stderr
                library = re.search(r"calling init: (\S*/libhwalloc-vulkan\.so\S*)", said)
                expect(library and pathlib.Path(library[1]).resolve().is_relative_to(prefix.resolve()),
                       f"the moved library loads {library and library[1]}")
                # Frames for a GPU need the command's other part, whatever there is to show them on.
                said = run(command, "capture", "--device", "test", "--to", "gpu", "--frames", "1", check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "LD_DEBUG": "files"}).stderr
                library = re.search(r"calling init: (\S*/hwalloc-devices\.so)", said)
                expect(library and pathlib.Path(library[1]).resolve().is_relative_to(prefix.resolve()),
                       f"the moved command loads {library and library[1]} for a GPU")


def examples(options):
    """The examples are an application's project, as they are installed."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-examples-") as directory:
        configured(options, options.prefix / "share" / "doc" / "hwalloc" / "examples", pathlib.Path(directory),
                   f"-DCMAKE_PREFIX_PATH={options.prefix}", "-DCMAKE_BUILD_TYPE=None")
        run(options.cmake, "--build", directory)
        for name in ("camera_to_display", "capture"):
            expect((pathlib.Path(directory) / name).is_file(), f"no {name}")
        expect((pathlib.Path(directory) / "camera_to_gpu").is_file() == with_vulkan(options), "camera_to_gpu is missing, or no Vulkan")


def tutorial(options):
    """The module that docs/adding-a-backend.md builds does what it says there, with the commands it gives."""
    page = (options.source / "docs" / "adding-a-backend.md").read_text()
    listing = re.search(r"^```cpp\n(.*?)^```$", page, re.M | re.S)
    expect(listing, "the page has no listing")
    env = environment(options.prefix, options.libdir)
    flags = run("pkg-config", "--cflags", "--libs", "hwalloc", stdout=subprocess.PIPE, env=env).stdout.split()
    with tempfile.TemporaryDirectory(prefix="hwalloc-tutorial-") as directory:
        source = pathlib.Path(directory) / "huge.cpp"
        source.write_text(listing[1])
        run(options.compiler, *STRICT, "-shared", "-fPIC", "-fvisibility=hidden", source, *flags,
            "-o", source.with_suffix(".so"))
        env["HWALLOC_MODULE_PATH"] = directory
        command = options.prefix / "bin" / "hwalloc"
        listed = run(command, "list", "--json", stdout=subprocess.PIPE, env=env).stdout
        names = [item["name"] for item in json.loads(listed)["allocators"]]
        expect("huge" in names, f"hwalloc list has {names}")
        run(command, "check", "huge", env=env)


@contextlib.contextmanager
def built_from(options, document):
    """The program in a document, compiled against what is installed: (its path, its environment)."""
    listing = re.search(r"^```cpp\n(.*?)^```$", (options.source / document).read_text(), re.M | re.S)
    expect(listing, f"{document} has no program")
    env = environment(options.prefix, options.libdir)
    flags = run("pkg-config", "--cflags", "--libs", "hwalloc", stdout=subprocess.PIPE, env=env).stdout.split()
    with tempfile.TemporaryDirectory(prefix="hwalloc-program-") as directory:
        source = pathlib.Path(directory) / "program.cpp"
        source.write_text(listing[1])
        run(options.compiler, *STRICT, source, *flags, "-o", source.with_suffix(""))
        yield source.with_suffix(""), env


def c_program(options):
    """A program in C, by pkg-config and as a CMake project that knows no other language."""
    env = environment(options.prefix, options.libdir)
    source = HERE / "outside_c"
    with tempfile.TemporaryDirectory(prefix="hwalloc-c-") as directory:
        flags = run("pkg-config", "--cflags", "--libs", "hwalloc", stdout=subprocess.PIPE, env=env).stdout.split()
        program = pathlib.Path(directory) / "program"
        run(options.compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", source / "outside.c", *flags,
            "-o", program)
        run_program(program, options, options.prefix, "sysmem", "SystemMemory")
        said = run(program, "no-such-memory", check=False, stderr=subprocess.PIPE, env=env).stderr
        expect("no-such-memory" in said, f"of a name that there is not it says {said!r}")
        page = pathlib.Path(directory) / "page.c"
        page.write_text(re.search(r"^```c\n(.*?)^```$", (options.source / "docs" / "c.md").read_text(), re.M | re.S)[1])
        run(options.compiler, "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", page, *flags,
            "-o", page.with_suffix(""))
        done = run(page.with_suffix(""), check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        expect("dma-buf" in done.stdout if done.returncode == 0 else "dma_heap" in done.stderr, f"it says {done.stdout}{done.stderr}")
        build = pathlib.Path(directory) / "build"
        run(options.cmake, "-S", source, "-B", build, "-G", options.generator, f"-DCMAKE_PREFIX_PATH={options.prefix}",
            f"-DCMAKE_C_COMPILER={options.compiler}", stdout=subprocess.DEVNULL)
        run(options.cmake, "--build", build)
        run_program(build / "outside_c", options, options.prefix, "sysmem", "SystemMemory")


def readme(options):
    """The program in README.md compiles and, where there is no heap, says so in words."""
    with built_from(options, "README.md") as (program, env):
        done = subprocess.run([program], text=True, stdout=subprocess.PIPE, env=env)
        print(done.stdout)
        expect(done.returncode == 0 or "dma_heap" in done.stdout, "it failed and named no heap")


def hotplug(options):
    """The program in docs/hotplug.md compiles, and waits for devices."""
    with built_from(options, "docs/hotplug.md") as (program, env):
        try:
            done = subprocess.run([program], env=env, timeout=1)
            expect(False, f"it ended, with exit code {done.returncode}")
        except subprocess.TimeoutExpired:
            pass


def conveniences(options):
    """What programs print, and the test pattern, with the one header for all, by the standard library and by {fmt}."""
    env = environment(options.prefix, options.libdir)
    flags = run("pkg-config", "--cflags", "--libs", "hwalloc", stdout=subprocess.PIPE, env=env).stdout.split()
    with tempfile.TemporaryDirectory(prefix="hwalloc-conveniences-") as directory:
        program = pathlib.Path(directory) / "program"
        with_fmt = (options.build / "tools" / "hwalloc").exists()  # which needs {fmt}
        for define, libraries in (([], []), (["-DWITH_FMT"], ["-lfmt"]))[:1 + with_fmt]:
            run(options.compiler, *STRICT, *define, HERE / "outside" / "conveniences.cpp", *flags, *libraries, "-o", program)
            run(program, env=env)
        lines = re.search(r"^```cpp\n(auto layout.*?)^```$", (options.source / "README.md").read_text(), re.M | re.S)
        expect(lines, "README.md has no lines that draw")
        source = program.with_suffix(".cpp")
        source.write_text('#include <hwalloc/all.h>\n#include <iostream>\nint main() {\n'
                          'auto memory = hwalloc::Allocator::resolve("sysmem").value()->alloc(640 * 480 * 2);\n'
                          f'const unsigned frame_number = 3;\n{lines[1]}}}\n')
        run(options.compiler, *STRICT, source, *flags, "-o", program)
        said = run(program, env=env, stderr=subprocess.PIPE).stderr
        expect(not said, f"README's lines say {said!r}")


PYTHON_PROGRAM = """
import hwalloc, sys
assert hwalloc.__file__.startswith(sys.argv[1]), hwalloc.__file__
memory = hwalloc.alloc(4096, "memfd")
with memory.map("w") as view:
    memoryview(view)[:4] = b"here"
print(hwalloc.version())
"""


def python(options):
    """The installed package finds the library by itself, wherever the prefix has been moved to."""
    interpreter, place = options.words
    with tempfile.TemporaryDirectory() as directory:
        moved_to = pathlib.Path(directory).resolve() / "moved"
        shutil.copytree(options.prefix, moved_to, symlinks=True)
        for prefix in (options.prefix, moved_to):
            package = prefix / place / "hwalloc"
            for name in ("__init__.py", "__init__.pyi", "py.typed", "_native.abi3.so"):
                expect((package / name).is_file() and not (package / name).is_symlink(), f"{package / name} is missing, or a link")
            env = {**os.environ, "PYTHONPATH": str(package.parent)}
            said = run(interpreter, "-B", "-c", PYTHON_PROGRAM, prefix, stdout=subprocess.PIPE, env=env).stdout.strip()
            expect(said == options.version, f"the package saw version {said!r}")


def pip(options):
    """A wheel by pip, without network, of the sources alone; and what it installs."""
    (interpreter,) = options.words
    # In this order: setuptools wants to be before what pip brings.
    if subprocess.run([interpreter, "-c", "import setuptools, wheel, pip"], check=False, stderr=subprocess.DEVNULL).returncode:
        print("there is no pip here (Debian: python3-pip)")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory).resolve()
        shutil.copytree(options.source / "bindings" / "python", directory / "source",
                        ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        env = environment(options.prefix, options.libdir)
        run(interpreter, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-build-isolation", "--wheel-dir", directory,
            directory / "source", env=env)
        (wheel,) = directory.glob("*.whl")
        expect(re.match(rf"hwalloc-{re.escape(options.version)}-cp311-abi3-", wheel.name), f"the wheel is called {wheel.name}")
        run(interpreter, "-m", "pip", "install", "--quiet", "--no-index", "--target", directory / "place", wheel)
        said = run(interpreter, "-B", "-c", PYTHON_PROGRAM, directory / "place", stdout=subprocess.PIPE,
                   env={**env, "PYTHONPATH": str(directory / "place")}).stdout.strip()
        expect(said == options.version, f"the package saw version {said!r}")
