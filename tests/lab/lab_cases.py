"""What the programs tests/lab/*_test.py have in common: cases that are counted, commands that run in a guest, and a main()
that runs groups of cases by name."""

import contextlib
import json
import os
import pathlib
import random
import re
import sys
import tempfile
import traceback

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
import documents  # noqa: E402
from lab_guest import BUILD, TREE, Guest, GuestFailed  # noqa: E402

JUDGE = BUILD / "tests" / "lab" / "judge_picture"
HEAP, HEAP_NODE = "dma-heap/system", "/dev/dma_heap/system"


class Cases:
    passed = failed = 0
    misshapen = []  # documents of the commands that ran in guests

    def case(self, name, faults):
        """`faults`: what was wrong, in words; none when the case passed."""
        faults = [fault for fault in faults if fault]
        self.passed, self.failed = self.passed + (not faults), self.failed + bool(faults)
        print(f"{'FAILED' if faults else 'ok    '}  {name}", *(f"        {fault}" for fault in faults), sep="\n", flush=True)


class Done:
    """One command in the guest: exit code, standard output, standard error, and the document in the former."""

    def __init__(self, directory, name, command):
        self.command = command
        self.code = int((directory / f"{name}.code").read_text() or -1)
        self.out = (directory / f"{name}.out").read_text(errors="replace")
        self.err = (directory / f"{name}.err").read_text(errors="replace")

    @property
    def document(self):
        try:
            return json.loads(self.out)
        except json.JSONDecodeError:
            return {}

    @property
    def error(self):
        return self.document.get("error", {})

    def misshapen(self):
        """What of the document is not as docs/schemas has it."""
        named = re.search(r"\bhwalloc (\w+)\b[^|;&]*--json", self.command)
        return documents.faults(named[1], self.document) if named and named[1] in documents.COMMANDS and self.document else []

    def told(self):
        return f"`{self.command}` exit code {self.code}: {self.out[-1500:]} {self.err[-1500:]}"


def in_lab(directory, *options, commands, timeout=280, prelude="", processors=1):
    """Runs {name: command} in a guest, in order, in `directory`; gives {name: Done}. Guests with equal options are one,
    which has a new camera each time. `prelude`: what the guest's shell runs first. More than one of
    the guest's processors are for what has to happen at once: they take more of this machine's time."""
    lines = [f"{{ {command}\n}} >{name}.out 2>{name}.err; echo $? >{name}.code" for name, command in commands.items()]
    (directory / "commands").write_text(prelude + "\n".join(lines) + "\n")
    for name in commands:
        (directory / f"{name}.code").unlink(missing_ok=True)
    Guest.run(directory, ("--processors", str(processors), *options), "commands", timeout)
    if missing := [name for name in commands if not (directory / f"{name}.code").exists()]:
        raise GuestFailed(f"there is no exit code of {', '.join(missing)}")
    done = {name: Done(directory, name, command) for name, command in commands.items()}
    Cases.misshapen += [f"{name}: {fault}" for name, one in done.items() for fault in one.misshapen()]
    return done


def until_first_frame(said):
    """Shell: until $process, a capture whose standard error is the file `said`, used its first frame, or is over."""
    return f"until grep -q FRAME {said} || ! kill -0 $process; do sleep 0.1; done"


def meanwhile(capture, doing):
    """Shell: `capture` in the background, a `hwalloc capture` that goes on until it is told; once its first frame was used, or it
    is over, `doing`, where $process is it. Its exit code in the end."""
    return (f"{capture} --mark-first-frame 2>mark & process=$!; "
            f"{until_first_frame('mark')}; {doing}; wait $process; "
            "code=$?; cat mark >&2; (exit $code)")


def differing(document, **wanted):
    return [f"{key}: expected {value}, found {document.get(key)}" for key, value in wanted.items()
            if document.get(key) != value]


def run(*guests):
    """main() of a test program: runs the groups that its arguments name (none: all), each a function of the cases, an empty
    directory and a source of chance. `guests`: {name: group} of those that run in one guest. --groups prints their names,
    a line for each guest. "N passed, N failed" is the last line."""
    if sys.argv[1:] == ["--groups"]:
        print(*(" ".join(groups) for groups in guests), sep="\n")
        return 0
    groups = {name: group for one in guests for name, group in one.items()}
    seed = os.environ.get("LAB_SEED") or str(random.SystemRandom().randrange(1 << 32))
    print(f"LAB_SEED={seed}", flush=True)
    cases = Cases()
    with tempfile.TemporaryDirectory(prefix="hwalloc-lab.") as parent:
        os.chmod(parent, 0o755)  # for users in the guest
        for name in sys.argv[1:] or groups:
            directory = pathlib.Path(parent).resolve() / name
            directory.mkdir(0o700)
            with unbroken(cases, name):
                groups[name](cases, directory, random.Random(f"{seed} {name}"))
        with unbroken(cases, "the end of the guest"):
            Guest.end()
    cases.case("every document is as docs/schemas has it", Cases.misshapen)
    print(f"{cases.passed} passed, {cases.failed} failed")
    return 1 if cases.failed else 0


@contextlib.contextmanager
def unbroken(cases, name):
    """What breaks a guest, or misjudges what came out of it, fails by itself and keeps no other group from its own."""
    try:
        yield
    except GuestFailed as error:
        cases.case(name, [str(error)])
    except Exception:
        cases.case(name, [traceback.format_exc()])
