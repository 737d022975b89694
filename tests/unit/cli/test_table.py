"""The table of subcommands."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.table import COMMANDS, GROUPS, SYNONYMS


class TableTests(SynchronousTestCase):
    """Every subcommand of the table."""

    def test_table(self) -> None:
        """Each says in one sentence what it is for, and has its module under its own name."""
        packages = r"homeftp\.cli\.((commands|commands\.files|commands\.past|clusters|owner|service|status)\.)?"
        for name, command in COMMANDS.items():
            self.assertRegex(command.module, rf"\A{packages}({name.replace('-', '')}|command)\Z")
            self.assertRegex(command.summary, r"\A[A-Z].*[^.]\.\Z")

    def test_modules(self) -> None:
        """Each has a module that adds arguments and runs."""
        for name, command in COMMANDS.items():
            module = command.load()
            self.assertTrue(callable(module.add_arguments) and callable(module.run), name)

    def test_groups(self) -> None:
        """Each command that is not hidden is in one group, in the order of the table."""
        grouped = [name for names in GROUPS.values() for name in names]
        self.assertEqual(grouped, [name for name, command in COMMANDS.items() if not command.hidden])

    def test_synonyms(self) -> None:
        """What other programs call a command is no command here, and what does it is one."""
        for word, meant in SYNONYMS.items():
            self.assertNotIn(word, COMMANDS)
            self.assertLessEqual({each.split()[0] for each in meant}, set(COMMANDS), word)
