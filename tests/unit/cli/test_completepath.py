"""Candidates for a path on a server; tests/system/cli/test_completion.py has a shell and a server."""

from __future__ import annotations

import os

from homeftp.cli.completepath import print_candidates
from tests.support.commandline import CommandCase, RemoteCommandCase


class CompletePathTests(RemoteCommandCase):
    """print_candidates, and the names of servers."""

    def candidates(self, path: str, **most: int) -> list[str]:
        """The words that are printed."""
        self.out.clear()
        self.run_work(print_candidates(self.client, "nas", path, **most))
        return self.out.getvalue().splitlines()

    def test_paths(self) -> None:
        """What begins with the word, as whole words; a folder ends in a slash, hidden files must be asked for."""
        for name in ("Photos/a b.jpg", "Photos/2026/x", "Phone", ".hidden"):
            self.make_remote_file(name)
        for path, expected in (
            ("", ["nas:Phone", "nas:Photos/"]),
            ("/", ["nas:/Phone", "nas:/Photos/"]),
            ("Pho", ["nas:Phone", "nas:Photos/"]),
            ("/Phot", ["nas:/Photos/"]),
            ("Photos/", ["nas:Photos/2026/", "nas:Photos/a b.jpg"]),
            ("Photos/a", ["nas:Photos/a b.jpg"]),
            (".", ["nas:.hidden"]),
            ("x", []),
        ):
            self.assertEqual(self.candidates(path), expected, path)

    def test_most(self) -> None:
        """Not all of a huge folder is asked for."""
        for number in range(600):
            self.make_remote_file(f"many/{number:03}")
        self.assertEqual(len(self.candidates("many/")), 600, "the control")
        self.assertEqual(len(self.candidates("many/", most=3)), 500, "one page")

    def test_names(self) -> None:
        """A word without a colon is completed to the names of servers."""
        folder = self.mktemp()
        os.makedirs(os.path.join(folder, "remotes"), mode=0o700)
        for name in ("nas", "attic"):
            with open(os.path.join(folder, "remotes", f"{name}.json"), "w") as file:
                file.write("{}")
        self.patch(os, "environ", {**os.environ, "HOMEFTP_HOME": folder})
        for word, expected in (("", "attic:\nnas:\n"), ("na", "nas:\n"), ("x", "")):
            self.assertEqual(CommandCase.homeftp(self, "complete-path", word), 0)
            self.assertEqual(self.out.getvalue(), expected)
