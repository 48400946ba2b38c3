"""What is installed where, and what can be built and installed otherwise."""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import unity
from installed import HERE, STRICT, by_find_package, by_pkg_config, configured, environment, expect, run, with_vulkan


def install(options):
    shutil.rmtree(options.prefix, ignore_errors=True)
    run(options.cmake, "--install", options.build, "--prefix", options.prefix, stdout=subprocess.DEVNULL)


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
    if "gst.h" in headers:
        installed_library(options, "hwalloc-gst",
                          r"libc|libm|libgcc_s|libstdc\+\+|ld-linux[-\w]*|libhwalloc|libgst(reamer|base|allocators|video)-1.0"
                          r"|libg(lib|object)-2.0")
        expect((lib / "gstreamer-1.0" / "libgsthwalloc.so").is_file(), "GStreamer's plugin is missing")
    expect((lib / "pkgconfig/hwalloc-gst.pc").is_file() == ("gst.h" in headers), "hwalloc-gst.pc is missing, or is there without its library")
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
        for path in (options.source / directory).rglob("*"):
            name = path.relative_to(options.source)
            if path.is_file() and name.parts[1] != "man":
                expect((documents / name).is_file(), f"{name} is not installed")
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


def without_vulkan(options):
    """Where hwalloc's own Vulkan library is missing, doctor says so, and offers no line that brings something else."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-without-") as directory:
        prefix = pathlib.Path(directory) / "prefix"
        shutil.copytree(options.prefix, prefix, symlinks=True, ignore=shutil.ignore_patterns("libhwalloc-vulkan*"))
        env = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
        said = run(prefix / "bin" / "hwalloc", "doctor", "gpu", "--json", check=False, stdout=subprocess.PIPE, env=env).stdout
        checks = {check["id"]: check for check in json.loads(said)["checks"]}
        expect("gpu/any" in checks, f"doctor found {list(checks)}")
        check = checks["gpu/any"]
        expect("install hwalloc's Vulkan library" in check["message"], f"doctor says {check['message']!r}")
        expect(check["remedy"] is None, f"doctor offers {check['remedy']!r}")


def options_in_documents(options):
    """docs/building.md tells of every option that there is, with its default, and of none that there is not."""
    sources = [options.source / "CMakeLists.txt", options.source / "bindings" / "python" / "CMakeLists.txt", *(options.source / "cmake").glob("*.cmake")]
    text = "\n".join(path.read_text() for path in sources)
    there = set(re.findall(r"^\s*option\((\w+)", text, re.M)) | set(re.findall(r"^\s*set\((HWALLOC_\w+) [^)]*\bCACHE\b", text, re.M))
    told = set(re.findall(r"^\| `(\w+)` \|", (options.source / "docs" / "building.md").read_text(), re.M))
    expect(there <= told, f"docs/building.md does not tell of {there - told}")
    expect(all(name in text for name in told), f"there is none of {[name for name in told if name not in text]}")


def plain(options):
    """Without any setting the build is one to use, and shared."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-plain-") as directory:
        cache = configured(options, options.source, pathlib.Path(directory))
        expect(cache["CMAKE_BUILD_TYPE"] == "Release", f"build type {cache['CMAKE_BUILD_TYPE']!r}")
        expect(cache["BUILD_SHARED_LIBS"] == "ON", "it is not shared")


