"""Which directories of the host the guest sees, each at its own path."""

import os
import pathlib

from .errors import LabError

SOURCE_TREE = pathlib.Path(__file__).resolve().parents[3]
# A share at one of these, or above one, would hide what the guest itself runs on.
GUEST_OWN = [pathlib.Path(name) for name in
             ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/mnt", "/proc", "/run/lab", "/sbin", "/sys", "/usr",
              "/var")]
KERNEL_OWN = [pathlib.Path(name) for name in ("/proc", "/sys")]  # nor can one be mounted inside these


def build_directory():
    """The build whose hwalloc is in front on the guest's PATH, or None when nothing is built."""
    named = os.environ.get("HWALLOC_BUILD_DIR")
    if named:
        directory = pathlib.Path(named)
        directory = (directory if directory.is_absolute() else SOURCE_TREE / directory).resolve()
        if not directory.is_dir():
            raise LabError(f"HWALLOC_BUILD_DIR names {directory}, which is not a directory: build it or unset it")
        return directory
    for name in ("build/dev", "build/release"):
        if (SOURCE_TREE / name).is_dir():
            return SOURCE_TREE / name
    return None


def needed(build, directory, more=()):
    """The fewest directories that hold the source tree, the build and the calling directory, outermost first."""
    wanted = {SOURCE_TREE, pathlib.Path(directory), *(pathlib.Path(name).resolve() for name in more)}
    if build:
        wanted.add(build)
    chosen = []
    for path in sorted(wanted, key=lambda path: (len(path.parts), path)):
        if not path.is_dir():
            raise LabError(f"cannot share {path}: it is not a directory")
        if "," in str(path):
            raise LabError(f"cannot share {path}: virtiofsd and qemu take a comma for the end of a name")
        _refuse_guest_own(path)
        if not any(path.is_relative_to(outer) for outer in chosen):
            chosen.append(path)
    return chosen


def _refuse_guest_own(path):
    hidden = [own for own in GUEST_OWN if own.is_relative_to(path)]
    hidden += [own for own in KERNEL_OWN if path.is_relative_to(own)]
    if hidden:
        raise LabError(f"cannot share {path} with the guest, it would hide the guest's own {hidden[0]}: "
                       "run the lab from another directory")
