"""Which file includes which, with headers resolved as the compiler does: "hwalloc/NAME.h" by the list of public headers in the
CMake files, anything else from the top directory, then beside the file. A unit is a header with its source."""

import collections
import pathlib
import re
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("common", "allocators", "backends", "bindings", "integrations", "tools", "examples", "benchmarks")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def sources():
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.h", "*.cpp"], cwd=TREE,
                            check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
    return sorted(name for name in listed if name.split("/")[0] in ROOMS and (TREE / name).exists())


def public_headers():
    """{"hwalloc/NAME.h": path}, by the CMake files that install them."""
    text = "\n".join((TREE / name).read_text() for name in ("CMakeLists.txt", "cmake/vulkan.cmake", "cmake/gstreamer.cmake"))
    lists = re.findall(r"(?:set|list)\((?:APPEND )?HWALLOC_(?:VULKAN|GST|PUBLIC|C)_HEADERS\s([^)]*)\)", text)
    paths = re.findall(r"[\w/]+\.h\b", " ".join(lists))
    return {f"hwalloc/{pathlib.PurePath(path).name}": path for path in paths}


def room_of(name):
    return name.split("/")[0]


def corner_of(name):
    """The folder: of a backend its name, else the room or the folder in it."""
    return str(pathlib.PurePath(name).parent)


def unit_of(name):
    return str(pathlib.PurePath(name).with_suffix(""))


class House:
    """Every include of one of our files by another."""

    def __init__(self):
        self.files = sources()
        self.public = public_headers()
        known = set(self.files)
        self.arrows = []  # (from, to, by its public name)
        self.unresolved = []
        for name in self.files:
            for included in INCLUDE.findall((TREE / name).read_text()):
                path = self.public.get(included)
                public = path is not None
                if not public:
                    beside = str(pathlib.PurePath(name).parent / included)
                    path = included if included in known else beside if beside in known else None
                if path is not None:
                    self.arrows.append((name, path, public))
                elif not included.startswith("shaders/"):
                    self.unresolved.append((name, included))

    def between(self, place):
        """{(from, to): how many}, for places such as room_of."""
        counts = collections.Counter()
        for source, target, _ in self.arrows:
            if place(source) != place(target):
                counts[place(source), place(target)] += 1
        return counts

    def circles(self):
        """Strongly connected units of more than one member, sorted."""
        after = collections.defaultdict(set)
        for source, target, _ in self.arrows:
            if unit_of(source) != unit_of(target):
                after[unit_of(source)].add(unit_of(target))
        return sorted(sorted(group) for group in components(after) if len(group) > 1)


def components(after):
    """Tarjan's algorithm, without recursion."""
    number, low, stack, on_stack, found = {}, {}, [], set(), []
    for start in sorted(after):
        if start in number:
            continue
        work = [(start, iter(sorted(after[start])))]
        number[start] = low[start] = len(number)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target not in number:
                    number[target] = low[target] = len(number)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(sorted(after.get(target, ())))))
                    break
                if target in on_stack:
                    low[node] = min(low[node], number[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    group = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        group.add(member)
                        if member == node:
                            break
                    found.append(group)
    return found
