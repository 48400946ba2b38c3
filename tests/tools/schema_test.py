"""The schemas in docs/schemas: they hold for what each command prints, and refuse what is nearly that. All other tests of the
command hold every document that they get against them too."""

import copy
import json
import unittest

import documents
import tool

REAL = {
    "version": [("--version",), ("nonsense",)],
    "list": [("list",), ("list", "--quick"), ("list", "more")],
    "check": [("check", "sysmem"), ("check", "--all"), ("check", "--steps"), ("check", "no/such"), ("check", "")],
    "doctor": [("doctor",), ("doctor", "kernel"), ("doctor", "no/such")],
    "plan": [("plan", "--cpu", "read", "--bytes", "4096"), ("plan", "--cpu", "readwrite", "--bytes", str(2**62)),
             ("plan", "--cpu", "write", "--size", "64x48", "--format", "NV12", "--quick", "--prefer", "no/such"), ("plan",),
             ("plan", "--camera", "/dev/no-such-camera")],
    "ps": [("ps",), ("ps", "2147483632"), ("ps", "x")],
    "run": [("run",), ("run", "--heap", "system=memfd", "true"), ("run", "--heap", "x=y", "/no/such")],
    "capture": [("capture", "test", "--frames", "3"), ("capture", "test", "--frames", "1"), ("capture", "test", "--list-formats"),
                ("capture", "/dev/no-such-camera"), ("capture", "test", "--allocator", "no/such"), ("capture", "--to", "nowhere")],
}


def places(document, path=()):
    """Every member of every object, and the first element of every array."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield (*path, key)
            yield from places(value, (*path, key))
    elif isinstance(document, list) and document:
        yield from places(document[0], (*path, 0))


def at(document, path):
    for key in path:
        document = document[key]
    return document


@unittest.skipUnless(documents.jsonschema, "python3-jsonschema is not installed")
class Schemas(unittest.TestCase):
    def test_each_command_has_one_that_is_sound(self):
        self.assertEqual(sorted(path.stem for path in documents.SCHEMAS.glob("*.json")),
                         sorted(("common", "version", *documents.COMMANDS)))
        for name in REAL:
            documents.validator_of(name)

    def test_they_hold_for_what_each_command_prints(self):
        for command, lines in REAL.items():
            for words in lines:
                with self.subTest(words=words):
                    _, document = tool.run_json(*words)  # which holds it against the schema
                    self.assertEqual(documents.command_of(words), command)
                    self.assertEqual(list(document)[:len(tool.HEAD)], tool.HEAD)

    def test_a_member_that_is_lost_added_or_empty_is_refused(self):
        for command, lines in REAL.items():
            for words in lines:
                done = tool.run(*words, "--json")
                whole = json.loads(done.stdout)
                for path in places(whole):
                    if "extensions" in path:  # names that the schema does not know
                        continue
                    lost, more, other = (copy.deepcopy(whole) for _ in range(3))
                    facts = path[0] == "checks" and path[2:] and path[2] not in ("id", "status", "message", "remedy", "error")
                    optional = facts or (command, path) == ("version", ("error",))
                    del at(lost, path[:-1])[path[-1]]
                    at(more, path[:-1])["nonsense"] = 1
                    at(other, path[:-1])[path[-1]] = "" if not isinstance(at(whole, path), str) else -1
                    with self.subTest(words=words, path=path):
                        self.assertTrue(optional or documents.faults(command, lost), "it is lost")
                        self.assertTrue(documents.faults(command, more), "another is there")
                        self.assertTrue(documents.faults(command, other), "it is of another kind")


if __name__ == "__main__":
    tool.main()
