"""Runs stages one after the other, keeps their output in files, tells how far it is, and adds up what they counted."""

import concurrent.futures
import copy
import os
import subprocess
import sys
import time
import traceback

import processes
import stamps


class Counts:
    """Test cases that passed, failed and were skipped, the names of those that failed, and in words which were skipped
    because nothing changed since they passed, and which because what they need cannot be had."""

    def __init__(self, passed=0, failed=0, skipped=0, failures=(), unchanged=(), left_out=()):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.failures, self.unchanged, self.left_out = list(failures), list(unchanged), list(left_out)

    def __iadd__(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.unchanged += other.unchanged
        self.left_out += other.left_out
        return self

    def __str__(self):
        text = f"{self.passed} passed, {self.failed} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


class StageFailed(Exception):
    """A stage that could not count: it is one failure."""


def counted(name, function, context):
    """What `function` counts, with its output in a log of its own: (Counts, seconds, log)."""
    begun = time.monotonic()
    path = context.logs / f"{name.replace(' ', '-')}.log"
    # Appended to, by us and by the commands, so that neither writes over the other.
    path.unlink(missing_ok=True)
    with open(path, "a", encoding="utf-8", errors="replace") as context.log:
        try:
            counts = function(context)
        except StageFailed as error:
            counts = Counts(failed=1, failures=[f"{name}: {error}"])
        except Exception:
            context.log.write(traceback.format_exc())
            counts = Counts(failed=1, failures=[f"{name}: the stage itself broke"])
    return counts, time.monotonic() - begun, path


class Context:
    """What a stage may use: the tree, how many jobs, and a way to run commands into the stage's log."""

    def __init__(self, tree, jobs, options):
        self.tree, self.jobs, self.options = tree, jobs, options
        self.logs = tree / "build" / "test-logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.log = None
        self.progress = lambda: None
        self.parts = []  # of this stage: (name, Counts, seconds)
        self.stopped = False  # in all parts, so that none begins or goes on

    def together(self, pieces):
        """Runs pieces of a stage, {name: function of a Context}, as many at a time as there are jobs. Each has a log of its
        own. Gives the sum of what they count."""
        def piece(name, function):
            part = copy.copy(self)
            part.progress = lambda: self.stopped and sys.exit()
            return (name, *counted(name, function, part))

        total = Counts()
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            try:
                waiting = {pool.submit(piece, *one) for one in pieces.items()}
                while waiting:
                    done, waiting = concurrent.futures.wait(waiting, 1, concurrent.futures.FIRST_COMPLETED)
                    self.progress()
                    for name, counts, seconds, path in (future.result() for future in done):
                        self.log.write(f"---- {name}: {counts} ({seconds:.0f} s)\n{path.read_text(errors='replace')}")
                        self.parts.append((name, counts, seconds))
                        total += counts
            except BaseException:
                self.stopped = True
                pool.shutdown(cancel_futures=True)
                raise
        return total

    def run(self, *command, env=None, timeout=3600):
        """Runs a command with its output in the log; returns its exit code."""
        command = [str(word) for word in command]
        self.log.write(f"+ {' '.join(command)}\n")
        self.log.flush()
        process = processes.start(command, cwd=self.tree, stdin=subprocess.DEVNULL, stdout=self.log,
                                  stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        end = time.monotonic() + timeout
        try:
            while time.monotonic() < end:
                try:
                    return process.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    self.progress()
        except BaseException:
            processes.end(process)
            raise
        processes.end(process)
        raise StageFailed(f"{command[0]} did not end within {timeout} s")

    def must(self, *command, **options):
        """The same for a command without which the stage means nothing."""
        code = self.run(*command, **options)
        if code:
            raise StageFailed(f"exit code {code} of {' '.join(str(word) for word in command[:4])}")

    def output_of(self, *command, **options):
        """Runs a command like run(); returns its exit code and what it wrote."""
        self.log.flush()
        begin = os.path.getsize(self.log.name)
        code = self.run(*command, **options)
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            file.seek(begin)
            file.readline()  # the command itself
            return code, file.read()

    def unless_unchanged(self, name, files, function):
        """What `function` counts of this context, unless it passed with these files on this machine before; with --all in any
        case."""
        stamp = stamps.Stamp(name, self.tree, files, stamps.machine())
        told = stamp.passed()
        if told and not self.options.all:
            text = f"{name}: unchanged since it passed at {told['commit']}"
            self.log.write(f"{text}\n")
            return Counts(skipped=told["cases"], unchanged=[text])
        stamp.forget()
        counts = function(self)
        if counts.passed and not counts.failed and not counts.left_out:
            stamp.write(stamps.commit(self.tree), counts.passed)
        return counts

    def check(self, name, *command, **options):
        """A command that is a test case by itself."""
        code = self.run(*command, **options)
        return Counts(failed=1, failures=[name]) if code else Counts(passed=1)


class Runner:
    """Runs (name, function) pairs."""

    HEARTBEAT = 30  # seconds between signs of life where there is no terminal

    def __init__(self, context):
        self.context = context
        self.total = Counts()
        self.begun = time.monotonic()
        self.rows = []

    def run(self, stages):
        for number, (name, function) in enumerate(stages, 1):
            self._one(f"[{number:2}/{len(stages)}] {name}", name, function)

    def _one(self, label, name, function):
        context, begun = self.context, time.monotonic()
        terminal = sys.stdout.isatty()
        beat = begun

        def progress():
            nonlocal beat
            if terminal:
                print(f"\r{label}: {time.monotonic() - begun:4.0f} s ", end="", flush=True)
            elif time.monotonic() - beat > self.HEARTBEAT:
                beat = time.monotonic()
                print(f"{label}: {time.monotonic() - begun:4.0f} s …", flush=True)

        context.progress = progress
        context.parts = []
        counts, seconds, path = counted(name, function, context)
        print(f"{chr(13) if terminal else ''}{label}: {counts}  ({seconds:.0f} s, {self._elapsed()} so far)", flush=True)
        if counts.failed:
            self._show_tail(path)
        # Of its parts, those that are worth a look when time is short.
        self.rows += [(name, counts, seconds), *((f"  {part}", *rest) for part, *rest in context.parts if rest[-1] >= 10)]
        self.total += counts

    def _elapsed(self):
        minutes, seconds = divmod(int(time.monotonic() - self.begun), 60)
        return f"{minutes}:{seconds:02}"

    @staticmethod
    def _show_tail(path, lines=40):
        with open(path, encoding="utf-8", errors="replace") as file:
            tail = file.read().splitlines()[-lines:]
        print("\n".join(f"    | {line}" for line in tail))
        print(f"    the whole of it: {path}")

    def summary(self):
        width = max((len(name) for name, _, _ in self.rows), default=0)
        print(f"\n{'stage':{width}} passed  failed skipped  seconds")
        for name, counts, seconds in self.rows:
            print(f"{name:{width}} {counts.passed:6} {counts.failed:7} {counts.skipped:7} {seconds:8.0f}")
        for text in self.total.unchanged:
            print(text)
        for text in self.total.left_out:
            print(f"LEFT OUT: {text}")
        for failure in self.total.failures:
            print(f"FAILED: {failure}")
        print(f"all of it took {self._elapsed()}; logs in build/test-logs/")
        print(self.total, flush=True)
        return 1 if self.total.failed or not (self.total.passed or self.total.unchanged) else 0
