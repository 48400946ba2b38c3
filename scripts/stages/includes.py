"""Which files of the tree a source file includes, found by reading: what the preprocessor would leave out counts too, so it is
never too few of them."""

import functools
import pathlib
import re

INCLUDE = re.compile(rb'^\s*#\s*include\s*["<]([^">]+)[">]', re.MULTILINE)


class Includes:
    """Of one tree, of whose files these are the paths below it."""

    def __init__(self, tree, files):
        self._tree = pathlib.Path(tree)
        self._files = frozenset(files)
        self._by_name = {}
        for file in files:
            self._by_name.setdefault(pathlib.PurePath(file).name, []).append(file)

    def of(self, file):
        """The file itself and all that it includes, directly or not; paths below the tree."""
        found, waiting = set(), [file]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self._direct(one)
        return found

    @functools.cache  # noqa: B019  (one object a run)
    def _direct(self, file):
        names = [name.decode(errors="replace") for name in INCLUDE.findall((self._tree / file).read_bytes())]
        return [found for name in names for found in self._resolve(file, name)]

    def _resolve(self, file, name):
        for candidate in (pathlib.PurePath(file).parent / name, pathlib.PurePath(name)):
            if (path := _normal(candidate)) in self._files:
                return [path]
        # "hwalloc/NAME.h" is a link to a public header, "shaders/NAME.h" is made from a shader: every file of that name.
        plain = pathlib.PurePath(name).name
        return self._by_name.get(plain, []) + self._by_name.get(plain.removesuffix(".h"), [])


def _normal(path):
    parts = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return ""
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
