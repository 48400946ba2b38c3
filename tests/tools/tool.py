"""Runs the hwalloc command of a build: what the tests of the command and of modules share."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import unittest

import documents

BUILD = pathlib.Path(os.environ.get("HWALLOC_BUILD_DIR", pathlib.Path(__file__).resolve().parents[2] / "build" / "dev"))
TOOL = BUILD / "tools" / "hwalloc"
SKIPPED = 77  # what ctest is told
HEAD = ["version", "kernel", "machine", "page_size"]  # what every document begins with
ERROR_KEYS = ["kind", "message", "operation", "device", "call", "errno", "vk_result", "size_wanted", "size_held", "remedy",
              "mend", "causes"]
FAILURE = [*HEAD, "error"]


def run(*words, env=None, tool=TOOL, timeout=120, **options):
    """The finished process, with text in stdout and stderr. An environment variable of None is taken out."""
    # AddressSanitizer would end the process where malloc has to refuse.
    sanitizer = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":allocator_may_return_null=1"}
    whole = {name: value for name, value in {**os.environ, **sanitizer, **(env or {})}.items() if value is not None}
    return subprocess.run([str(tool), *map(str, words)], env=whole, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=timeout, check=False, **options)


@contextlib.contextmanager
def running(*words, **options):
    """The process while it runs, with options of subprocess.Popen: it ends with the block, even when a check in there fails."""
    with subprocess.Popen([TOOL, *words], **options) as process:
        try:
            yield process
        finally:
            process.kill()


def run_json(*words, **options):
    """Exit code and the one document, which is as docs/schemas has it."""
    done = run(*words, "--json", **options)
    try:
        document = json.loads(done.stdout)
    except json.JSONDecodeError as error:
        raise AssertionError(f"{words} printed no JSON document ({error}): {done.stdout!r}, {done.stderr!r}") from error
    if faults := documents.faults(documents.command_of(words), document):
        raise AssertionError(f"{words}: {faults}")
    return done.returncode, document


def status_of(report):
    """{step: status} of a report of check."""
    return {step["step"]: step["status"] for step in report["steps"]}


def failed_steps(report):
    return [step["step"] for step in report["steps"] if step["status"] == "failed"]


def main():
    """unittest.main, with a skip that nobody overlooks: ctest sees it as skipped, not as passed."""
    program = unittest.main(module="__main__", exit=False)
    result = program.result
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    sys.exit(SKIPPED if len(result.skipped) == result.testsRun else 0)
