"""`homeftp du` against a server in memory."""

from __future__ import annotations

import json

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import RemoteCommandCase


class DuTests(RemoteCommandCase):
    """The command line."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("lib/a", "lib/x/b", "lib/x/y/c", "other/d"):
            self.make_remote_file(name, bytes(1500))

    def lines(self, *words: str) -> list[str]:
        """The output, without spaces at the left; the exit code is 0."""
        self.assertEqual(self.homeftp("du", *words), Exit.DONE, self.err.getvalue())
        return [line.strip() for line in self.out.getvalue().splitlines()]

    def test_printed(self) -> None:
        """Each folder with its total, the named one last; -s, -d and -b as du(1) has them; -h changes nothing."""
        everything = ["1.5 kB  lib/x/y", "3.0 kB  lib/x", "4.5 kB  lib"]
        self.assertEqual(self.lines("nas:lib"), everything)
        self.assertEqual(self.lines("-h", "nas:lib"), everything)
        self.assertEqual(self.lines("-sh", "nas:/lib/"), ["4.5 kB  lib"])
        self.assertEqual(self.lines("-d1", "nas:lib"), everything[1:])
        self.assertEqual(self.lines("-sb", "nas:"), ["6,000  ."])
        self.assertEqual(self.lines("-s", "nas:*"), ["4.5 kB  lib", "1.5 kB  other"])
        self.assertEqual(self.lines("nas:lib/a", "nas:other"), ["1.5 kB  lib/a", "1.5 kB  other"])

    def test_json(self) -> None:
        """--json prints objects."""
        [found] = map(json.loads, self.lines("-s", "--json", "nas:lib"))
        self.assertEqual(found, {"name": "lib", "size": 4500, "files": 3, "folders": 2})

    def test_refused(self) -> None:
        """A missing path does not stop the others; a depth below 0 is a usage error."""
        self.assertEqual(self.homeftp("du", "-s", "nas:none", "nas:lib"), Exit.REFUSED)
        self.assertEqual(self.out.getvalue(), "  4.5 kB  lib\n")
        self.assertEqual(self.err.getvalue(), "homeftp: none does not exist on the server\n")
        self.assertEqual(self.homeftp("du", "-d", "-1", "nas:lib"), Exit.USAGE)
