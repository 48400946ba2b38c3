"""hwalloc plan on a machine without devices: words, documents, preferences, pictures."""

import os
import pathlib
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

import tool
from cli_test import on_a_terminal
from gpu_capture_test import MEMORY, why_not

KEYS = ["choice", "verdict", "headline", "ranking", "recipes", "participants", "candidates", "cells", "constraints", "copy",
        "preferences", "error"]
CELL_KEYS = ["candidate", "participant", "verdict", "call", "errno", "vk_result", "reason", "use"]
CANDIDATE_KEYS = ["name", "verdict", "preferred", "cost", "contiguous", "layout", "why"]
PARTICIPANT_KEYS = ["name", "needs_contiguous", "why_contiguous", "only_own", "constraints"]
RECIPE_KEYS = ["participant", "memory", "use", "once", "begin", "end"]
VERDICTS = {"accepted", "refused", "untested"}
READ = ("--cpu", "read", "--bytes", "4096")
# What a test must not find by accident: preferences of whoever runs it.
NO_PREFERENCES = {"HWALLOC_ALLOCATORS": "", "XDG_CONFIG_HOME": None}
SVG = "{http://www.w3.org/2000/svg}"


class PlanCase(unittest.TestCase):
    def plan(self, *words, code=0, env=None):
        got, document = tool.run_json("plan", *words, env={**NO_PREFERENCES, **(env or {})})
        self.assertEqual(got, code, document)
        self.assertEqual(list(document), [*tool.HEAD, *KEYS])
        return document

    def people(self, *words, code=0, env=None):
        done = tool.run("plan", *words, env={**NO_PREFERENCES, **(env or {})})
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    @staticmethod
    def names(document):
        return [one["name"] for one in document["candidates"]]


class Usage(PlanCase):
    def usage_error(self, *words):
        code, document = tool.run_json("plan", *words)
        self.assertEqual((code, list(document)), (2, tool.FAILURE), words)
        self.assertEqual(list(document["error"]), tool.ERROR_KEYS)
        self.assertEqual(document["error"]["kind"], "usage")
        done = tool.run("plan", *words)
        self.assertEqual((done.returncode, done.stdout), (2, ""), words)
        self.assertIn("Try `hwalloc plan --help`.", done.stderr)
        return document["error"]["message"]

    def test_it_takes_somebody_and_a_size(self):
        self.assertIn("--camera", self.usage_error())
        self.assertIn("--cpu", self.usage_error("--bytes", "4096"))
        self.assertIn("--size", self.usage_error("--cpu", "read"))
        self.assertIn("--size", self.usage_error("--gpu", "0"))
        self.assertIn("--size", self.usage_error(*READ, "--format", "YUYV"))

    def test_values_that_are_none(self):
        for value in ("640", "640x", "x480", "0x480", "640x0", "-1x4", "640x480x2", "99999999999x1", "large"):
            self.assertIn(f'"{value}"', self.usage_error("--cpu", "read", "--size", value))
        self.assertIn('"YUYVV"', self.usage_error("--cpu", "read", "--size", "64x48", "--format", "YUYVV"))
        for value in ("0", "-1", "many", str(2**63)):
            self.assertIn(value, self.usage_error("--cpu", "read", "--bytes", value))
        self.assertIn("loose", self.usage_error(*READ, "--policy", "loose"))
        self.assertIn("peek", self.usage_error("--cpu", "peek", "--bytes", "1"))

    def test_help_names_every_option(self):
        text = tool.run("plan", "--help").stdout
        for option in ("camera", "gpu", "display", "import", "video-output", "cpu", "size", "format", "bytes", "policy",
                       "prefer", "quick", "svg"):
            self.assertIn(f"--{option} ", text)
        self.assertIn("HWALLOC_ALLOCATORS", text)

    def test_a_device_that_is_not_there_is_told(self):
        for words in (("--camera", "/dev/no-video"), ("--video-output", "/dev/no-video", "--bytes", "1"),
                      ("--display", "no-card", "--size", "64x48"), ("--import", "no-card", "--bytes", "1"),
                      ("--gpu", "no-gpu", "--bytes", "1")):
            with self.subTest(words=words):
                code, document = tool.run_json("plan", *words)
                self.assertEqual((code, list(document)), (1, tool.FAILURE), document)
                self.assertIn("no-", document["error"]["message"])


