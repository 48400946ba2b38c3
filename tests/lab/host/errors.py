"""What can end a lab, and the exit code that says so."""

TIMED_OUT = 124  # as timeout(1)
BROKEN = 125  # the lab failed, not the command


class LabError(Exception):
    """A failure of the lab itself: the text names the cause and what to do."""

    def __init__(self, text, code=BROKEN):
        super().__init__(text)
        self.code = code


class DiedBooting(LabError):
    """The guest's kernel died before the command began, so it can be tried again: under emulation on a busy host, a
    kernel that rewrites its own code on one processor is sometimes seen half done by the other."""


class Interrupted(Exception):
    """A signal asked the lab to stop."""

    def __init__(self, number):
        super().__init__(number)
        self.code = 128 + number
