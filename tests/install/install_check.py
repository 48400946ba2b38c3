#!/usr/bin/env python3
"""One check of an installed hwalloc; tests/install/CMakeLists.txt says which there are."""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
STRICT = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
# What a public header may include besides the C++ library: POSIX headers of libc.
POSIX = {"sys/types.h", "sys/stat.h", "sys/time.h", "poll.h", "time.h", "unistd.h"}
# The one header for which an application needs more than hwalloc, and it has that already.
VULKAN = {"vulkan.h": {"vulkan/vulkan_core.h"}}


def run(*command, check=True, **options):
    command = [str(word) for word in command]
    print("+", *command, flush=True)
    return subprocess.run(command, check=check, text=True, stdin=subprocess.DEVNULL, **options)


def expect(condition, text):
    if not condition:
        sys.exit(f"FAILED: {text}")


def install(options):
    shutil.rmtree(options.prefix, ignore_errors=True)
    run(options.cmake, "--install", options.build, "--prefix", options.prefix, stdout=subprocess.DEVNULL)


def with_vulkan(options):
    return (options.prefix / "include" / "hwalloc" / "vulkan.h").exists()


def installed_library(options, name, may_need):
    """A library under its three names; what the linker finds in it."""
    lib = options.prefix / options.libdir
    major = options.version.split(".", maxsplit=1)[0]
    real = lib / f"lib{name}.so.{options.version}"
    expect(real.is_file() and not real.is_symlink(), f"{real} is missing")
    for link in (f"lib{name}.so.{major}", f"lib{name}.so"):
        expect((lib / link).is_symlink() and (lib / link).resolve() == real.resolve(), f"{link} is no link to {real}")
    dynamic = run("readelf", "-d", real, stdout=subprocess.PIPE).stdout
    soname = re.search(r"\(SONAME\).*\[(.*)\]", dynamic)
    expect(soname and soname[1] == f"lib{name}.so.{major}", f"soname: {soname and soname[1]}")
    run_paths = re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", dynamic)
    expect(run_paths == ["$ORIGIN"], f"{name} looks for its companions in {run_paths}, not beside itself alone")
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    surplus = {one for one in needed if not re.match(rf"({may_need})\.so\.", one)}
    expect(not surplus, f"{name} needs {surplus}")


def layout(options):
    """Exactly the public headers; the libraries; what build systems look for."""
    headers = sorted(os.listdir(options.prefix / "include" / "hwalloc"))
    expect(headers == sorted(options.words), f"headers {headers}, wanted {sorted(options.words)}")
    lib = options.prefix / options.libdir
    installed_library(options, "hwalloc", r"libc|libm|libgcc_s|libstdc\+\+|libudev|ld-linux[-\w]*")
    if with_vulkan(options):
        installed_library(options, "hwalloc-vulkan", r"libc|libm|libgcc_s|libstdc\+\+|ld-linux[-\w]*|libhwalloc|libvulkan")
    for name in ("pkgconfig/hwalloc-vulkan.pc", "cmake/hwalloc/hwalloc-vulkan-targets.cmake"):
        expect((lib / name).is_file() == with_vulkan(options), f"{name} is missing, or is there without its library")
    for name in ("pkgconfig/hwalloc.pc", "cmake/hwalloc/hwalloc-config.cmake",
                 "cmake/hwalloc/hwalloc-config-version.cmake", "cmake/hwalloc/hwalloc-targets.cmake"):
        expect((lib / name).is_file(), f"{name} is missing")
    for page in (options.source / "docs" / "man").glob("*.[1-8]"):
        expect((options.prefix / "share" / "man" / f"man{page.suffix[1:]}" / page.name).is_file(), f"no {page.name}")
    documents = options.prefix / "share" / "doc" / "hwalloc"
    expect((documents / "permissions.md").is_file(), "the document that the manual refers to is missing")
    for directory in ("docs", "examples"):
        for path in (options.source / directory).iterdir():
            if path.is_file():
                expect((documents / directory / path.name).is_file(), f"{directory}/{path.name} is not installed")
    if (options.build / "tools" / "hwalloc").exists():
        said = run(options.prefix / "bin" / "hwalloc", "--version", stdout=subprocess.PIPE).stdout
        expect(options.version in said, f"hwalloc --version says {said!r}")


