"""The local side of a plan, and what is reported of both sides."""

from __future__ import annotations

import errno
import os
import re
from typing import Any

from homeftp.client import (
    Outcome,
)
from homeftp.errors import (
    OperatorError,
)
from tests.support.transfers import TransferCase


class UnreadableTests(TransferCase):
    """Local files that cannot be read."""

    def test_named_file(self) -> None:
        """A file that the user named ends push and cmp, before anything is done."""
        path = self.make_file("a")
        self.make_remote_file("a")
        opened, unreadable = os.open, os.path.realpath(path)

        def refuse(path: Any, *how: Any, **more: Any) -> int:
            if isinstance(path, str) and os.path.realpath(path) == unreadable:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return opened(path, *how, **more)

        for work in (lambda: self.push(self.make_file("b"), path, "new/"), lambda: self.cmp(path, "a")):
            work()
            with self.assertRaisesRegex(OperatorError, "cannot be read: Permission denied"):
                self.patch(os, "open", refuse)
                try:
                    work()
                finally:
                    self.patch(os, "open", opened)


class MissingTests(TransferCase):
    """Local files that do not exist."""

    def test_why(self) -> None:
        """The error says whether nothing is there, nothing matches, or a symbolic link leads nowhere."""
        os.symlink("nowhere", f"{self.here}/link")
        for name, why in (
            ("none", "none does not exist"),
            ("n*", "nothing on this machine matches"),
            ("link", "link is a symbolic link that leads nowhere"),
        ):
            path = f"{self.here}/{name}"
            for work in (lambda path=path: self.push(path, "new"), lambda path=path: self.cmp(path, "new")):
                with self.assertRaisesRegex(OperatorError, re.escape(why)):
                    work()


class ExcludedTests(TransferCase):
    """What is not transferred."""

    def test_partial_downloads(self) -> None:
        """Partial downloads are skipped by push and cmp; other reserved names fail."""
        self.make_file("lib/a")
        self.make_file("lib/.homeftp-" + 32 * "0")
        self.assertEqual(
            self.push(f"{self.here}/lib", "lib", recursive=True).counts, {Outcome.SKIPPED: 1, Outcome.NEW: 2}
        )
        self.assertEqual(self.cmp(f"{self.here}/lib", "lib").counts[Outcome.FAILED], 0)
        self.make_file("lib/.homeftp-x")
        self.assertEqual(self.push(f"{self.here}/lib", "lib", recursive=True).counts[Outcome.FAILED], 1)
