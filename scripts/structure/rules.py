"""What docs/architecture.md says of the structure, as functions of a House. Each yields what breaks it."""

import pathlib
import re
import subprocess

import figure
from graph import ROOMS, TREE, room_of, unit_of

ARCHITECTURE = TREE / "docs" / "architecture.md"
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)

# Files of the top directory.
TOP = {".clang-format", ".clang-tidy", ".gitignore", "CHANGELOG.md", "CMakeLists.txt", "CMakePresets.json", "CONTRIBUTING.md", "LICENSE",
       "README.md"}

# What a room may include beside itself. "public" are the installed headers, wherever they stand.
MAY = {
    "common": set(),
    "allocators": {"common"},
    "backends": {"common", "allocators"},
    "bindings": {"public"},
    "integrations": {"public"},
    "tools": {"public"},
    "examples": {"public"},
    "benchmarks": {"public"},
}

# Circles of units that are meant, each with its reason. Every other circle is a fault.
CIRCLES = {
    ("allocators/allocator", "allocators/block", "allocators/geometry", "allocators/memory"):
        "an Allocator makes Blocks, a Block embeds its root Memory, a Memory knows its Block",
    ("allocators/plan/luck", "allocators/plan/plan", "allocators/plan/plan_cache", "allocators/plan/planner"):
        "plan() begins in plan.cpp, the cache and the planner make a Plan, and the planner tells luck what was taken",
    ("tools/gpu/converter", "tools/gpu/converter_objects"):
        "a Converter owns its Vulkan objects, which are made from its description",
}

# Families of allocators, which neither common/ nor allocators/ may name in code, and where one of these words is meant.
FAMILY = re.compile(r'"(sysmem|memfd|udmabuf|dmabuf|dma[-_]heap|drm[-_]dumb|drm|vulkan|v4l2)(/[^"]*)?"')
OTHER_MEANING = {
    ("allocators/capabilities.cpp", "dmabuf"): "what import_dmabuf() stands for",
    ("common/twins.h", "udmabuf"): "the kernel's name of an exporter",
}

# Pixel formats by their codes. What is known of them is in one table; what a room wants of a format follows from there.
FORMAT = re.compile(r"fourcc\('|V4L2_PIX_FMT_(?!PRIV_MAGIC\b)\w+|\bDRM_FORMAT_(?!MOD_)\w+|\bVK_FORMAT_(?!UNDEFINED\b|FEATURE_)\w+")
# Where one is named beside the table, and why.
NAMED_FORMATS = {
    "backends/vulkan/ycbcr.cpp": "of views of single planes, by the size of their numbers",
}

# Declarations of what a thread may wait for another at.
LOCK = re.compile(r"^\s*(?:static |mutable |constinit |inline )*"
                  r"(ForkSafeMutex|std::(?:\w+_)?mutex|std::once_flag|std::condition_variable\w*|std::(?:counting|binary)_semaphore\S*"
                  r"|std::atomic_flag|pthread_(?:mutex|rwlock|spinlock|cond|once)_t)\s+(\w+)", re.MULTILINE)
# Where one is that fork does not know, and why.
PLAIN_MUTEX = {
    "common/fork_safe_mutex.h": "what a ForkSafeMutex is made of",
    "common/fork_safe_mutex.cpp": "what fork itself holds",
    "allocators/dma_buf.h": "a public header; the table of dma-bufs frees it in the child",
    "backends/vulkan/context.h": "an application's mutex may take its place",
}


def rooms_keep_to_their_layers(house):
    """a room includes only what it may"""
    for source, target, public in house.arrows:
        room, other = room_of(source), room_of(target)
        if room == other or other in MAY[room] or (public and "public" in MAY[room]):
            continue
        yield f"{source} includes {target}"


def every_include_is_found(house):
    """every include in quotes is a file of this tree"""
    for source, included in house.unresolved:
        yield f"{source} includes \"{included}\", which is neither here nor public"


def backends_are_strangers(house):
    """no backend includes another"""
    for source, target, _ in house.arrows:
        if room_of(source) == room_of(target) == "backends" and source.split("/")[1] != target.split("/")[1]:
            yield f"{source} includes {target}"


def public_headers_stand_on_public_headers(house):
    """a public header includes public headers only"""
    public = set(house.public.values())
    for source, target, by_public_name in house.arrows:
        if source in public and not by_public_name:
            yield f"{source} includes {target}"


