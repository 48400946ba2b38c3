"""The manual pages of the C interface."""

import pathlib
import re
import shutil
import subprocess
import tempfile

from installed import expect, run

FUNCTION = re.compile(r"\bHWALLOC_C_API\b[^;]*?\b(hwalloc_\w+)\s*\(")


def reference(options):
    """Each function of the headers has a page that says what it is declared as and what it does, in the component of developers."""
    with tempfile.TemporaryDirectory(prefix="hwalloc-reference-") as directory:
        prefix = pathlib.Path(directory)
        run(options.cmake, "--install", options.build, "--prefix", prefix, "--component", "Development", stdout=subprocess.DEVNULL)
        pages = prefix / "share" / "man" / "man3"
        declared = {}
        for header in (prefix / "include" / "hwalloc").glob("*.h"):
            text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
            declared.update({name: header.name for name in FUNCTION.findall(text)})
        expect(len(declared) > 200, f"the headers declare {len(declared)} functions")
        for name, header in sorted(declared.items()):
            page = pages / f"{name}.3"
            expect(page.is_file(), f"{name} has no page")
            text = page.read_text()
            if leads := re.match(r"\.so man3/(\w+\.3)\n$", text):
                expect((pages / leads[1]).is_file(), f"{name} leads to {leads[1]}, which is not there")
                text = (pages / leads[1]).read_text()
            expect(re.search(rf"\b{name}\(", text), f"the page of {name} does not declare it")
            expect(f"#include <hwalloc/{header}>" in text, f"the page of {name} names another header than {header}")
            words = text.partition(".SH DESCRIPTION")[2].partition(".SH SEE ALSO")[0]
            expect(len(words.split()) > 1, f"the page of {name} says nothing")
        of_headers = {f"hwalloc_{header}.3" for header in declared.values()} | {"hwalloc.3"}
        surplus = {page.name for page in pages.iterdir()} - {f"{name}.3" for name in declared} - of_headers
        expect(not surplus, f"pages of nothing: {sorted(surplus)}")
        if shutil.which("groff"):
            whole = "".join(page.read_text() for page in sorted(pages.iterdir()) if not page.read_text().startswith(".so "))
            (prefix / "all.3").write_text(whole)
            said = run("groff", "-man", "-Tutf8", "-ww", "-z", prefix / "all.3", stderr=subprocess.PIPE).stderr
            expect(not said, f"groff says {said[:500]}")
