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
        """A word that is no command gets the suggestion that it gets as a command, also for what others call one."""
        for word, meant in (("pusch", "push"), ("delete", "rm"), ("upload", "push")):
            expected = f"there is no command '{word}'. Did you mean `{meant}`?"
            for words in ((word,), ("help", word)):
                self.assertEqual(self.homeftp(*words), 2)
                self.assertIn(expected, self.err.getvalue())
