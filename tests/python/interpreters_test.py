"""Where the package works: in the main interpreter, in children of fork, until the process ends; and what it says elsewhere."""

import os
import pathlib
import subprocess
import sys

import hwalloc
import pytest
from conftest import BUILD

SECOND_INTERPRETER = """
import hwalloc, sys
code = '''
try:
    import hwalloc
except ImportError as error:
    said = str(error)
else:
    said = "it was imported"
assert "interpreter" in said, said
'''
try:
    import _interpreters as interpreters                # 3.13
    for kind in ("isolated", "legacy"):
        second = interpreters.create(kind)
        failed = interpreters.exec(second, code)
        assert failed is None, failed
        interpreters.destroy(second)
except ImportError:
    try:
        import _xxsubinterpreters as interpreters       # 3.11, 3.12
    except ImportError:
        sys.exit("no subinterpreters")
    second = interpreters.create()
    interpreters.run_string(second, code)
    interpreters.destroy(second)
hwalloc.alloc(16, "sysmem").map().unmap()
print("fine")
"""

AT_THE_END = """
import hwalloc, numpy, threading
kept = [hwalloc.alloc(4096, "memfd"), hwalloc.wrap(bytearray(10)), hwalloc.alloc(4096, "sysmem").share(3)]
views = [memory.map() for memory in kept]
arrays = [numpy.asarray(view) for view in views]
tensors = [hwalloc.alloc(16, "sysmem").map("rw").__dlpack__()]
import sys
sys.kept = (kept, views, arrays, tensors)
hwalloc.circle = hwalloc
print("fine")
"""


def run(code):
    return subprocess.run([sys.executable, "-B", "-X", "dev", "-c", code], env={**os.environ, "PYTHONPATH": str(BUILD / "python")},
                          capture_output=True, text=True, check=False)


@pytest.mark.parametrize("code", [SECOND_INTERPRETER, AT_THE_END])
def test_in_a_process_of_its_own(code):
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


def test_the_child_of_fork():
    memory = hwalloc.alloc(4096, "memfd")
    with memory.map("w") as view:
        memoryview(view)[:4] = b"here"
    child = os.fork()
    if child == 0:
        try:
            with memory.map() as view:
                code = 0 if bytes(view)[:4] == b"here" and hwalloc.alloc(64).size == 64 else 1
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_one_extension_for_every_python():
    """Nothing but the stable interface, by the linker's names: what Python calls private is not in it."""
    extension = pathlib.Path(hwalloc._native.__file__)
    assert extension.name == "_native.abi3.so"
    symbols = subprocess.run(["nm", "-D", "--undefined-only", str(extension)], capture_output=True, text=True, check=False)
    if symbols.returncode:
        pytest.skip("there is no nm here")
    names = {line.split()[-1] for line in symbols.stdout.splitlines()}
    private = {name for name in names if name.startswith("_Py") and not name.endswith("_SizeT")}  # these are promised, too
    assert private <= {"_Py_NoneStruct", "_Py_TrueStruct", "_Py_FalseStruct", "_Py_NotImplementedStruct", "_Py_Dealloc", "_Py_IncRef",
                       "_Py_DecRef"}, private
    assert "PyModuleDef_Init" in names
