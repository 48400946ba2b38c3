"""The documents of the hwalloc command against docs/schemas: what the tests of the command and of the lab share."""

import functools
import json
import pathlib

try:
    import jsonschema
except ImportError:
    jsonschema = None

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "docs" / "schemas"
COMMANDS = ("list", "check", "doctor", "plan", "ps", "run", "capture")


def command_of(words):
    """The command in a command line; what has none answers as --version does, or with an error."""
    return next((word for word in map(str, words) if word in COMMANDS), "version")


@functools.cache
def validator_of(command):
    """The schema with what it refers to in it, since each release of jsonschema finds other files in another way."""
    whole, common = (json.loads((SCHEMAS / f"{name}.json").read_text().replace('"common.json#/', '"#/'))
                     for name in (command, "common"))
    assert not set(whole["$defs"]) & set(common["$defs"]), "a name stands for one thing"
    whole["$defs"].update(common["$defs"])
    jsonschema.Draft202012Validator.check_schema(whole)
    return jsonschema.Draft202012Validator(whole)


def faults(command, document):
    """What of the document is not as the command's schema has it; nothing where jsonschema is not installed."""
    if not jsonschema:
        return []
    # Of the forms that a document may have, the one that is nearest.
    return [f"hwalloc {command}: {near.json_path}: {near.message[:400]}"
            for near in map(nearest, validator_of(command).iter_errors(document))]


def nearest(error):
    """The error deepest in the document, below forms that are alternatives."""
    while error.context:
        forms = {}
        for one in error.context:
            forms.setdefault(one.schema_path[0] if one.schema_path else 0, []).append(one)
        error = max(min(forms.values(), key=len), key=lambda one: len(one.absolute_path))
    return error
