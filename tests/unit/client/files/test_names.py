"""Local names, names on the wire, and names of partial downloads."""

from __future__ import annotations

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.files.names import (
    endpoint_name,
    is_partial_name,
    local_name,
    partial_name,
    problem_of,
    wire_name,
)
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


class NamesTests(QuickCase):
    """The two Unicode forms of a name."""

    def test_wire_name(self) -> None:
        """A name is composed on the wire; what is not Unicode stays as it is."""
        for name, expected in ((DECOMPOSED, COMPOSED), (COMPOSED, COMPOSED), ("plain", "plain"), ("\udcff", "\udcff")):
            self.assertEqual(wire_name(name), expected)

    def test_local_name(self) -> None:
        """The spelling that exists in the folder; the name itself where none does, or no folder."""
        folder = self.mktemp()
        self.assertEqual(local_name(folder, COMPOSED, strict=False), COMPOSED)
        os.makedirs(folder)
        self.assertEqual(local_name(folder, COMPOSED, strict=False), COMPOSED)
        with open(os.path.join(folder, DECOMPOSED), "wb"):
            pass
        self.assertEqual(local_name(folder, COMPOSED, strict=False), DECOMPOSED)
        self.assertEqual(local_name(folder, "plain", strict=False), "plain")
        with open(os.path.join(folder, COMPOSED), "wb"):
            pass
        self.assertEqual(local_name(folder, COMPOSED, strict=False), COMPOSED)

    def test_unescaped(self) -> None:
        """An escaped name is the local name that it stands for; with `strict`, and typed, it is itself."""
        folder = self.mktemp()
        os.makedirs(folder)
        self.assertEqual(endpoint_name("a:b", strict=False), "a\u201b\uff1ab")
        self.assertEqual(endpoint_name("a:b", strict=True), "a:b")
        self.assertEqual(local_name(folder, "a\u201b\uff1ab", strict=False), "a:b")
        self.assertEqual(local_name(folder, "a\u201b\uff1ab", strict=True), "a\u201b\uff1ab")
        self.assertRaises(OperatorError, local_name, folder, "a\u201b\u201bb", strict=False)
        with open(os.path.join(folder, f"{DECOMPOSED}:"), "wb"):
            pass
        self.assertEqual(local_name(folder, f"{COMPOSED}\u201b\uff1a", strict=False), f"{DECOMPOSED}:")

    def test_problem(self) -> None:
        """A name that was escaped may be one that a disk does not allow. The controls: other names, other errors."""
        escaped = endpoint_name("2019: Rome", strict=False)
        missing, full = OSError(errno.ENOENT, "No such file"), OSError(errno.ENOSPC, "No space")
        self.assertIn("this disk may not allow such a name (No such file)", problem_of(f"a/{escaped}", missing))
        self.assertEqual(problem_of("a/b", missing), "No such file")
        self.assertEqual(problem_of(escaped, full), "No space")


class PartialNameTests(SynchronousTestCase):
    """The names of partial downloads."""

    def test_recognized(self) -> None:
        """Names made by key and new ones are recognized, no others; two new ones differ."""
        key = "0123456789abcdef" * 4
        self.assertEqual(partial_name(key), partial_name(key))
        self.assertNotEqual(partial_name(), partial_name())
        for name in (partial_name(key), partial_name()):
            self.assertTrue(is_partial_name(name), name)
            self.assertFalse(is_partial_name(name[:-1]))
            self.assertFalse(is_partial_name(name + "0"))
            self.assertFalse(is_partial_name(name[1:]))
            self.assertFalse(is_partial_name(name[:-1] + "X"))
