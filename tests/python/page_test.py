"""Every block of docs/python.md runs as it stands there, one after the other, as a reader tries them."""

import pathlib
import re

import hwalloc
from conftest import IN_LAB

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_blocks_run(capsys):
    names, ran = {}, 0
    for block in BLOCKS:
        if not IN_LAB and ("Camera(" in block or "v4l2/" in block):
            continue
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102
        ran += 1
    assert ran == len(BLOCKS) if IN_LAB else ran >= 3
    said = capsys.readouterr().out
    assert said.startswith("128.0\n") and names["kept"].size == 1920 * 1080


def test_the_page_names_what_there_is():
    """A name in code that begins with hwalloc. is in the package."""
    for name in re.findall(r"\bhwalloc\.([A-Za-z_]+)", PAGE.read_text()):
        assert hasattr(hwalloc, name), name
