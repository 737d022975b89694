"""The pictures in the README are what the tools of the repository draw, and can be read without being seen."""

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

    def drawn(self, tool: str, *sources: Path) -> str:
        """What a tool draws."""
        target = Path(self.mktemp()).absolute()
        done = subprocess.run(
            [sys.executable, str(DOCS / "tools" / tool), *map(str, sources), str(target)],
            capture_output=True,
            text=True,
            timeout=2 * WITHIN,
            env=environment(),
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return target.read_text(encoding="utf-8")

    def test_session(self) -> None:
        """A session today prints what the picture shows."""
        shown = (DOCS / "pictures" / "session.svg").read_text(encoding="utf-8")
        self.assertEqual(self.drawn("session_picture.py"), shown)

    def test_speed(self) -> None:
        """The plot is that of the measurements beside it."""
        measured = sorted((DOCS / "pictures").glob("speed-*.json"))
        self.assertTrue(measured)
        shown = (DOCS / "pictures" / "speed.svg").read_text(encoding="utf-8")
        self.assertEqual(self.drawn("speed_picture.py", *measured), shown)

    def test_spoken(self) -> None:
        """Each picture has a title, and a description with all of its text."""
        pictures = sorted((DOCS / "pictures").glob("*.svg"))
        self.assertEqual([path.name for path in pictures], ["session.svg", "speed.svg"])
        for path in pictures:
            root = ElementTree.parse(path).getroot()
            self.assertEqual(root.get("role"), "img")
            self.assertTrue(root.findtext(f"{SVG}title"))
            spoken = root.findtext(f"{SVG}desc") or ""
            for text in root.iter(f"{SVG}text"):
                for word in (text.text or "").split():
                    self.assertIn(word.rstrip(","), spoken, path.name)