def udev_rules(options):
    """Nobody gets rules unasked; each component brings its own, and the contiguous heap's comes by itself."""
    expect(not list(options.prefix.rglob("*.rules")), "a plain installation brings udev rules")
    shipped = {path.name for path in (options.source / "udev-rules").glob("*.rules")}
    for component, wanted in (("UdevRules", {"55-hwalloc-dma-heap.rules", "70-hwalloc-udmabuf.rules"}),
                              ("UdevRulesContiguous", {"55-hwalloc-dma-heap-contiguous.rules"})):
        with tempfile.TemporaryDirectory() as prefix:
            run(options.cmake, "--install", options.build, "--prefix", prefix, "--component", component,
                stdout=subprocess.DEVNULL)
            found = {str(path.relative_to(prefix)) for path in pathlib.Path(prefix).rglob("*") if path.is_file()}
            expect(found == {f"lib/udev/rules.d/{name}" for name in wanted}, f"{component} brings {found}")
            shipped -= wanted
    expect(not shipped, f"in no component: {shipped}")


def no_build_path(options):
    """Neither the source nor the build directory is named by anything installed, and nothing that is linked depends on them."""
    paths = [str(options.source).encode(), str(options.build).encode()]
    with tempfile.TemporaryDirectory(prefix="hwalloc-stripped-") as directory:
        for path in options.prefix.rglob("*"):
            if not path.is_file() or path.is_symlink():
                continue
            text = path.read_bytes()
            if text.startswith(b"\x7fELF"):
                # Debug information names source files, as it should; distributions strip it.
                stripped = pathlib.Path(directory) / "stripped"
                run("strip", "-o", stripped, path)
                text = stripped.read_bytes()
            for bad in paths:
                expect(bad not in text, f"{path} names {bad.decode()}")
    # A path that was there when the linker ran is in the build ID, and leaves its length, even if the installation takes it away.
    for path in [*options.build.glob("*.so.*"), *options.build.glob("tools/hwalloc*")]:
        if path.is_file() and path.read_bytes().startswith(b"\x7fELF"):
            dynamic = run("readelf", "-d", path, stdout=subprocess.PIPE).stdout
            for run_path in re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", dynamic):
                expect(all(part.startswith("$ORIGIN") for part in run_path.split(":") if part), f"{path} was linked with {run_path}")


