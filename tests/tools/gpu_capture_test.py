"""hwalloc capture --to gpu with the built-in test source, in memory that the GPU makes itself: the whole path on a machine
whose GPU, or lavapipe in its place, takes no dma-bufs."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

import tool
from capture_test import BARS, read_png

MEMORY = "vulkan/0/host"
MODULE = tool.BUILD / "tools" / "hwalloc-devices.so"
GPU_KEYS = {"gpu", "imports", "gpu_imports", "gpu_us", "wait_us", "allocations_per_frame", "mmaps_per_frame"}


def why_not():
    """Why there is nothing to test here; empty when there is."""
    if not MODULE.exists():
        return "this build has no part for GPUs"
    names = {item["name"]: item for item in tool.run_json("list")[1]["allocators"]}
    if MEMORY in names and names[MEMORY]["available"]:
        return ""
    return f"no {MEMORY} here: {names.get(MEMORY, {}).get('why')}"


class Gpu(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = why_not()
        if reason and os.environ.get("HWALLOC_LAB") == "1":
            raise AssertionError(f"{reason}, and this is the lab")
        if reason:
            raise unittest.SkipTest(reason)

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.path = pathlib.Path(self.directory.name)

    def capture(self, *words):
        code, document = tool.run_json("capture", "--device", "test", "--allocator", MEMORY, "--to", "gpu", *words)
        self.assertEqual(code, 0, document)
        return document

    def error(self, *words, code=1):
        got, document = tool.run_json("capture", "--device", "test", "--to", "gpu", *words)
        self.assertEqual(got, code, document)
        return document["error"]

    def test_the_report_is_complete_and_true(self):
        report = self.capture("--size", "320x240", "--format", "NV12", "--fps", "60", "--buffers", "3", "--frames", "40")
        self.assertLessEqual(GPU_KEYS, set(report))
        for key, value in {"allocator": MEMORY, "format": "NV12", "frames": 40, "errors": 0, "copies": 0, "buffers": 3,
                           "imports": 0, "gpu_imports": 0, "mmaps_per_frame": 0}.items():
            self.assertEqual(report[key], value, key)
        self.assertTrue(report["gpu"])
        self.assertGreater(report["wait_us"], 0)
        if report["allocations_per_frame"] is not None:  # not counted under a sanitizer
            self.assertEqual(report["allocations_per_frame"], 0)
        if report["gpu_us"]["p50"] is not None:  # a GPU without a clock
            self.assertGreater(report["gpu_us"]["p50"], 0)
            self.assertGreaterEqual(report["gpu_us"]["p99"], report["gpu_us"]["p50"])

    def test_people_are_told_too(self):
        done = tool.run("capture", "--device", "test", "--allocator", MEMORY, "--to", "gpu", "--frames", "2", "--size", "64x48")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("converted by", done.stdout)

    def test_the_picture_is_the_bars_in_every_format_and_matrix(self):
        # More than 576 lines are BT.709 by the rule of the test source, fewer BT.601. An odd width, too.
        low, high_definition, odd = (160, 32), (160, 578), (157, 31)
        for name, sizes in (("YUYV", (low, high_definition, odd)), ("NV12", (low, high_definition, odd)), ("UYVY", (odd,)),
                            ("P010", (odd,)), ("AR30", (odd,)), ("Y210", (odd,)), ("YV12", (odd,)), ("BGR24", (odd,))):
            for wide, high in sizes:
                with self.subTest(f"{name} {wide}x{high}"):
                    path = self.path / f"{name}{high}.png"
                    self.capture("--format", name, "--size", f"{wide}x{high}", "--frames", "3", "--fps", "100",
                                 "--output", path)
                    self.assertEqual(path.read_bytes()[24], 16 if name in ("P010", "AR30", "Y210") else 8)
                    width, height, rows = read_png(path)
                    self.assertEqual((width, height), (wide, high))
                    period = wide + wide % 2
                    colour = [BARS[x // 2 * 2 * 8 // period] for x in range(period)]
                    shift = next(s for s in range(0, period, 2)
                                 if all(self.near(rows[0][x], colour[(x + s) % period]) for x in range(0, wide, 9)))
                    for y, row in enumerate(rows):
                        for x, shown in enumerate(row):
                            self.assertTrue(self.near(shown, colour[(x + shift) % period]), (x, y, shown))

    def test_grey_has_the_luma_of_the_bars(self):
        path = self.path / "grey.png"
        self.capture("--format", "GREY", "--size", "161x16", "--frames", "1", "--output", path)
        wanted = {round(0.299 * r + 0.587 * g + 0.114 * b) for r, g, b in BARS}
        for row in read_png(path)[2]:
            for r, g, b in row:
                self.assertEqual((r, r), (g, b))
                self.assertTrue(any(abs(r - level) <= 1 for level in wanted), r)

    @staticmethod
    def near(shown, wanted):
        return all(abs(a - b) <= 2 for a, b in zip(shown, wanted))

    def test_auto_finds_memory_that_the_gpu_takes(self):
        code, report = tool.run_json("capture", "--device", "test", "--to", "gpu", "--frames", "3", "--size", "64x48")
        self.assertEqual(code, 0, report)
        listed = {item["name"]: item for item in tool.run_json("list")[1]["allocators"]}
        self.assertTrue(report["allocator"].startswith("vulkan/") or report["memory"] == "dmabuf", report)
        self.assertTrue(listed[report["allocator"]]["available"])

    def test_what_does_not_go_is_told(self):
        memory = self.error("--allocator", "sysmem")
        self.assertIn(memory["kind"], ("unsupported", "incompatible"))
        self.assertTrue(memory["message"])
        gpu = self.error("--allocator", MEMORY, "--gpu", "no-such-gpu")
        self.assertEqual(gpu["kind"], "unavailable")
        self.assertIn("no-such-gpu", gpu["message"])
        self.assertEqual(tool.run_json("capture", "--device", "test", "--gpu", "0")[1]["error"]["kind"], "usage")
        self.assertEqual(tool.run_json("capture", "--device", "test", "--to", "nowhere")[1]["error"]["kind"], "usage")

    def test_control_c_ends_cleanly_with_the_last_picture(self):
        path = self.path / "stopped.png"
        with tool.running("capture", "--device", "test", "--allocator", MEMORY, "--to", "gpu", "--size", "64x48", "--frames",
                          "0", "--output", path, "--mark-first-frame", "--json", stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
            # Drivers write there too.
            self.assertIn("FRAME\n", iter(process.stderr.readline, ""))
            process.send_signal(signal.SIGINT)
            text, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, text)
        self.assertEqual(read_png(path)[:2], (64, 48))


class WithoutTheModule(unittest.TestCase):
    def test_it_is_told_and_the_rest_works(self):
        with tempfile.TemporaryDirectory() as directory:
            alone = pathlib.Path(directory) / "hwalloc"
            shutil.copy(tool.TOOL, alone)
            env = {"LD_LIBRARY_PATH": str(tool.BUILD)}
            code, document = tool.run_json("capture", "--device", "test", "--to", "gpu", tool=alone, env=env)
            self.assertEqual(code, 1)
            self.assertEqual(document["error"]["kind"], "unavailable")
            self.assertIn("Vulkan", document["error"]["message"])
            self.assertTrue(document["error"]["remedy"])
            code, document = tool.run_json("capture", "--device", "test", "--frames", "1", tool=alone, env=env)
            self.assertEqual(code, 0, document)

    def test_the_command_itself_needs_no_vulkan(self):
        dynamic = subprocess.run(["readelf", "--dynamic", tool.TOOL], stdout=subprocess.PIPE, text=True, check=True).stdout
        self.assertNotRegex(dynamic, r"NEEDED.*(vulkan|libdrm)")


if __name__ == "__main__":
    tool.main()
