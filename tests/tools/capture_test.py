"""hwalloc capture with the built-in test source: the whole path on a machine without a camera."""

import fcntl
import fractions
import json
import os
import pathlib
import pty
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import zlib

import tool

REPORT_KEYS = {"device", "driver", "allocator", "memory", "format", "width", "height", "stride", "frames", "dropped",
               "errors", "copies", "imports", "fps", "latency_us", "output"}
# 75 % white, yellow, cyan, green, magenta, red, blue, black.
BARS = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191), (0, 0, 0)]


def read_png(path):
    """Width, height and rows of (r, g, b) of an RGB picture, of 16 bits the high ones: enough of PNG to need no library."""
    data = pathlib.Path(path).read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n"), data[:8]
    at, packed, width, height = 8, b"", 0, 0
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        at += length + 12
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth in (8, 16), colour) == (True, 2), (depth, colour)
        packed += body if kind == b"IDAT" else b""
    step = 3 * depth // 8
    raw, stride, above, rows = zlib.decompress(packed), step * width, bytes(step * width), []
    for y in range(height):
        method, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            left, up, corner = (line[x - step] if x >= step else 0), above[x], (above[x - step] if x >= step else 0)
            near = min((left, up, corner), key=lambda value, guess=left + up - corner: abs(guess - value))
            line[x] = (line[x] + (0, left, up, (left + up) // 2, near)[method]) & 255
        above = bytes(line)
        rows.append([tuple(line[x:x + step:depth // 8]) for x in range(0, stride, step)])
    return width, height, rows


class Capture(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.path = pathlib.Path(self.directory.name)

    def capture(self, *words, **options):
        code, document = tool.run_json("capture", "--device", "test", *words, **options)
        self.assertEqual(code, 0, document)
        return document

    def error(self, *words, code=1):
        got, document = tool.run_json("capture", *words)
        self.assertEqual(got, code, document)
        self.assertEqual(list(document), tool.FAILURE)
        return document["error"]

    def test_the_report_is_complete_and_true(self):
        report = self.capture("--allocator", "memfd", "--size", "320x240", "--format", "NV12", "--fps", "100",
                              "--buffers", "3", "--frames", "40")
        self.assertLessEqual(REPORT_KEYS, set(report))
        for key, value in {"device": "test", "driver": "test", "allocator": "memfd", "memory": "memfd",
                           "format": "NV12", "width": 320, "height": 240, "stride": 320, "frames": 40, "errors": 0,
                           "copies": 0, "imports": 0, "buffers": 3, "output": None}.items():
            self.assertEqual(report[key], value, key)
        self.assertGreaterEqual(report["latency_us"]["p99"], report["latency_us"]["p50"])
        self.assertGreater(report["latency_us"]["p50"], 0)

    def test_the_rate_is_kept(self):
        began = time.monotonic()
        report = self.capture("--fps", "20", "--frames", "21", "--size", "64x64")
        self.assertGreaterEqual(time.monotonic() - began, 1.0)
        # By the source's clock: a frame that this busy machine takes late is no slower, and one that is lost is none.
        self.assertAlmostEqual(report["fps"], 20 * 20 / (20 + report["dropped"]), places=6)

    def test_the_rate_is_that_of_the_source_however_late_a_frame_is_taken(self):
        for fps in ("30", "30000/1001", "250"):
            with self.subTest(fps=fps):
                report = self.capture("--fps", fps, "--frames", "3", "--size", "64x64", "--buffers", "2")
                of_source = report["fps"] / float(fractions.Fraction(fps))
                self.assertAlmostEqual(of_source, 2 / (2 + report["dropped"]), places=6)

    def test_controls_are_for_cameras(self):
        self.assertEqual(self.error("--device", "test", "--control", "gain=3")["kind"], "unsupported")
        for words in ("gain", "=3"):
            done = tool.run("capture", "--device", "test", "--control", words)
            self.assertEqual((done.returncode, "NAME=VALUE" in done.stderr), (2, True), words)

    def test_more_buffers_than_the_machine_has_memory_for_are_refused(self):
        # 256 GiB, in pieces that could each be had.
        for allocator in ("auto", "memfd", "sysmem"):
            with self.subTest(allocator):
                error = self.error("--device", "test", "--allocator", allocator, "--size", "8192x8192", "--format", "XR24",
                                   "--buffers", "1024", "--frames", "1")
                self.assertEqual(error["kind"], "exhausted")
                self.assertIn("not that much memory free", str(error))

    def test_the_picture_is_the_bars_in_every_format(self):
        for name in ("YUYV", "UYVY", "NV12", "RGB24", "XR24", "BGRX", "yu12", "NV21", "422P", "NV24", "VYUY", "BGR3", "RGBA",
                     "P010", "Y210"):
            with self.subTest(name):
                path = self.path / f"{name}.png"
                self.capture("--format", name, "--size", "160x32", "--frames", "2", "--fps", "200", "--output", path)
                self.assertEqual(path.read_bytes()[24], 16 if name in ("P010", "Y210") else 8)
                width, height, rows = read_png(path)
                self.assertEqual((width, height), (160, 32))
                # A frame later everything stands two pixels further to the left; a lost frame moves it more.
                shifts = [shift for shift in range(2, 160, 2)
                          if all(self.near(shown, BARS[(x + shift) % 160 // 20]) for x, shown in enumerate(rows[0]))]
                self.assertEqual(len(shifts), 1, rows[0])
                for row in rows:
                    for x, shown in enumerate(row):
                        self.assertTrue(self.near(shown, BARS[(x + shifts[0]) % 160 // 20]), (x, shown, shifts))

    @staticmethod
    def near(shown, wanted):
        return all(abs(a - b) <= 2 for a, b in zip(shown, wanted))

    def test_grey_has_the_luma_of_the_bars(self):
        path = self.path / "grey.png"
        self.capture("--format", "GREY", "--size", "160x16", "--frames", "1", "--output", path)
        wanted = {round(0.299 * r + 0.587 * g + 0.114 * b) for r, g, b in BARS}
        for r, g, b in read_png(path)[2][0]:
            self.assertEqual((r, r), (g, b))
            self.assertTrue(any(abs(r - level) <= 1 for level in wanted), r)

    def test_raw_is_every_frame_to_file_and_to_standard_output(self):
        path = self.path / "frames.raw"
        self.capture("--size", "64x48", "--frames", "7", "--fps", "200", "--output", path)
        self.assertEqual(path.stat().st_size, 7 * 64 * 48 * 2)
        done = subprocess.run([tool.TOOL, "capture", "--device", "test", "--size", "64x48", "--frames", "7", "--fps", "200",
                               "--output", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual((done.returncode, len(done.stdout)), (0, 7 * 64 * 48 * 2))
        self.assertIn(b"7 frames", done.stderr)

    def test_auto_finds_something_and_says_what(self):
        report = self.capture("--frames", "2", "--fps", "100")
        self.assertIn(report["memory"], ("dmabuf", "memfd", "system"))
        names = [item["name"] for item in tool.run_json("list")[1]["allocators"]]
        self.assertIn(report["allocator"], names)

    def test_no_preference_is_passed_over_in_silence(self):
        words = [tool.TOOL, "capture", "--device", "test", "--size", "64x48", "--frames", "2", "--fps", "200"]
        for preferred, chosen, told in (("sysmem", "sysmem", 0), ("memfb", None, 1), ("memfb,sysmem", "sysmem", 1),
                                        ("sysmem,memfb", "sysmem", 1), ("dmabuf,sysmem,memfb", "sysmem", 2)):
            with self.subTest(preferred):
                done = subprocess.run(words, capture_output=True, text=True, check=False,
                                      env={**os.environ, "HWALLOC_ALLOCATORS": preferred})
                self.assertEqual(done.returncode, 0, done.stderr)
                if chosen:
                    self.assertIn(f" of {chosen}\n", done.stdout)
                self.assertEqual(done.stderr.count("passed over"), told, done.stderr)
                for name in ("memfb", "dmabuf"):
                    self.assertEqual(f"passed over {name}: " in done.stderr, name in preferred, done.stderr)

    def test_preferences_that_cannot_be_read_are_told(self):
        (self.path / "hwalloc").mkdir()
        (self.path / "hwalloc" / "allocators").mkdir()  # a directory instead of a file
        environment = {key: value for key, value in os.environ.items() if key != "HWALLOC_ALLOCATORS"}
        done = subprocess.run([tool.TOOL, "capture", "--device", "test", "--size", "64x48", "--frames", "2", "--fps", "200"],
                              capture_output=True, text=True, check=False,
                              env={**environment, "XDG_CONFIG_HOME": str(self.path)})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("EISDIR", done.stderr)

    def test_a_picture_that_cannot_be_made_is_told_before_anything_is_captured(self):
        path = self.path / "no.png"
        error = self.error("--device", "test", "--format", "MJPG", "--output", path)
        self.assertEqual(error["kind"], "unsupported")
        self.assertIn("MJPG", error["message"])
        self.assertFalse(path.exists())

    def test_errors_are_told(self):
        missing = self.error("--device", "/dev/no-such-camera")
        self.assertEqual((missing["kind"], missing["errno"], missing["call"]), ("unavailable", "ENOENT", "open"))
        self.assertEqual(self.error("--device", "/dev/null")["kind"], "unsupported")
        self.assertEqual(self.error("--device", "test", "--allocator", "nonsense")["kind"], "unavailable")
        self.assertEqual(self.error("--device", "test", "--output", "/no/such/directory/x.png")["errno"], "ENOENT")
        # An output that was there and got nothing is as it was.
        kept = self.path / "kept.png"
        kept.write_text("kept")
        self.error("--device", "test", "--allocator", "nonsense", "--output", kept)
        self.assertEqual(kept.read_text(), "kept")
        fresh = self.path / "fresh.png"
        self.error("--device", "test", "--allocator", "nonsense", "--output", fresh)
        self.assertFalse(fresh.exists())

    def test_wrong_usage(self):
        for words in (["--size", "640"], ["--size", "0x480"], ["--format", "toolong"], ["--fps", "0"], ["--fps", "x"],
                      ["--output", "frame.gif"], ["--output", "-"], ["--output", ""], ["--size", ""],
                      ["--buffers", "0"], ["--frames", "-1"], ["--to", "nowhere"],
                      ["--to", "display="], ["--to", "display", "--screen-buffers", "1"],
                      ["--to", "display", "--scanout", "copy"],
                      ["--to", "gpu", "--output", "frame.jpg"]):
            with self.subTest(words):
                self.assertEqual(self.error("--device", "test", *words, code=2)["kind"], "usage")

    def test_a_number_of_frames_is_told_in_words(self):
        for word in ("-1", "abc", "99999999999999999999"):
            error = self.error("--device", "test", "--frames", word, code=2)
            self.assertIn(f'a whole number from 0 on, not "{word}"', error["message"])

    def test_an_output_that_cannot_be_opened_is_told_with_a_remedy(self):
        error = self.error("--device", "test", "--output", str(self.path / "none" / "frame.png"))
        self.assertEqual((error["errno"], error["call"]), ("ENOENT", "open"))
        self.assertIn("directory", error["remedy"])

    def test_a_card_that_is_not_there_is_told(self):
        error = self.error("--device", "test", "--to", "display=card987")
        self.assertEqual(error["kind"], "unavailable")
        # Without Vulkan there is nothing that could look for it.
        self.assertTrue("/dev/dri/card987" in error["message"] or "without Vulkan" in error["message"], error)

    def test_control_c_ends_cleanly_with_what_was_captured(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            path = self.path / "stopped.png"
            with tool.running("capture", "--device", "test", "--size", "64x48", "--frames", "0", "--output", path,
                              "--mark-first-frame", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
                self.assertEqual(process.stderr.readline(), "FRAME\n")
                process.send_signal(number)
                text, _ = process.communicate(timeout=30)
            self.assertEqual(process.returncode, 0, text)
            self.assertEqual(read_png(path)[:2], (64, 48))
            self.assertIn('"frames"', text)

    def test_a_reader_that_goes_away_is_an_error_not_a_death(self):
        with tool.running("capture", "--device", "test", "--frames", "0", "--output", "-", stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
            process.stdout.read(1000)
            process.stdout.close()
            self.assertEqual(process.wait(30), 1)
            told = process.stderr.read().decode()
            self.assertIn("EPIPE", told)
            self.assertEqual(told.count("hwalloc: "), 1, told)

    def test_a_pipe_gets_each_frame_whole_and_at_once(self):
        frame = 80 * 50 * 2  # neither a part nor a multiple of a page or of what stdio keeps
        with tool.running("capture", "--device", "test", "--size", "80x50", "--fps", "20", "--frames", "8", "--output", "-",
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            while part := os.read(process.stdout.fileno(), 1 << 20):
                self.assertEqual(len(part) % frame, 0, "a part of a frame is held back")
            self.assertEqual(process.wait(30), 0)

    def test_one_frame_has_no_rate(self):
        self.assertIsNone(self.capture("--frames", "1", "--fps", "100")["fps"])
        self.assertGreater(self.capture("--frames", "2", "--fps", "100")["fps"], 0)
        words = ["capture", "--device", "test", "--size", "64x48", "--fps", "100", "--frames"]
        self.assertNotIn("a second", tool.run(*words, "1").stdout)
        self.assertIn("frames a second", tool.run(*words, "2").stdout)

    def until(self, happened):
        """What another process does is waited for, not slept for."""
        end = time.monotonic() + 60
        while not happened():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)

    def test_a_signal_ends_a_capture_whose_reader_does_not_read(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number), tool.running(
                    "capture", "--device", "test", "--frames", "0", "--output", "-", stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE) as process:
                room = fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ)
                filled = bytearray(4)

                def full(process=process, room=room, filled=filled):
                    fcntl.ioctl(process.stdout, termios.FIONREAD, filled)
                    return int.from_bytes(filled, sys.byteorder) == room

                self.until(full)
                process.send_signal(number)
                self.assertEqual(process.wait(30), 1)
                self.assertIn(b"EINTR", process.stderr.read())

    def test_a_signal_ends_a_capture_whose_output_nobody_opens(self):
        path = self.path / "nobody.raw"
        os.mkfifo(path)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number), tool.running(
                    "capture", "--device", "test", "--frames", "0", "--output", path, stderr=subprocess.PIPE) as process:
                # Where the kernel tells nobody what a process waits for, sleeping has to do.
                of_process = pathlib.Path(f"/proc/{process.pid}")

                def waits(of_process=of_process):
                    if of_process.joinpath("stat").read_text().rpartition(")")[2].split()[0] != "S":
                        return False
                    place = of_process.joinpath("wchan").read_text()
                    return "fifo" in place or "partner" in place or not place.strip("0")

                self.until(waits)
                process.send_signal(number)
                self.assertEqual(process.wait(30), 1)
                said = process.stderr.read()
                self.assertIn(b"EINTR", said)
                self.assertNotIn(b"directory", said)

    def test_no_signal_leaves_an_empty_file(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGUSR1):
            for name, frames in (("early.png", "0"), ("early.raw", "0")):
                path = self.path / name
                with self.subTest((number, name)), tool.running(
                        "capture", "--device", "test", "--size", "64x48", "--fps", "0.1", "--frames", frames, "--output", path,
                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
                    self.until(path.exists)
                    process.send_signal(number)
                    process.wait(30)
                    self.assertTrue(not path.exists() or path.stat().st_size > 0)
                path.unlink(missing_ok=True)

    def test_a_full_disk_is_an_error(self):
        if not pathlib.Path("/dev/full").exists() or not stat.S_ISCHR(os.stat("/dev/full").st_mode):
            self.skipTest("no /dev/full")
        link = self.path / "full.raw"
        link.symlink_to("/dev/full")
        self.assertEqual(self.error("--device", "test", "--frames", "1", "--output", link)["errno"], "ENOSPC")

    def test_a_file_that_reaches_the_limit_of_its_size_is_an_error(self):
        path = self.path / "limited.raw"
        limited = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", tool.TOOL, "capture", "--device", "test", "--allocator", "sysmem",
                   "--size", "64x48", "--frames", "20", "--output", path, "--json"]
        done = subprocess.run(limited, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done)
        error = json.loads(done.stdout)["error"]
        self.assertEqual(error["errno"], "EFBIG")
        self.assertIn("ulimit -f", error["remedy"])

    def test_progress_is_for_terminals_and_long_runs(self):
        words = [tool.TOOL, "capture", "--device", "test", "--size", "64x48", "--fps", "10", "--frames"]
        master, slave = pty.openpty()
        done = subprocess.run([*words, "35"], stdout=subprocess.PIPE, stderr=slave, check=False)
        os.close(slave)
        shown = os.read(master, 65536).decode()
        os.close(master)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(shown, r"\d+ of 35 frames")
        silent = subprocess.run([*words, "5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual(silent.stderr, b"")

    def test_the_formats_of_the_test_source_are_listed(self):
        code, document = tool.run_json("capture", "--device", "test", "--list-formats")
        self.assertEqual(code, 0)
        listed = [entry["format"] for entry in document["formats"]]
        self.assertEqual(listed[0], "YUYV")
        for name in ("UYVY", "NV12", "YU12", "P010", "RGB24", "XR24", "RGBP", "GREY", "Y16"):
            self.assertIn(name, listed)
        self.assertIn("NV12", tool.run("capture", "--device", "test", "--list-formats").stdout)
        # The least and the most of them are drawn, and nothing beyond.
        most = document["formats"][0]["sizes"][0]["width"][1]
        self.assertEqual(self.capture("--size", "1x1", "--frames", "1")["width"], 1)
        self.assertIn(f"{most}x{most} at most", self.error("--device", "test", "--size", f"{most + 1}x1")["message"])


if __name__ == "__main__":
    tool.main()
