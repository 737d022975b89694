"""The pictures are what the tools of the repository draw, and can be read without being seen."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.processes import WITHIN, environment

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"


class PictureTests(SynchronousTestCase):
    """docs/pictures."""

    def run_tool(self, tool: str, *arguments: str) -> None:
        """Let a tool write what it writes."""
        done = subprocess.run(
            [sys.executable, str(DOCS / "tools" / tool), *arguments],
            capture_output=True,
            text=True,
            timeout=2 * WITHIN,
            env=environment(),
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_session(self) -> None:
        """A session today prints what the picture shows."""
        shown = (DOCS / "pictures" / "session.svg").read_text(encoding="utf-8")
        target = Path(self.mktemp()).absolute()
        self.run_tool("session_picture.py", str(target))
        self.assertEqual(target.read_text(encoding="utf-8"), shown)

    def test_measured(self) -> None:
        """The page about performance and its pictures have the figures of the measurements beside it."""
        into = Path(self.mktemp()).absolute()
        into.mkdir()
        self.run_tool("performance.py", f"--into={into}")
        for shown in (
            DOCS / "performance" / "index.rst",
            *(DOCS / "pictures" / name for name in ("speed.svg", "cost.svg")),
        ):
            self.assertEqual((into / shown.name).read_text(encoding="utf-8"), shown.read_text(encoding="utf-8"))

    def test_spoken(self) -> None:
        """Each picture has a title, and a description with all of its text."""
        pictures = sorted((DOCS / "pictures").glob("*.svg"))
        self.assertEqual([path.name for path in pictures], ["cost.svg", "session.svg", "speed.svg"])
        for path in pictures:
            root = ElementTree.parse(path).getroot()
            self.assertEqual(root.get("role"), "img")
            self.assertTrue(root.findtext(f"{SVG}title"))
            spoken = root.findtext(f"{SVG}desc") or ""
            for text in root.iter(f"{SVG}text"):
                for word in (text.text or "").split():
                    self.assertIn(word.rstrip(","), spoken, path.name)
