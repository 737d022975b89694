"""Candidates for a path on a server; tests/system/cli/test_completion.py has a shell and a server."""

from __future__ import annotations

import os
from typing import Any

from homeftp.cli import completepath
from homeftp.cli.completepath import print_candidates
from tests.support.commandline import RemoteCommandCase


class CompletePathTests(RemoteCommandCase):
    """print_candidates, and the names of servers."""

    def candidates(self, path: str) -> list[str]:
        self.out.clear()
        self.run_work(print_candidates(self.client, "nas", path))
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
        self.patch(completepath, "MOST", 3)
        for number in range(600):
            self.make_remote_file(f"many/{number:03}")
        self.assertEqual(len(self.candidates("many/")), 500, "one page")

    def test_names(self) -> None:
        """A word without a colon is completed to the names of servers."""
        folder = self.mktemp()
        os.makedirs(os.path.join(folder, "remotes"), mode=0o700)
        for name in ("nas", "attic"):
            with open(os.path.join(folder, "remotes", f"{name}.json"), "w") as file:
                file.write("{}")
        environ: Any = os.environ
        self.patch(os, "environ", {**environ, "HOMEFTP_HOME": folder})
        for word, expected in (("", "attic:\nnas:\n"), ("na", "nas:\n"), ("x", "")):
            self.out.clear()
            from homeftp.cli.main import main

            self.assertEqual(main(["complete-path", word]), 0)
            self.assertEqual(self.out.getvalue(), expected)
