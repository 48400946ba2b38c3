"""The stub, the docstrings and what is there agree: the same names, arguments and defaults, and a text for each."""

import ast
import inspect
import pathlib

import hwalloc
import pytest

STUB = pathlib.Path(hwalloc.__file__).with_name("__init__.pyi")
TREE = ast.parse(STUB.read_text())
# What every class has, or Python makes of others.
NOT_TOLD = {"__module__", "__doc__", "__dict__", "__weakref__", "__hash__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__",
            "__repr__", "__str__", "__new__", "__slots__", "__match_args__", "__getnewargs__", "__orig_bases__", "__annotations__",
            "__static_attributes__", "__firstlineno__", "__array_struct__", "__init__", "__replace__",
            "__buffer__", "__release_buffer__"}


def public(name):
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def functions_of(body):
    return {one.name: one for one in body if isinstance(one, ast.FunctionDef)}


CLASSES = {one.name: one for one in TREE.body if isinstance(one, ast.ClassDef) and public(one.name)}
FUNCTIONS = functions_of(TREE.body)


def parameters_of_stub(function):
    """[(name, kind, default or ...)], without self."""
    of = function.args
    plain = of.posonlyargs + of.args
    defaults = [inspect.Parameter.empty] * (len(plain) - len(of.defaults)) + [ast.unparse(one) for one in of.defaults]
    found = [(one.arg, "positional", default) for one, default in zip(plain, defaults)]
    if of.vararg:
        found.append((of.vararg.arg, "all", inspect.Parameter.empty))
    found += [(one.arg, "keyword", ast.unparse(default) if default else inspect.Parameter.empty)
              for one, default in zip(of.kwonlyargs, of.kw_defaults)]
    static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in function.decorator_list)
    return found[1:] if found and found[0][0] in ("self", "cls") and not static else found


def parameters_of(function):
    kinds = {inspect.Parameter.POSITIONAL_ONLY: "positional", inspect.Parameter.POSITIONAL_OR_KEYWORD: "positional",
             inspect.Parameter.KEYWORD_ONLY: "keyword", inspect.Parameter.VAR_POSITIONAL: "all"}
    found = [(one.name, kinds[one.kind], one.default if one.default is inspect.Parameter.empty else repr(one.default))
             for one in inspect.signature(function).parameters.values()]
    return found[1:] if found and found[0][0] in ("self", "cls") else found


def same(told, there):
    """Defaults that a stub leaves out as ... are any."""
    return len(told) == len(there) and all(
        a[:2] == b[:2] and (a[2] == b[2] or (a[2] == "..." and b[2] is not inspect.Parameter.empty)) for a, b in zip(told, there))


def test_the_same_names():
    told = set(CLASSES) | set(FUNCTIONS)
    assert told == set(hwalloc.__all__), told ^ set(hwalloc.__all__)
    there = {name for name in vars(hwalloc) if public(name) and not name.startswith("__") and not inspect.ismodule(getattr(hwalloc, name))}
    assert there == told, there ^ told


@pytest.mark.parametrize("what", sorted(FUNCTIONS))
def test_functions(what):
    function = getattr(hwalloc, what)
    assert same(parameters_of_stub(FUNCTIONS[what]), parameters_of(function)), (
        parameters_of_stub(FUNCTIONS[what]), parameters_of(function))
    assert inspect.getdoc(function)


@pytest.mark.parametrize("what", sorted(CLASSES))
def test_classes(what):
    there, told = getattr(hwalloc, what), CLASSES[what]
    assert inspect.getdoc(there)
    methods = functions_of(told.body)
    values = {one.target.id for one in told.body if isinstance(one, ast.AnnAssign)}
    values |= {one.targets[0].id for one in told.body if isinstance(one, ast.Assign)}
    made = {attribute for attribute in vars(there) if public(attribute) and attribute not in NOT_TOLD}
    made |= {attribute for attribute in getattr(there, "__annotations__", {}) if public(attribute)}
    if hasattr(there, "_fields"):
        made |= set(there._fields)
        made -= {"__class_getitem__"}
    if issubclass(there, int):
        made = {one.name for one in there}
    made_by = methods.pop("__init__", None)
    if made_by and "__init__" in vars(there):
        assert same(parameters_of_stub(made_by), parameters_of(there)), (parameters_of_stub(made_by), parameters_of(there))
    assert made == set(methods) | values, made ^ (set(methods) | values)
    for attribute, function in methods.items():
        found = inspect.getattr_static(there, attribute)
        assert inspect.getdoc(found), f"{what}.{attribute} has no text"
        is_property = any(isinstance(one, ast.Name) and one.id == "property" for one in function.decorator_list)
        if is_property or isinstance(found, property) or inspect.isgetsetdescriptor(found):
            assert is_property and (isinstance(found, property) or inspect.isgetsetdescriptor(found)), f"{what}.{attribute}"
            continue
        if attribute in ("__len__", "__iter__", "__next__"):
            continue  # of types in C these have a text of Python's own
        assert same(parameters_of_stub(function), parameters_of(getattr(there, attribute))), (
            attribute, parameters_of_stub(function), parameters_of(getattr(there, attribute)))


def test_the_stub_is_typed_throughout():
    for function in ast.walk(TREE):
        if isinstance(function, ast.FunctionDef):
            assert function.returns, function.name
            untyped = [one.arg for one in function.args.posonlyargs + function.args.args + function.args.kwonlyargs
                       if one.annotation is None and one.arg not in ("self", "cls")]
            assert not untyped, (function.name, untyped)
    assert STUB.with_name("py.typed").exists()
