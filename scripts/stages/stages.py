"""The stages of scripts/test. Each takes a Context and returns Counts; its first line of documentation is for people."""

import functools
import os
import re
import subprocess

import reports
from runner import Context, Counts, StageFailed


CLANG_FORMAT = 14
VALIDATION = "VK_LAYER_KHRONOS_validation"
# What a build is made of: all but documents, the stages, packages, and what runs beside the lab's guests or builds in clean roots,
# which are no part of it.
BUILT = (".", ":!*.md", ":!docs", ":!abi", ":!debian", ":!tests/lab/*.py", ":!tests/lab/host", ":!tests/lab/guest", ":!tests/lab/selftest",
         ":!tests/runner", ":!tests/documents", ":!tests/packages", ":!tests/rust", ":!tests/gstreamer/*.py", ":!scripts", ":!.ci")
INSTALLED = (".", ":!abi", ":!.ci", ":!tests")
LAB_ITSELF = ("scripts/lab", "tests/lab/host", "tests/lab/guest")
SANITIZED = ("unit", "contract", "vulkan")


def _files(context, *patterns):
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
                            cwd=context.tree, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [name for name in listed if (context.tree / name).exists()]


def _suites(context, preset, kinds=("unit", "contract")):
    """The GoogleTest programs of these suites: tests/KIND/*_tests in the build."""
    found = [path for kind in kinds
             for path in sorted((context.tree / "build" / preset / "tests" / kind).glob("*_tests"))
             if os.access(path, os.X_OK)]
    if not found:
        raise StageFailed(f"no test program in build/{preset}/tests")
    return found


def _counts_of(report, preset, name, code):
    """What a GoogleTest program counted, which ended with this exit code."""
    counts = reports.junit(report, preset) if report.exists() else Counts()
    if code and not counts.failed:
        # Killed, or a sanitizer spoke when the tests were over.
        counts += Counts(failed=1, failures=[f"{name}: exit code {code}"])
    return counts


def _suite(context, preset, program, env, name):
    """One run of a GoogleTest program."""
    report = context.logs / f"{name.replace(' ', '-')}.xml"
    report.unlink(missing_ok=True)
    code = context.run(program, f"--gtest_output=xml:{report}", "--gtest_brief=1", env=env)
    return _counts_of(report, preset, name, code)


def _run_suites(context, preset, env=None, kinds=("unit", "contract")):
    """Each program as often at a time as there are jobs, every time for its share of the tests."""
    pieces = {}
    for program in _suites(context, preset, kinds):
        for shard in range(context.jobs):
            name = f"{preset} {program.name} {shard + 1} of {context.jobs}"
            shared = {**(env or {}), "GTEST_TOTAL_SHARDS": str(context.jobs), "GTEST_SHARD_INDEX": str(shard)}
            pieces[name] = functools.partial(_suite, preset=preset, program=program, env=shared, name=name)
    return context.together(pieces)


