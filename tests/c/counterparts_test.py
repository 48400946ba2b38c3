#!/usr/bin/env python3
"""Every public operation of the C++ interface has a counterpart in C, or a reason why it has none (counterparts.py).

usage: counterparts_test.py CLANG INCLUDE"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from counterparts import COUNTERPARTS, IN_C_ALONE, VULKAN  # noqa: E402


def declarations(clang, include):
    """What the compiler makes of all public headers: the namespaces called hwalloc, one after the other."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-counterparts-") as directory:
        source = pathlib.Path(directory) / "all.cpp"
        vulkan = '#include "hwalloc/vulkan.h"\n' if (include / "hwalloc" / "vulkan.h").exists() else ""
        source.write_text('#include "hwalloc/all.h"\n' + vulkan)
        text = subprocess.run([clang, "-std=c++20", f"-I{include}", "-fsyntax-only", "-Xclang", "-ast-dump=json", "-Xclang",
                               "-ast-dump-filter=hwalloc", source], check=True, text=True, stdout=subprocess.PIPE).stdout
    decoder, place = json.JSONDecoder(), 0
    while (place := len(text) - len(text[place:].lstrip())) < len(text):
        found, place = decoder.raw_decode(text, place)
        if found["kind"] == "NamespaceDecl" and found.get("name") == "hwalloc":
            yield found


def operations(scope, prefix="", access="public"):
    """The public functions of a scope by their names, those of its classes and namespaces too."""
    for one in scope.get("inner", ()):
        kind, name = one["kind"], one.get("name", "")
        if kind == "AccessSpecDecl":
            access = one["access"]
        elif access != "public":
            continue
        elif kind == "NamespaceDecl" and name != "detail":
            yield from operations(one, f"{prefix}{name}::")
        elif kind == "CXXRecordDecl" and one.get("completeDefinition"):
            yield from operations(one, f"{prefix}{name}::", "public" if one["tagUsed"] == "struct" else "private")
        elif kind in ("FunctionDecl", "CXXMethodDecl", "FunctionTemplateDecl"):
            # A definition outside its class is one of the class, which has been there.
            known = one.get("isImplicit") or one.get("explicitlyDeleted") or "parentDeclContextId" in one
            if not known and not name.startswith("operator"):
                yield prefix + name


def row_of(operation):
    """The row that stands for it, the longest of several."""
    if operation in COUNTERPARTS:
        return operation
    families = [row for row in COUNTERPARTS if row.endswith("*") and operation.startswith(row[:-1])]
    return max(families, key=len, default=None)


def main():
    clang, include = sys.argv[1], pathlib.Path(sys.argv[2])
    if (include / "hwalloc" / "vulkan.h").exists():
        COUNTERPARTS.update(VULKAN)
    headers = "\n".join(path.read_text() for path in (include / "hwalloc").glob("c_*.h"))
    in_c = set(re.findall(r"\b(hwalloc_\w+)\s*\(", re.sub(r"/\*.*?\*/", "", headers, flags=re.S)))
    in_cxx = {name for scope in declarations(clang, include) for name in operations(scope)}
    if len(in_cxx) < 200 or len(in_c) < 50:
        sys.exit(f"FAILED: {len(in_cxx)} operations in C++ and {len(in_c)} in C: they were not read")
    rows = {name: row_of(name) for name in in_cxx}
    faults = [f"{name} has neither a counterpart nor a reason" for name, row in rows.items() if row is None]
    faults += [f"{row} is a row for nothing" for row in set(COUNTERPARTS) - set(rows.values())]
    named = {one for answer in COUNTERPARTS.values() for one in answer.split() if one.startswith("hwalloc_")}
    faults += [f"{one} is a counterpart that is declared nowhere" for one in (named | set(IN_C_ALONE)) - in_c]
    faults += [f"{one} is the counterpart of nothing" for one in in_c - named - set(IN_C_ALONE)]
    for fault in sorted(faults):
        print(f"FAILED  {fault}")
    if not faults:
        print(f"ok      {len(in_cxx)} operations in C++, {len(in_c)} in C")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
