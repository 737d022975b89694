"""How Sphinx makes the documentation: `sphinx-build -W -b html docs docs/_build`."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_extensions")]

from docutils import nodes  # noqa: E402
from sphinx import addnodes  # noqa: E402

import homeftp  # noqa: E402 - found by the path above
import homeftp.client  # noqa: E402

for name in homeftp.client.__all__:
    getattr(homeftp.client, name)  # loaded on first use: autodoc shows only what is loaded

project = "homeftp"
author = "The homeftp authors"
copyright = "The homeftp authors"
version = release = homeftp.__version__

extensions = ["sphinx.ext.autodoc", "zope_interfaces", "diagrams", "reference_check"]
public_modules = [
    "homeftp.client",
    "homeftp.client.aio",
    "homeftp.errors",
    "homeftp.interfaces",
    "homeftp.interfaces.store",
    "homeftp.model",
    "homeftp.store.factory",
    "homeftp.testing",
]
graphviz_output_format = "svg"
exclude_patterns = ["_build", "_extensions"]
default_role = "literal"
highlight_language = "none"
nitpicky = False

autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["diagrams.css"]
html_title = f"homeftp {version}"
html_show_copyright = False


def mark_listings(app, what, name, obj, options, lines):
    """Mark indented lines in a docstring as a listing, which reStructuredText writes with `::`."""
    for place in range(len(lines) - 1, 0, -1):
        if lines[place].startswith("    ") and not lines[place - 1] and not lines[place - 2].startswith("    "):
            lines[place:place] = ["::", ""]


def readable(text):
    """A signature as its source has it: an interface and an enum by their names, a default that is made as "..."."""
    text = re.sub(r"<InterfaceClass (?:\w+\.)*(\w+)>", r"\1", text)
    text = re.sub(r"<(\w+\.\w+): [^<>]*>", r"\1", text)
    return re.sub(r"NOTHING\b|<factory>|<function [\w.]*(?:<\w+>)?[\w.]*(?: at 0x\w+)?>", "...", text)


def read_signatures(app, what, name, obj, options, signature, returns):
    """Make the signatures of functions and classes readable."""
    return signature and readable(signature), returns and readable(returns)


def read_types(app, doctree):
    """Make the types and the values of attributes readable, which no event of autodoc passes."""
    for signature in doctree.findall(addnodes.desc_signature):
        for text in list(signature.findall(nodes.Text)):
            if (new := readable(text)) != text:
                text.parent.replace(text, nodes.Text(new))


def drop_generated(app, what, name, obj, options, lines):
    """Drop what `NamedTuple` says of a field that has no docstring."""
    if len(lines) <= 2 and re.match(r"Alias for field number \d+$", lines[0] if lines else ""):
        lines.clear()


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", read_signatures)
    app.connect("autodoc-process-docstring", mark_listings)
    app.connect("autodoc-process-docstring", drop_generated)
    app.connect("doctree-read", read_types)
