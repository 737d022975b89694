"""`.. interfaces:: MODULE`: the zope interfaces that a module defines, which autodoc takes for plain data.

With `:only:` and names it shows these, in that order. An interface keeps the
types of neither its methods nor its attributes, so all is read from the
module's source.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any, Callable, ClassVar, Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_INTERFACE = re.compile(r"Interface|I[A-Z]\w*")


def described(interface: ast.ClassDef) -> Iterator[str]:
    """An interface in reStructuredText, line by line."""
    bases = ", ".join(ast.unparse(base) for base in interface.bases if ast.unparse(base) != "Interface")
    head = f"{interface.name}({bases})" if bases else interface.name
    yield from _entry(f".. py:class:: {head}", ast.get_docstring(interface), "")
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


def interfaces(source: str) -> dict[str, ast.ClassDef]:
    """The interfaces that a module defines, by name: classes whose base is an interface, by its name."""
    return {
        node.name: node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and any(_INTERFACE.fullmatch(ast.unparse(base)) for base in node.bases)
    }


class Interfaces(SphinxDirective):
    """The directive."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Callable[[str], Any]]] = {"only": str.split}

    def run(self) -> list[nodes.Node]:
        """The nodes of every interface, in the order of the source or of `:only:`."""
        (module,) = self.arguments
        found = importlib.util.find_spec(module)
        assert found is not None and found.origin is not None
        self.env.note_dependency(found.origin)
        defined = interfaces(Path(found.origin).read_text(encoding="utf-8"))
        lines = [f".. py:currentmodule:: {module}", ""]
        for name in self.options.get("only", defined):
            if name not in defined:
                raise self.error(f"{module} defines no interface {name}")
            lines.extend(described(defined[name]))
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("interfaces", Interfaces)
    return {"parallel_read_safe": True}