def formatting(context):
    """clang-format has nothing to change."""
    version = subprocess.run(["clang-format", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    if f"version {CLANG_FORMAT}." not in version:
        context.log.write(f"skipped: versions disagree on layout, {CLANG_FORMAT} is meant, here is {version}")
        return Counts(skipped=1)
    return context.check("clang-format", "clang-format", "--dry-run", "-Werror", *_files(context, "*.h", "*.cpp", "*.c"))


def runner(context):
    """The runner of these stages keeps its own promises."""
    programs = sorted((context.tree / "tests" / "runner").glob("*_test.py"))
    return context.together({f"runner {path.stem}": functools.partial(_printed, name=path.stem, command=(path,))
                             for path in programs})


def dev(context):
    """The dev build and everything ctest knows: unit, contract, tools, modules, installation."""
    context.must("cmake", "--preset", "dev")
    context.must("cmake", "--build", "build/dev", f"-j{context.jobs}")
    report = context.logs / "dev.xml"
    report.unlink(missing_ok=True)
    context.run("ctest", "--test-dir", "build/dev", f"-j{context.jobs}", "--output-on-failure", "--no-tests=error",
                "--output-junit", report, "--timeout", "300")
    return reports.junit(report, log=context.log)


def _built_and_run(context, preset, env=None, kinds=SANITIZED):
    """Builds these suites and runs them, unless nothing that is built changed since they passed."""
    def suites(part):
        part.must("cmake", "--preset", preset)
        # Where no Vulkan is found, that suite is not there.
        targets = [f"tests/{kind}/all" for kind in kinds if (part.tree / "build" / preset / "tests" / kind).is_dir()]
        part.must("cmake", "--build", f"build/{preset}", f"-j{part.jobs}", "--target", "hwalloc", *targets)
        return _run_suites(part, preset, env, kinds)
    return context.unless_unchanged(preset, _files(context, *BUILT), suites)


def asan(context):
    """Unit, contract, Vulkan and tools suites under AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer, and the package
    for Python without LeakSanitizer. Unless nothing but documents changed since they passed; with --all in any case."""
    counts = _built_and_run(context, "asan", {"ASAN_OPTIONS": "detect_stack_use_after_return=1",
                                              "UBSAN_OPTIONS": "print_stacktrace=1"}, (*SANITIZED, "tools"))
    counts += context.unless_unchanged("asan python", _files(context, *BUILT), _python_with_asan)
    return counts


def _python_with_asan(context):
    """The tests of the package for Python in the build asan; none where it is not built."""
    context.must("cmake", "--preset", "asan")
    if not (context.tree / "build" / "asan" / "python").is_dir():
        return Counts()
    context.must("cmake", "--build", "build/asan", f"-j{context.jobs}", "--target", "hwalloc", "hwalloc-python", "python_faulty")
    report = context.logs / "asan-python.xml"
    report.unlink(missing_ok=True)
    context.run("ctest", "--test-dir", "build/asan", "-R", "^python[.]", f"-j{context.jobs}", "--output-on-failure", "--output-junit", report)
    return reports.junit(report, "asan python") if report.exists() else Counts()


def tsan(context):
    """Unit, contract and Vulkan suites under ThreadSanitizer, on the same condition."""
    return _built_and_run(context, "tsan", {"TSAN_OPTIONS": "halt_on_error=0"})


def abi(context):
    """The binary interface is the committed baseline's."""
    return context.check("abi", "scripts/abi", "check")


def clang(context):
    """The library and the unit suite built by clang, on the same condition as asan."""
    return _built_and_run(context, "clang", kinds=("unit",))


def lint(context):
    """clang-tidy over the library: files that changed since they were last clean; with --all every file, and the tools."""
    return _printed(context, "lint", ("scripts/tidy", "--jobs", context.jobs, *(["--all"] if context.options.all else [])))


def _cross(context, architecture):
    for report in context.logs.glob(f"{architecture}-*.xml"):
        report.unlink()
    code, text = context.output_of("scripts/cross", "--jobs", context.jobs, "--reports", context.logs, architecture)
    counts = Counts()
    for report in sorted(context.logs.glob(f"{architecture}-*.xml")):
        counts += reports.junit(report, architecture)
    for passed, failed in re.findall(r"^(\d+) passed, (\d+) failed, \d+ unsupported$", text, re.MULTILINE):
        counts += Counts(int(passed), int(failed), 0, [f"{architecture}: hwalloc check"] if int(failed) else [])
    if code and not counts.failed:
        raise StageFailed(f"exit code {code} of scripts/cross {architecture}")
    return counts


def _unless_unchanged(context, architecture, function):
    return context.unless_unchanged(architecture, _files(context, *BUILT) + _files(context, "scripts/cross"), function)


def arm64(context):
    """The cross-build, and under user-mode emulation the unit suite, contract and check of sysmem and memfd.
    Unless nothing but documents changed since that passed; with --all in any case."""
    return _unless_unchanged(context, "arm64", functools.partial(_cross, architecture="arm64"))


def armhf(context):
    """The same for 32-bit ARM."""
    return _unless_unchanged(context, "armhf", functools.partial(_cross, architecture="armhf"))


def i386(context):
    """The cross-build for 32-bit x86, on the same condition."""
    def build(part):
        return part.check("i386", "scripts/cross", "--jobs", part.jobs, "i386", "build")
    return _unless_unchanged(context, "i386", build)


def _unless_lab_unchanged(context, pieces):
    """The same pieces, of which those do not run that passed with what is built, what runs in the lab and the lab as they are."""
    files = _files(context, *BUILT) + _files(context, "tests/lab/*.py", *LAB_ITSELF)
    return {name: functools.partial(Context.unless_unchanged, name=name, files=files, function=function)
            for name, function in pieces.items()}


# Runs GoogleTest programs, and leaves of each a report and, when it has ended, its exit code.
ONE_BY_ONE = """reports=$1; shift
for program; do
    name=$reports-${program##*/}
    "$program" --gtest_output="xml:$name.xml" --gtest_brief=1
    echo $? >"$name.code"
done"""


def _suites_in_lab(context, programs, environment=(), name="lab"):
    """Runs GoogleTest programs in one guest. Those that come after one which ends the guest get another."""
    total, waiting = Counts(), list(programs)
    while waiting:
        outcomes = {program: [context.logs / f"{name}-{program.name}.{kind}" for kind in ("xml", "code")] for program in waiting}
        for path in sum(outcomes.values(), []):
            path.unlink(missing_ok=True)
        lab = context.run("scripts/lab", "run", "--timeout", "3000", "--", "env", *environment, "sh", "-c", ONE_BY_ONE, "sh",
                          context.logs / name, *waiting)
        while waiting:
            program = waiting.pop(0)
            title = f"{name} {program.name}"
            report, code = outcomes[program]
            # Empty when the guest ended before it could write.
            ended = code.read_text() if code.exists() else ""
            try:
                counts = _counts_of(report, name, title, int(ended) if ended else lab or "none")
            except StageFailed as error:
                counts = Counts(failed=1, failures=[f"{title}: {error}"])
            if counts.skipped:
                counts += Counts(failed=1, failures=[f"{title}: {counts.skipped} tests were skipped"])
            context.log.write(f"---- {title}: {counts}\n")
            total += counts
            if not ended:
                break
    return total


def _watched_in_lab(context, programs):
    """Under the Vulkan validation layer, which fails the Vulkan suite by itself and only speaks in others."""
    counts = _suites_in_lab(context, programs, ("HWALLOC_VALIDATE=1", f"VK_INSTANCE_LAYERS={VALIDATION}"), "lab-watched")
    said = [line for line in open(context.log.name, errors="replace") if "Validation Error" in line]
    if said:
        counts += Counts(failed=1, failures=[f"watched: {said[0]}"])
    return counts


def _lab_suites(context):
    programs = _suites(context, "dev", ("contract", "vulkan", "unit", "gpu", "gstreamer", "device"))
    # Two guests that take about as long as each other.
    guests = {"lab contract": [program for program in programs if program.parent.name == "contract"],
              "lab suites": [program for program in programs if program.parent.name != "contract"]}
    pieces = {name: functools.partial(_suites_in_lab, programs=some) for name, some in guests.items() if some}
    if context.options.all:
        watched = [program for program in programs if program.name in ("vulkan_tests", "gpu_tests")]
        pieces["lab watched"] = functools.partial(_watched_in_lab, programs=watched)
    return _unless_lab_unchanged(context, pieces)


def _lab_tests(context):
    programs = [path for path in sorted((context.tree / "tests" / "lab").glob("*_test*"))
                if path.is_file() and os.access(path, os.X_OK)]
    if not programs:
        raise StageFailed("there is no tests/lab/*_test*")
    often = {"HWALLOC_HOTPLUG_CYCLES": "200", "HWALLOC_PLAN_BOOTS": "20"} if context.options.all else {}
    guests = []
    for program in programs:
        code, groups = context.output_of(program, "--groups")
        if code or not groups.split():
            raise StageFailed(f"{program.name} names no groups")
        guests += [(program, line.split()) for line in groups.splitlines()]
    pieces = {}
    # Those that take long begin first, as far as the number of their groups tells.
    for program, groups in sorted(guests, key=lambda one: len(one[1]), reverse=True):
        name = " ".join([program.stem, *groups])
        pieces[name] = functools.partial(_printed, name=name, command=(program, *groups), env=often)
    return _unless_lab_unchanged(context, pieces)


def lab_suites(context):
    """In the lab: unit, contract, device, GPU and Vulkan suites on real drivers, where a skipped test is a failure.
    Unless nothing but documents changed since it passed; with --all in any case, and those of Vulkan under its validation
    layer, too."""
    return context.together(_lab_suites(context))


def lab_tests(context):
    """The programs tests/lab/*_test*, which use the lab from outside: captures, expectations, witnesses.
    On the same condition; with --all devices come and go ten times as often."""
    return context.together(_lab_tests(context))


def lab_selftest(context):
    """What scripts/lab itself promises, unless it did not change since it kept that; with --all in any case."""
    parts = _files(context, *LAB_ITSELF, "tests/lab/guest_checks", "tests/lab/import_heap.pl", "tests/lab/selftest")
    return context.unless_unchanged("lab selftest", parts, functools.partial(_printed, name="lab selftest",
                                                                             command=("tests/lab/selftest",)))


def documents(context):
    """What the documents tell people to type, typed: in clean roots of both releases, in the lab, and here.
    Unless neither the documents nor what is built, installed and typed changed since that passed; with --all in any case."""
    program = ("tests/documents/documents_test.py",)
    files = _files(context, *INSTALLED) + _files(context, "tests/documents", *LAB_ITSELF)
    pieces = {"documents listed": functools.partial(_printed, name="documents listed", command=(*program, "listed"))}
    for where in ("trixie", "bookworm", "lab", "host"):
        name = f"documents {where}"
        typed = functools.partial(_printed, name=name, command=(*program, where))
        pieces[name] = functools.partial(Context.unless_unchanged, name=name, files=files, function=typed)
    return context.together(pieces)


def rust(context):
    """The C interface in Rust: bindgen and rustc of both releases in clean roots; what they build captures in the lab.
    Unless nothing that is installed changed since that passed; with --all in any case."""
    files = _files(context, "bindings", "examples/rust", "tests/rust", "docs/c.md", "CMakeLists.txt", "cmake", "common", "allocators", "backends",
                   "scripts/stages/roots.py", *LAB_ITSELF)
    pieces = {}
    for suite in ("trixie", "bookworm"):
        name = f"rust {suite}"
        tried = functools.partial(_printed, name=name, command=("tests/rust/rust_test.py", suite))
        pieces[name] = functools.partial(Context.unless_unchanged, name=name, files=files, function=tried)
    return context.together(pieces)


def gstreamer(context):
    """GStreamer's library, plugin and tests in clean roots of both releases, with the GStreamer of each; and GStreamer's own tests
    on our memory, there and in the lab. Unless what is built did not change since that passed; with --all in any case."""
    pieces = {}
    for suite in ("trixie", "bookworm"):
        name = f"gstreamer {suite}"
        tried = functools.partial(_printed, name=name, command=("tests/gstreamer/roots_test.py", suite))
        files = _files(context, *BUILT) + _files(context, "tests/gstreamer/roots_test.py", "scripts/setup", "scripts/stages/roots.py")
        pieces[name] = functools.partial(Context.unless_unchanged, name=name, files=files, function=tried)
        name = f"gstreamer upstream {suite}"
        tried = functools.partial(_printed, name=name, command=("tests/gstreamer/upstream_test.py", suite))
        files = _files(context, *BUILT) + _files(context, "tests/gstreamer/upstream_test.py", "docs/contract.md", "scripts/setup",
                                                 "scripts/stages/roots.py", *LAB_ITSELF)
        pieces[name] = functools.partial(Context.unless_unchanged, name=name, files=files, function=tried)
    return context.together(pieces)


def packages(context):
    """The Debian packages, built in clean roots of both releases: lintian, the same bytes twice, upgrade, use and purge.
    Unless nothing that they are made of changed since that passed; with --all in any case, and twice on both releases."""
    files = _files(context, *INSTALLED) + _files(context, "tests/packages", "tests/install")
    pieces = {}
    for suite in ("trixie", "bookworm"):
        name = f"packages {suite}"
        # A second build compiles everything once more; what makes two differ is hardly a release's own.
        once = ["--once"] if suite == "trixie" and not context.options.all else []
        tried = functools.partial(_printed, name=name, command=("tests/packages/packages_test.py", *once, suite))
        pieces[name] = functools.partial(Context.unless_unchanged, name=name, files=files, function=tried)
    return context.together(pieces)


def lab(context):
    """In the lab, as much at a time as there are processors: lab-suites, lab-tests and lab-selftest."""
    return context.together({**_lab_suites(context), "lab selftest": lab_selftest, **_lab_tests(context)})


def _printed(context, name, command, env=None):
    """Runs a program that prints what passed and what failed."""
    code, text = context.output_of(*command, env={"HWALLOC_BUILD_DIR": "build/dev", **(env or {})})
    if code == SKIPPED:
        return Counts(skipped=1)
    counts = reports.printed(text) or (Counts() if code else Counts(passed=1))
    if code and not counts.failed:
        counts += Counts(failed=1, failures=[f"{name}: exit code {code}"])
    return counts


SKIPPED = 77  # as automake has it

ALL = {
    "format": formatting,
    "runner": runner,
    "dev": dev,
    "abi": abi,
    "clang": clang,
    "asan": asan,
    "tsan": tsan,
    "arm64": arm64,
    "armhf": armhf,
    "i386": i386,
    "lint": lint,
    "documents": documents,
    "gstreamer": gstreamer,
    "rust": rust,
    "packages": packages,
    "lab": lab,
    "lab-selftest": lab_selftest,
    "lab-suites": lab_suites,
    "lab-tests": lab_tests,
}
QUICK = ["format", "runner", "dev", "abi"]
LAB = ["documents", "gstreamer", "rust", "packages", "lab"]
ALONE = ["lab-selftest", "lab-suites", "lab-tests"]  # parts of another, run when they are asked for
