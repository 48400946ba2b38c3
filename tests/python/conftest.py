"""What the tests of the package have in common: which memory there is, and counting what a test leaves behind."""

import ctypes
import os
import pathlib

import hwalloc
import pytest

BUILD = pathlib.Path(os.environ["HWALLOC_BUILD_DIR"])
IN_LAB = os.environ.get("HWALLOC_LAB") == "1"
SANITIZED = "libasan" in os.environ.get("LD_PRELOAD", "")
# Memory that every machine has, and what the lab has beside.
NAMES = ["sysmem", "memfd"] + (["dma-heap/system", "udmabuf", "drm-dumb/vgem"] if IN_LAB else [])


def pytest_generate_tests(metafunc):
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", NAMES)


@pytest.fixture
def allocator(name):
    return hwalloc.Allocator.resolve(name)


@pytest.fixture
def memory(allocator):
    return allocator.alloc(64 * 1024)


@pytest.fixture(scope="session")
def blocks():
    """How many blocks of the faulty allocators live."""
    hwalloc.Allocator.resolve("faulty/map")
    return ctypes.CDLL(BUILD / "tests" / "python" / "modules" / "faulty.so").faulty_blocks


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def mappings():
    return pathlib.Path("/proc/self/maps").read_bytes().count(b"\n")
