"""`.. layers::` and `.. journey::`: diagrams of the architecture, drawn from the imports of the code.

A diagram that does not agree with the code is a warning, which ends the build.
"""

from __future__ import annotations

from typing import Iterable

import importgraph
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.graphviz import graphviz
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

STYLE = """\
bgcolor=transparent; rankdir={direction}; ranksep={distance}; nodesep=0.25;
node [shape=box, style="filled,rounded", fillcolor="#eef3f8", color="#8899aa", fontcolor="#111111",
      fontname="sans-serif", fontsize=11, margin="0.12,0.06"];
edge [color="#7788aa", fontcolor="#667799", fontname="sans-serif", fontsize=10, arrowsize=0.7];
"""

_logger = logging.getLogger(__name__)


class Diagram(SphinxDirective):
    """What both directives have in common."""

    has_content = True

    def draw(self, body: Iterable[str], direction: str, distance: float, faults: Iterable[str]) -> list[nodes.Node]:
        """The diagram, and a warning for each thing that is wrong with it."""
        for fault in faults:
            _logger.warning("the diagram and the code differ: %s", fault, location=self.get_location())
        for path in importgraph.PACKAGE.rglob("*.py"):
            self.env.note_dependency(str(path))
        drawn = graphviz()
        style = STYLE.format(direction=direction, distance=distance)
        drawn["code"] = "\n".join(["digraph {", style, *body, "}"])
        drawn["options"] = {"docname": self.env.docname}
        drawn["alt"] = "\n".join(self.content)
        drawn["align"] = "center"
        return [drawn]


class Layers(Diagram):
    """`NAME: PACKAGE PACKAGE` a line, highest first: a box each, with the imports between them as arrows."""

    def run(self) -> list[nodes.Node]:
        """The diagram."""
        boxes = importgraph.layers("\n".join(self.content))
        modules = importgraph.module_imports()
        body = [f'"{box}" [label="{_label(box, names)}"];' for box, names in boxes.items()]
        arrows = importgraph.layer_arrows(boxes, modules)
        body += [f'"{name}" -> "{other}";' for name in boxes for other in sorted(arrows[name])]
        return self.draw(body, "TB", 0.35, importgraph.layer_faults(boxes, modules))


class Journey(Diagram):
    """`CALLER -> CALLED: NAME` a line, in order; `=>` where the call goes through an interface."""

    def run(self) -> list[nodes.Node]:
        """The diagram, with numbered arrows."""
        steps = importgraph.journey("\n".join(self.content))
        body = []
        for number, (caller, kind, called, name) in enumerate(steps, 1):
            style = "dashed" if kind == "=>" else "solid"
            body.append(f'"{caller}" -> "{called}" [label=" {number}. {name} ", style={style}];')
        return self.draw(body, "TB", 0.4, [fault for step in steps for fault in importgraph.step_faults(step)])


def _label(box: str, names: tuple[str, ...]) -> str:
    if names == (box,):
        return box
    lines = [" ".join(names[start : start + 5]) for start in range(0, len(names), 5)]
    return "\\n".join([box, *lines])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.setup_extension("sphinx.ext.graphviz")
    app.add_directive("layers", Layers)
    app.add_directive("journey", Journey)
    return {"parallel_read_safe": True}
