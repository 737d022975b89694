"""Dispatchers from elsewhere: found by name, and one line for each that is not as it should be."""

from __future__ import annotations

import os

from homeftp.dispatchers.enabled import enabled
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

GOOD = """
import attrs
from zope.interface import implementer
from homeftp.interfaces import IDispatcher

@attrs.frozen
class Body:
    x: int = 0

@implementer(IDispatcher)
class Echo:
    request_type = "ECHO"
    body_type = Body
    def dispatch(self, request, resolution):
        resolution.resolve(0, "echo")

echo = Echo()
"""


class EnabledTests(QuickCase):
    """A plugin folder with one file."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)

    def lay(self, text: str, name: str = "echo.py", folder: str | None = None) -> str:
        path = os.path.join(folder or self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return os.path.realpath(path)

    def fault(self, *names: str, folders: list[str] | None = None, taken: tuple[str, ...] = ()) -> str:
        error = self.assertRaises(OperatorError, enabled, names or ("ECHO",), folders or [self.folder], taken)
        self.assertNotIn("\n", str(error))
        return str(error)

    def test_found(self) -> None:
        """The file that bears the name is loaded."""
        self.lay(GOOD)
        [echo] = enabled(["ECHO"], [self.folder], ["GET"])
        self.assertEqual(echo.request_type, "ECHO")

    def test_found_is_not_enabled(self) -> None:
        """A plugin that is not named is never run."""
        self.lay("raise SystemExit('run!')", "other.py")
        self.lay(GOOD)
        self.assertEqual(len(enabled(["ECHO"], [self.folder], [])), 1)
        self.assertIn("run!", self.fault("OTHER"))

    def test_missing(self) -> None:
        """A name without a file says which file it looked for."""
        self.assertIn("echo.py", self.fault())

    def test_broken(self) -> None:
        """One that cannot be imported, exits, or has a syntax error is named with its file."""
        for text in (
            "import nothing_of_that_name",
            "raise SystemExit(1)",
            "def",
            "1/0",
            "raise ValueError('a\\nb\\x1b[31m')",
        ):
            path = self.lay(text)
            self.assertIn(path, self.fault())
            self.assertTrue(self.fault().isprintable())

    def test_incomplete(self) -> None:
        """One that lacks what a dispatcher has is named with its file."""
        for old, new in (
            ("    def dispatch(self, request, resolution):", "    def dispatch(self, request):"),
            ("    body_type = Body\n", ""),
            ("body_type = Body", "body_type = 5"),
            ("echo = Echo()", ""),
            ('"ECHO"', '"OTHER"'),
            ("echo = Echo()", "echo = Echo()\necho2 = Echo()"),
        ):
            self.assertIn(old, GOOD)
            path = self.lay(GOOD.replace(old, new))
            self.assertIn(path, self.fault(), new)

    def test_clash(self) -> None:
        """A name in two places, a name that is built in, and a name given twice do not start."""
        second = self.mktemp()
        first_path, second_path = self.lay(GOOD), self.lay(GOOD, folder=second)
        fault = self.fault(folders=[self.folder, second])
        self.assertIn(first_path, fault)
        self.assertIn(second_path, fault)
        self.assertIn(first_path, self.fault(taken=("ECHO",)))
        self.assertIn("twice", self.fault("ECHO", "ECHO"))

    def test_built_in(self) -> None:
        """A type that every server answers needs no file, and is not said to lack one."""
        for name in ("GET", "HELLO"):
            self.assertIn(f"{name} is built in", self.fault(name, taken=("GET",)))

    def test_no_folder(self) -> None:
        """A plugin folder that is not there is an error."""
        self.assertIn("not a folder", self.fault(folders=[os.path.join(self.folder, "nowhere")]))

    def test_bad_names(self) -> None:
        """A name is no way to other files."""
        for name in ("../ECHO", "echo", "ECHO.PY", ""):
            self.fault(name)
