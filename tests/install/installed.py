"""How the checks run programs, and use an installation as an outsider does."""

import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
STRICT = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]


def run(*command, check=True, **options):
    command = [str(word) for word in command]
    print("+", *command, flush=True)
    return subprocess.run(command, check=check, text=True, stdin=subprocess.DEVNULL, **options)


def expect(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")


def with_vulkan(options):
    return (options.prefix / "include" / "hwalloc" / "vulkan.h").exists()


def with_gst(options):
    return (options.prefix / "include" / "hwalloc" / "gst.h").exists()


def configured(options, source, directory, *settings):
    """Configures, and gives the cache."""
    run(options.cmake, "-S", source, "-B", directory, "-G", options.generator, f"-DCMAKE_CXX_COMPILER={options.compiler}", *settings,
        stdout=subprocess.DEVNULL)
    return dict(re.findall(r"^([\w-]+):\w+=(.*)$", (directory / "CMakeCache.txt").read_text(), re.M))


def environment(prefix, libdir):
    return {**os.environ, "PKG_CONFIG_PATH": str(prefix / libdir / "pkgconfig"), "LD_LIBRARY_PATH": str(prefix / libdir)}


def run_program(program, options, prefix, *names):
    for name in names or ("",):
        said = run(program, name, stdout=subprocess.PIPE, env=environment(prefix, options.libdir)).stdout.strip()
        expect(said == options.version, f"the program saw version {said!r}")


def by_pkg_config(options, prefix, directory):
    env = environment(prefix, options.libdir)
    for package, source, names in [("hwalloc", "outside.cpp", ("sysmem", "SystemMemory")),
                                   ("hwalloc-vulkan", "outside_vulkan.cpp", ()), ("hwalloc-gst", "outside_gst.cpp", ())]:
        if package == "hwalloc-vulkan" and not with_vulkan(options) or package == "hwalloc-gst" and not with_gst(options):
            continue
        flags = run("pkg-config", "--cflags", "--libs", package, stdout=subprocess.PIPE, env=env).stdout.split()
        program = directory / package
        run(options.compiler, *STRICT, HERE / "outside" / source, *flags, "-o", program)
        run_program(program, options, prefix, *names)
        said = run("pkg-config", "--modversion", package, stdout=subprocess.PIPE, env=env).stdout.strip()
        expect(said == options.version, f"pkg-config says version {said}")


def by_find_package(options, prefix, directory):
    run(options.cmake, "-S", HERE / "outside", "-B", directory, "-G", options.generator, f"-DCMAKE_PREFIX_PATH={prefix}",
        f"-DCOMPONENTS={'vulkan' if with_vulkan(options) else ''}",
        f"-DCMAKE_CXX_COMPILER={options.compiler}", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF")
    run(options.cmake, "--build", directory)
    run_program(directory / "outside", options, prefix, "sysmem", "SystemMemory")
    if with_vulkan(options):
        run_program(directory / "outside_vulkan", options, prefix)
