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


class Linkage(unittest.TestCase):
    def test_the_library_needs_the_c_and_cxx_library_and_udev_alone(self):
        dynamic = output("readelf", "--dynamic", "--wide", tool.BUILD / "libhwalloc.so")
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)
        self.assertTrue(any(name.startswith("libc.so") for name in needed), dynamic)
        self.assertEqual([name for name in needed if not ALLOWED.match(name)], [])
        self.assertRegex(dynamic, r"\(SONAME\).*\[libhwalloc\.so\.\d+\]")

    def test_finding_sysmem_maps_neither_vulkan_nor_drm(self):
        maps = output(tool.BUILD / "tests" / "linkage" / "find_sysmem")
        files = {line.split()[5] for line in maps.splitlines() if len(line.split()) > 5}
        names = {pathlib.Path(name).name for name in files}
        self.assertTrue(any(name.startswith("libhwalloc.so") for name in names), names)
        self.assertEqual({name for name in names if re.match(r"lib(vulkan|drm|gbm|EGL|GL)", name)}, set())


if __name__ == "__main__":
    tool.main()
