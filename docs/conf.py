"""How Sphinx makes the documentation: `sphinx-build -W -b html docs docs/_build`."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_extensions")]

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


def name_interfaces(app, what, name, obj, options, signature, returns):
    """Show an interface that is used as a type by its name, and a default that attrs makes anew as "..."."""

    def named(text):
        return text and re.sub(r"<InterfaceClass (?:\w+\.)*(\w+)>", r"\1", text).replace("= NOTHING", "= ...")

    return named(signature), named(returns)


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-process-signature", name_interfaces)
    app.connect("autodoc-process-docstring", mark_listings)
