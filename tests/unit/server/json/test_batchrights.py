"""An account's rights in batches: each entry fares as in a request of its own, and refusals are recorded."""

from __future__ import annotations

import itertools
from typing import Any

from homeftp.hashing.filehash import hash_bytes
from homeftp.status import Status
from tests.support.access import AccessCase
from tests.support.batches import get_batch, push_batch, push_entry
from tests.support.inmemory import Connection
from tests.unit.server.json.test_auditing import log

RIGHTS = ("read,add,replace,delete", "add", "read,replace", "replace")

NAMES = (
    "new",
    "b.txt",
    "B.TXT",
    "notes",
    "notes/a.txt",
    "notes/new",
    "hidden",
    "hidden/x.txt",
    "frozen/z.txt",
    "../bob",
)

CONDITIONS = (None, "absent", hash_bytes(b"ann's too"), hash_bytes(b"other"))


class BatchRightsTests(AccessCase):
    """Each combination of rights, name and condition."""

    def ann(self, rights: str) -> Connection:
        """A connection of ann, in a share as it was at first."""
        self.setUp()
        self.server.put("people/ann/hidden/x.txt", b"h")
        self.server.put("people/ann/frozen/z.txt", b"z")
        return self.enter("ann", rights, hidden="none", frozen="read")

    def test_push(self) -> None:
        """A file or directory is stored, or refused with the status and the words of a request of its own."""
        seen = set()
        for rights, kind in itertools.product(RIGHTS, ("file", "directory")):
            ann = self.ann(rights)
            conditions = CONDITIONS if kind == "file" else (None, "absent")
            for name, condition in itertools.product(NAMES, conditions):
                content = b"content" if kind == "file" else b""
                asked: dict[str, Any] = {"kind": kind, "if_hash": condition}
                if kind == "file":
                    asked["hash"] = hash_bytes(content)
                alone = self.ask(ann, "PUSH", content, rel_endpoint=name, **asked)
                if alone.status == Status.OK:
                    ann = self.ann(rights)
                entry = push_entry(name, content if kind == "file" else None, **asked)
                answer, refused, _ = push_batch(ann, "", [entry])
                self.assertEqual(answer.status, Status.OK)
                found = [(each["status"], each["message"]) for each in refused] or [(0, alone.message)]
                self.assertEqual(found, [(alone.status, alone.message)], (rights, name, asked))
                seen.add(alone.status)
                if alone.status == Status.OK:
                    ann = self.ann(rights)
        self.assertEqual(seen, {0, 33, 41, 43, 44}, "the control")

    def test_get(self) -> None:
        """A file is sent, or refused, as by a request of its own; a tree has what a listing has."""
        seen = set()
        for rights in RIGHTS:
            ann = self.ann(rights)
            answer, entries = get_batch(ann, "", NAMES)
            self.assertEqual(answer.status, Status.OK)
            found = {entry["name"]: entry.get("status", 0) for entry, _ in entries}
            for name in NAMES:
                alone = self.ask(ann, "GET", rel_endpoint=name).status
                if name == "notes" and alone == Status.OK:
                    alone = Status.WRONG_KIND  # a listing
                self.assertEqual(found[name], alone, (rights, name))
                seen.add(alone)
            ann.send("GET", {"rel_endpoint": "", "recursive": True})
            *pages, listed = ann.responses()
            answer, entries = get_batch(ann, "", recursive=True)
            self.assertEqual(answer.status, listed.status)
            names = [entry["name"] for page in pages for entry in page.body["entries"]]
            self.assertEqual(sorted(entry["name"] for entry, _ in entries), sorted(names), rights)
        self.assertEqual(seen, {0, 40, 41, 43}, "the control")

    def test_recorded(self) -> None:
        """Each entry that would have changed something and was refused has a record; and so has one that was stored."""
        ann = self.enter("ann", frozen="read")
        entries = [
            push_entry("a", b"1"),
            push_entry("frozen/b", b"22"),
            push_entry("b.txt", b"3", if_hash="absent"),
            push_entry("frozen/d", None),
        ]
        push_batch(ann, "", entries)
        lines = [line for line in log(self.server) if line["event"] in ("change", "refused")]
        found = [(line["event"], line["request"], line["status"], line["endpoint"], line["size"]) for line in lines]
        self.assertEqual(
            sorted(found, key=lambda line: line[3]),
            [
                ("change", "PUSH", 0, "people/ann/a", 1),
                ("refused", "PUSH", 44, "people/ann/b.txt", 1),
                ("refused", "PUSH", 33, "people/ann/frozen/b", 2),
                ("refused", "PUSH", 33, "people/ann/frozen/d", 0),
            ],
        )
