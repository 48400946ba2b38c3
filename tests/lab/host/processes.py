"""Children that never outlive the lab."""

import ctypes
import resource
import signal
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _in_child():
    # Ended by the kernel should this process be killed outright.
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # virtiofsd keeps a descriptor for every file that the guest has seen.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def start(command, log, pass_fds=(), stdin=subprocess.DEVNULL, stdout=None):
    """Starts a child in a session of its own (Ctrl-C at the terminal reaches only the lab), its words going to log."""
    return subprocess.Popen(command, stdin=stdin, stdout=stdout or log, stderr=log, pass_fds=pass_fds,
                            start_new_session=True, preexec_fn=_in_child)


def stop(children, patience=3.0):
    """Ends children, kindly first; returns when all are gone."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    end = time.monotonic() + patience
    for child in children:
        try:
            child.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