def staged(options):
    """For a package: all below DESTDIR, for the prefix /usr. pkg-config tells no directory that compilers search anyway."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-staged-") as directory:
        run(options.cmake, "--install", options.build, "--prefix", "/usr", stdout=subprocess.DEVNULL, env={**os.environ, "DESTDIR": directory})
        expect(os.listdir(directory) == ["usr"], f"beside /usr: {os.listdir(directory)}")
        packages = ["hwalloc", *(["hwalloc-vulkan"] if with_vulkan(options) else [])]
        system = run("pkg-config", "--variable=pc_path", "pkg-config", stdout=subprocess.PIPE).stdout.strip()
        env = {**os.environ, "PKG_CONFIG_LIBDIR": f"{directory}/usr/{options.libdir}/pkgconfig:{system}"}
        flags = run("pkg-config", "--cflags", "--libs", *packages, stdout=subprocess.PIPE, env=env).stdout.split()
        expect(sorted(flags) == sorted(f"-l{name}" for name in packages), f"pkg-config says {flags}")
        modules = run("pkg-config", "--variable=moduledir", "hwalloc", stdout=subprocess.PIPE, env=env).stdout.strip()
        expect(modules == f"/usr/{options.libdir}/hwalloc", f"the directory of modules is {modules}")


def modules(options):
    """A backend outside the library is found in the directory that pkg-config names, wherever the prefix has come to lie."""
    module = options.build / "tests" / "modules" / "good" / "good.so"
    with tempfile.TemporaryDirectory(prefix="hwalloc-modules-") as directory:
        prefix = pathlib.Path(directory) / "elsewhere"
        shutil.copytree(options.prefix, prefix, symlinks=True)
        env = {name: value for name, value in environment(prefix, options.libdir).items() if name != "HWALLOC_MODULE_PATH"}
        said = run("pkg-config", "--variable=moduledir", "hwalloc", stdout=subprocess.PIPE, env=env).stdout.strip()
        place = pathlib.Path(said)
        expect(place.resolve().is_relative_to(prefix.resolve()), f"pkg-config names {said}")
        place.mkdir(exist_ok=True)
        shutil.copy(module, place)
        listed = run(prefix / "bin" / "hwalloc", "list", "--json", stdout=subprocess.PIPE, env=env).stdout
        names = [item["name"] for item in json.loads(listed)["allocators"]]
        expect("test/good" in names, f"hwalloc list has {names}")


def completed(options, *words):
    """What bash offers for the last of these words."""
    script = options.prefix / "share" / "bash-completion" / "completions" / "hwalloc"
    return run("bash", "-c", 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _hwalloc; printf "%s\\n" "${COMPREPLY[@]}"', script,
               options.prefix / "bin" / "hwalloc", *words, stdout=subprocess.PIPE).stdout.split()


def completion(options):
    """bash completes commands, options, what options take, and allocators, as the command itself names them."""
    expect({"list", "check", "capture", "plan", "doctor"} == set(completed(options, "")), "the commands")
    expect(completed(options, "pl") == ["plan"], "a command")
    expect({"--json", "--camera", "--svg"} <= set(completed(options, "plan", "--")), "the options of plan")
    expect(completed(options, "plan", "--cam") == ["--camera"], "an option")
    expect(completed(options, "plan", "--policy", "") == ["strict", "prefer", "allow-copy"], "what --policy takes")
    expect(completed(options, "check", "sys") == ["sysmem"], "an allocator to check")
    expect(completed(options, "capture", "--allocator", "memf") == ["memfd"], "an allocator to fill")
    expect(completed(options, "capture", "--frames", "") == [], "a number")
    expect(completed(options, "capture", "--output", str(options.prefix / "inc")) == [str(options.prefix / "include")], "a file")


def examples(options):
    """The examples are an application's project, as they are installed."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-examples-") as directory:
        configured(options, options.prefix / "share" / "doc" / "hwalloc" / "examples", pathlib.Path(directory),
                   f"-DCMAKE_PREFIX_PATH={options.prefix}", "-DCMAKE_BUILD_TYPE=None")
        run(options.cmake, "--build", directory)
        expect((pathlib.Path(directory) / "camera_to_display").is_file(), "no camera_to_display")
        expect((pathlib.Path(directory) / "camera_to_gpu").is_file() == with_vulkan(options), "camera_to_gpu is missing, or no Vulkan")


def options_in_documents(options):
    """docs/building.md tells of every option that there is, with its default, and of none that there is not."""
    sources = [options.source / "CMakeLists.txt", *(options.source / "cmake").glob("*.cmake")]
    text = "\n".join(path.read_text() for path in sources)
    there = set(re.findall(r"^\s*option\((\w+)", text, re.M)) | set(re.findall(r"^\s*set\((HWALLOC_\w+) [^)]*\bCACHE\b", text, re.M))
    told = set(re.findall(r"^\| `(\w+)` \|", (options.source / "docs" / "building.md").read_text(), re.M))
    expect(there <= told, f"docs/building.md does not tell of {there - told}")
    expect(all(name in text for name in told), f"there is none of {[name for name in told if name not in text]}")


