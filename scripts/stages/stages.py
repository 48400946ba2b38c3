"""The stages of scripts/test. Each takes a Context and returns Counts; its first line of documentation is for people."""

import os
import subprocess

import reports
from runner import Counts, StageFailed


def _files(context, *patterns):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
                            cwd=context.tree, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [name for name in listed if (context.tree / name).exists()]


def _build(context, preset, *targets):
    context.must("cmake", "--preset", preset)
    chosen = ["--target", *targets] if targets else []
    context.must("cmake", "--build", f"build/{preset}", f"-j{context.jobs}", *chosen)


def _suites(context, preset):
    """The GoogleTest programs of the unit and contract suites: tests/{unit,contract}/*_tests in the build."""
    found = [path for kind in ("unit", "contract")
             for path in sorted((context.tree / "build" / preset / "tests" / kind).glob("*_tests"))
             if os.access(path, os.X_OK)]
    if not found:
        raise StageFailed(f"no test program in build/{preset}/tests")
    return found


def _run_suites(context, preset, env=None):
    counts = Counts()
    for program in _suites(context, preset):
        report = context.logs / f"{preset}-{program.name}.xml"
        report.unlink(missing_ok=True)
        code = context.run(program, f"--gtest_output=xml:{report}", "--gtest_brief=1", env=env)
        part = reports.junit(report, preset) if report.exists() else Counts()
        if code and not part.failed:
            # Killed, or a sanitizer spoke when the tests were over.
            part += Counts(failed=1, failures=[f"{preset}.{program.name}: exit code {code}"])
        counts += part
    return counts


def formatting(context):
    """clang-format has nothing to change."""
    return context.check("clang-format", "clang-format", "--dry-run", "-Werror", *_files(context, "*.h", "*.cpp"))


def dev(context):
    """The dev build and everything ctest knows: unit, contract, tools, modules, installation."""
    _build(context, "dev")
    report = context.logs / "dev.xml"
    report.unlink(missing_ok=True)
    context.run("ctest", "--test-dir", "build/dev", f"-j{context.jobs}", "--output-on-failure", "--no-tests=error",
                "--output-junit", report, "--timeout", "300")
    return reports.junit(report)


def asan(context):
    """Unit and contract suites under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer."""
    _build(context, "asan", "tests/all")
    return _run_suites(context, "asan", {"ASAN_OPTIONS": "detect_stack_use_after_return=1",
                                         "UBSAN_OPTIONS": "print_stacktrace=1"})


def tsan(context):
    """Unit and contract suites under ThreadSanitizer."""
    _build(context, "tsan", "tests/all")
    return _run_suites(context, "tsan", {"TSAN_OPTIONS": "halt_on_error=0"})


def abi(context):
    """The binary interface is the committed baseline's."""
    return context.check("abi", "scripts/abi", "check")


ALL = {
    "format": formatting,
    "dev": dev,
    "abi": abi,
    "asan": asan,
    "tsan": tsan,
}
QUICK = ["format", "dev", "abi"]
LAB = []
