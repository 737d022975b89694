"""`homeftp log` on a log that the audit log wrote."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from homeftp.accounts.database import AccountDatabase
from homeftp.audit.log import Audit
from homeftp.cli.owner.log import EVENTS, AuditRecords, describe
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.endpoint import parse
from homeftp.model import Actor, Change
from tests.support.commandline import CommandCase

ANN = Actor("ann", "ann-laptop", "192.0.2.7", "PUSH")
BOB = Actor("bob", None, "192.0.2.8", "GET")
AUDIT_PAGE = Path(__file__).parents[4] / "docs" / "owner" / "audit.rst"
START = datetime(2026, 11, 28, 10, 0, tzinfo=timezone.utc)


class LogTests(CommandCase):
    """The command line."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.abspath(self.mktemp())
        AccountDatabase(self.folder).open()
        self.at = START
        self.audit = self.open_audit()

    def open_audit(self, size: int | None = None, kept: int = 9) -> Audit:
        audit = Audit(self.folder, size=size, kept=kept, now=self.tick)
        self.addCleanup(audit.close)
        return audit

    def tick(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at

    def write(self) -> None:
        """Five records, a minute apart."""
        self.audit.note("login", ANN)
        self.audit.changed([Change("add", "file", parse("photos/lake.jpg"), ANN, size=2100)])
        self.audit.note("read", BOB, kind="file", endpoint="photos/lake.jpg")
        self.audit.changed([Change("move", "file", parse("a"), ANN, to=parse("photos/b"))])
        self.audit.note("refused", BOB, 33, endpoint="tax")

    def log(self, *arguments: str) -> list[str]:
        self.assertEqual(self.homeftp("log", "--state", self.folder, *arguments), Exit.DONE, self.err.getvalue())
        return self.out.getvalue().splitlines()

    def events(self, *arguments: str) -> list[str]:
        return [json.loads(line)["event"] for line in self.log("--json", *arguments)]

    def test_people(self) -> None:
        """Each record is a line with when, who, where and what."""
        self.write()
        lines = self.log()
        self.assertEqual(len(lines), 5)
        for line, words in zip(
            lines,
            (
                ("ann-laptop (ann)", "192.0.2.7", "logged in"),
                ("ann-laptop (ann)", "added photos/lake.jpg (2.1 kB)"),
                ("bob ", "192.0.2.8", "read photos/lake.jpg"),
                ("ann-laptop (ann)", "moved a to photos/b"),
                ("bob ", "was refused (status 33): GET tax"),
            ),
            strict=True,
        ):
            self.assertRegex(line, r"\A20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  ")
            for word in words:
                self.assertIn(word, line)

    def test_web(self) -> None:
        """What browsers and people with a share link did is told in words."""
        link = {"link": "link-a", "endpoint": "photos"}
        for record, words in (
            ({"event": "pairing", "status": 0, "invitation": 4821}, "was paired with code 4821"),
            ({"event": "pairing", "status": 0, "invitation": 4821, "request": "SIGNIN"}, "signed in with code 4821"),
            ({"event": "pairing", "status": 0, "request": "SIGNIN"}, "signed in with a password"),
            ({"event": "pairing", "status": 32, "invitation": 4821}, "tried a wrong code 4821"),
            ({"event": "pairing", "status": 32, "request": "SIGNIN"}, "tried a wrong invitation"),
            ({"event": "share", "status": 0, **link}, "made a share link, link-a, to photos"),
            ({"event": "unshare", "status": 0, **link}, "revoked a share link, link-a, to photos"),
            ({"event": "link", "status": 0, **link}, "opened photos"),
            ({"event": "link", "status": 32, "link": "link-a"}, "tried a wrong password of link-a"),
            ({"event": "revocation", "device": "ann-web", "request": "DELETE"}, "signed out"),
            ({"event": "revocation", "device": "ann-tv", "request": "homeftp device revoke"}, "was revoked"),
            ({"event": "revocation", "request": "homeftp account remove"}, "the account was removed"),
            ({"event": "link", "status": 40}, "tried a share link that does not exist"),
            ({"event": "account", "rights": "read", "endpoint": "", "links": True}, ", and may make share links"),
        ):
            self.assertTrue(describe(record).endswith(words), describe(record))

    def test_filters(self) -> None:
        """By device, account, path, event and time; together they narrow."""
        self.write()
        for arguments, events in (
            (("--device", "ann-laptop"), ["login", "change", "change"]),
            (("--account", "bob"), ["read", "refused"]),
            (("--path", "photos"), ["change", "read", "change"]),
            (("--path", "/photos/lake.jpg"), ["change", "read"]),
            (("--path", "phot"), []),
            (("--event", "change", "--path", "photos/b"), ["change"]),
            (("--since", "2026-11-28T10:04:00+00:00"), ["change", "refused"]),
            (("--until", "2026-11-28T10:02:00+00:00"), ["login"]),
            (("--since", "1d", "--until", "1d"), []),
            (("-n", "2"), ["change", "refused"]),
            (("-n", "1", "--account", "ann"), ["change"]),
        ):
            self.assertEqual(self.events(*arguments), events, arguments)
        self.assertEqual(self.homeftp("log", "--state", self.folder, "--since", "yesterday"), Exit.USAGE)
        self.assertIn("--since yesterday", self.err.getvalue())

    def test_unknown_event(self) -> None:
        """A kind of record that does not exist is refused, with what may be meant and what there is."""
        self.write()
        self.assertEqual(self.homeftp("log", "--event", "chnage", "--state", self.folder), Exit.USAGE)
        self.assertIn("--event chnage: there are no such records. Did you mean `change`?", self.err.getvalue())
        self.assertIn("account, backup, ", self.err.getvalue())

    def test_events(self) -> None:
        """--event takes the kinds of records that audit.rst describes, and `homeftp log` has words for each."""
        _, _, table = AUDIT_PAGE.read_text().partition("``event``\n     - Meaning\n")
        rows = re.findall(r"(?m)^   \* - (.*)$", table.partition("\nChanges\n")[0])
        self.assertEqual(sorted(re.findall("``([a-z]+)``", " ".join(rows))), sorted(EVENTS))
        for event in (*EVENTS, "novelty"):
            is_shown_raw = f" {event} status=0" in describe({"event": event, "status": 0})
            self.assertEqual(is_shown_raw, event == "novelty", event)

    def test_rotated(self) -> None:
        """The log is read across its files, the oldest first; a line that a power cut broke is passed over."""
        self.audit.close()
        self.audit = self.open_audit(size=1)
        self.write()
        self.assertGreater(len([name for name in os.listdir(self.folder) if name.startswith("audit.jsonl")]), 3)
        self.assertEqual(self.events(), ["login", "change", "read", "change", "refused"])
        with open(os.path.join(self.folder, "audit.jsonl.2"), "ab") as file:
            file.write(b'{"time":"20\n')
        self.assertEqual(len(self.events()), 5)

    def test_new(self) -> None:
        """What is new since the last look is read; what is no record is left out."""
        records = AuditRecords(self.folder)
        self.write()
        self.assertEqual(len(list(records.records())), 5)
        with open(os.path.join(self.folder, "audit.jsonl"), "ab") as file:
            file.write(b'7\n{"time":"2099","event":"x"}\n{\n')
        self.assertEqual([record["event"] for record in records.records()], ["x"])

    def test_follow(self) -> None:
        """--follow shows the last records, and each new one until Ctrl-C."""
        for _ in range(3):
            self.write()
        steps = iter((self.write, lambda: None))

        def sleep(seconds: float) -> None:
            step = next(steps, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        self.patch(time, "sleep", sleep)
        self.assertEqual(self.homeftp("log", "--follow", "--state", self.folder), Exit.INTERRUPTED)
        self.assertEqual(len(self.out.getvalue().splitlines()), 15)

    def test_hostile(self) -> None:
        """A name cannot steer the terminal, nor forge a line."""
        self.audit.changed([Change("add", "file", parse("a\u202eb"), ANN)])
        (line,) = self.log()
        self.assertIn("a\\u202eb", line)

    def test_described(self) -> None:
        """Every event has words; one from a newer version is shown as it is."""
        for event, fields, words in (
            ("change", {"change": "delete", "kind": "directory", "endpoint": "d"}, "removed folder d"),
            ("change", {"change": "metadata", "endpoint": ""}, "changed time or mode of the shared folder"),
            ("change", {"change": "damage", "kind": "file", "endpoint": "f"}, "found damage in f"),
            ("change", {"change": "damage", "kind": "version", "endpoint": "f"}, "found damage in a version of f"),
            ("change", {"change": "evict", "kind": "upload", "endpoint": "f"}, "removing an unfinished upload of f"),
            ("change", {"change": "evict", "kind": "version", "endpoint": "f"}, "removing a version of f"),
            ("change", {"change": "prune", "kind": "version", "endpoint": "f"}, "removed for good a version of f"),
            ("read", {"kind": "directory", "endpoint": "d"}, "listed d"),
            ("read", {"kind": "versions", "endpoint": "d"}, "listed the versions of d"),
            ("login", {"status": 32, "user": "eve"}, "could not log in (status 32)"),
            ("pairing", {"invitation": 4821, "status": 0}, "was paired with code 4821"),
            ("pairing", {"invitation": 4821, "status": 32}, "tried a wrong code 4821"),
            ("cancellation", {"invitation": 4821}, "code 4821 was cancelled"),
            ("account", {"rights": "read", "endpoint": ""}, "got the rights read in the shared folder"),
            (
                "account",
                {"rights": "none", "endpoint": "", "folders": {"photos": "read", "kid": "read,add"}},
                "got the rights read in photos; read,add in kid",
            ),
            ("novelty", {"what": 1}, "novelty status=0 what=1"),
        ):
            line = describe({"time": "x", "event": event, "status": 0, **fields})
            self.assertTrue(line.endswith(f" {words}"), line)
        self.assertIn("eve", describe({"event": "login", "status": 32, "user": "eve"}))
        self.assertIn("this machine", describe({"event": "backup", "request": "homeftp state backup"}))