def configured(options, source, directory, *settings):
    """Configures, and gives the cache."""
    run(options.cmake, "-S", source, "-B", directory, "-G", options.generator, f"-DCMAKE_CXX_COMPILER={options.compiler}", *settings,
        stdout=subprocess.DEVNULL)
    return dict(re.findall(r"^([\w-]+):\w+=(.*)$", (directory / "CMakeCache.txt").read_text(), re.M))


def plain(options):
    """Without any setting the build is one to use, and shared."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-plain-") as directory:
        cache = configured(options, options.source, pathlib.Path(directory))
        expect(cache["CMAKE_BUILD_TYPE"] == "Release", f"build type {cache['CMAKE_BUILD_TYPE']!r}")
        expect(cache["BUILD_SHARED_LIBS"] == "ON", "it is not shared")


def part(options):
    """As a part of another project: the library alone, shared if that project says nothing, and the project's own settings stay."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-part-") as directory:
        cache = configured(options, HERE / "part", pathlib.Path(directory), f"-DHWALLOC={options.source}")
        expect(cache["CMAKE_BUILD_TYPE"] == "", f"hwalloc chose the build type {cache['CMAKE_BUILD_TYPE']}")
        expect("BUILD_SHARED_LIBS" not in cache, "hwalloc chose BUILD_SHARED_LIBS")


def static(options):
    """BUILD_SHARED_LIBS=OFF: an archive that applications link by both ways, and that loads no second libhwalloc."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-static-") as temporary:
        temporary = pathlib.Path(temporary)
        directory, prefix = temporary / "build", temporary / "prefix"
        configured(options, options.source, directory, "-DBUILD_SHARED_LIBS=OFF", "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O0",
                   "-DHWALLOC_TESTS=OFF", "-DHWALLOC_TOOLS=OFF", "-DHWALLOC_EXAMPLES=OFF")
        # The one object that differs is compiled, and the others are those of this build.
        objects = [path for path in (options.build / "CMakeFiles" / "hwalloc_objects.dir").rglob("*.o") if path.name != "loader.cpp.o"]
        loader = "CMakeFiles/hwalloc_objects.dir/allocators/registry/loader.cpp.o"
        run(options.cmake, "--build", directory, "--target", loader)
        run("ar", "qcs", directory / "libhwalloc.a", directory / loader, *objects)
        run(options.cmake, "--install", directory, "--prefix", prefix, stdout=subprocess.DEVNULL)
        expect([path.name for path in (prefix / options.libdir).glob("libhwalloc*")] == ["libhwalloc.a"], "it is no archive alone")
        alone = argparse.Namespace(**{**vars(options), "prefix": prefix})
        for name, way in (("a", by_pkg_config), ("b", by_find_package)):
            (temporary / name).mkdir()
            way(alone, prefix, temporary / name)
        said = run(temporary / "b" / "outside", "vulkan/0", check=False, stderr=subprocess.STDOUT, stdout=subprocess.PIPE).stdout
        expect("shared libhwalloc" in said, f"of a library that it must not load it says {said!r}")


def environment(prefix, libdir):
    return {**os.environ, "PKG_CONFIG_PATH": str(prefix / libdir / "pkgconfig"), "LD_LIBRARY_PATH": str(prefix / libdir)}


def run_program(program, options, prefix, *names):
    for name in names or ("",):
        said = run(program, name, stdout=subprocess.PIPE, env=environment(prefix, options.libdir)).stdout.strip()
        expect(said == options.version, f"the program saw version {said!r}")


def by_pkg_config(options, prefix, directory):
    env = environment(prefix, options.libdir)
    for package, source, names in [("hwalloc", "outside.cpp", ("sysmem", "SystemMemory")),
                                   ("hwalloc-vulkan", "outside_vulkan.cpp", ())]:
        if package == "hwalloc-vulkan" and not with_vulkan(options):
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


def readme(options):
    """The program in README.md compiles and, where there is no heap, says so in words."""
    listing = re.search(r"^```cpp\n(.*?)^```$", (options.source / "README.md").read_text(), re.M | re.S)
    expect(listing, "README.md has no program")
    env = environment(options.prefix, options.libdir)
    flags = run("pkg-config", "--cflags", "--libs", "hwalloc", stdout=subprocess.PIPE, env=env).stdout.split()
    with tempfile.TemporaryDirectory(prefix="hwalloc-readme-") as directory:
        source = pathlib.Path(directory) / "program.cpp"
        source.write_text(listing[1])
        run(options.compiler, *STRICT, source, *flags, "-o", source.with_suffix(""))
        done = subprocess.run([source.with_suffix("")], text=True, stdout=subprocess.PIPE, env=env)
        print(done.stdout)
        expect(done.returncode == 0 or "dma_heap" in done.stdout, "it failed and named no heap")


def hotplug(options):
    """The program in docs/hotplug.md compiles, and waits for devices."""
    listing = re.search(r"^```cpp\n(.*?)^```$", (options.source / "docs" / "hotplug.md").read_text(), re.M | re.S)
    expect(listing, "docs/hotplug.md has no program")
    env = environment(options.prefix, options.libdir)
    flags = run("pkg-config", "--cflags", "--libs", "hwalloc", stdout=subprocess.PIPE, env=env).stdout.split()
    with tempfile.TemporaryDirectory(prefix="hwalloc-hotplug-") as directory:
        source = pathlib.Path(directory) / "program.cpp"
        source.write_text(listing[1])
        run(options.compiler, *STRICT, source, *flags, "-o", source.with_suffix(""))
        try:
            done = subprocess.run([source.with_suffix("")], env=env, timeout=1)
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


def includes(options):
    """Public headers include each other, the C++ library, and a few headers of libc; nothing private, nothing else but
    Vulkan's own header in hwalloc/vulkan.h."""
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
                expect(re.fullmatch(r"[a-z_]+", name) or name in POSIX | VULKAN.get(header, set()),
                       f"{header} includes <{name}>")


