"""scripts/test after setup: chooses the stages, runs them, exits non-zero when anything failed."""

import argparse
import os
import pathlib
import subprocess
import sys
import threading

import processes
import stages
from runner import Context, Runner


def ask_for_root():
    """The lab needs root. sudo asks for a password now, in front of the person, and is kept from asking again behind
    their back: commands run apart from the terminal."""
    if os.geteuid() == 0 or subprocess.run(["sudo", "-v"], check=False).returncode:
        return

    def keep():
        while True:
            threading.Event().wait(60)
            subprocess.run(["sudo", "-n", "-v"], check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    threading.Thread(target=keep, daemon=True).start()


def share_compiled(tree):
    """Lets ccache know a file again that was compiled in another clone: by what is in it, not by where it stands."""
    os.environ.setdefault("CCACHE_BASEDIR", str(tree))
    os.environ.setdefault("CCACHE_NOHASHDIR", "1")


def main():
    parser = argparse.ArgumentParser(prog="scripts/test", allow_abbrev=False)
    for flag in ("--quick", "--no-lab", "--all", "--list", "--no-setup"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--only", metavar="A,B")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    if options.list:
        for name, function in stages.ALL.items():
            print(f"{name:14} {function.__doc__.splitlines()[0]}")
        return 0
    names = [name for name in stages.ALL if name not in stages.ALONE]
    if options.only:
        names = options.only.split(",")
        unknown = [name for name in names if name not in stages.ALL]
        if unknown:
            parser.error(f"no stage is called {', '.join(unknown)}; --list names them")
    elif options.quick:
        names = stages.QUICK
    elif options.no_lab:
        names = [name for name in names if name not in stages.LAB]
    tree = pathlib.Path(__file__).resolve().parents[2]
    if set(names) & {*stages.LAB, *stages.ALONE}:
        ask_for_root()
    processes.prepare()
    share_compiled(tree)
    runner = Runner(Context(tree, options.jobs, options))
    try:
        runner.run([(name, stages.ALL[name]) for name in names])
        return runner.summary()
    except processes.Stopped as stopped:
        print("\nstopped: ending what is running", flush=True)
        processes.end_all()
        runner.summary()
        return stopped.code
    finally:
        processes.end_all()


if __name__ == "__main__":
    sys.exit(main())
