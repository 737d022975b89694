"""Patterns in paths on the server."""

from __future__ import annotations

from typing import Sequence

from homeftp.client.plan.globs import expand_pattern
from homeftp.errors import NotFound, OperatorError
from tests.support.transfers import TransferCase, tree


class PatternTests(TransferCase):
    """expand_pattern."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("a.jpg", "b.jpg", "c.png", ".hidden.jpg", "2024/x.jpg", "2024/[1].txt", "2025/x.jpg", "2025/y"):
            self.make_remote_file(name)

    def expand(self, path: str) -> Sequence[str]:
        return self.run_work(expand_pattern(self.client, path))

    def test_expanded(self) -> None:
        """A pattern gives what it matches, sorted, in any part of the path; another path is given as it is."""
        for pattern, expected in (
            ("*.jpg", ["a.jpg", "b.jpg"]),
            ("/?.*", ["a.jpg", "b.jpg", "c.png"]),
            (".*.jpg", [".hidden.jpg"]),
            ("*", ["2024", "2025", "a.jpg", "b.jpg", "c.png"]),
            ("*/", ["2024/", "2025/"]),
            ("202?/x.jpg", ["2024/x.jpg", "2025/x.jpg"]),
            ("*/y", ["2025/y"]),
            ("2024/*", ["2024/[1].txt", "2024/x.jpg"]),
            ("missing", ["missing"]),
            ("2024/[1].txt", ["2024/[1].txt"]),
            ("", [""]),
        ):
            self.assertEqual(self.expand(pattern), expected, pattern)

    def test_nothing(self) -> None:
        """A pattern that matches nothing is an error that names it."""
        for pattern in ("*.gif", "missing/*", "a.jpg/*", "*/missing"):
            with self.assertRaisesRegex(NotFound, r"nothing on the server matches"):
                self.expand(pattern)
        with self.assertRaises(OperatorError):
            self.expand("../*")

    def test_get(self) -> None:
        """What matches is fetched into the target, as if each had been named."""
        self.get("*.jpg", "2024/?.jpg", f"{self.here}/one", recursive=True)
        self.assertEqual(set(tree(f"{self.here}/one")), {"a.jpg", "b.jpg", "x.jpg"})
        self.get("202*", f"{self.here}/two", recursive=True)
        self.assertEqual(set(tree(f"{self.here}/two")), {"2024/x.jpg", "2024/[1].txt", "2025/x.jpg", "2025/y"})
        self.get("b*.jpg", f"{self.here}/three")
        self.assertIn("three", tree(self.here), "one file may get another name")
