"""Looking in the audit log for who stored a file."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from unittest import mock

from homeftp.audit import file as audit_file
from homeftp.audit.file import FILE
from homeftp.audit.log import Audit
from homeftp.config import MIB
from homeftp.endpoint import parse
from homeftp.hashing.filehash import hash_bytes
from homeftp.history.writer import Writer
from homeftp.model import SERVER, Actor, Change
from homeftp.server.auditsearch import find_writer
from tests.support.folders import QuickCase

ANN, BOB = Actor("ann", "laptop"), Actor("bob")
ONE, TWO = hash_bytes(b"one"), hash_bytes(b"two")
TIME = datetime(2026, 11, 29, 8, 0, tzinfo=timezone.utc)
TIME_US = round(TIME.timestamp()) * 1_000_000
NAME = "Ääh it's/😀.txt"


class SearchTests(QuickCase):
    """`find_writer` in a log of few and of many lines."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder, 0o700)
        self.audit = Audit(self.folder, size=MIB, kept=4, now=lambda: TIME)
        self.addCleanup(self.audit.close)

    def stored(self, actor: Actor, path: str = NAME, content_hash: str = ONE, what: str = "add") -> None:
        self.audit.changed([Change(what, "file", parse(path), actor, hash=content_hash)])

    def find(self, path: str = NAME, content_hash: str = ONE) -> Writer | None:
        """What is found, and in how many steps."""
        found = list(find_writer(self.audit, parse(path), content_hash))
        self.steps = len(found)
        self.assertEqual([each for each in found[:-1] if each], [])
        return next(iter(found[-1]), None) if found else None

    def test_found(self) -> None:
        """The last who gave it that content, with the device; not who gave it another, or to another file."""
        self.stored(BOB)
        self.stored(ANN, what="replace")
        self.stored(BOB, content_hash=TWO, what="replace")
        self.stored(BOB, f"b/{NAME}")
        self.stored(BOB, "a.txt")
        self.audit.changed([Change("delete", "file", parse(NAME), BOB, hash=ONE)])
        self.assertEqual(self.find(), Writer("ann", "laptop", TIME_US))
        self.assertEqual(self.find(content_hash=TWO), Writer("bob", None, TIME_US))
        self.assertIsNone(self.find("b"))

    def test_moved(self) -> None:
        """Who moved a file to its name counts as its writer."""
        self.stored(BOB, "old")
        self.audit.changed([Change("move", "file", parse("old"), ANN, to=parse("new"), hash=ONE)])
        self.assertEqual(self.find("new"), Writer("ann", "laptop", TIME_US))

    def test_no_writer(self) -> None:
        """The server itself, a part of a line, and other events are no writers."""
        self.stored(SERVER)
        self.audit.note("read", BOB, endpoint=NAME, hash=ONE)
        with open(os.path.join(self.folder, FILE), "ab") as file:
            file.write(b'{"time":"2026", "endpoint":"cut')
        self.assertIsNone(self.find("cut"))
        self.assertIsNone(self.find())

    def test_many(self) -> None:
        """Older files of the log are searched too, in steps, up to a bound; without a log nothing is found."""
        self.assertIsNone(self.find())
        self.stored(ANN)
        for number in range(6_000):
            self.stored(BOB, f"{number}/{'x' * 200}")
        self.assertTrue(os.path.exists(os.path.join(self.folder, f"{FILE}.1")))
        self.assertEqual(self.find(), Writer("ann", "laptop", TIME_US))
        self.assertGreater(self.steps, 2)
        self.assertEqual(self.find(f"5999/{'x' * 200}"), Writer("bob", None, TIME_US))
        with mock.patch.object(audit_file, "SEARCHED", MIB):
            self.assertIsNone(self.find())
