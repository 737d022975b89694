"""Paths as a user writes them."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.plan.paths import check_name, endpoint_inside, parse_local_path, parse_remote_path
from homeftp.endpoint import parse
from homeftp.errors import OperatorError


class RemotePathTests(SynchronousTestCase):
    """Paths on the server."""

    def test_parsed(self) -> None:
        """The endpoint, composed, and whether its content is meant."""
        for path, endpoint, inside in (
            ("a/b", "a/b", False),
            ("a/b/", "a/b", True),
            ("a/b//", "a/b", True),
            ("", "", True),
            ("/", "", True),
            (".", "", True),
            ("./", "", True),
            ("/a//b", "a/b", False),
            ("./a/./b", "a/b", False),
            ("a/.", "a", True),
            ("cafe\u0301", "caf\u00e9", False),
        ):
            parsed = parse_remote_path(path)
            self.assertEqual((str(parsed.endpoint), parsed.inside), (endpoint, inside), path)

    def test_illegal(self) -> None:
        """Paths that cannot be endpoints are refused."""
        for path in ("..", "../a", "a/..", "a/.homeftp", "a*b", "a" * 256, "a:" * 99):
            with self.assertRaises(OperatorError, msg=path):
                parse_remote_path(path)

    def test_typed(self) -> None:
        """A local name may be typed as well as its escaped form; a legal name is never escaped."""
        for path, endpoint in (
            ("2019: Rome/a\\b", "2019\u201b\uff1a Rome/a\u201b\uff3cb"),
            ("2019\u201b\uff1a Rome/nul", "2019\u201b\uff1a Rome/\u201b\uff4eul"),
            ("a\u201b\u201bb", "a\u201b\u201bb"),
        ):
            self.assertEqual(str(parse_remote_path(path).endpoint), endpoint)

    def test_pattern(self) -> None:
        """A pattern where one path is needed is called so."""
        with self.assertRaisesRegex(OperatorError, r"a/\*\.jpg is a pattern, but one path is needed"):
            parse_remote_path("a/*.jpg")


class LocalPathTests(SynchronousTestCase):
    """Local paths."""

    def test_parsed(self) -> None:
        """The last name in the form of the wire, and whether its content is meant."""
        here = os.path.basename(os.getcwd())
        for path, name, inside in (
            ("x/a", "a", False),
            ("x/a/", "a", True),
            ("x/a/.", "a", True),
            ("x/a/..", "x", True),
            (".", here, True),
            ("cafe\u0301", "caf\u00e9", False),
        ):
            parsed = parse_local_path(path)
            self.assertEqual((parsed.path, parsed.name, parsed.inside), (path, name, inside))


class InsideTests(SynchronousTestCase):
    """A source inside a target."""

    def test_endpoint(self) -> None:
        """It keeps its own name, which must be legal there."""
        target = parse_remote_path("dir/")
        self.assertEqual(str(endpoint_inside(target, parse_local_path("x/a"))), "dir/a")
        self.assertEqual(str(endpoint_inside(target, parse_local_path("x/what?"))), "dir/what\u201b\uff1f")
        with self.assertRaises(OperatorError):
            endpoint_inside(target, parse_local_path("x/what?", strict_names=True))

    def test_check_name(self) -> None:
        """The message says what to do about an illegal name."""
        check_name(parse("dir"), "a")
        with self.assertRaisesRegex(OperatorError, "rename it, or name the target yourself"):
            check_name(parse("dir"), "what?")
