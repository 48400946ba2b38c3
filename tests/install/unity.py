"""Objects of several source files (CMAKE_UNITY_BUILD), as users' builds have them. CMake says in Unity/NAME.cxx which these are."""

import os
import pathlib
import re


def sources(object_name, directory):
    """The files that are compiled together into an object of the build `directory`; none when it is of one file."""
    together = (directory / object_name).with_suffix("")
    if together.parent.name != "Unity":
        return []
    return [pathlib.Path(name) for name in re.findall(r'^#include "(.*)"$', together.read_text(encoding="utf-8"), re.MULTILINE)]


def object_of(target, source, directory):
    """The object of a target ("CMakeFiles/NAME.dir") that has the file in it."""
    for together in (directory / target / "Unity").glob("*.cxx"):
        name = f"{target}/Unity/{together.name}.o"
        if any(str(one).endswith("/" + source) for one in sources(name, directory)):
            return name
    return f"{target}/{source}.o"


def each_alone(object_name, top, directory):
    """The objects that stand for this one in a build that compiles each file of the tree `top` by itself."""
    parts = sources(object_name, directory)
    if not parts:
        return [object_name]
    target = object_name[:object_name.index(".dir/") + len(".dir/")]
    base = top / target[:target.index("CMakeFiles/")]
    return [f"{target}{os.path.relpath(part, base)}.o" for part in parts]
