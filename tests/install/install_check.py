#!/usr/bin/env python3
"""One check of an installed hwalloc; tests/install/CMakeLists.txt says which there are."""

import argparse
import pathlib
import subprocess
import sys

import completions
import headers
import packages
import programs
import reference
import same_files

CHECKS = {
    "install": packages.install, "layout": packages.layout, "no-build-path": packages.no_build_path,
    "udev-rules": packages.udev_rules, "staged": packages.staged, "modules": packages.modules,
    "without-vulkan": packages.without_vulkan, "completion": completions.completion, "plain": packages.plain,
    "options": packages.options_in_documents, "libjpeg": packages.libjpeg,
    "part": packages.part, "static": packages.static, "same-files": same_files.same_files,
    "pkg-config": programs.pkg_config, "find-package": programs.find_package, "moved": programs.moved,
    "examples": programs.examples, "tutorial": programs.tutorial, "readme": programs.readme,
    "hotplug": programs.hotplug, "conveniences": programs.conveniences,
    "c-program": programs.c_program, "python": programs.python, "pip": programs.pip,
    "includes": headers.includes, "header": headers.header, "c-headers": headers.c_headers, "cxx17": headers.cxx17,
    "dangling": headers.dangling, "reference": reference.reference,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("prefix", "source", "build"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    for name in ("libdir", "version", "cmake", "generator"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--compiler")
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("words", nargs="*")
    options = parser.parse_intermixed_args()
    try:
        CHECKS[options.check](options)
    except subprocess.CalledProcessError as error:
        sys.exit(f"FAILED: exit code {error.returncode} of {error.cmd[0]}")


if __name__ == "__main__":
    main()
