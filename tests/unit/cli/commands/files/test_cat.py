"""`homeftp cat` against a server in memory."""

from __future__ import annotations

import io
from typing import Any

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import RemoteCommandCase

BINARY = bytes(range(256))


class CatTests(RemoteCommandCase):
    """The command line."""

    def printed(self, *words: str) -> bytes:
        """What goes to standard output."""
        self.status = self.homeftp("cat", *words)
        buffer: Any = self.out.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue()

    def test_printed(self) -> None:
        """Files are printed as they are, one after the other, and nothing else is."""
        self.make_remote_file("a", BINARY)
        self.make_remote_file("b.txt", b"\r\nb\n")
        for words, expected in (
            (["nas:a"], BINARY),
            (["nas:b.txt", "nas:/a", "nas:b.txt"], b"\r\nb\n" + BINARY + b"\r\nb\n"),
            (["nas:*"], BINARY + b"\r\nb\n"),
            (["--offset", "250", "nas:a"], BINARY[250:]),
            (["--offset", "2", "--limit", "3", "nas:a"], BINARY[2:5]),
            (["--limit", "0", "nas:a"], b""),
        ):
            self.assertEqual(self.printed(*words), expected, words)
            self.assertEqual((self.status, self.err.getvalue()), (Exit.DONE, ""))

    def test_refused(self) -> None:
        """What is missing or a folder does not stop the others; wrong numbers are usage errors."""
        self.make_remote_file("lib/a")
        self.assertEqual(self.printed("nas:none", "nas:lib", "nas:lib/a"), b"content")
        self.assertEqual((self.status, len(self.err.getvalue().splitlines())), (Exit.REFUSED, 2))
        for words in (("--offset", "-1"), ("--limit", "-1")):
            self.assertEqual(self.homeftp("cat", *words, "nas:lib/a"), Exit.USAGE)
        self.assertEqual(self.homeftp("cat", "nas:a", "attic:a"), Exit.USAGE)
