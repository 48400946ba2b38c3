#!/usr/bin/env python3
"""scripts/test is told to stop, itself alone, while its commands run: nothing that they started may be left."""

import contextlib
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

TREE = pathlib.Path(__file__).resolve().parents[2]
MARK = "HWALLOC_STOP_TEST"  # in the environment of everything that a test starts
LIMIT = 300  # seconds for what takes one; only a test that fails waits so long

# main() of scripts/test with two stages of the test's own.
RUNNER = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import pathlib, time, main, runner, stages
tree = pathlib.Path(sys.argv.pop(1))
context = runner.Context
main.Context = lambda _, jobs, options: context(tree, jobs, options)

def alone(context):
    "one command"
    context.must(*COMMAND)
    return runner.Counts(passed=1)

def together(context):
    "two at a time"
    return context.together({"first": alone, "second": alone})

class Unending(dict):
    def items(self):
        yield from super().items()
        while True:
            time.sleep(0.1)

def beginning(context):
    "two at a time, of which the signal interrupts the start"
    return context.together(Unending({"first": alone, "second": alone}))

COMMAND = sys.argv.pop(1).split()
stages.ALL = {"alone": alone, "together": together, "beginning": beginning}
sys.exit(main.main())
"""


def marked(mark):
    """The processes that carry the mark, but for those that have ended."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(f"{entry.name} {(entry / 'comm').read_text().strip()}")
    return found


class Stop(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="hwalloc-stop."))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.mark = self.directory.name
        self.ready = self.directory / "ready"
        os.mkfifo(self.ready)

    def tool(self, text):
        path = self.directory / "tool"
        path.write_text(f"#!/bin/bash\n{textwrap.dedent(text)}")
        path.chmod(0o755)
        return path

    def runner(self, stage, command):
        return subprocess.Popen([sys.executable, "-B", "-c", RUNNER, TREE / "scripts" / "stages", self.directory, str(command),
                                 "--only", stage, "--jobs", "2"], env={**os.environ, MARK: self.mark}, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def wait_for(self, lines):
        """Until the commands have written so many lines to the FIFO."""
        said = b""
        # For writing too: else it is at its end whenever nobody writes.
        with open(self.ready, "r+b", buffering=0) as ready:
            while said.count(b"\n") < lines:
                self.assertTrue(select.select([ready], [], [], LIMIT)[0], "the commands do not begin")
                said += ready.read(100)

    def stop(self, stage, command, number, lines):
        """Runs a stage, and stops it when its commands have written so many lines."""
        with self.runner(stage, command) as runner:
            self.wait_for(lines)
            self.assertTrue(marked(self.mark), "nothing runs: the test proves nothing")
            runner.send_signal(number)
            said, _ = runner.communicate(timeout=LIMIT)
        self.assertEqual(runner.returncode, 128 + number, said)
        self.assertEqual(marked(self.mark), [], said)

    def test_each_signal(self):
        tool = self.tool(f"echo there >{self.ready}; exec sleep 1000")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(signal=number.name):
                self.stop("alone", tool, number, 1)

    def test_sigint_that_was_ignored(self):
        tool = self.tool(f"echo there >{self.ready}; exec sleep 1000")
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        self.stop("alone", tool, signal.SIGINT, 1)

    def test_commands_side_by_side(self):
        tool = self.tool(f"echo there >{self.ready}; sleep 1000; sleep 1000")
        self.stop("together", tool, signal.SIGINT, 2)

    def test_while_commands_are_being_started(self):
        tool = self.tool(f"echo there >{self.ready}; sleep 1000; sleep 1000")
        self.stop("beginning", tool, signal.SIGINT, 2)

    def test_what_left_its_parent_its_group_and_its_session(self):
        tool = self.tool(f"(setsid bash -c 'echo there >{self.ready}; sleep 1000; true' &)\nsleep 1000; true")
        self.stop("alone", tool, signal.SIGINT, 1)

    def test_what_does_not_end_when_it_is_asked(self):
        tool = self.tool(f"trap '' TERM INT HUP; echo there >{self.ready}; while true; do sleep 1000; done")
        self.stop("together", tool, signal.SIGTERM, 2)

    def test_a_build_and_its_compilers(self):
        compiler = self.tool(f"echo there >{self.ready}; sleep 1000; true")
        (self.directory / "build.ninja").write_text(
            f"rule slow\n  command = {compiler} $out\nbuild a: slow\nbuild b: slow\n")
        self.stop("alone", f"ninja -j2 -C {self.directory}", signal.SIGINT, 2)

    def test_what_a_command_that_ended_left_behind(self):
        # It ends when what it leaves behind has begun: what has not would be ended before it says so.
        begun = self.directory / "begun"
        os.mkfifo(begun)
        tool = self.tool(f"(setsid bash -c 'echo there >{self.ready}; echo >{begun}; sleep 1000; true' &)\nread <{begun}")
        with self.runner("alone", tool) as runner:
            self.wait_for(1)
            said, _ = runner.communicate(timeout=LIMIT)
        self.assertEqual(runner.returncode, 0, said)
        self.assertEqual(marked(self.mark), [], said)


if __name__ == "__main__":
    unittest.main()
