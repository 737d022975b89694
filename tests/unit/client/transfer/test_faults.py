"""Every call by which the client writes may fail, with any error: that ends in a message, and loses nothing."""

from __future__ import annotations

import errno
import os
from typing import Any, Callable
from unittest import mock

from homeftp.client import Outcome, TransferContext
from homeftp.client.files import directory as client_directory
from homeftp.client.files.names import is_partial_name
from homeftp.errors import OperatorError
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.descriptors import count_descriptors
from tests.support.needs import LONG
from tests.support.transfers import BIG, OLD, TransferCase, tree

ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES, errno.EMFILE, errno.ENAMETOOLONG)

CALLS = ("write", "fsync", "fsync_directory", "syncfs", "rename", "rename_new")
"""Methods of `System`."""

OS_CALLS = ("open", "mkdir", "fchmod", "utime", "fstat")
"""Functions that the client calls itself."""

WANTED = {"d/new": b"new", "d/old": b"newer", "big": BIG, "d/e/f": b"deep"}
"""The files that the server has."""


class Faults:
    """Lets the call number `fails` of those that were counted fail."""

    def __init__(self, fails: int, number: int) -> None:
        self.fails = fails
        self.number = number
        self.count = 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, counted."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self.fails:
                raise OSError(self.number, os.strerror(self.number))
            return call(*args, **kwargs)

        return counted


class FailingSystem(System):
    """The client's system."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        for name in CALLS:
            setattr(self, name, faults.around(getattr(self, name)))


class FailingOS:
    """The module `os`, as the client's `directory.py` sees it."""

    def __init__(self, faults: Faults) -> None:
        for name in OS_CALLS:
            setattr(self, name, faults.around(getattr(os, name)))
        self.supports_dir_fd = {self.open}

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


class FaultTests(TransferCase):
    """Fetching a tree of small files and one large file, over files that are older."""

    def fetch(self, fails: int, number: int) -> Faults:
        """Fetch it while one call fails; checks what is left. Returns the calls that were counted."""
        self.start_client()
        old = self.make_file("src/d/old", b"old", mtime=OLD)
        faults = Faults(fails, number)
        self.context = TransferContext(InlineWorkers(), FailingSystem(faults))
        descriptors = count_descriptors()
        failure = None
        with mock.patch.object(client_directory, "os", FailingOS(faults)):
            try:
                self.get("src", f"{self.here}/src", recursive=True)
            except OperatorError as error:
                failure = str(error)
        where = f"call {fails}, {errno.errorcode[number]}"
        self.assertEqual(count_descriptors(), descriptors, where)
        found = tree(f"{self.here}/src")
        self.assertIn(found.get("d/old"), (b"old", b"newer"), where)
        found = {name: content for name, content in found.items() if not is_partial_name(os.path.basename(name))}
        for name, content in found.items():
            if name != "d/old":
                self.assertEqual(content, WANTED[name], where)
        if failure is not None:
            self.assertIn(os.strerror(number), failure)
            self.assertNotIn("\n", failure)
        else:
            failed = [result for result in self.results if result.outcome is Outcome.FAILED]
            self.assertTrue(failed or found == WANTED, where)
        self.assertTrue(os.path.exists(old))
        self.wire.cut()
        return faults

    def test_every_call(self) -> None:
        """Whatever call fails, and how: each file has its old or its new content, and the reason is told.

        Neighbours fail with different errors; HOMEFTP_TESTS_LONG tries all of them at each call.
        """
        for name, content in WANTED.items():
            self.make_remote_file(f"src/{name}", content)
        total = self.fetch(0, errno.EIO).count
        self.assertGreater(total, 20)
        for step in range(len(ERRNOS) if LONG else 1):
            for fails in range(1, total + 1):
                self.fetch(fails, ERRNOS[(fails + step) % len(ERRNOS)])
