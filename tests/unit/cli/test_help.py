"""`homeftp help`."""

from __future__ import annotations

from tests.support.commandline import CommandCase


class HelpTests(CommandCase):
    """The help of a command by its name."""

    def test_printed(self) -> None:
        """The same as --help of the command, also of an action, and of one that parses its arguments itself."""
        for words in ([], ["push"], ["device", "list"], ["du"]):
            self.assertEqual(self.homeftp("help", *words), 0)
            printed = self.out.getvalue()
            self.assertEqual(self.homeftp(*words, "--help"), 0)
            self.assertEqual((printed, printed[:6]), (self.out.getvalue(), "usage:"))

    def test_unknown(self) -> None:
        """A word that is no command gets a suggestion."""
        self.assertEqual(self.homeftp("help", "pussh"), 2)
        self.assertIn("Did you mean `push`?", self.err.getvalue())
