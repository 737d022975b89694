"""The documentation is built without a warning, and what it must complain of is complained of."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support import needs

DOCS = Path(__file__).parents[2] / "docs"

CONF = """
import sys
sys.path[:0] = {path}
extensions = ["sphinx.ext.autodoc", "zope_interfaces", "diagrams", "reference_check"]
autodoc_default_options = dict.fromkeys(["members", "undoc-members"], True)
public_modules = ["good", "sample", "other"]
listings_import = "other"
"""

GOOD = '''"""A module."""

class Full:
    """A class."""

    def act(self, length: int) -> str:
        """Act."""
'''

BAD = '''
class Empty:
    """A class without members."""

def untyped(length) -> str:
    """A function."""

def unsaid(length: int):
    """Another."""

def undescribed() -> None: ...

def generated(make: object = lambda: 0) -> int:
    """A function with a default that has no name."""
'''

OTHER = '''"""Another module."""

def hidden() -> None:
    """No page has this one."""
'''

LAYERS = """
.. layers::

   upper: {upper}
   lower: {lower}
"""


class BuildTests(SynchronousTestCase):
    """`sphinx-build -W` with the extensions of the documentation."""

    def setUp(self) -> None:
        needs.require("Sphinx: pip install -e '.[docs]'", lambda: importlib.util.find_spec("sphinx"))
        needs.program("dot")

    def build(self, modules: dict[str, str], **pages: str) -> list[str]:
        """The warnings of a build of these pages of a reference, without the place at their beginning."""
        source = Path(self.mktemp()).absolute()
        (source / "reference").mkdir(parents=True)
        (source / "conf.py").write_text(CONF.format(path=[str(DOCS.parent), str(DOCS / "_extensions"), str(source)]))
        for name, text in modules.items():
            (source / f"{name}.py").write_text(text)
        (source / "examples").mkdir()
        (source / "examples" / "listing.py").write_text("from other import hidden\n")
        (source / "index.rst").write_text("Index\n=====\n\n.. toctree::\n   :glob:\n\n   reference/*\n")
        for name, text in pages.items():
            (source / "reference" / f"{name}.rst").write_text(f"{name}\n{'=' * len(name)}\n\n{text}\n")
        command = (
            sys.executable,
            "-m",
            "sphinx",
            "-q",
            "--no-color",
            "-W",
            "--keep-going",
            "-b",
            "html",
            source,
            source / "html",
        )
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        return sorted(line.partition("WARNING: ")[2] for line in done.stderr.splitlines() if "WARNING: " in line)

    def test_faults(self) -> None:
        """Empty pages, modules and classes, missing types and descriptions, and untrue diagrams end the build.

        The control: nothing is said of a class whose members are described and typed, nor of a true diagram. One
        build has both, as a build reads all of homeftp for its diagrams.
        """
        warnings = self.build(
            {"good": GOOD, "sample": GOOD + BAD, "other": OTHER},
            complete=".. automodule:: good\n" + LAYERS.format(upper="errors", lower="status"),
            diagram=".. automodule:: sample\n" + LAYERS.format(upper="status", lower="errors nowhere"),
            empty=".. automodule:: other\n   :no-members:",
        )
        self.assertEqual(
            warnings,
            [
                "automodule:: other documents no member",
                "no page of the reference has other.hidden",
                "no page of the reference has other.hidden, which listing.py imports",
                "sample.Empty documents no member",
                "sample.generated shows what Python calls it, and not what it is",
                "sample.undescribed has no description",
                "sample.unsaid does not say what it returns",
                "sample.untyped does not say the type of length",
                "the diagram and the code differ: lower -> upper runs back up",
                "the diagram and the code differ: nowhere is no module",
                "this page of the reference documents nothing",
            ],
        )
