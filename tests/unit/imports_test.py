#!/usr/bin/env python3
"""No object file of the library goes around the kernel table (common/kernel.h).

Every symbol that an object takes from elsewhere is on a list of what is known to make no system call, or is the
library's own. common/kernel.cpp alone may take the C library's system call wrappers, common/udev.cpp alone libudev. Of Vulkan,
backends/vulkan/functions.cpp alone takes the loader's one function; the Vulkan Memory Allocator (vma.cpp) is given our table,
and its functions are taken by its neighbours only.

usage: imports_test.py --nm NM --compiler CXX OBJECT...
"""

import argparse
import functools
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

# Not one of these enters the kernel, but for memory and for waiting on a lock.
PLAIN = set(
    """
    malloc calloc realloc free aligned_alloc posix_memalign
    memchr memcmp memcpy memmove memset bcmp
    strlen strnlen strcmp strncmp strchr strrchr strstr strerrordesc_np strerrorname_np
    pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock pthread_mutex_init pthread_mutex_destroy
    pthread_atfork pthread_self pthread_once pthread_rwlock_rdlock pthread_rwlock_wrlock pthread_rwlock_unlock
    pthread_key_create pthread_key_delete pthread_getspecific pthread_setspecific __tls_get_addr
    secure_getenv abort tolower dladdr
    """.split()
)
# Run time support that compilers put in by themselves.
RUN_TIME = re.compile(
    r"__cxa_|__gxx_personality_v0$|_Unwind_Resume$|__libc_single_threaded$|__dso_handle$|_GLOBAL_OFFSET_TABLE_$"
    r"|__popcount[sdt]i2$|__stack_chk_|__mem(cpy|move|set)_chk$|__(asan|ubsan|tsan|lsan|sanitizer)_|__aarch64_"
)
# The C++ library, but for the parts that reach for files, threads, clocks and the environment.
CXX = re.compile(r"(non-virtual thunk to |vtable for |typeinfo for |typeinfo name for )?(std|__cxxabiv1|hwalloc)::")
CXX_KERNEL = re.compile(
    r"std::(__cxx11::)?(filesystem|thread|jthread|this_thread|random_device|chrono|locale|basic_(i|o)?fstream"
    r"|basic_filebuf|basic_file|__basic_file|ios_base|cout|cerr|clog|cin)\b"
)
OPERATORS = re.compile(r"operator (new|delete)(\[\])?\(")
WRAPPERS = set(
    """
    open openat close ioctl mmap munmap memfd_create ftruncate fcntl fstat stat fstatfs lseek poll ppoll read write
    readlink opendir readdir closedir clock_gettime getpid syscall dlopen dlsym dlerror sysconf
    getrlimit getrlimit64
    open64 mmap64 ftruncate64 fcntl64 fstat64 stat64 fstatfs64 lseek64 readdir64 __errno_location
    """.split()
)


# What has something run when the process, a thread or the library ends. The library has nothing: memory is released,
# and allocators are asked, by whatever ends last.
AT_END = {"__cxa_atexit", "__cxa_thread_atexit", "__cxa_thread_atexit_impl", "__cxa_at_quick_exit", "atexit", "at_quick_exit",
          "on_exit", "std::atexit", "std::at_quick_exit"}


