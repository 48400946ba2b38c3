"""One line on standard error that says what takes so long; only on a terminal."""

import sys
import time


class Progress:
    def __init__(self, text):
        self.text = text
        self.since = time.monotonic()
        self.shown = -1
        self.active = sys.stderr.isatty()

    def tick(self):
        """Shows or renews the line; call it a few times a second."""
        seconds = int(time.monotonic() - self.since)
        if self.active and seconds != self.shown and seconds >= 1:
            self.shown = seconds
            sys.stderr.write(f"\r\033[Klab: {self.text}: {seconds} s")
            sys.stderr.flush()

    def done(self):
        if self.active and self.shown >= 0:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
        self.active = False
