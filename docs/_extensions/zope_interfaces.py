"""`.. interfaces:: MODULE`: the zope interfaces that a module defines, which autodoc takes for plain data.

An interface keeps neither its methods' types nor its attributes', so all is
read from the module's source.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from pathlib import Path
from typing import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def described(interface: ast.ClassDef) -> Iterator[str]:
    """An interface in reStructuredText, line by line."""
    yield from _entry(f".. py:class:: {interface.name}", ast.get_docstring(interface), "")
    for node in interface.body:
        if isinstance(node, ast.FunctionDef):
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            signature = f"{node.name}({ast.unparse(node.args)}){returns}"
            yield from _entry(f".. py:method:: {signature}", ast.get_docstring(node), "   ")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call):
            doc = ast.literal_eval(node.value.args[0])
            yield from _entry(f".. py:attribute:: {ast.unparse(node.target)}", doc, "   ", ast.unparse(node.annotation))


def _entry(head: str, doc: str | None, indent: str, of_type: str = "") -> Iterator[str]:
    yield f"{indent}{head}"
    if of_type:
        yield f"{indent}   :type: {of_type}"
    yield ""
    for line in inspect.cleandoc(doc or "").splitlines():
        yield f"{indent}   {line}"
    yield ""


class Interfaces(SphinxDirective):
    """The directive."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The nodes of every interface, in the order of the source."""
        (module,) = self.arguments
        found = importlib.util.find_spec(module)
        assert found is not None and found.origin is not None
        self.env.note_dependency(found.origin)
        lines = [f".. py:currentmodule:: {module}", ""]
        for node in ast.parse(Path(found.origin).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Interface" for base in node.bases):
                lines.extend(described(node))
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("interfaces", Interfaces)
    return {"parallel_read_safe": True}
