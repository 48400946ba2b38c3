#!/usr/bin/env python3
"""Types what the documents tell people to type.

    documents_test.py listed      every such line is in table.py, and no other
    documents_test.py SUITE…      types those of IN_CLEAN_ROOTS in a clean Debian root (bookworm, trixie)
    documents_test.py lab         types those of IN_THE_LAB in a guest
    documents_test.py host        types those of ON_THE_HOST here"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TREE / "scripts" / "stages"), str(TREE / "tests" / "documents")]

import lines  # noqa: E402
import roots  # noqa: E402
import table  # noqa: E402

MARK = "= typed ="
# A compiler's warning in what is typed is a failure: a user's build is quiet.
NOISE = re.compile(r"warning:|CMake (?:Deprecation )?Warning")


def typed_in_table():
    groups = table.IN_CLEAN_ROOTS, table.IN_THE_LAB, table.ON_THE_HOST
    return {entry[0] for group in groups for entry in group if isinstance(entry[1], set)} | set(table.ELSEWHERE)


def listed():
    found, known = lines.all_typed(), typed_in_table()
    faults = [f"{', '.join(where)} says \"{line}\", which is not in tests/documents/table.py"
              for line, where in found.items() if line not in known]
    faults += [f"no document says \"{line}\", which tests/documents/table.py has" for line in known - set(found)]
    for fault in faults:
        print(f"FAILED  {fault}")
    if not faults:
        print(f"ok      {len(found)} lines of {len(lines.documents())} documents")
    return len(faults)


def script_of(entries):
    """Types the lines one after the other in the same shell, and marks where each ends and how."""
    for first, *rest in entries:
        if isinstance(rest[0], set):
            log = f"cat {rest[1]}\n" if rest[1:] else ""
            yield f"printf '+ %s\\n' {quoted(first)}\neval {quoted(first)} </dev/null\ncode=$?\n{log}printf '\\n{MARK} %s %s\\n' $code $SECONDS\n"
        else:
            yield f"cat >{first} <<'END OF THE BLOCK'\n{lines.block_with(*rest)}END OF THE BLOCK\n"


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def about_noise(said):
    """Each warning with the lines that say how the compiler came there."""
    return [one for number, line in enumerate(said) if NOISE.search(line) for one in said[max(0, number - 6):number + 1]][:60]


def judged(entries, output, where, quiet):
    """One line for each that was typed; how many failed."""
    parts = re.split(rf"^{MARK} (\d+) (\d+)$", output, flags=re.MULTILINE)
    failed = before = 0
    for number, (line, codes, *_) in enumerate(entry for entry in entries if isinstance(entry[1], set)):
        said, code, ended = (*parts[3 * number:3 * number + 3], ) if 3 * number + 2 < len(parts) else ("it was not reached", None, before)
        code, took, before = code and int(code), int(ended) - before, int(ended)
        noise = quiet and NOISE.search(said)
        good = code in codes and not noise
        failed += not good
        print(f"{'ok     ' if good else 'FAILED '} {where}: {line}" + ("" if good else f" (exit code {code})")
              + (f" ({took} s)" if took >= 10 else ""))
        if not good:
            print("\n".join(f"        {one}" for one in (about_noise(said.splitlines()) if noise else said.splitlines()[-25:])))
    sys.stdout.flush()
    return failed


def in_root(suite):
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=TREE, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    with roots.entered(suite, TREE, [name for name in files if (TREE / name).is_file()]) as run:
        output = run("".join(script_of(table.IN_CLEAN_ROOTS)), output=subprocess.PIPE).stdout
    return judged(table.IN_CLEAN_ROOTS, output, suite, quiet=True)


def here(entries, where, directory, *before):
    with tempfile.NamedTemporaryFile("w", suffix=".sh", dir=TREE / "build") as script:
        script.write("".join(script_of(entries)))
        script.flush()
        # What was compiled before need not be again.
        launcher = {"CMAKE_CXX_COMPILER_LAUNCHER": "ccache"} if shutil.which("ccache") else {}
        path = os.pathsep.join([str(TREE / "build" / "dev" / "tools"), os.environ["PATH"]])
        output = subprocess.run([*before, "bash", script.name], cwd=directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, env={**os.environ, "PATH": path, **launcher}, check=False).stdout
    return judged(entries, output, where, quiet=False)


def in_the_lab():
    with tempfile.TemporaryDirectory(prefix="typed-", dir=TREE / "build") as directory:
        return here(table.IN_THE_LAB, "lab", directory, str(TREE / "scripts" / "lab"), "run", "--timeout", "1200", "--vivid", table.LAB_CAMERAS, "--",
                    "env", f"PYTHONPATH={TREE / 'build' / 'dev' / 'python'}")


def main(words):
    if words == ["--groups"]:
        print("listed bookworm trixie lab host")
        return 0
    failed = 0
    for word in words or ["listed"]:
        if word == "listed":
            failed += listed()
        elif word == "lab":
            failed += in_the_lab()
        elif word == "host":
            failed += here(table.ON_THE_HOST, "host", TREE)
        else:
            failed += in_root(word)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (roots.RootsError, subprocess.CalledProcessError, OSError) as error:
        sys.exit(f"FAILED  {error}")
