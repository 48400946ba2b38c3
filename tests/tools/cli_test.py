"""The hwalloc command as its users meet it: words, documents, exit codes."""

import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import tempfile
import unittest

import tool

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "docs" / "man" / "hwalloc.1"


def commands():
    """The names of all commands, from the help."""
    text = tool.run("--help").stdout
    return re.findall(r"^  (\w+)", text.split("Subcommands:", 1)[1], re.MULTILINE)


def on_a_terminal(*words, **env):
    """What the command writes to a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen([tool.TOOL, *words], stdin=slave, stdout=slave, stderr=slave,
                          env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **env}) as process:
        os.close(slave)
        text = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:  # EIO: the other end is closed
                break
            if not part:
                break
            text += part
        process.wait(60)
    os.close(master)
    return text.decode()


class CommandLine(unittest.TestCase):
    def usage_error(self, *words):
        """Wrong usage is exit code 2, told to people and, with --json, to programs."""
        people = tool.run(*words)
        self.assertEqual((people.returncode, people.stdout), (2, ""), words)
        self.assertRegex(people.stderr, r"^hwalloc: .+")
        code, document = tool.run_json(*words)
        self.assertEqual(code, 2, words)
        self.assertEqual(list(document), tool.FAILURE)
        self.assertEqual(list(document["error"]), tool.ERROR_KEYS)
        self.assertEqual(document["error"]["kind"], "usage")
        return document["error"]["message"]

    def test_help_of_every_command(self):
        self.assertLessEqual({"list", "check"}, set(commands()))
        for words in ([], *([name] for name in commands())):
            with self.subTest(words=words):
                done = tool.run(*words, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("--json", done.stdout)
                self.assertIn("hwalloc", done.stdout)

    def test_version(self):
        done = tool.run("--version")
        self.assertEqual(done.returncode, 0)
        found = re.fullmatch(r"hwalloc (\d+\.\d+\.\d+)\n", done.stdout)
        self.assertTrue(found, done.stdout)
        code, document = tool.run_json("--version")
        self.assertEqual((code, list(document), document["version"]), (0, tool.HEAD, found[1]))

    def test_wrong_usage(self):
        self.usage_error()
        self.assertIn("nonsense", self.usage_error("nonsense"))
        self.assertIn("--nonsense", self.usage_error("list", "--nonsense"))
        self.assertIn("more", self.usage_error("list", "more"))
        self.assertIn("--svg", self.usage_error("plan", "--cpu", "read", "--bytes", "1", "--svg", ""))
        self.usage_error("check", "sysmem", "--all")
        self.usage_error("check", "sysmem", "memfd")
        self.assertIn("empty", self.usage_error("check", ""))

    def test_wrong_usage_points_at_the_help_of_the_command_in_use(self):
        self.assertIn("Try `hwalloc check --help`.", tool.run("check", "--nonsense").stderr)
        self.assertIn("Try `hwalloc capture --help`.", tool.run("capture", "--to", "nowhere").stderr)
        self.assertIn("`hwalloc list --help`", tool.run_json("list", "more")[1]["error"]["remedy"])
        self.assertIn("Try `hwalloc --help`.", tool.run("--nonsense").stderr)

    def test_a_command_that_there_is_not_gets_the_names_of_those_there_are(self):
        for words in (["help"], ["help", "list"]):
            message = self.usage_error(*words)
            self.assertIn('no command "help"', message)
            for name in commands():
                self.assertIn(name, message)

    def test_json_before_and_behind_the_command(self):
        before = tool.run("--json", "list")
        behind = tool.run("list", "--json")
        self.assertEqual(before.stdout, behind.stdout)
        json.loads(before.stdout)

    def test_a_full_disk_is_told(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([tool.TOOL, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("writing", done.stderr)

    def test_closed_standard_streams_are_no_files(self):
        def closed(streams, *words):
            return subprocess.run(["sh", "-c", f'"$@" {streams}', "sh", tool.TOOL, *words], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, check=False)
        with tempfile.TemporaryDirectory() as directory:
            for streams in ("<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- >&- 2>&-"):
                frames = pathlib.Path(directory) / f"{len(os.listdir(directory))}.raw"
                done = closed(streams, "capture", "test", "--frames", "2", "--size", "64x48", "--buffers", "1", "--output",
                              frames)
                self.assertEqual(done.returncode, ">" in streams.replace("2>", ""), (streams, done))
                self.assertEqual(frames.stat().st_size, 2 * 64 * 48 * 2, f"{streams}: the frames and nothing else")
        self.assertIn("writing to standard output failed", closed(">&-", "list").stderr)
        done = closed(">&-", "capture", "test", "--frames", "2", "--output", "-")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "opening the output.*EBADF")

    def test_colours_only_on_a_terminal_that_wants_them(self):
        self.assertNotIn("\033", tool.run("list", env={"TERM": "xterm", "NO_COLOR": None}).stdout)
        self.assertIn("\033[", on_a_terminal("list"))
        self.assertNotIn("\033", on_a_terminal("list", NO_COLOR="1"))
        self.assertNotIn("\033", on_a_terminal("list", TERM="dumb"))
        self.assertNotIn("\033", on_a_terminal("list", "--json"))


def lines_on_a_terminal(*words, **env):
    """As they are read there: without colours, and each state of a line that is written over."""
    return re.split(r"\r?\n|\r", re.sub(r"\033\[[0-9]*[mK]", "", on_a_terminal(*words, **env)))


class Terminal(unittest.TestCase):
    def test_every_command_fits_80_columns(self):
        for words in (("list",), ("list", "--quick"), ("doctor",), ("check", "sysmem"), ("check", "--steps"),
                      ("plan", "--cpu", "read", "--size", "64x48", "--prefer", "dma-heap/no-such-heap"),
                      ("plan", "--cpu", "readwrite", "--bytes", str(10**13)),
                      ("plan", "--camera", "/dev/no-such-camera"), ("no-such-command",)):
            with self.subTest(words=words):
                lines = lines_on_a_terminal(*words)
                self.assertLessEqual(max(map(len, lines)), 80, lines)

    def test_long_lines_hang_and_lose_nothing(self):
        plain = tool.run("doctor", "kernel", env={"NO_COLOR": "1"}).stdout
        lines = lines_on_a_terminal("doctor", "kernel")
        words = sorted(word for word in plain.split() if "/" not in word and "-" not in word and len(word) < 28)
        self.assertTrue(set(words) <= set(" ".join(lines).split()), set(words) - set(" ".join(lines).split()))
        self.assertTrue(any(re.match(r" {20,}\S", line) for line in lines), "what is continued stands in its column")

    def test_what_is_no_terminal_gets_whole_lines(self):
        done = tool.run("plan", "--cpu", "readwrite", "--bytes", str(10**13))
        self.assertGreater(max(map(len, done.stdout.splitlines())), 80)

    def test_a_check_of_all_shows_how_far_it_is(self):
        lines = lines_on_a_terminal("check", "--all")
        self.assertTrue(any(re.match(r"checking sysmem \(1 of \d+\)", line) for line in lines), lines)
        self.assertEqual(tool.run("check", "--all").stderr, "", "and nobody but a terminal sees it")


class List(unittest.TestCase):
    def test_document(self):
        code, document = tool.run_json("list")
        self.assertEqual(code, 0)
        self.assertEqual(document["version"], tool.run_json("--version")[1]["version"])
        names = [item["name"] for item in document["allocators"]]
        self.assertEqual(len(names), len(set(names)))
        for item in document["allocators"]:
            self.assertEqual(item["available"], item["why"] is None, item)
            if item["why"]:
                self.assertEqual(list(item["why"]), tool.ERROR_KEYS)
                self.assertTrue(item["why"]["message"])
            if item["claims"]:
                for answer in ("contiguous", "cached", "device_local"):
                    self.assertIn(item["properties"][answer], ("yes", "no", "unknown"))
        self.assertEqual([item["name"] for item in document["allocators"] if item["default"]], ["sysmem"])
        sysmem = next(item for item in document["allocators"] if item["name"] == "sysmem")
        self.assertEqual(sysmem["aliases"], ["SystemMemory"])
        self.assertEqual(sysmem["claims"], {"alloc": True, "map": True, "export": [], "import": False, "image": False})

    def test_table(self):
        lines = tool.run("list").stdout.splitlines()
        head = lines[0]
        self.assertRegex(head, r"^NAME +ALLOC +MAP +EXPORT +IMPORT +IMAGE +CONTIG +CACHED +COST +STATE$")
        row = next(line for line in lines if line.startswith("sysmem "))
        self.assertEqual(row[head.index("ALLOC"):][:4], "yes ")
        self.assertEqual(row[head.index("STATE"):], "ready, default")
        for item in tool.run_json("list")[1]["allocators"]:
            self.assertTrue(any(line.startswith(item["name"]) for line in lines), item["name"])
            if item["why"]:  # the first line of it; causes are lines below
                reason = item["why"]["message"].splitlines()[0]
                told = [line for line in lines if line.endswith(reason)]
                self.assertEqual(len(told), 1, "each reason is told once")
                self.assertIn(item["name"], told[0].removesuffix(reason))


class Names(unittest.TestCase):
    """What tests/tools/device_names_test.cpp shows on a made-up machine, on this one."""

    def test_any_name_of_the_list_does(self):
        for item in tool.run_json("list")[1]["allocators"]:
            if not item["registered"] or item["family"] == "v4l2":
                continue
            for name in (item["name"], *item["aliases"]):
                code, document = tool.run_json("doctor", name)
                self.assertIn("checks", document, (name, code, document))
                self.assertIn(f"allocator/{item['name']}", [check["id"] for check in document["checks"]])

    def test_the_source_may_stand_without_its_option(self):
        self.assertEqual(tool.run("capture", "test", "--frames", "1").returncode, 0)

    def test_a_name_that_there_is_not_is_answered_with_those_like_it(self):
        for words in (("check", "sysme"), ("doctor", "allocator/sysme"), ("capture", "test", "--allocator", "sysme"),
                      ("plan", "--cpu", "read", "--bytes", "1", "--prefer", "sysme")):
            done = tool.run(*words)
            self.assertRegex(done.stdout + done.stderr, "perhaps (allocator/)?sysmem", words)


class Holders(unittest.TestCase):
    """`hwalloc ps` where there may be no dma-buf; what it finds is shown in the lab."""

    def test_this_machine(self):
        code, document = tool.run_json("ps")
        self.assertEqual(code, 0)
        self.assertEqual(document["bytes"], sum(one["bytes"] or 0 for one in document["dma_bufs"]))
        self.assertRegex(tool.run("ps").stdout, "dma-buf")

    def test_processes_are_named_by_numbers(self):
        code, document = tool.run_json("ps", str(os.getpid()))
        self.assertEqual((code, document["processes"]), (0, []))
        code, document = tool.run_json("ps", "2147483632")
        self.assertEqual((code, document["error"]["kind"], document["error"]["errno"]), (1, "unavailable", "ENOENT"))
        for word in ("sleep", "-1", "0", "1.5"):
            code, document = tool.run_json("ps", word)
            self.assertEqual((code, document["error"]["kind"]), (2, "usage"), word)


class Quick(unittest.TestCase):
    """list --quick, with a module in reach: a full list loads that and the companions."""

    WITH_MODULE = {"HWALLOC_MODULE_PATH": str(tool.BUILD / "tests" / "modules" / "good")}

    def loaded(self, *words):
        """The names of all libraries that the linker brought into the process."""
        done = tool.run(*words, env={**self.WITH_MODULE, "LD_DEBUG": "files"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return {pathlib.Path(path).name for path in re.findall(r"calling init: (\S+)", done.stderr)}

    def test_it_loads_nothing(self):
        least = self.loaded("--version")
        self.assertTrue(any(name.startswith("libhwalloc.so") for name in least), least)
        self.assertEqual(self.loaded("list", "--quick") - least, set())
        self.assertIn("good.so", self.loaded("list") - least, "a full list does, or this test shows nothing")

    def test_it_opens_no_device(self):
        strace = shutil.which("strace")
        if not strace or tool.run("-o", os.devnull, "true", tool=strace).returncode:
            raise unittest.SkipTest("no strace that may trace here")
        done = tool.run("-f", "-e", "trace=open,openat,openat2", tool.TOOL, "list", "--quick", tool=strace)
        self.assertEqual(done.returncode, 0)
        paths = re.findall(r'^(?:\[pid +\d+\] )?open\w*\([^"]*"([^"]*)"', done.stderr, re.MULTILINE)
        self.assertTrue(any("libhwalloc" in path for path in paths), done.stderr)
        # The directory of the heaps is listed, and no heap opened.
        self.assertEqual([path for path in paths if re.match(r"/dev/(?!(dma_heap|dri|v4l)(/by-(path|id))?/?$)", path)], [])

    def test_document(self):
        code, document = tool.run_json("list", "--quick", env=self.WITH_MODULE)
        self.assertEqual(code, 0)
        items = {item["name"]: item for item in document["allocators"]}
        self.assertNotIn("test/good", items)
        self.assertIsNone(items["sysmem"]["available"], "nobody asked it")
        self.assertTrue(items["sysmem"]["default"])
        self.assertIsNone(items["vulkan"]["available"], "nobody looked for it")
        self.assertFalse(items["vulkan"]["registered"])
        self.assertIn("quick", items["vulkan"]["why"]["message"])

    def test_table(self):
        lines = tool.run("list", "--quick").stdout.splitlines()
        row = next(line for line in lines if line.startswith("sysmem "))
        self.assertEqual(row[lines[0].index("STATE"):], "not tried, default")
        row = next(line for line in lines if line.startswith("vulkan "))
        self.assertEqual(row[lines[0].index("STATE"):], "not tried")


class Check(unittest.TestCase):
    def test_steps_are_named_and_all_reported(self):
        code, document = tool.run_json("check", "--steps")
        self.assertEqual(code, 0)
        named = [step["step"] for step in document["steps"]]
        self.assertTrue(all(step["shows"] for step in document["steps"]))
        code, report = tool.run_json("check", "sysmem")
        self.assertEqual(code, 0)
        self.assertEqual([step["step"] for step in report["steps"]], named)
        counts = [sum(step["status"] == status for step in report["steps"])
                  for status in ("passed", "failed", "unsupported", "not run")]
        self.assertEqual(counts, [report[key] for key in ("passed", "failed", "unsupported", "not_run")])
        self.assertEqual((report["allocator"], report["failed"], report["not_run"]), ("sysmem", 0, 0))
        self.assertIn(os.uname().release, report["kernel"])

    def test_table_for_people(self):
        done = tool.run("check", "sysmem")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"(?m)^  share-readonly +passed$")
        self.assertRegex(done.stdout.splitlines()[-1], r"^\d+ passed, 0 failed, \d+ unsupported$")

    def test_unknown_name(self):
        code, report = tool.run_json("check", "no/such")
        self.assertEqual(code, 1)
        self.assertEqual(report["error"]["kind"], "unavailable")
        self.assertIn("no/such", report["error"]["message"])
        self.assertTrue(report["error"]["remedy"])
        self.assertEqual(tool.failed_steps(report), ["find"])
        done = tool.run("check", "no/such")
        self.assertEqual(done.returncode, 1)
        self.assertIn("hwalloc list", done.stdout)

    def test_all(self):
        code, document = tool.run_json("check", "--all")
        self.assertEqual(code, 0, document)
        listed = tool.run_json("list")[1]["allocators"]
        self.assertEqual([report["allocator"] for report in document["allocators"]],
                         [item["name"] for item in listed if item["available"]])
        self.assertEqual([one["allocator"] for one in document["unavailable"]],
                         [item["name"] for item in listed if not item["available"]])
        self.assertEqual(document["passed"], sum(report["passed"] for report in document["allocators"]))
        people = tool.run("check")
        self.assertEqual(people.returncode, 0)
        self.assertRegex(people.stdout, r"(?m)^sysmem +\d+ +0 +\d+ +passed$")


class Demo(unittest.TestCase):
    def test_an_output_that_cannot_be_made_is_told_before_anything_is_built(self):
        # Nothing but this is found, so that no package is installed nor anything built where the test fails.
        with tempfile.TemporaryDirectory() as directory:
            os.symlink(shutil.which("dirname"), f"{directory}/dirname")
            done = tool.run("--output", f"{directory}/no/frame.png", tool=MANUAL.parents[2] / "scripts" / "demo",
                            env={"PATH": directory})
            self.assertEqual((done.returncode, done.stderr), (1, f"demo: no file can be made in {directory}/no\n"))


class Manual(unittest.TestCase):
    def test_every_command_and_option_is_described(self):
        source = MANUAL.read_text()
        for name in commands():
            self.assertIn(f".Ss hwalloc {name}\n", source)
            for option in re.findall(r"^\s+(?:-\w,)?--([\w-]+)", tool.run(name, "--help").stdout, re.MULTILINE):
                self.assertRegex(source, rf"Fl -{option}\b", f"{name} --{option}")

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_it_is_set_without_a_warning(self):
        done = subprocess.run(["groff", "-mdoc", "-Tutf8", "-ww", "-z", str(MANUAL)], stderr=subprocess.PIPE, text=True,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    tool.main()