def header(options):
    """A header alone is a program that compiles, twice over, with nothing to complain about."""
    name = options.words[0]
    with tempfile.TemporaryDirectory(prefix="hwalloc-header-") as directory:
        source = pathlib.Path(directory) / "alone.cpp"
        source.write_text(f'#include "hwalloc/{name}"\n#include "hwalloc/{name}"\n')
        run(options.compiler, *STRICT, "-fsyntax-only", f"-I{options.prefix / 'include'}", source)


def cxx17(options):
    """In an older language every header says one sentence, and no more than the line that ends the compilation there."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-header-") as directory:
        source = pathlib.Path(directory) / "old.cpp"
        for name in sorted(os.listdir(options.prefix / "include" / "hwalloc")):
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


CHECKS = {"install": install, "layout": layout, "no-build-path": no_build_path, "udev-rules": udev_rules, "pkg-config": pkg_config,
          "find-package": find_package, "moved": moved, "staged": staged, "modules": modules, "completion": completion, "plain": plain,
          "examples": examples, "options": options_in_documents,
          "part": part, "static": static, "includes": includes, "tutorial": tutorial, "readme": readme,
          "hotplug": hotplug, "conveniences": conveniences, "header": header, "cxx17": cxx17, "dangling": dangling}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("prefix", "source", "build"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    for name in ("libdir", "version", "cmake", "generator"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--compiler")
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("words", nargs="*")
    options = parser.parse_intermixed_args()
    try:
        CHECKS[options.check](options)
    except subprocess.CalledProcessError as error:
        sys.exit(f"FAILED: exit code {error.returncode} of {error.cmd[0]}")


if __name__ == "__main__":
    main()