class Document(PlanCase):
    def test_the_cpu_alone_has_a_choice_everywhere(self):
        document = self.plan(*READ)
        self.assertEqual(document["verdict"], "accepted")
        self.assertLessEqual({"sysmem", "memfd"}, set(document["ranking"]))
        self.assertEqual(document["choice"], document["ranking"][0])
        self.assertIn(document["choice"], document["headline"])
        self.assertEqual([one["name"] for one in document["participants"]], ["CPU, reading"])
        self.assertIsNone(document["copy"])
        self.assertIsNone(document["error"])
        self.assertFalse(document["constraints"]["needs_dma_buf"])
        self.assertTrue(document["constraints"]["prefers_cached"])

    def test_every_part_has_its_keys_and_every_pair_a_cell(self):
        document = self.plan("--cpu", "write", "--cpu", "read", "--size", "64x48", "--format", "NV12",
                             "--prefer", "no/such,sysmem")
        who = ["CPU, writing", "CPU, reading"]
        self.assertEqual([one["name"] for one in document["participants"]], who)
        self.assertEqual([(cell["candidate"], cell["participant"]) for cell in document["cells"]],
                         [(name, one) for name in self.names(document) for one in who])
        for part, keys in (("cells", CELL_KEYS), ("candidates", CANDIDATE_KEYS), ("participants", PARTICIPANT_KEYS),
                           ("recipes", RECIPE_KEYS)):
            for one in document[part]:
                self.assertEqual(list(one), keys)
        for one in document["cells"] + document["candidates"] + [document]:
            self.assertIn(one["verdict"], VERDICTS)
        for cell in document["cells"]:
            self.assertEqual(cell["verdict"] == "accepted", cell["reason"] is None, cell)
            if cell["verdict"] == "accepted":
                self.assertEqual(cell["use"], "mapping")
        self.assertEqual([one["participant"] for one in document["recipes"]], who)
        chosen = next(one for one in document["candidates"] if one["name"] == document["choice"])
        self.assertEqual(chosen["layout"], {"fourcc": "NV12", "width": 64, "height": 48, "modifier": 0, "size": 4608,
                                            "memories": [4608],
                                            "planes": [{"memory": 0, "offset": 0, "stride": 64, "size": 3072},
                                                       {"memory": 0, "offset": 3072, "stride": 64, "size": 1536}]})

    def test_bytes_beside_a_picture_are_the_least(self):
        self.assertEqual(self.plan("--cpu", "read", "--size", "64x48", "--bytes", "100000")["candidates"][0]["layout"]["size"],
                         100000)
        self.assertEqual(self.plan("--cpu", "read", "--size", "64x48", "--bytes", "1")["candidates"][0]["layout"]["size"], 6144)

    def test_what_nothing_can_hold_fails_with_every_reason(self):
        document = self.plan("--cpu", "read", "--bytes", 2**62, code=1)
        self.assertIsNone(document["choice"])
        self.assertEqual(document["ranking"], [])
        self.assertEqual(list(document["error"]), tool.ERROR_KEYS)
        self.assertGreaterEqual(len(document["error"]["causes"]), 2)
        memfd = next(cell for cell in document["cells"] if cell["candidate"] == "memfd")
        self.assertEqual((memfd["verdict"], memfd["call"], memfd["errno"]), ("untested", None, None))
        self.assertIn(str(2**62), memfd["reason"])

    def test_more_bytes_than_the_machine_has_are_refused_before_they_are_touched(self):
        # Memory that is given by the page would be promised, and end a process when it is used.
        document = self.plan("--cpu", "readwrite", "--bytes", 10**13, code=1)
        self.assertIsNone(document["choice"])
        for one in document["candidates"]:
            self.assertEqual((one["why"]["kind"], one["why"]["size_wanted"]), ("exhausted", 10**13), one)
            self.assertLess(one["why"]["size_held"], 10**13)

    def test_one_byte_is_told_in_the_singular(self):
        self.assertIn("1 byte a buffer", self.plan("--cpu", "read", "--bytes", "1")["headline"])

    def test_one_reason_of_all_rows_is_the_headline(self):
        document = self.plan("--cpu", "readwrite", "--bytes", 10**13, code=1)
        self.assertIn("the machine has not that much memory free", document["headline"])
        self.assertIn("ask for less", document["headline"])
        text = self.people("--cpu", "readwrite", "--bytes", 10**13, code=1).stdout
        self.assertEqual(text.replace("\n", " ").count("the machine has not that much memory free"), 1, "told once")
        self.assertNotIn("[1]", text)

    def refused(self, *words):
        """What is wrong with the request itself: one error, and no memory was tried."""
        code, document = tool.run_json("plan", *words, env=NO_PREFERENCES)
        self.assertEqual((code, list(document)), (1, tool.FAILURE), document)
        return document["error"]

    def test_a_format_that_nobody_knows_is_told_before_the_trials(self):
        for words in (("--cpu", "read"), ("--cpu", "write", "--cpu", "read"), ("--gpu", "0")):
            if words[0] == "--gpu" and why_not():
                continue
            error = self.refused(*words, "--size", "64x48", "--format", "FOOO")
            self.assertEqual((error["kind"], error["device"]), ("unsupported", "FOOO"))
            self.assertIn("NV12", error["remedy"])

    def test_an_odd_size_of_pixels_that_share_colour_is_told_before_the_trials(self):
        for fourcc, size, does in (("NV12", "641x479", "642x480"), ("YUYV", "641x480", "642x480"),
                                   ("NV12", "640x479", "640x480"), ("411P", "642x479", "644x479")):
            error = self.refused("--cpu", "read", "--size", size, "--format", fourcc)
            self.assertEqual(error["kind"], "invalid")
            self.assertIn(does, error["remedy"])
        for fourcc, size in (("XR24", "641x479"), ("GREY", "641x479"), ("YUYV", "640x479")):
            self.assertEqual(self.plan("--cpu", "read", "--size", size, "--format", fourcc)["verdict"], "accepted")

    def test_quick_ends_with_two_that_do(self):
        document = self.plan(*READ, "--quick")
        self.assertEqual(len(document["ranking"]), 2)
        self.assertEqual(document["ranking"][0], document["choice"])
        rest = [cell for cell in document["cells"] if cell["candidate"] not in document["ranking"]]
        self.assertTrue(all(cell["verdict"] == "untested" for cell in rest), rest)


