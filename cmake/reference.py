"""Manual pages of the C interface, from the comments in its headers: reference.py VERSION OUTPUT HEADER…

A page for each comment that stands before functions, by the name of the first of them, which the others lead to; one for each
header, with its types as they stand there; and hwalloc(3), with what holds for every function. A function without a comment is a
fault."""

import pathlib
import re
import sys
import textwrap

TOKEN = re.compile(r"(?P<comment>/\*.*?\*/)|(?P<function>HWALLOC_C_API\b.*?;)|(?P<type>(?:typedef|enum)\b(?:[^;{]|\{[^}]*\})*?;)"
                   r"|(?P<macro>^#define (?!HWALLOC_C_)[^\n]*)|(?P<other>^(?:#|HWALLOC_C_(?:BEGIN|END)|//)[^\n]*)", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"\b(hwalloc_\w+)\s*\(")


def text_of(comment):
    """A comment's words, a line for each line."""
    return [re.sub(r"^ ?\* ?", "", line).rstrip() for line in comment.removeprefix("/*").removesuffix("*/").strip("* \n").split("\n")]


def blocks(header):
    """(comment, [prototype], [what is said of one of them], [type]) of a header, in order."""
    text, found, end, comment, functions, more, types = header.read_text(), [], 0, None, [], [], []

    def close():
        nonlocal functions, more
        if functions:
            found.append((comment, functions, more))
        functions, more = [], []

    for token in TOKEN.finditer(text):
        between, end_before = text[end:token.start()], end
        end = token.end()
        if end_before and "\n\n" in between and not (token["comment"] and not functions and comment is None):
            close()
            comment = None
        if token["comment"]:
            if end_before and "\n" not in between and functions:  # behind a function
                more.append((NAME.findall(functions[-1])[0], " ".join(text_of(token["comment"]))))
                continue
            close()
            comment = token["comment"]
        elif token["function"]:
            prototype = re.sub(r"\s+", " ", token["function"]).removeprefix("HWALLOC_C_API ").replace(" HWALLOC_C_NOEXCEPT", "")
            functions.append(prototype)
        elif token["type"] or token["macro"]:
            close()
            types.append((comment, token["type"] or token["macro"]))
            comment = token["macro"] and comment  # a macro stands for the function below it
    close()
    return found, types


def escaped(line):
    line = line.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + line if line.startswith((".", "'")) else line


def literal(lines):
    return [".nf", *map(escaped, lines), ".fi"]


def described(lines):
    """Comment lines as paragraphs; "Word.   text" with what is indented below it as an entry, else what is indented as it stands."""
    made, entry, drawing = [], False, False
    for line in lines:
        if drawing and not line.startswith("  "):
            made.append(".fi")
            drawing = False
        named = re.match(r"([A-Z]\w+\.)  +(\S.*)", line)
        if not line.strip():
            made.append(".PP")
            entry = False
        elif named:
            made += [".TP", f".B {named[1]}", escaped(named[2])]
            entry = True
        elif entry and line.startswith("   "):
            made.append(escaped(line.strip()))
        else:
            if line.startswith("  ") and not drawing:
                made.append(".nf")
                drawing = True
            made.append(escaped(line))
    return made + [".fi"] * drawing


def wrapped(prototype):
    return textwrap.wrap(prototype, 78, subsequent_indent="    ", break_long_words=False)


def page(name, version, what, *sections):
    lines = [f'.TH {name} 3 "" "hwalloc {version}" "hwalloc"', ".SH NAME", f"{name} \\- {escaped(what)}"]
    for title, body in sections:
        lines += [f".SH {title}", *body]
    return "\n".join(lines) + "\n"


def first_sentence(lines):
    return re.split(r"(?<=[a-z\"')])[.:;] ", " ".join(lines) + " ")[0].strip().rstrip(".")


def main(version, output, *headers):
    output, faults, overview = pathlib.Path(output), [], []
    output.mkdir(parents=True, exist_ok=True)
    for old in output.glob("*.3"):
        old.unlink()
    for path in sorted(map(pathlib.Path, headers)):
        found, types = blocks(path)
        if path.name == "hwalloc.h" or not (found or types):
            continue
        include, of_header = f"#include <hwalloc/{path.name}>", []
        for comment, functions, more in found:
            names = [NAME.findall(function)[0] for function in functions]
            if not comment and not more:
                faults.append(f"{path.name}: {', '.join(names)} without a comment")
                continue
            lines = text_of(comment) if comment else []
            said = first_sentence(lines or [more[0][1]])
            sections = [("SYNOPSIS", literal([include, ""] + [line for function in functions for line in wrapped(function)])),
                        ("DESCRIPTION", described(lines) + [line for name, text in more for line in (".PP", f".B {name}():", escaped(text))]),
                        ("SEE ALSO", [".BR hwalloc (3) ,", f".BR hwalloc_{path.name} (3)"])]
            (output / f"{names[0]}.3").write_text(page(names[0], version, said, *sections))
            for name in names[1:]:
                (output / f"{name}.3").write_text(f".so man3/{names[0]}.3\n")
            of_header += [(name, said if name == names[0] else f"see {names[0]}(3)") for name in names]
        head = text_of(re.search(r"/\*.*?\*/", path.read_text(), re.DOTALL)[0])
        declared = [line for comment, one in types for line in (*(comment or "").split("\n"), *one.split("\n"), "") if line or not comment]
        listed = [line for name, said in of_header for line in (".TP", f".BR {name} (3)", escaped(said))]
        (output / f"hwalloc_{path.name}.3").write_text(page(f"hwalloc_{path.name}", version, first_sentence(head), ("SYNOPSIS", literal([include])),
                                                    ("DESCRIPTION", described(head)), ("FUNCTIONS", listed),
                                                    *([("TYPES", literal(declared))] if declared else []), ("SEE ALSO", [".BR hwalloc (3)"])))
        overview += [".TP", f".BR hwalloc_{path.name} (3)", escaped(first_sentence(head))]
    whole = next(pathlib.Path(header) for header in headers if header.endswith("/hwalloc.h"))
    rules = text_of(re.search(r"/\*.*?\*/", whole.read_text(), re.DOTALL)[0])
    (output / "hwalloc.3").write_text(page("hwalloc", version, "the interface for C", ("SYNOPSIS", literal(["#include <hwalloc/hwalloc.h>"])),
                                           ("DESCRIPTION", described(rules)), ("HEADERS", overview), ("SEE ALSO", [".BR hwalloc (1)"])))
    for fault in faults:
        print(f"reference: {fault}", file=sys.stderr)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