def no_room_names_a_backend(house):
    """neither common/ nor allocators/ names a family of allocators"""
    for name in house.files:
        if room_of(name) not in ("common", "allocators"):
            continue
        for family in FAMILY.finditer(COMMENT.sub("", (TREE / name).read_text())):
            if (name, family[1]) not in OTHER_MEANING:
                yield f"{name} names {family[0]}"


def formats_are_in_one_table(house):
    """no room below the tools names a pixel format: what it knows of one is in common/pixel_formats.h"""
    for name in house.files:
        if room_of(name) not in ("common", "allocators", "backends") or name in NAMED_FORMATS:
            continue
        for format in FORMAT.finditer(COMMENT.sub("", (TREE / name).read_text())):
            yield f"{name} names {format[0]}"


def circles_are_meant(house):
    """no circle of units but those that are named with their reason"""
    meant = {tuple(units) for units in CIRCLES}
    found = {tuple(units) for units in house.circles()}
    for units in sorted(found - meant):
        yield "a circle: " + ", ".join(units)
    for units in sorted(meant - found):
        yield "no such circle any more: " + ", ".join(units)


def the_document_lists_the_rooms(house):
    """docs/architecture.md has a row for each room, and names every file of allocators/plan/"""
    text = ARCHITECTURE.read_text()
    for room in ROOMS:
        if f"| `{room}/" not in text:
            yield f"docs/architecture.md has no row for {room}/"
    for name in house.files:
        if name.startswith("allocators/plan/") and f"`{pathlib.PurePath(name).stem}`" not in text:
            yield f"docs/architecture.md does not name {name}"


def the_order_of_units_is_theirs(house):
    """docs/architecture.md names units "from the bottom up" in an order in which none includes a later one"""
    for paragraph in re.findall(r"^`(\S+/)` from the bottom up: (.*?)\n\n", ARCHITECTURE.read_text(), re.DOTALL | re.MULTILINE):
        folder, units = paragraph[0], re.findall(r"`(\w+)`", paragraph[1])
        place = {folder + unit: number for number, unit in enumerate(units)}
        for unit in sorted(set(place) - {unit_of(name) for name in house.files}):
            yield f"there is no {unit}"
        for source, target, _ in house.arrows:
            if place.get(unit_of(source), len(units)) < place.get(unit_of(target), -1):
                yield f"{source} includes {target}, which is named after it"


def the_document_lists_the_locks(house):
    """docs/architecture.md has a row for each lock, and fork knows all but those that it gives a reason for"""
    rows = set(re.findall(r"^\| `(\w+)` in `([^`]+)` \|", ARCHITECTURE.read_text(), re.MULTILINE))
    found = set()
    for name in house.files:
        if room_of(name) not in ("common", "allocators", "backends"):
            continue
        for kind, lock in LOCK.findall(COMMENT.sub("", (TREE / name).read_text())):
            found.add((lock, name))
            if kind != "ForkSafeMutex" and name not in PLAIN_MUTEX:
                yield f"{name} has a {kind}, {lock}, which the child of fork may find taken: see common/fork_safe_mutex.h"
    for lock, name in sorted(found ^ rows):
        yield f"docs/architecture.md has {'no' if (lock, name) in found else 'a'} row for {lock} in {name}"


def the_top_directory_is_kept(house):
    """the top directory has no file but those that people and tools look for there"""
    if not (TREE / ".git").exists():  # an unpacked archive
        return
    files = subprocess.run(["git", "-C", TREE, "ls-files", "-z", "--", ":(glob)*"], check=True, capture_output=True, text=True).stdout
    for name in sorted(set(files.split("\0")) - TOP - {""}):
        yield f"{name} is in the top directory"


def the_figure_is_of_today(house):
    """docs/images/house.svg is what `scripts/house draw` draws"""
    if not figure.FIGURE.exists() or figure.FIGURE.read_text() != figure.drawing(house):
        yield "docs/images/house.svg is of another tree: run scripts/house draw"


RULES = (rooms_keep_to_their_layers, every_include_is_found, backends_are_strangers, public_headers_stand_on_public_headers,
         no_room_names_a_backend, formats_are_in_one_table, circles_are_meant, the_document_lists_the_rooms, the_order_of_units_is_theirs,
         the_document_lists_the_locks, the_top_directory_is_kept, the_figure_is_of_today)