class Preferences(PlanCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = pathlib.Path(directory.name) / "hwalloc" / "allocators"
        self.file.parent.mkdir()
        self.env = {"HWALLOC_ALLOCATORS": None, "XDG_CONFIG_HOME": directory.name}

    def test_of_the_command_line(self):
        document = self.plan(*READ, "--prefer", "no/such,memfd")
        self.assertEqual(document["choice"], "memfd")
        self.assertEqual(self.names(document)[:2], ["no/such", "memfd"])
        self.assertEqual([one["preferred"] for one in document["candidates"][:3]], [True, True, False])
        self.assertEqual(document["cells"][0]["verdict"], "untested")
        self.assertIn('"no/such"', document["cells"][0]["reason"])
        self.assertIn("hwalloc list", document["cells"][0]["reason"])

    def test_one_that_makes_no_memory_is_told(self):
        document = self.plan(*READ, "--prefer", "dmabuf")
        self.assertNotEqual(document["choice"], "dmabuf")
        self.assertIn("imports", document["cells"][0]["reason"])

    def test_a_family_that_has_nothing_here_is_told_by_its_own_reason(self):
        absent = [item for item in tool.run_json("list")[1]["allocators"] if item["why"] and item["name"] == item["family"]]
        for item in absent:
            done = tool.run("plan", *READ, "--prefer", item["name"], env=self.env)
            self.assertIn(item["why"]["operation"], " ".join(done.stderr.split()), "and no name like it is suggested")
        if not absent:
            self.skipTest("this machine has something of every family")

    def test_strict_takes_nothing_else(self):
        document = self.plan(*READ, "--prefer", "no/such", "--policy", "strict", code=1)
        self.assertEqual(self.names(document), ["no/such"])
        self.assertIsNone(document["choice"])
        self.assertIn("no/such", document["error"]["message"])
        document = self.plan(*READ, "--prefer", "memfd", "--policy", "strict")
        self.assertEqual((self.names(document), document["choice"]), (["memfd"], "memfd"))

    def test_of_the_environment(self):
        self.file.write_text("sysmem\n")
        document = self.plan(*READ, env={**self.env, "HWALLOC_ALLOCATORS": " memfd , no/such,, sysmem"})
        self.assertEqual(document["preferences"], 
                         {"names": ["memfd", "no/such", "sysmem"], "source": "HWALLOC_ALLOCATORS", "why": None})
        self.assertEqual(self.names(document)[:3], ["memfd", "no/such", "sysmem"])
        self.assertEqual(document["choice"], "memfd")

    def test_an_empty_variable_means_none(self):
        self.file.write_text("memfd\n")
        document = self.plan(*READ, env={**self.env, "HWALLOC_ALLOCATORS": ""})
        self.assertEqual(document["preferences"], {"names": [], "source": "HWALLOC_ALLOCATORS", "why": None})
        self.assertFalse(any(one["preferred"] for one in document["candidates"]))

    def test_a_name_may_hold_a_comma(self):
        # As a heap of the kernel's does: /dev/dma_heap/linux,cma.
        names = [r"dma-heap/linux\,cma", "memfd"]
        for words, env in (((*READ, "--prefer", ",".join(names)), self.env),
                           ((*READ, "--prefer", names[0], "--prefer", names[1]), self.env),
                           (READ, {"HWALLOC_ALLOCATORS": ",".join(names)})):
            self.assertEqual(self.names(self.plan(*words, env=env))[:2], ["dma-heap/linux,cma", "memfd"])
        self.file.write_text("dma-heap/linux,cma\nmemfd\n")
        self.assertEqual(self.names(self.plan(*READ, env=self.env))[:2], ["dma-heap/linux,cma", "memfd"])

    def test_of_a_file_in_its_order_without_comments(self):
        self.file.write_text("# what this board has\n\n  memfd  # first\r\n\tno/such\n#udmabuf\nsysmem")
        document = self.plan(*READ, env=self.env)
        self.assertEqual(document["preferences"], {"names": ["memfd", "no/such", "sysmem"], "source": str(self.file), "why": None})
        self.assertEqual(self.names(document)[:3], ["memfd", "no/such", "sysmem"])
        self.assertEqual(document["choice"], "memfd")

    def test_of_a_file_in_the_home_directory(self):
        home = self.file.parents[1]
        (home / ".config").mkdir()
        self.file.write_text("memfd\n")
        self.file.parent.rename(home / ".config" / "hwalloc")
        document = self.plan(*READ, env={"HWALLOC_ALLOCATORS": None, "XDG_CONFIG_HOME": None, "HOME": str(home)})
        self.assertEqual(document["preferences"]["source"], str(home / ".config" / "hwalloc" / "allocators"))
        self.assertEqual(document["choice"], "memfd")

    def test_the_command_line_wins(self):
        self.file.write_text("memfd\n")
        for env in (self.env, {"HWALLOC_ALLOCATORS": "memfd"}):
            document = self.plan(*READ, "--prefer", "sysmem", env=env)
            self.assertEqual(document["choice"], "sysmem")
            self.assertEqual([one["name"] for one in document["candidates"] if one["preferred"]], ["sysmem"])

    def test_a_file_that_is_a_fifo_is_noted_and_waited_for_by_nobody(self):
        os.mkfifo(self.file)
        done = self.people(*READ, env=self.env)
        self.assertIn(str(self.file), done.stderr)
        self.assertIn("FIFO", done.stderr)
        self.assertIn("does for all", done.stdout)

    def test_a_link_to_dev_null_is_an_empty_file(self):
        self.file.symlink_to("/dev/null")
        preferences = self.plan(*READ, env=self.env)["preferences"]
        self.assertEqual(preferences, {"names": [], "source": str(self.file), "why": None})

    def test_a_file_that_cannot_be_read_is_noted_and_the_plan_is_made(self):
        self.file.mkdir()  # a mode would not keep root out
        done = self.people(*READ, env=self.env)
        self.assertIn(str(self.file), done.stderr)
        self.assertIn("EISDIR", done.stderr)
        self.assertIn("does for all", done.stdout)
        preferences = self.plan(*READ, env=self.env)["preferences"]
        self.assertEqual((preferences["names"], preferences["source"]), ([], str(self.file)))
        self.assertIn(str(self.file), preferences["why"]["message"])
        self.assertEqual(self.people(*READ, "--prefer", "memfd").stderr, "")


class Table(PlanCase):
    def test_the_choice_on_top_then_the_matrix_then_the_reasons(self):
        lines = self.people(*READ, "--prefer", "no/such,memfd").stdout.splitlines()
        self.assertEqual(lines[0], "memfd does for all: 4096 bytes a buffer")
        self.assertEqual(lines[1], "  CPU, reading: mapping")
        head = next(line for line in lines if line.startswith("MEMORY"))
        self.assertRegex(head, r"^MEMORY +CPU, reading +COST$")
        rows = {line.split()[0]: line for line in lines[lines.index(head) + 1:] if line}
        column = head.index("CPU")
        self.assertEqual(rows["no/such"][column:].split(), ["?", "[1]", "preferred"])
        self.assertEqual(rows["memfd"][column:].split(), ["yes", "preferred"])
        self.assertEqual(rows["sysmem"][column:].split()[0], "yes")
        self.assertIn('no allocator is called "no/such"', rows["[1]"])

    def test_colours_only_on_a_terminal(self):
        self.assertNotIn("\033", tool.run("plan", *READ, env={"TERM": "xterm", "NO_COLOR": None}).stdout)
        shown = on_a_terminal("plan", *READ, "--prefer", "no/such")
        self.assertRegex(shown, r"\033\[[0-9;]+mno/such|\033\[[0-9;]+m\? \[1\]")
        self.assertRegex(shown, r"\033\[[0-9;]+myes\033\[")
        self.assertNotIn("\033", on_a_terminal("plan", *READ, NO_COLOR="1"))
        self.assertNotIn("\033", on_a_terminal("plan", *READ, "--json"))


class Picture(PlanCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.file = pathlib.Path(directory.name) / "plan.svg"

    def drawn(self, *words, code=0):
        """All texts of the picture."""
        self.plan(*words, "--svg", self.file, code=code)
        root = ElementTree.parse(self.file).getroot()
        self.assertEqual(root.tag, SVG + "svg")
        width, height = float(root.get("width")), float(root.get("height"))
        texts = list(root.iter(SVG + "text"))
        for text in texts:
            self.assertTrue(0 <= float(text.get("x")) < width and 0 <= float(text.get("y")) < height, text.text)
        return [text.text for text in texts]

    def test_it_shows_what_the_table_does(self):
        document = self.plan(*READ, "--prefer", "no/such")
        texts = self.drawn(*READ, "--prefer", "no/such")
        for words in (*document["headline"].split(": "), "CPU, reading", *self.names(document), "mapping"):
            self.assertIn(words, texts)
        self.assertIn(document["cells"][0]["reason"], " ".join(texts))

    def test_a_plan_that_fails_is_drawn_too(self):
        self.assertIn("no/such", self.drawn(*READ, "--prefer", "no/such", "--policy", "strict", code=1))

    def test_whatever_a_name_holds_it_is_well_formed(self):
        self.assertIn('a<b>&"c"', self.drawn(*READ, "--prefer", 'a<b>&"c"'))
        self.assertIn("speicher/größe €", self.drawn(*READ, "--prefer", "speicher/größe €"))
        self.assertIn("a [31mb", self.drawn(*READ, "--prefer", "a\033[31mb"))
        # No UTF-8, cut-off UTF-8, a surrogate, an over-long slash, and what XML excludes.
        for raw in (b"a\xffb", b"a\xe2\x82", b"a\xed\xa0\x80b", b"a\xc0\xafb", b"a\xef\xbf\xbfb", b"a\xf5\x80\x80\x80b"):
            with self.subTest(raw=raw):
                self.assertTrue(any(text.startswith("a\ufffd") for text in self.drawn(*READ, "--prefer", os.fsdecode(raw))))

    def test_a_picture_that_reaches_the_limit_of_its_size_costs_no_plan(self):
        picture = self.file.parent / "plan.svg"
        done = subprocess.run(["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", tool.TOOL, "plan", *READ, "--svg", picture],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("does for all", done.stdout)
        self.assertIn("EFBIG", done.stderr)

    def test_a_file_that_cannot_be_written_is_told_before_the_trials(self):
        for path, code in ((self.file.parent / "no" / "plan.svg", "ENOENT"), (self.file.parent, "EISDIR")):
            with self.subTest(path=path):
                # A size that no trial survives: without one it is the path that is told.
                got, document = tool.run_json("plan", "--cpu", "read", "--bytes", 10**13, "--svg", path)
                self.assertEqual((got, list(document)), (1, tool.FAILURE))
                self.assertEqual(document["error"]["errno"], code)
                self.assertEqual(document["error"]["device"], str(path))
                self.assertTrue(document["error"]["remedy"])

    def test_a_disk_that_fills_up_costs_the_picture_and_not_the_plan(self):
        done = self.people(*READ, "--svg", "/dev/full", code=1)
        self.assertIn("does for all", done.stdout)
        self.assertIn("ENOSPC", done.stderr)
        self.plan(*READ, "--svg", "/dev/full", code=1)

    def test_a_request_that_is_refused_leaves_files_alone(self):
        odd = ("--cpu", "read", "--size", "641x479", "--format", "NV12", "--svg", self.file)
        self.assertEqual(tool.run("plan", *odd).returncode, 1)
        self.assertFalse(self.file.exists())
        self.file.write_text("kept")
        self.assertEqual(tool.run("plan", *odd).returncode, 1)
        self.assertEqual(self.file.read_text(), "kept")


class Gpu(PlanCase):
    """With a GPU, or lavapipe in its place: it need not take dma-bufs."""

    @classmethod
    def setUpClass(cls):
        reason = why_not()
        if reason and os.environ.get("HWALLOC_LAB") == "1":
            raise AssertionError(f"{reason}, and this is the lab")
        if reason:
            raise unittest.SkipTest(reason)

    def test_gpu_and_cpu_share_memory_that_both_take(self):
        document = self.plan("--cpu", "write", "--gpu", "0", "--size", "64x48", "--format", "XR24")
        self.assertIsNotNone(document["choice"])
        use = {one["participant"].split(" ")[0]: one["use"] for one in document["recipes"]}
        self.assertIn(use["GPU"], ("VkImage", "VkBuffer"))
        self.assertEqual(use["CPU,"], "mapping")

    def test_what_the_gpu_does_not_take_is_refused_with_the_reason(self):
        document = self.plan("--gpu", "0", "--bytes", "4096", "--prefer", "sysmem")
        self.assertNotEqual(document["choice"], "sysmem")
        cell = next(cell for cell in document["cells"] if cell["candidate"] == "sysmem")
        self.assertIn(cell["verdict"], ("refused", "untested"))
        self.assertIn("dma-buf", cell["reason"])

    def test_a_gpu_that_takes_no_dma_bufs_takes_its_own_memory(self):
        listed = {item["name"]: item for item in tool.run_json("list")[1]["allocators"]}
        if listed["vulkan/0"]["available"]:
            self.skipTest("this GPU takes dma-bufs")
        document = self.plan("--gpu", "0", "--cpu", "read", "--size", "64x48")
        self.assertEqual((document["choice"], document["verdict"]), (MEMORY, "accepted"))


if __name__ == "__main__":
    tool.main()
