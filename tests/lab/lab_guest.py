"""A guest of the lab that runs one script after the other: booting takes longer than most scripts."""

import contextlib
import os
import pathlib
import shlex
import subprocess
import tempfile
import threading

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HWALLOC_BUILD_DIR", TREE / "build" / "dev")).resolve()
LAB = TREE / "scripts" / "lab"
CAMERA = "n_devs=1 node_types=0x1"  # what scripts/lab lays --vivid over
BOOT_LIMIT = 600  # seconds
LIMIT = 3600  # seconds that a guest may live; each script has a limit of its own
LATE = 60  # seconds for which a guest may be late in ending what ran into its limit
PATIENCE = 600  # seconds that a guest waits for an order: none comes when the program that gave them is gone

# Runs in the guest: takes orders, numbered files of shell commands, and says how each ended. (`read` waits without starting a
# program, which takes long in an emulator.)
SERVE = """cd "$1"
exec {never}<> <(:)
echo ready
for ((number = 1; ; number++)); do
    for ((waited = 0; waited < $2 * 10; waited++)); do
        [ ! -e "order$number" ] || break
        read -rt 0.1 -u $never
    done
    [ -e "order$number" ] || exit 0
    . "./order$number" >&2
    echo "ended $?"
done
"""

# What looks at a new node may still hold the camera for a moment.
NEW_CAMERA = """for ((try = 0; try < 300; try++)); do
    ! rmmod vivid || break
    udevadm settle
    read -rt 0.1 -u $never
done
[ ! -e /sys/module/vivid ] && modprobe vivid {options} && udevadm settle || return 125
"""

# All that the script leaves behind in its process group ends with it. The shell ignores signals for what it does not wait
# for at once, and the script shall not.
SCRIPT = """(cd {directory} && exec env --default-signal timeout --kill-after=10 {limit} bash ./{name}) &
wait $!
code=$?
kill -KILL -- -$! 2>/dev/null
return $code
"""


class GuestFailed(Exception):
    """A guest that can be used no longer, or a script that did not end: why, in words."""


class Guest:
    """There is one at a time, and it is kept for as long as guests with the same options are wanted."""

    _kept = None

    @classmethod
    def run(cls, directory, options, name, limit):
        """Runs the script `name` in `directory`, which is one of several in a directory that a guest may see. These options
        are those of scripts/lab. The camera is one that no other script has used, but for users, who may load none."""
        words, camera = list(options), ""
        if "--vivid" in words:
            at = words.index("--vivid")
            camera = words[at + 1]
            del words[at:at + 2]
        order = SCRIPT.format(directory=shlex.quote(str(directory)), limit=limit, name=name)
        if not cls._kept or not cls._kept.does_for(words, camera):
            cls.end()
            cls._kept = Guest(directory.parent, words, camera)
        elif "--user" not in words:
            order = NEW_CAMERA.format(options=f"{CAMERA} {camera}") + order
        try:
            cls._kept.obey(order, limit)
        except GuestFailed:
            kept, cls._kept = cls._kept, None
            kept.stop()
            raise

    @classmethod
    def end(cls):
        """Ends the guest that is kept, if one is."""
        kept, cls._kept = cls._kept, None
        if kept:
            try:
                kept.order("exit 0")
                kept.answer(LATE)
                if kept.process.wait():
                    raise GuestFailed(f"exit code {kept.process.returncode} of the lab")
            finally:
                kept.stop()

    def __init__(self, directory, options, camera):
        self._options, self._camera, self._orders = options, camera, 0
        self._directory = pathlib.Path(tempfile.mkdtemp(prefix="guest.", dir=directory))
        self._directory.chmod(0o755)
        (self._directory / "serve").write_text(SERVE, encoding="utf-8")
        # Ends with this program.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "--", LAB, "run", "--timeout", str(LIMIT), "--vivid", camera, *options, "--",
             "bash", self._directory / "serve", self._directory, str(PATIENCE)], cwd=directory, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={**os.environ, "HWALLOC_BUILD_DIR": str(BUILD)})
        self._booted = False

    def does_for(self, options, camera):
        # One that waited too long for an order has ended. In memory that is in pieces everything is as it was made.
        return self.process.poll() is None and self._options == options and \
            (self._camera == camera or "--user" not in options) and not any(word.startswith("--fragment") for word in options)

    def obey(self, order, limit):
        """Gives an order, and returns when it was carried out."""
        if not self._booted and self.answer(BOOT_LIMIT) != "ready":
            raise GuestFailed(f"the lab failed: {self._end()}")
        self._booted = True
        self.order(order)
        word, _, code = self.answer(limit + LATE).partition(" ")
        if word != "ended":
            raise GuestFailed(f"the lab failed: {self._end()}")
        if code != "0":
            raise GuestFailed(f"not ended within {limit} s" if code in ("124", "137") else f"exit code {code} of the script")

    def order(self, text):
        self._orders += 1
        new = self._directory / "new"
        new.write_text(text, encoding="utf-8")
        new.rename(self._directory / f"order{self._orders}")

    def answer(self, limit):
        """The next line from the guest; none when it ended, or did not answer within the limit."""
        timer = threading.Timer(limit, self._terminate)
        timer.start()
        try:
            return self.process.stdout.readline().strip()
        finally:
            timer.cancel()

    def stop(self):
        self._terminate()
        self.process.wait()
        self.process.stdout.close()

    def _terminate(self):
        # Another user's, behind sudo, ends by itself.
        with contextlib.suppress(PermissionError):
            self.process.terminate()

    def _end(self):
        self._terminate()
        return f"exit code {self.process.wait()}"