@functools.cache
def imports(nm, path):
    """The symbols `path` takes from elsewhere, with C++ names spelt out."""
    listing = subprocess.run([nm, "--undefined-only", "--demangle", "--format=bsd", str(path)], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    return [line.split(maxsplit=1)[1] for line in listing.splitlines() if line.strip()]


def result_type_removed(name):
    """Templates are spelt with what they return in front ("bool std::f<int>(...)")."""
    depth = 0
    for at, letter in enumerate(name):
        depth += letter in "<("
        depth -= letter in ">)"
        if letter == " " and depth == 0 and not name[:at].endswith(("thunk", "to", "for", "vtable", "typeinfo", "name",
                                                                    "operator")):
            return result_type_removed(name[at + 1:]) if CXX.match(name[at + 1:]) else name
    return name


def allowed(name, source):
    if source.endswith("common/kernel.cpp") and name in WRAPPERS:
        return True
    if source.endswith("common/udev.cpp") and name.startswith("udev_"):
        return True
    if source.endswith("backends/vulkan/functions.cpp") and name == "vkGetInstanceProcAddr":
        return True
    if "backends/vulkan/" in source and re.match(r"vma[A-Z]\w+$", name):
        return True
    # What its assertions print with; it reports to nobody else.
    if source.endswith("backends/vulkan/vma.cpp") and name in ("__assert_fail", "snprintf"):
        return True
    if name in PLAIN or RUN_TIME.match(name) or OPERATORS.match(name):
        return True
    plain = result_type_removed(name)
    return bool(CXX.match(plain)) and not CXX_KERNEL.match(plain)


def strangers(nm, path):
    source = re.sub(r"\.(o|obj)$", "", str(path))
    return [name for name in imports(nm, path) if not allowed(name, source)]


def runs_at_end(nm, path):
    return sorted(AT_END.intersection(imports(nm, path)))


# What makes a static object of a function when it is first called. Others wait meanwhile: in the child of a fork that
# comes in that moment for a thread that is not there.
GUARDS = {"__cxa_guard_acquire"}


class Imports(unittest.TestCase):
    def test_no_object_waits_for_whoever_makes_a_static_object(self):
        found = [str(path) for path in OPTIONS.objects if GUARDS.intersection(imports(OPTIONS.nm, path))]
        self.assertEqual(found, [], "an atomic, or an object at namespace scope (common/immortal.h), needs no guard")

    def test_a_static_object_of_a_function_is_caught(self):
        self.assertTrue(GUARDS.intersection(self.imports_of("int g();\nint f() { static const int made = g(); return made; }")))

    def imports_of(self, code):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "sly.cpp"
            path.write_text(code)
            subprocess.run([OPTIONS.compiler, "-std=c++20", "-O1", "-c", str(path), "-o", f"{path}.o"], check=True)
            return imports(OPTIONS.nm, f"{path}.o")

    def test_no_object_has_anything_run_at_the_end(self):
        found = {str(path): names for path in OPTIONS.objects if (names := runs_at_end(OPTIONS.nm, path))}
        self.assertEqual(found, {}, "common/immortal.h says how to have an object of the whole process")

    def test_what_runs_at_the_end_is_caught(self):
        objects = {"global": "struct S { ~S(); } s;", "empty": "struct S { ~S() {} } s;",
                   "local": "#include <string>\nconst std::string& f() { static const std::string s; return s; }",
                   "thread": "struct S { ~S(); }; thread_local S s;\nS* f() { return &s; }",
                   "call": "#include <cstdlib>\nvoid f() { std::atexit([] {}); }"}
        for name, code in objects.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder) / "sly.cpp"
                path.write_text(code)
                subprocess.run([OPTIONS.compiler, "-std=c++20", "-O0", "-c", str(path), "-o", f"{path}.o"], check=True)
                self.assertNotEqual(runs_at_end(OPTIONS.nm, f"{path}.o"), [])

    def test_no_object_goes_around_the_kernel_table(self):
        self.assertGreater(len(OPTIONS.objects), 10, "the library has more objects than that")
        found = {str(path): names for path in OPTIONS.objects if (names := strangers(OPTIONS.nm, path))}
        self.assertEqual(found, {})

    def test_the_kernel_table_is_where_the_wrappers_are(self):
        table = [path for path in OPTIONS.objects if path.endswith("common/kernel.cpp.o")]
        self.assertEqual(len(table), 1)
        self.assertLessEqual({"ioctl", "memfd_create", "munmap"}, set(imports(OPTIONS.nm, table[0])))

    def assert_caught(self, code, name, source="allocators/sly.cpp"):
        """That an object made of `code` as `source` is refused because of `name`."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / source
            path.parent.mkdir(parents=True)
            path.write_text(code)
            made = f"{path}.o"
            subprocess.run([OPTIONS.compiler, "-std=c++20", "-O1", "-c", str(path), "-o", made], check=True)
            self.assertRegex("\n".join(strangers(OPTIONS.nm, made)), name)

    def test_the_ways_around_are_caught(self):
        self.assert_caught("#include <unistd.h>\nlong f(int fd) { char c; return ::read(fd, &c, 1); }", r"^read$")
        self.assert_caught("#include <unistd.h>\nlong f() { return ::syscall(1); }", r"^syscall$")
        self.assert_caught("#include <cstdio>\nvoid f() { std::fopen(\"x\", \"r\"); }", r"^fopen")
        self.assert_caught("#include <grp.h>\nvoid f() { ::getgrgid(0); }", r"^getgrgid$")
        self.assert_caught("#include <unistd.h>\nvoid f() { ::close(0); }", r"^close$", "common/other_kernel.cpp/x.cpp")
        self.assert_caught("#include <fstream>\nint f() { std::ifstream s(\"x\"); return s.get(); }", "basic_.*file|fstream")
        self.assert_caught("#include <filesystem>\nbool f() { return std::filesystem::exists(\"x\"); }", "filesystem")
        self.assert_caught("#include <thread>\nvoid f() { std::thread([] {}).join(); }", "thread")
        self.assert_caught("#include <chrono>\nlong f() { return std::chrono::steady_clock::now().time_since_epoch()"
                           ".count(); }", "chrono")
        self.assert_caught("extern \"C\" void* udev_new();\nvoid f() { udev_new(); }", "^udev_new$")
        self.assert_caught("extern \"C\" void vkQueueSubmit();\nvoid f() { vkQueueSubmit(); }", "^vkQueueSubmit$")
        self.assert_caught("extern \"C\" void vkFreeMemory();\nvoid f() { vkFreeMemory(); }", "^vkFreeMemory$",
                           "backends/vulkan/functions.cpp")
        self.assert_caught("extern \"C\" void* vkGetInstanceProcAddr();\nvoid f() { vkGetInstanceProcAddr(); }",
                           "^vkGetInstanceProcAddr$", "backends/vulkan/session.cpp")
        self.assert_caught("extern \"C\" void vmaFreeMemory();\nvoid f() { vmaFreeMemory(); }", "^vmaFreeMemory$")
        self.assert_caught("extern \"C\" int unlink(const char*);\nvoid f() { unlink(\"x\"); }", "^unlink$",
                           "common/kernel.cpp")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--nm", required=True)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("objects", nargs="+")
    OPTIONS = parser.parse_args()
    unittest.main(argv=sys.argv[:1], verbosity=2)
