"""Small changes of a module, each of which some test should notice.

Conditions become true or false, comparisons turn round, one of several operands goes, statements and errors are left
out, numbers change by one. Texts, annotations, logging and what only the type checker reads stay as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.security.structure import replaced

OPPOSITE: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
}

ARITHMETIC: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.FloorDiv(),
    ast.FloorDiv: ast.Mult(),
    ast.LShift: ast.RShift(),
    ast.RShift: ast.LShift(),
    ast.BitAnd: ast.BitOr(),
    ast.BitOr: ast.BitAnd(),
}

COMPOUND = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.If,
    ast.For,
    ast.While,
    ast.With,
    ast.Try,
    ast.Match,
)

SILENT = {"debug", "info", "warning", "exception"}
"""Calls of a logger: what they say changes nothing else."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of one module."""

    path: Path
    line: int
    function: str
    before: str
    after: str
    """"" where a statement is left out."""
    node: ast.expr | ast.stmt

    def source(self) -> str:
        """The module with the change."""
        return replaced(self.path, self.node, self.after or "pass")

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line} {self.function}: {_short(self.before)} -> {_short(self.after) or 'gone'}"


def mutations(path: Path) -> list[Mutation]:
    """Every change of a module, in the order of its lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return list(_of(path, tree, ""))


def _of(path: Path, node: ast.AST, function: str, statement: ast.stmt | None = None) -> Iterator[Mutation]:
    for child in _children(node):
        name = function
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{function}.{child.name}" if function else child.name
            if child.name in ("__repr__", "__str__"):
                continue
        around = child if isinstance(child, ast.stmt) and not isinstance(child, COMPOUND) else statement
        if isinstance(child, ast.expr | ast.stmt):
            before = ast.unparse(child)
            if isinstance(child, ast.Constant) and around is not None:
                before = f"{before} in {ast.unparse(around)}"
            for after in _changes(child, node):
                yield Mutation(path, child.lineno, function, before, after, child)
        yield from _of(path, child, name, around)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of the code that run."""
    left_out = {"annotation", "returns", "decorator_list", "type_comment", "bases", "keywords"}
    if isinstance(node, ast.Call):
        left_out -= {"keywords"}
    for name, value in ast.iter_fields(node):
        if name in left_out:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_silent(child):
                yield child


def _is_silent(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Assign) and any(ast.unparse(one) in ("__slots__", "__all__") for one in node.targets):
        return True
    return isinstance(node, ast.Expr) and (
        isinstance(node.value, ast.Constant)
        or (
            isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
            and node.value.func.attr in SILENT
        )
    )


def _changes(node: ast.expr | ast.stmt, parent: ast.AST) -> Iterator[str]:
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in OPPOSITE:
            yield ast.unparse(ast.Compare(node.left, [OPPOSITE[type(operator)]], node.comparators))
        case ast.BoolOp(values=values):
            for place in range(len(values)):
                rest = values[:place] + values[place + 1 :]
                yield ast.unparse(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
        case ast.UnaryOp(op=ast.Not()):
            yield ast.unparse(node.operand)
        case ast.BinOp() if type(node.op) in ARITHMETIC:
            yield ast.unparse(ast.BinOp(node.left, ARITHMETIC[type(node.op)], node.right))
        case ast.Constant(value=bool(value)):
            yield str(not value)
        case ast.Constant(value=int(value)) if not isinstance(parent, ast.Subscript):
            yield str(value + 1)
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield ""
        case ast.Assign() if all(isinstance(one, ast.Attribute | ast.Subscript) for one in node.targets):
            yield ""
    if isinstance(parent, ast.If | ast.IfExp | ast.While) and node is parent.test:
        yield "False"
        if not isinstance(parent, ast.While):
            yield "True"


def _short(code: str) -> str:
    line = " ".join(code.split())
    return line if len(line) <= 80 else f"{line[:77]}..."
