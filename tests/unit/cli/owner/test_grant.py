"""`homeftp grant` on a state folder."""

from __future__ import annotations

import json
import os

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import CommandCase


class GrantTests(CommandCase):
    """The command line."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.abspath(self.mktemp())
        self.assertEqual(self.homeftp("account", "add", "bob", "--no-password", "--state", self.folder), Exit.DONE)

    def grant(self, *arguments: str) -> int:
        return self.homeftp("grant", *arguments, "--state", self.folder)

    def test_granted(self) -> None:
        """A restriction is set, listed with the account, and removed."""
        self.assertEqual(self.grant("bob", "tax", "read"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "bob has at most these rights in tax: read\n")
        self.homeftp("account", "list", "--state", self.folder)
        self.assertEqual(self.out.getvalue(), "bob: home /, rights read,add,replace,delete; in tax at most read\n")
        self.assertEqual(self.grant("bob", "tax", "--remove", "--json"), Exit.DONE)
        self.assertEqual(json.loads(self.out.getvalue()), {"account": "bob", "path": "tax", "rights": None})

    def test_refused(self) -> None:
        """Rights and --remove exclude each other, and one is needed; rights and account must exist."""
        for words, message in (
            (("bob", "tax"), "give either RIGHTS, such as read, or --remove."),
            (("bob", "tax", "read", "--remove"), "give either RIGHTS, such as read, or --remove."),
            (("bob", "tax", "eat"), "read, add, replace, delete"),
            (("eve", "tax", "read"), "eve"),
        ):
            self.assertEqual(self.grant(*words), Exit.USAGE)
            self.assertIn(message, self.err.getvalue())
