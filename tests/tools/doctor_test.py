"""`hwalloc doctor` on whatever machine this is: the document's shape, and that it tells what this machine has and lacks.
What only happens with devices is tested in the lab (tests/lab/permissions_test.py)."""

import glob
import gzip
import os
import pathlib
import re
import resource
import unittest

import tool

PARTS = ["kernel", "udev", "user", "allocator", "memory", "node", "gpu", "camera", "limit"]
STATUSES = ["ok", "warning", "failed", "missing", "unknown"]
OPTIONS = ["CONFIG_DMABUF_HEAPS", "CONFIG_DMABUF_HEAPS_SYSTEM", "CONFIG_DMABUF_HEAPS_CMA", "CONFIG_UDMABUF",
           "CONFIG_SYNC_FILE", "CONFIG_DRM", "CONFIG_VIDEO_DEV"]


def kernel_configuration():
    """The text of this kernel's configuration, read without the command; None where it cannot be."""
    release = os.uname().release
    for path in ("/proc/config.gz", f"/boot/config-{release}", f"/lib/modules/{release}/config"):
        if os.access(path, os.R_OK):
            with (gzip.open if path.endswith(".gz") else open)(path, "rt") as file:
                return file.read()
    return None


class Doctor(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.code, cls.document = tool.run_json("doctor")
        cls.checks = {check["id"]: check for check in cls.document["checks"]}

    def test_document(self):
        self.assertEqual(self.document["version"], tool.run_json("--version")[1]["version"])
        self.assertIn(os.uname().release, self.document["kernel"])
        self.assertEqual(len(self.checks), len(self.document["checks"]), "each id is there once")
        for check in self.document["checks"]:
            self.assertEqual(list(check)[:5], ["id", "status", "message", "remedy", "error"], check)
            self.assertIn(check["status"], STATUSES)
            self.assertTrue(check["message"], check)
            self.assertNotEqual(check["remedy"], "", "null where there is none")
            if check["status"] == "ok":
                self.assertIsNone(check["remedy"], check)
        # In the order of the parts, each with a word to say.
        parts = [name.split("/")[0] for name in self.checks]
        self.assertEqual(list(dict.fromkeys(parts)), PARTS)
        for status in STATUSES:
            self.assertEqual(self.document[status], sum(check["status"] == status for check in self.checks.values()))
        self.assertEqual(self.code, 1 if self.document["failed"] else 0)

    def test_it_tells_the_story_of_list(self):
        listed = tool.run_json("list")[1]["allocators"]
        self.assertEqual([name for name in self.checks if name.startswith("allocator/")],
                         [f"allocator/{item['name']}" for item in listed])
        for item in listed:
            check = self.checks[f"allocator/{item['name']}"]
            self.assertEqual(check["error"], item["why"], check)
            if item["family"] == "v4l2" and item["why"] and "does not capture" in item["why"]["message"]:
                self.assertEqual(check["status"], "ok", "a webcam's metadata, or an output, is no trouble")
                continue
            self.assertEqual(check["status"] == "ok", item["available"], check)
            if item["why"]:
                self.assertEqual(check["message"], item["why"]["message"])
                self.assertEqual(check["remedy"], item["why"].get("mend"))
        sharing = [item["name"] for item in listed
                   if item["available"] and item["claims"]["alloc"] and "dmabuf" in item["claims"]["export"]]
        self.assertEqual(self.checks["memory/shareable"]["allocators"], sharing)
        self.assertEqual(self.checks["memory/shareable"]["status"], "ok" if sharing else "failed")
        if not sharing:
            # Whatever is not there is named, whatever else is there and of no use.
            families = {item["family"] for item in listed if item["claims"] and "dmabuf" in item["claims"]["export"]}
            for family, words in {"dma-heap": "no DMA heap", "udmabuf": "no udmabuf", "drm-dumb": "no graphics card"}.items():
                told = words in self.checks["memory/shareable"]["message"]
                self.assertEqual(told, family not in families, self.checks["memory/shareable"]["message"])

    def test_options_of_the_kernel(self):
        self.assertEqual([name for name in self.checks if name.startswith("kernel/")], [f"kernel/{one}" for one in OPTIONS])
        text = kernel_configuration()
        for option in OPTIONS:
            status = self.checks[f"kernel/{option}"]["status"]
            if text is None:
                self.assertIn(status, ("ok", "unknown"))
            elif re.search(rf"^{option}=y$", text, re.MULTILINE):
                self.assertEqual(status, "ok", option)
            elif not re.search(rf"^{option}=", text, re.MULTILINE):
                self.assertEqual(status, "warning" if option == "CONFIG_SYNC_FILE" else "missing", option)

    def test_what_is_absent_is_told(self):
        """Each kind of device is there or is said not to be."""
        for pattern, absent, there in (("/dev/dma_heap/*", "allocator/dma-heap", "allocator/dma-heap/"),
                                       ("/dev/udmabuf", None, "allocator/udmabuf"),
                                       ("/dev/dri/card*", "allocator/drm-dumb", "allocator/drm-dumb/"),
                                       ("/dev/dri/renderD*", "node/render", "node/renderD")):
            if glob.glob(pattern):
                self.assertTrue([name for name in self.checks if name.startswith(there)], pattern)
            else:
                self.assertEqual(self.checks[absent or there]["status"], "missing", pattern)
        self.assertTrue([name for name in self.checks if name.startswith("camera/")])
        self.assertEqual(self.checks["udev/running"]["status"] == "ok", os.path.exists("/run/udev/control"))
        for rules in (pathlib.Path(__file__).resolve().parents[2] / "udev-rules").glob("*.rules"):
            self.assertIn(f"udev/{rules.name}", self.checks, "every shipped file is looked for")
        size = pathlib.Path("/sys/module/udmabuf/parameters/size_limit_mb")
        if size.exists():
            self.assertEqual(self.checks["limit/udmabuf-size"]["value"], int(size.read_text()))
        else:
            self.assertEqual(self.checks["limit/udmabuf-size"]["status"], "missing")

    def test_gpus(self):
        if not any(name.startswith("allocator/vulkan/") for name in self.checks):
            self.assertEqual(self.checks["gpu/any"]["status"], "missing")
            return
        gpu = self.checks["gpu/0"]
        if gpu["status"] == "unknown":
            self.assertTrue(gpu["error"])
            return
        self.assertIn("VK_EXT_external_memory_dma_buf", gpu["extensions"])
        for name, there in gpu["extensions"].items():
            self.assertEqual(there, name not in gpu["message"], "what is lacking is said")

    def test_user(self):
        words = [tool.run(option, tool="id").stdout.split() for option in ("-un", "-Gn")]
        self.assertEqual([self.checks["user/groups"]["user"]], words[0])
        self.assertEqual(sorted(self.checks["user/groups"]["groups"]), sorted(words[1]))


class Selection(unittest.TestCase):
    def test_some_parts(self):
        code, document = tool.run_json("doctor", "limit/open-files", "allocator/sysmem")
        self.assertEqual([check["id"] for check in document["checks"]], ["allocator/sysmem", "limit/open-files"])
        self.assertEqual(code, 0)
        names = [check["id"] for check in tool.run_json("doctor", "kernel")[1]["checks"]]
        self.assertEqual(names, [f"kernel/{option}" for option in OPTIONS])

    def test_what_was_asked_for_has_to_be_there(self):
        if os.path.exists("/dev/dma_heap/system"):
            self.skipTest("this machine has heaps")
        code, document = tool.run_json("doctor", "allocator/dma-heap/system")
        self.assertEqual(code, 1)
        self.assertEqual([(check["id"], check["status"]) for check in document["checks"]],
                         [("allocator/dma-heap", "missing")])
        self.assertEqual(document["checks"][0]["error"]["kind"], "unavailable")

    def test_an_unknown_id(self):
        for name in ("nonsense", "limit/nonsense", "allocator/sysme"):
            code, document = tool.run_json("doctor", name)
            self.assertEqual((code, document["error"]["kind"], document["error"]["device"]), (1, "unavailable", None))
            self.assertIn(f'this machine has no check "{name}"', document["error"]["message"])

    def test_one_allocator_loads_nothing(self):
        done = tool.run("doctor", "allocator/memfd", env={"LD_DEBUG": "files"})
        self.assertEqual(done.returncode, 0)
        self.assertNotIn("libvulkan", done.stderr)


class Limits(unittest.TestCase):
    def files(self, soft, hard):
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = (soft, limits[1] if hard is None else hard)
        code, document = tool.run_json("doctor", "limit/open-files",
                                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, wanted))
        self.assertEqual(code, 0, "a warning is no failure")
        return document["checks"][0]

    def test_few_open_files(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        check = self.files(100, None)
        self.assertEqual((check["status"], check["value"], check["at_most"]), ("warning", 100, hard))
        self.assertEqual(check["remedy"], f"ulimit -n {min(hard, 4096)}")
        self.assertRegex(self.files(100, 100)["remedy"], r"^(sudo )?prlimit --pid \$\$ --nofile=4096$")


class Table(unittest.TestCase):
    def test_table(self):
        done = tool.run("doctor")
        document = tool.run_json("doctor")[1]
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^CHECK +STATUS +FOUND$")
        rows = lines[1:lines.index("")]
        self.assertEqual([row.split()[:2] for row in rows], [[one["id"], one["status"]] for one in document["checks"]])
        for check in document["checks"]:
            if check["remedy"]:
                at = lines.index(f"  {check['id']}")
                below = next(line for line in lines[at:] if line.startswith("    "))
                self.assertEqual(below, f"    {check['remedy']}")
                self.assertEqual(lines.count(below), 1, "each line is told once")
        self.assertIn(f"{document['failed']} failed", lines[-1])
        self.assertNotIn("\033", done.stdout)


if __name__ == "__main__":
    tool.main()