def libjpeg(options):
    """A libjpeg without what the command calls is refused when it is configured, in words, and one that has it is taken."""
    older = "#undef LIBJPEG_TURBO_VERSION_NUMBER\n"
    for title, changed, taken in (
            ("no libjpeg-turbo", older, False),
            ("libjpeg-turbo 1.4.2", f"{older}#define LIBJPEG_TURBO_VERSION_NUMBER 1004002\n", False),
            ("libjpeg-turbo without sources in memory", "#define jpeg_mem_src not_in_this_library\n", False),
            ("this machine's", "", True)):
        with tempfile.TemporaryDirectory(prefix="hwalloc-libjpeg-") as directory:
            header = pathlib.Path(directory) / "jpeglib.h"
            header.write_text(f"#include_next <jpeglib.h>\n{changed}")
            said = run(options.cmake, "-S", options.source, "-B", pathlib.Path(directory) / "build", "-G", options.generator,
                       f"-DCMAKE_CXX_COMPILER={options.compiler}", f"-DJPEG_INCLUDE_DIR={directory}", "-DHWALLOC_TESTS=OFF",
                       check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            text = " ".join(said.stdout.split())
            expect((said.returncode == 0) == taken, f"{title}: exit code {said.returncode}: {text}")
            expect(taken or "needs libjpeg-turbo 1.5 or later" in text, f"{title}: {text}")
            expect(taken or "-DHWALLOC_TOOLS=OFF" in text, f"{title}: no way out is told: {text}")


def part(options):
    """As a part of another project: the library alone, shared if that project says nothing, and the project's own settings stay."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-part-") as directory:
        cache = configured(options, HERE / "part", pathlib.Path(directory), f"-DHWALLOC={options.source}")
        expect(cache["CMAKE_BUILD_TYPE"] == "", f"hwalloc chose the build type {cache['CMAKE_BUILD_TYPE']}")
        expect("BUILD_SHARED_LIBS" not in cache, "hwalloc chose BUILD_SHARED_LIBS")
        expect(cache["HWALLOC_PYTHON"] == "OFF", "hwalloc builds its package for Python in another's project")


def plug_ins_of_the_archive(options, prefix, temporary):
    """A host loads and unloads plug-ins that have the archive in them, linked by both ways."""
    # As careful plug-ins do. Else unique symbols of the C++ library happen to keep them loaded.
    hides = "-Wl,--exclude-libs,ALL"
    source = options.source / "tests" / "process"
    host = temporary / "host"
    run(options.compiler, *STRICT, "-pthread", source / "dlopen_case.cpp", "-ldl", "-o", host)
    flags = run("pkg-config", "--cflags", "--libs", "hwalloc", stdout=subprocess.PIPE,
                env=environment(prefix, options.libdir)).stdout.split()
    run(options.compiler, *STRICT, "-fPIC", "-shared", source / "plug_in.cpp", *flags, hides, "-o", temporary / "plug_in.so")
    run(options.cmake, f"-DPLUG_IN={source / 'plug_in.cpp'}", f"-DCMAKE_MODULE_LINKER_FLAGS={hides}", temporary / "b")
    run(options.cmake, "--build", temporary / "b", "--target", "plug_in")
    for plug_in in (temporary / "plug_in.so", temporary / "b" / "libplug_in.so"):
        run(host, plug_in)


def static(options):
    """BUILD_SHARED_LIBS=OFF: an archive that applications link by both ways, and that loads no second libhwalloc."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-static-") as temporary:
        temporary = pathlib.Path(temporary)
        directory, prefix = temporary / "build", temporary / "prefix"
        configured(options, options.source, directory, "-DBUILD_SHARED_LIBS=OFF", "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O0",
                   "-DHWALLOC_TESTS=OFF", "-DHWALLOC_TOOLS=OFF", "-DHWALLOC_EXAMPLES=OFF")
        # What differs is compiled, with the files that are compiled together with it, and the others are those of this build.
        loader = unity.object_of("CMakeFiles/hwalloc_objects.dir", "allocators/registry/loader.cpp", directory)
        run(options.cmake, "--build", directory, "--target", loader)
        compiled = [options.build / name for name in unity.each_alone(loader, options.source, directory)]
        expect(len(compiled) > 1, "this is not how users build it")
        objects = [path for path in (options.build / "CMakeFiles" / "hwalloc_objects.dir").rglob("*.o") if path not in compiled]
        run("ar", "qcs", directory / "libhwalloc.a", directory / loader, *objects)
        run(options.cmake, "--install", directory, "--prefix", prefix, stdout=subprocess.DEVNULL)
        expect([path.name for path in (prefix / options.libdir).glob("libhwalloc*")] == ["libhwalloc.a"], "it is no archive alone")
        alone = argparse.Namespace(**{**vars(options), "prefix": prefix})
        for name, way in (("a", by_pkg_config), ("b", by_find_package)):
            (temporary / name).mkdir()
            way(alone, prefix, temporary / name)
        said = run(temporary / "b" / "outside", "vulkan/0", check=False, stderr=subprocess.STDOUT, stdout=subprocess.PIPE).stdout
        expect("shared libhwalloc" in said, f"of a library that it must not load it says {said!r}")
        plug_ins_of_the_archive(alone, prefix, temporary)
