"""Which tests carry which marks, read from the source of the tests without running them."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeGuard

TESTS = Path(__file__).parent.parent


@cache
def marked_tests(mark: str) -> dict[str, list[str]]:
    """Row id -> sorted test ids ("tests/wire/test_crc.py::test_x") that carry `@pytest.mark.<mark>("row id")`.

    Marks on a class or in `pytestmark`, and marks of parametrised cases, count for the tests that they cover.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(TESTS.rglob("test_*.py")):
        name = path.relative_to(TESTS.parent).as_posix()
        if f"mark.{mark}(" not in _source(path):
            continue
        tree = _tree(path)
        for test, rows in _tests(tree, mark):
            for row in rows:
                found[row].add(f"{name}::{test}")
    return {row: sorted(tests) for row, tests in found.items()}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(_source(path))


@cache
def _source(path: Path) -> str:
    return path.read_text("utf-8")


def _tests(tree: ast.Module, mark: str) -> Iterator[tuple[str, list[str]]]:
    whole_module = [row for node in tree.body if _is_pytestmark(node) for row in _rows(node, mark)]
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            of_class = [row for decorator in node.decorator_list for row in _rows(decorator, mark)]
            for member in node.body:
                if _is_test(member):
                    yield f"{node.name}::{member.name}", [*whole_module, *of_class, *_of_test(member, mark)]
        elif _is_test(node):
            yield node.name, [*whole_module, *_of_test(node, mark)]


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
    )


def _is_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")


def _of_test(node: ast.stmt, mark: str) -> list[str]:
    decorators = getattr(node, "decorator_list", [])
    return [row for decorator in decorators for row in _rows(decorator, mark)]


def _rows(node: ast.AST, mark: str) -> list[str]:
    """Every string argument of `mark.<mark>(...)` anywhere below a node."""
    return [
        argument.value
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == mark
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
