"""The list of public names in docs/api.md: an entry for each name, out of the modules themselves."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import get_type_hints

from zrtp.cache import SecretCache
from zrtp.protocol import aspects

STABLE = (
    "zrtp",
    "zrtp.events",
    "zrtp.errors",
    "zrtp.cache",
    "zrtp.media",
    "zrtp.media.srtp",
    "zrtp.media.sdp",
    "zrtp.media.handover",
)
"""The modules that are promised: what is in their `__all__`, or else all their public classes and functions."""


WIDTH = 130
"""Of a line in docs/."""


def listing() -> str:
    """All of them, with a heading for each module. What an earlier module has is named once more, not explained."""
    told: set[int] = set()
    return "\n\n".join("\n".join(map(wrapped, _module(name, told))) for name in STABLE)


def wrapped(entry: str) -> str:
    """An entry in lines of the width of a page. What stands between backquotes stays whole, unless it is long."""
    text = entry.lstrip()
    indent = " " * (len(entry) - len(text))
    whole = re.sub(r"`[^`]{1,80}`", lambda code: code[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(
        whole,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  " * text.startswith("* "),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace("\0", " ")


def call(name: str, function: Callable[..., object]) -> str:
    """`name(now, label=..., *, length)`: what can be left out has dots, what is given by its name is behind a star."""
    shown: list[str] = []
    for each in inspect.signature(function).parameters.values():
        if each.kind is each.KEYWORD_ONLY and not any(before.startswith("*") for before in shown):
            shown.append("*")
        bare = str(each.replace(annotation=each.empty, default=each.empty))
        shown.append(bare if each.default is each.empty else f"{bare}=...")
    return f"{name}({', '.join(part for part in shown if part != 'self')})"


def _module(name: str, told: set[int]) -> Iterator[str]:
    module = import_module(name)
    yield f"## `{name}`"
    yield ""
    yield first_sentence(inspect.getdoc(module) or "")
    yield ""
    again = []
    for each in sorted(_public(module), key=str.lower):
        value = getattr(module, each)
        if id(value) in told:
            again.append(f"`{each}`")
        else:
            told.add(id(value))
            yield from _name(module, each)
    if again:
        yield f"* and {', '.join(again)}, as above"


def _public(module: ModuleType) -> list[str]:
    if hasattr(module, "__all__"):
        return [name for name in module.__all__ if not name.startswith("__")]
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    ]


def _name(module: ModuleType, name: str) -> Iterator[str]:
    value = getattr(module, name)
    if not inspect.isclass(value):
        text = inspect.getdoc(value) if inspect.isroutine(value) else _text_below(module, name)
        shown = call(name, value) if inspect.isroutine(value) else name
        yield f"* `{shown}`: {first_sentence(text or '')}"
        return
    yield f"* `{name}`: {first_sentence(inspect.getdoc(value) or '')}{_contents(value)}"
    if not (is_dataclass(value) or issubclass(value, Enum | BaseException | tuple)):
        for member, what in _members(value):
            yield f"    * `.{member}`: {what}" if what else f"    * `.{member}`"


def _contents(kind: type) -> str:
    """The members of an enumeration, the fields of a plain object."""
    if issubclass(kind, Enum):
        return " " + ", ".join(f"`{each.name}`" for each in kind) + "."
    if is_dataclass(kind) and fields(kind):
        return " Has " + ", ".join(f"`{each.name}`" for each in fields(kind)) + "."
    return ""


def _members(kind: type) -> Iterator[tuple[str, str]]:
    """Public methods, properties and attributes in the order of the source; behind a group of them, its members."""
    for name, text in _attributes(kind):
        yield name, first_sentence(text)
    for name, member in vars(kind).items():
        if name.startswith("_"):
            continue
        if inspect.isfunction(member):
            said = inspect.getdoc(member) or inspect.getdoc(getattr(SecretCache, name, None)) or ""
            yield call(name, member), first_sentence(said)
        elif isinstance(member, property):
            yield name, first_sentence(inspect.getdoc(member) or "")
            yield from ((f"{name}.{part}", what) for part, what in _members_of_group(member))


def _members_of_group(member: property) -> Iterator[tuple[str, str]]:
    """The members behind a property that groups a part of the interface."""
    made = get_type_hints(member.fget).get("return")
    if inspect.isclass(made) and made.__module__ == aspects.__name__:
        yield from _members(made)


def _attributes(kind: type) -> Iterator[tuple[str, str]]:
    """What `__init__` sets with a docstring below it."""
    (tree,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(tree, ast.ClassDef)
    for method in tree.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            for statement, text in _documented(method.body):
                match statement:
                    case (
                        ast.Assign(targets=[ast.Attribute(attr=name)]) | ast.AnnAssign(target=ast.Attribute(attr=name))
                    ) if not name.startswith("_"):
                        yield name, text


def _text_below(module: ModuleType, name: str) -> str:
    """The docstring below an assignment, in the module that a name comes from."""
    tree = ast.parse(inspect.getsource(module))
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and any(alias.name == name for alias in statement.names):
            return _text_below(import_module(statement.module or ""), name)
    for statement, text in _documented(tree.body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found)):
                if found == name:
                    return text
    return ""


def documented(kind: type) -> dict[str, str]:
    """The members of a class that have a docstring below them."""
    (tree,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for statement, text in _documented(tree.body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = " ".join(text.split())
    return found


def _documented(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    """Statements followed by a docstring."""
    for statement, following in pairwise(body):
        match following:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield statement, text


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, on one line."""
    paragraph = " ".join(text.split("\n\n", 1)[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`])", paragraph, maxsplit=1)[0]
