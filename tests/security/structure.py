"""Find a piece of code by its shape, wherever in the package it stands, and write the module without it.

A shape is Python with gaps:

* a name that begins with an underscore and is written in capitals, `_X`, stands for any expression, and the same name
  for the same expression again; `_` stands for any expression each time;
* `...` stands for all arguments of a call, or for all statements of a body, which the replacement may take over;
* an `if` without `else` stands for one with any `else`, or none;
* a string that ends with "..." stands for any text that begins so, f-strings included;
* `_.hello` stands for `hello` of anything, and an underscore in front of an attribute or a function does not count.

Names of files do not matter, nor do line breaks, brackets and comments, so code may be moved and laid out anew.
"""

from __future__ import annotations

import ast
import copy
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef

Code = ast.expr | ast.stmt
Gaps = dict[str, ast.AST | list[Any]]

GAP = re.compile(r"_[A-Z]+")
BODY = "..."


@dataclass(frozen=True, slots=True)
class Found:
    """One place with the wanted shape."""

    path: Path
    function: str
    """Qualified name of the innermost function or method around; "" at the top level."""
    node: Code
    gaps: Gaps

    def __str__(self) -> str:
        return f"{self.path.name}:{self.node.lineno} {self.function}"

    @property
    def text(self) -> str:
        """The code itself, in Python's own layout."""
        return ast.unparse(self.node)

    def statement(self) -> Found:
        """The simple statement around an expression."""
        around = [
            node
            for node in ast.walk(_tree(self.path))
            if isinstance(node, ast.stmt) and any(inner is self.node for inner in ast.walk(node))
        ]
        return replace(self, node=around[-1])

    def without(self, replacement: str) -> str:
        """The module's source with an expression or statement replaced; "" takes a statement out.

        Raises:
            ValueError: a statement cannot stand where the expression stands.
        """
        new = [_Filling(self.gaps).visit(statement) for statement in ast.parse(replacement or "pass").body]
        node = self.node
        if isinstance(node, ast.expr) and not (len(new) == 1 and isinstance(new[0], ast.Expr)):
            node = _statement_of(node, _tree(self.path))
        return replaced(self.path, node, "\n".join(map(ast.unparse, new)))


def replaced(path: Path, node: Code, text: str) -> str:
    """A module's source with other code in the place of one of its nodes."""
    source = path.read_bytes()
    start = _offset(source, node.lineno, node.col_offset)
    end = _offset(source, node.end_lineno or node.lineno, node.end_col_offset or 0)
    new = f"({text})" if isinstance(node, ast.expr) else text.replace("\n", "\n" + " " * node.col_offset)
    return (source[:start] + new.encode() + source[end:]).decode()


def find(shape: str, package: Path, within: str = "") -> list[Found]:
    """All places below a folder with this shape, in functions with this name: `on_commit`, or `Stream.close`."""
    (pattern,) = ast.parse(shape).body
    wanted: Code = pattern.value if isinstance(pattern, ast.Expr) else pattern
    found = []
    for path, function, node in _nodes(package, type(wanted)):
        gaps: Gaps = {}
        if _is_named(function, within) and _fits(wanted, node, gaps):
            found.append(Found(path, function, node, gaps))
    return found


def guards(says: str, package: Path, within: str = "") -> list[Found]:
    """The conditions of all `if` statements whose own body has a string that contains this text.

    This finds a check by what comes of it: the reason of an error, or of a counted and dropped message.
    """
    return [
        Found(path, function, node.test, {})
        for path, function, node in _nodes(package, ast.If)
        if isinstance(node, ast.If) and _is_named(function, within) and says in _said(node.body)
    ]


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _nodes(package: Path, kind: type[Code]) -> list[tuple[Path, str, Code]]:
    return _all_nodes(package).get(kind, [])


@cache
def _all_nodes(package: Path) -> dict[type[Code], list[tuple[Path, str, Code]]]:
    nodes: dict[type[Code], list[tuple[Path, str, Code]]] = defaultdict(list)
    for path in sorted(package.rglob("*.py")):
        for function, node in _walk(_tree(path), ""):
            if isinstance(node, Code):
                nodes[type(node)].append((path, function, node))
    return nodes


def _walk(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        name = function
        if isinstance(child, Function | ast.ClassDef):
            name = f"{function}.{child.name}" if function else child.name
        yield function, child
        yield from _walk(child, name)


def _is_named(function: str, within: str) -> bool:
    return not within or f".{function}".replace("._", ".").endswith(f".{within}".replace("._", "."))


def _said(body: list[ast.stmt]) -> str:
    """Every string of the statements, those of nested `if` statements left out."""
    texts = []
    for statement in body:
        if not isinstance(statement, ast.If):
            texts += [
                node.value
                for node in ast.walk(statement)
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
    return "\n".join(texts)


def _fits(pattern: object, node: object, gaps: Gaps) -> bool:
    if isinstance(pattern, ast.Name) and isinstance(node, ast.expr):
        if pattern.id == "_":
            return True
        if GAP.fullmatch(pattern.id):
            known = gaps.setdefault(pattern.id, node)
            return isinstance(known, ast.AST) and ast.dump(known) == ast.dump(node)
    if isinstance(pattern, ast.Constant) and isinstance(pattern.value, str) and pattern.value.endswith("..."):
        return _text(node).startswith(pattern.value[:-3])
    if isinstance(pattern, list) and isinstance(node, list):
        if len(pattern) == 1 and _is_ellipsis(pattern[0]):
            gaps[BODY] = node
            return True
        return len(pattern) == len(node) and all(_fits(*pair, gaps) for pair in zip(pattern, node, strict=True))
    if isinstance(pattern, str) and isinstance(node, str):
        return pattern.lstrip("_") == node.lstrip("_")
    if not isinstance(pattern, ast.AST) or not isinstance(node, ast.AST):
        return pattern == node
    if type(pattern) is not type(node):
        return False
    open_call = isinstance(pattern, ast.Call) and len(pattern.args) == 1 and _is_ellipsis(pattern.args[0])
    any_else = isinstance(pattern, ast.If) and not pattern.orelse
    skipped = {"ctx", "kind", "type_comment"}
    skipped |= ({"args", "keywords"} if open_call else set()) | ({"orelse"} if any_else else set())
    fields = [name for name in pattern._fields if name not in skipped]
    return all(_fits(getattr(pattern, name, None), getattr(node, name, None), gaps) for name in fields)


def _is_ellipsis(node: object) -> bool:
    if isinstance(node, ast.Expr):
        node = node.value
    return isinstance(node, ast.Constant) and node.value is ...


def _text(node: object) -> str:
    """How a string or f-string begins."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "\0"


def _statement_of(node: ast.expr, tree: ast.Module) -> ast.stmt:
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Expr) and statement.value is node:
            return statement
    raise ValueError(f"This is no statement of its own: {ast.unparse(node)}")


def _offset(source: bytes, line: int, column: int) -> int:
    return sum(map(len, source.splitlines(keepends=True)[: line - 1])) + column


class _Filling(ast.NodeTransformer):
    def __init__(self, gaps: Gaps) -> None:
        self._gaps = gaps

    def visit_Name(self, node: ast.Name) -> Any:
        return copy.deepcopy(self._gaps.get(node.id, node))

    def visit_Expr(self, node: ast.Expr) -> Any:
        if _is_ellipsis(node) and BODY in self._gaps:
            return copy.deepcopy(self._gaps[BODY])
        return self.generic_visit(node)
