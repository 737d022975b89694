"""The rule about numbers in the code: each has a name, and with it a place where its reason is given.

Settings are in `homeftp.config`; a constant that only one module needs is at
the top of that module, with a docstring. A number may be written in place
where it needs no reason: see `OBVIOUS` and `CONVERSIONS`.
"""

from __future__ import annotations

import ast

from tests.support.imports import nodes

OBVIOUS = (0, 1, 2)
"""None, one, and the next; ends of slices and of ranges; pairs."""

CONVERSIONS = (60, 100, 1000, 1_000_000, 1e9)
"""Factors between units (seconds, percent, micro and nano), where they are multiplied or divided by."""

ALLOWED: dict[str, str] = {
    "cli.pairs.pairfile: if sys.version_info >= (3, 11):": "mypy understands no other form of this condition",
}
"""Lines that may have a number all the same, as `module: line`, each with the reason. Keep it short."""

TESTS = "testing"
"""The package whose modules are tests themselves, and full of examples."""


def bare_numbers(source: str) -> list[tuple[int, str]]:
    """The line and the text of each number that should have a name."""
    fine: set[int] = set()
    for node in nodes(source):
        if isinstance(node, ast.Module | ast.ClassDef):
            values = [each.value for each in node.body if isinstance(each, ast.Assign | ast.AnnAssign) and each.value]
            fine |= _inside(values) - _inside(each for each in ast.walk(node) if _is_constraint(each))
        elif isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            fine |= _inside([node.format_spec])
        elif isinstance(node, ast.BinOp):
            fine |= {id(each) for each in (node.left, node.right) if _converts(node, each)}
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            fine.add(id(node.slice))  # an item of a tuple
    found = []
    for node in nodes(source):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value not in OBVIOUS:
            text = "" if id(node) in fine else ast.get_source_segment(source, node) or ""
            if text and not text.startswith("0o"):  # permission bits say what they are
                found.append((node.lineno, text))
    return sorted(found)


def _inside(nodes: object) -> set[int]:
    return {id(each) for node in nodes for each in ast.walk(node)}  # type: ignore[attr-defined]


def _is_constraint(node: ast.AST) -> bool:
    """Whether this is a constraint of msgspec on a type, whose limits have names of their own even in an alias."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Meta"


def _converts(operation: ast.BinOp, operand: ast.expr) -> bool:
    """Whether an operand is a factor between units, or belongs to a power of ten."""
    if isinstance(operation.op, ast.Pow):
        return isinstance(operation.left, ast.Constant) and operation.left.value == 10
    factors = ast.Mult | ast.Div | ast.FloorDiv | ast.Mod
    return isinstance(operation.op, factors) and isinstance(operand, ast.Constant) and operand.value in CONVERSIONS
