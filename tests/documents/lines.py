"""The lines that our documents tell people to type: indented by four spaces, fenced as sh, or .Dl in a man page."""

import pathlib
import re
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
# What a typed line begins with. Other indented lines are code, output or drawings.
COMMANDS = re.compile(r"^(?:\$ )?(?:export \w+=|\w+=\$\(|(?:sudo |[A-Z_]+=\S+ )*(?:scripts/\w+|hwalloc|cmake|ctest|(?:\w+-linux-\w+-)?g\+\+|cc|bindgen|rustc|qemu-\w+|tar|ssh|pkg-config|podman|docker|gst-[\w.-]+|"
                      r"udevadm|usermod|modprobe|apt-get|apt|meson|ninja|git|sh|bash|python3|strace|build/\S+)(?: |$))")


def documents():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md", "docs/man/*"], cwd=TREE,
                            check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    return sorted(name for name in listed if (TREE / name).exists())


def without_comment(line):
    return re.sub(r"\s+#\s.*$", "", line).strip()


def typed_in(text):
    """The lines of one document, with continued ones joined, in their order."""
    lines, fence, continued = [], None, None
    for raw in text.splitlines():
        if match := re.match(r"^```(\w*)", raw):
            fence = match[1] or "text" if fence is None else None
            continue
        if raw.startswith(".Dl "):
            line = raw[4:].replace("\\-", "-")
        elif fence in ("sh", "console") or (fence is None and raw.startswith("    ")):
            line = raw.strip()
        else:
            continued = None
            continue
        if continued is not None:
            continued += " " + line
        elif COMMANDS.match(line):
            continued = line.removeprefix("$ ")
        if continued is None:
            continue
        if continued.endswith("\\"):
            continued = continued[:-1].rstrip()
        else:
            lines.append(without_comment(continued))
            continued = None
    return lines


def all_typed():
    """{line: [document, …]}"""
    found = {}
    for name in documents():
        for line in typed_in((TREE / name).read_text()):
            found.setdefault(line, []).append(name)
    return found


def block_with(document, words):
    """The fenced block of a document that has these words."""
    for block in re.findall(r"^```(?:cpp|c|python)\n(.*?)^```", (TREE / document).read_text(), re.MULTILINE | re.DOTALL):
        if words in block:
            return block
    raise KeyError(f"no block of {document} has {words!r}")
