"""Front ends from elsewhere: found by name, and one line for each that is not as it should be."""

from __future__ import annotations

import os

from homeftp.errors import OperatorError
from homeftp.interfaces import IFrontEnd
from homeftp.server.frontends.plugged import plugged_front_ends
from tests.support.folders import QuickCase

GOOD = """
from zope.interface import implementer
from homeftp.errors import OperatorError
from homeftp.interfaces import IFrontEnd, IFrontEndFactory

@implementer(IFrontEnd)
class Gopher:
    name = "gopher"
    def __init__(self, listen):
        self.listen = listen
    def service(self, context):
        raise NotImplementedError

@implementer(IFrontEndFactory)
class Factory:
    name = "gopher"
    def front_end(self, listen):
        if "tcp:70" in listen:
            raise OperatorError("port 70 is for root")
        return Gopher(listen)

factory = Factory()
"""


class PluggedTests(QuickCase):
    """A plugin folder with one file."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)

    def lay(self, text: str, name: str = "frontend_gopher.py") -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return os.path.realpath(path)

    def load(self, *named: tuple[str, str]) -> list[IFrontEnd]:
        return plugged_front_ends(named, [self.folder])

    def fault(self, name: str = "gopher", endpoint: str = "tcp:7070") -> str:
        error = self.assertRaises(OperatorError, self.load, (name, endpoint))
        self.assertNotIn("\n", str(error))
        return str(error)

    def test_found(self) -> None:
        """The file of that name makes it, once, with all of its endpoints; another file is not run."""
        self.lay("raise SystemExit('run!')", "frontend_other.py")
        self.lay(GOOD)
        (made,) = self.load(("gopher", "tcp:7070"), ("gopher", "unix:g"))
        self.assertEqual((made.name, getattr(made, "listen", None)), ("gopher", ["tcp:7070", "unix:g"]))
        self.assertEqual(self.load(), [])
        self.assertIn("run!", self.fault("other"))

    def test_built_in(self) -> None:
        """The front ends of homeftp have options of their own, which are named."""
        for name, option in (("json", "--listen"), ("https", "--https"), ("sftp", "--sftp")):
            self.assertIn(f"{name} is built in: use {option}", self.fault(name))

    def test_faults(self) -> None:
        """What is missing, broken or incomplete is named, with the file where there is one."""
        self.assertIn("--front-end gopher: there is no frontend_gopher.py", self.fault())
        for text, words in (
            ("raise ValueError('no')", "ValueError: no"),
            ("", "holds no front end for gopher"),
            (
                GOOD.replace('class Factory:\n    name = "gopher"', 'class Factory:\n    name = "x"'),
                "holds no front end",
            ),
            (GOOD + "again = Factory()\n", "holds two front ends for gopher"),
            (GOOD.replace("def front_end(", "def front("), "is incomplete"),
            (GOOD.replace("def service(self, context)", "def service(self)"), "is incomplete"),
            (GOOD.replace('class Gopher:\n    name = "gopher"', 'class Gopher:\n    name = "x"'), "calls itself x"),
        ):
            path = self.lay(text)
            fault = self.fault()
            self.assertIn(path, fault)
            self.assertIn(words, fault)
        self.lay(GOOD)
        self.assertEqual(self.fault(endpoint="tcp:70"), "port 70 is for root")
