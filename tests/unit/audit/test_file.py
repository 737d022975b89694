"""The files of the audit log: whole lines, closed to others, and never more than the size limit."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from unittest import mock

from homeftp.audit import file as audit_file
from homeftp.audit.file import FILE
from homeftp.audit.log import Audit
from homeftp.errors import OperatorError
from homeftp.model import Actor
from tests.support import replay
from tests.support.auditcase import ANN, AuditCase


class AuditFileTests(AuditCase):
    """One log, as `Audit` writes it."""

    def test_private(self) -> None:
        """Only its owner may read it; one that others may read is refused, with what to do."""
        self.audit().note("login", ANN)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        os.chmod(self.path, 0o640)
        refused = str(self.assertRaises(OperatorError, self.audit))
        self.assertIn(self.path, refused)
        self.assertIn("chmod 600", refused)

    def test_no_path_for_clients(self) -> None:
        """The reason why a record cannot be written may reach a client: there is no path of the server in it."""
        self.audit().close()
        os.chmod(self.path, 0o644)
        error = self.assertRaises(OSError, Audit(self.folder).note, "login", ANN)
        self.assertIn("chmod 600", str(error.strerror))
        self.assertNotIn(self.folder, str(error.strerror))

    def test_no_file(self) -> None:
        """A path that is not a regular file is refused, and a FIFO does not block."""
        os.makedirs(self.folder, mode=0o700)
        for make in (os.mkfifo, os.mkdir):
            make(self.path, 0o600)
            self.assertRaises(OperatorError, self.audit)
            (os.rmdir if make is os.mkdir else os.unlink)(self.path)
        os.symlink("elsewhere", self.path)
        self.assertRaises(OperatorError, self.audit)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "elsewhere")))

    def test_lock(self) -> None:
        """A program that keeps the log's lock does not block the server for ever."""
        audit = self.audit()
        audit.note("login", Actor("first"))
        self.patch(audit_file, "LOCK_SECONDS", 0.05)
        with open(self.path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            error = self.assertRaises(OSError, audit.note, "login", Actor("second"))
            self.assertIn("another program holds its lock", str(error))
        audit.note("login", Actor("third"))
        self.assertEqual([line["account"] for line in replay.lines(self.folder)], ["first", "third"])

    def test_rotated(self) -> None:
        """A file that has got large is kept under the next number, and the oldest goes; no line is torn or lost."""
        audit = self.audit(size=1000, kept=3)
        for number in range(60):
            audit.note("login", Actor(f"account {number}"))
        self.assertEqual(sorted(os.listdir(self.folder)), [FILE, f"{FILE}.1", f"{FILE}.2"])
        names = [line["account"] for line in replay.lines(self.folder)]
        self.assertEqual(names, [f"account {number}" for number in range(60 - len(names), 60)])
        self.assertGreater(len(names), 10)
        for name in os.listdir(self.folder):
            status = os.stat(os.path.join(self.folder, name))
            self.assertEqual((status.st_mode & 0o777, status.st_size < 1300), (0o600, True))

    def test_taken_away(self) -> None:
        """A log that somebody moved or removed is begun anew."""
        audit = self.audit()
        audit.note("login", Actor("first"))
        os.rename(self.path, os.path.join(self.folder, "elsewhere"))
        audit.note("login", Actor("second"))
        self.assertEqual([line["account"] for line in replay.lines(self.folder)], ["second"])

    def test_torn(self) -> None:
        """A line that a power cut has torn spoils no later line."""
        audit = self.audit()
        audit.note("login", Actor("first"))
        with open(self.path, "ab") as file:
            file.write(b'{"time":"20')
        audit.note("login", Actor("second"))
        lines = self.content().splitlines()
        self.assertEqual((len(lines), json.loads(lines[2])["account"]), (3, "second"))

    def test_full(self) -> None:
        """A record that fails on a full disk leaves no part of it; it is written when there is space."""
        audit = self.audit()
        audit.note("login", Actor("first"))
        before = self.content()
        writing = os.write

        def half(fd: int, data: bytes) -> int:
            if len(data) < 60:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return writing(fd, data[:50])

        with mock.patch("os.write", half):
            self.assertRaises(OSError, audit.note, "login", Actor("second"))
            self.assertEqual(self.content(), before)
        audit.note("login", Actor("third"))
        self.assertEqual([line["account"] for line in replay.lines(self.folder)], ["first", "third"])

    def test_searched(self) -> None:
        """Lines with a text are found, the newest first, across files; the others are not."""
        sink = audit_file.AuditFile(self.folder, size=100, kept=3)
        self.addCleanup(sink.close)
        for number in range(5):
            sink.append([b"%d fits\n" % number, b"x" * 50 + b"\n"])
        found = [line for lines in sink.search(b"fits") for line in lines]
        self.assertGreater(len(found), 2)
        self.assertEqual(found, [b"%d fits" % number for number in (4, 3, 2, 1, 0)][: len(found)])
        self.assertEqual([line for lines in sink.search(b"none") for line in lines], [])
