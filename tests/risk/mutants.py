"""Small mistakes in the rules, made one at a time in the running code, and how to see them noticed."""

from __future__ import annotations
import __future__

import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from toolkit.risk import calendar, flow, form, loss, margin, prices, rules, size, verdicts

MODULES = (calendar, flow, form, loss, margin, prices, rules, size, verdicts)
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
NEIGHBOUR: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}


class Mutant(NamedTuple):
    """One function and one mistake to make in it: ``change`` counts the changes that there are."""

    function: FunctionType
    source: ast.FunctionDef
    change: int
    line: int
    what: str

    @property
    def known_as(self) -> str:
        """Its name, wherever the function stands in its file."""
        return f"{self.function.__module__.rpartition('.')[2]}.{self.function.__name__}: {self.what}"

    @property
    def name(self) -> str:
        """Its name with the line."""
        return f"{self.known_as} (line {self.line})"


def mutants() -> list[Mutant]:
    """Comparisons turned round or moved by a hair, conditions dropped, ``and`` for ``or``; rule by rule."""
    return [
        Mutant(getattr(module, node.name), node, change, line, what)
        for module in MODULES
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.FunctionDef)
        for change, (line, what) in enumerate(_changes(node))
    ]


@contextmanager
def made(mutant: Mutant) -> Iterator[None]:
    """The mistake in force, wherever the function was imported to."""
    function, before = mutant.function, mutant.function.__code__
    function.__code__ = _spoilt(mutant)
    try:
        yield
    finally:
        function.__code__ = before


def _spoilt(mutant: Mutant) -> CodeType:
    """The function's code while the change is made."""
    scope: dict[str, Any] = {}
    flags = __future__.annotations.compiler_flag
    for change, _ in enumerate(_changes(mutant.source)):
        if change == mutant.change:
            tree = ast.fix_missing_locations(ast.Module([mutant.source], []))
            exec(compile(tree, inspect.getfile(mutant.function), "exec", flags), scope)
    code = scope[mutant.source.name].__code__
    assert isinstance(code, CodeType)
    return code


def _changes(function: ast.FunctionDef) -> Iterator[tuple[int, str]]:
    """Make each change in turn, and undo it when the next one is asked for."""
    worded = _worded(function)
    for node in ast.walk(function):
        if node in worded:
            continue
        match node:
            case ast.Compare():
                yield from _compared(node)
            case ast.BoolOp():
                text = ast.unparse(node)
                before, node.op = node.op, ast.Or() if isinstance(node.op, ast.And) else ast.And()
                yield node.lineno, f"{text} -> {ast.unparse(node)}"
                node.op = before
            case ast.If(body=[ast.Return() | ast.Continue(), *_]):
                test, node.test = node.test, ast.Constant(value=False)
                yield node.lineno, f"never {ast.unparse(test)}"
                node.test = test


def _compared(node: ast.Compare) -> Iterator[tuple[int, str]]:
    # An order of no side is denied before anybody asks which side it is on: there is no zero.
    tables = (OPPOSITE,) if ast.unparse(node.left) == "order.sign" else (OPPOSITE, NEIGHBOUR)
    for place, op in enumerate(node.ops):
        for table in tables:
            if type(op) in table:
                before = ast.unparse(node)
                node.ops[place] = table[type(op)]()
                yield node.lineno, f"{before} -> {ast.unparse(node)}"
                node.ops[place] = op


def _worded(function: ast.FunctionDef) -> set[ast.AST]:
    """What only chooses the words of a sentence, and what only states the obvious to the type checker."""
    found: set[ast.AST] = set()
    for node in ast.walk(function):
        text = isinstance(node, ast.JoinedStr | ast.Assert) or (
            isinstance(node, ast.IfExp) and isinstance(node.body, ast.Constant | ast.JoinedStr)
        )
        if text:
            found.update(ast.walk(node))
    return found
