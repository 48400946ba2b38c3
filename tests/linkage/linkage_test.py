"""What the library brings into a process: nothing that only some of its users need."""

import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import tool  # noqa: E402

ALLOWED = re.compile(r"^(libc|libm|libstdc\+\+|libgcc_s|libudev|ld-linux[-\w]*)\.so(\.\d+)*$")


def output(*command):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True).stdout


def mapped_by(program, name):
    """The exit code of using the allocator `name`, the files that were mapped then, and what it said."""
    done = subprocess.run([str(tool.BUILD / "tests" / "linkage" / program), name], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)
    files = {line.split(maxsplit=5)[5] for line in done.stdout.splitlines() if len(line.split()) > 5}
    files = {pathlib.Path(name) for name in files if name.startswith("/")}
    assert any(file.name.startswith("libhwalloc.so") for file in files), (files, done.stderr)
    return done.returncode, files, done.stderr


def graphics(files):
    return {file.name for file in files if re.match(r"lib(hwalloc-vulkan|vulkan|drm|gbm|EGL|GL)", file.name)}


class Core(unittest.TestCase):
    def test_the_library_needs_the_c_and_cxx_library_and_udev_alone(self):
        dynamic = output("readelf", "--dynamic", "--wide", tool.BUILD / "libhwalloc.so")
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)
        self.assertTrue(any(name.startswith("libc.so") for name in needed), dynamic)
        self.assertEqual([name for name in needed if not ALLOWED.match(name)], [])
        self.assertRegex(dynamic, r"\(SONAME\).*\[libhwalloc\.so\.\d+\]")

    def test_none_of_the_libraries_is_ever_unloaded(self):
        """Memory has addresses of their code, whoever closes the plug-in that brought them."""
        libraries = [tool.BUILD / name for name in ("libhwalloc.so", "libhwalloc-vulkan.so")]
        for library in filter(pathlib.Path.exists, libraries):
            self.assertRegex(output("readelf", "--dynamic", "--wide", library), r"\(FLAGS_1\).*NODELETE")

    def test_using_memory_of_the_core_maps_neither_vulkan_nor_drm(self):
        for name in ("sysmem", "memfd"):
            code, files, said = mapped_by("use_allocator", name)
            self.assertEqual((code, graphics(files)), (0, set()), said)

    def test_a_name_that_nobody_has_maps_them_neither(self):
        code, files, said = mapped_by("use_allocator", "no-such-family/vulkan")
        self.assertEqual((code, graphics(files)), (1, set()), said)


class Vulkan(unittest.TestCase):
    def libraries(self, program):
        """What a program has mapped that asked for vulkan/0/host: both libraries, each once."""
        code, files, said = mapped_by(program, "vulkan/0/host")
        for name in ("libhwalloc-vulkan.so", "libvulkan.so"):
            found = [str(file) for file in files if file.name.startswith(name)]
            self.assertEqual(len(found), 1, f"{name}: {found}; {said}")
        return code, said

    def test_asking_for_vulkan_brings_it_into_a_program_that_does_not_link_it(self):
        program = tool.BUILD / "tests" / "linkage" / "use_allocator"
        self.assertNotIn("vulkan", output("readelf", "--dynamic", "--wide", program))
        self.libraries("use_allocator")

    def test_a_program_that_links_it_has_it_once(self):
        program = tool.BUILD / "tests" / "linkage" / "use_allocator_linked"
        self.assertIn("libhwalloc-vulkan.so.0", output("readelf", "--dynamic", "--wide", program))
        self.libraries("use_allocator_linked")

    def test_the_memory_works(self):
        code, said = self.libraries("use_allocator")
        if code == 1:
            raise unittest.SkipTest(f"ABSENT: vulkan/0/host: {said.strip()}")
        self.assertEqual(code, 0, said)


if __name__ == "__main__":
    tool.main()
