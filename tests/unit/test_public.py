"""What others see of the code: every public name has a docstring, and what is exported is what is meant to be."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Iterator, TypeVar

from twisted.trial.unittest import SynchronousTestCase

from tests.support.imports import modules, parse

FACES = ("homeftp.client", "homeftp.client.aio", "homeftp.interfaces", "homeftp.testing")
"""The modules that programs of other people import from."""

Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def undocumented(module: str, source: str) -> Iterator[str]:
    """The public names of a module without a docstring, and the module itself if it has none; overloads need none."""
    tree = parse(source)
    if ast.get_docstring(tree) is None:
        yield module or "homeftp"
    todo: list[tuple[str, ast.AST]] = [(module, tree)]
    while todo:
        above, parent = todo.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.If | ast.Try | ast.With):
                todo.append((above, node))
            elif isinstance(node, Documented) and not node.name.startswith("_") and not overloaded(node):
                name = f"{above}.{node.name}"
                if ast.get_docstring(node) is None:
                    yield name
                if isinstance(node, ast.ClassDef):
                    todo.append((name, node))


def overloaded(node: ast.AST) -> bool:
    """Whether a node is a signature of a function that is defined, and documented, after it."""
    return any(ast.unparse(each) == "overload" for each in getattr(node, "decorator_list", []))


_UNDESCRIBED = re.compile(r"""^\s*(?:async )?def (test_\w+)\([^)]*\)[^:]*:(?!\s*["'])""", re.MULTILINE)
"""A test whose first statement is no string. To parse all test modules takes ten times as long."""


def promiseless(source: str) -> list[str]:
    """The tests in a test module that do not say what they promise."""
    return _UNDESCRIBED.findall(source)


class DocstringTests(SynchronousTestCase):
    """Docstrings are where they are looked for."""

    def test_public_names(self) -> None:
        """Every module, class, function and method that is public has a docstring."""
        self.assertEqual([name for each in modules() for name in undocumented(*each)], [])

    def test_promises(self) -> None:
        """Every test says what it promises."""
        found = {
            f"{path.name}: {name}"
            for path in Path(__file__).parents[1].rglob("test_*.py")
            for name in promiseless(path.read_text(encoding="utf-8"))
        }
        self.assertEqual(found, set())

    def test_missing_ones_are_noticed(self) -> None:
        """The control: what has no docstring is found, wherever it stands; private names and overloads are not."""
        methods = "  def f(self): ...\n  def _g(self): ...\n  @overload\n  def i(self): ...\n"
        source = f'class A:\n  "d"\n{methods}if x:\n  async def h(): ...\n'
        self.assertEqual(set(undocumented("m", source)), {"m", "m.A.f", "m.h"})
        described = "def test_b(self) -> None:\n    'd'\n"
        undescribed = "def test_a(): ...\n  async def test_c(\n    self, one: int\n  ) -> dict[str, int]:\n    pass\n"
        self.assertEqual(promiseless(described + undescribed), ["test_a", "test_c"])


class ExportTests(SynchronousTestCase):
    """What the public modules offer."""

    def test_all_exists(self) -> None:
        """Every name in a module's `__all__` exists, and is listed once."""
        for name, source in modules():
            if "__all__" in source:
                module = importlib.import_module(f"homeftp.{name}" if name else "homeftp")
                self.assertEqual([each for each in module.__all__ if not hasattr(module, each)], [])
                self.assertEqual(len(set(module.__all__)), len(module.__all__))

    def test_faces(self) -> None:
        """A module that others import from lists all that it defines, and everything listed is documented."""
        for name in FACES:
            module = importlib.import_module(name)
            own = {
                each
                for each, value in vars(module).items()
                if getattr(value, "__module__", None) == name
                and not each.startswith("_")
                and not isinstance(value, TypeVar)
            }
            self.assertEqual(own - set(module.__all__), set(), name)
            self.assertEqual([each for each in module.__all__ if not getattr(module, each).__doc__], [])
