"""How Sphinx makes the documentation: `sphinx-build -W -b html docs docs/_build`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_extensions")]

import homeftp  # noqa: E402 - found by the path above

project = "homeftp"
author = "The homeftp authors"
copyright = "The homeftp authors"
version = release = homeftp.__version__

extensions = ["sphinx.ext.autodoc", "zope_interfaces"]
exclude_patterns = ["_build", "_extensions"]
default_role = "literal"
highlight_language = "none"
nitpicky = False

autodoc_default_options = {"members": True, "show-inheritance": False}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"

html_theme = "alabaster"
html_theme_options = {"description": "Files between the machines of a home, safely", "page_width": "60em"}
html_show_copyright = False
