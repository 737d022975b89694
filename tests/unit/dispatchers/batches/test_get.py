"""GET of a batch as a client meets it."""

from __future__ import annotations

import os

from homeftp.config import PIECE, SMALL_FILE
from homeftp.status import Status
from tests.support.batches import get_batch
from tests.support.verbs import VerbTestCase, content, digest

TIME = 1_714_560_000

LONG = "/".join(["a" * 99] * 42)
"""A name of more bytes than an endpoint may have."""


class BatchTests(VerbTestCase):
    """GET of a batch."""

    def test_named(self) -> None:
        """The files that are named come in their order, each with its entry and its hash."""
        files = {"a.txt": b"content", "d/empty": b"", "d/small": content(SMALL_FILE), "unnamed": b""}
        for name, data in files.items():
            os.utime(self.server.put(f"base/{name}", data), (TIME, TIME))
        names = ["d/small", "a.txt", "d/empty"]
        answer, entries = get_batch(self.connection, "base", names)
        self.assertEqual((answer.status, answer.body), (0, {"sent": 3, "refused": 0}))
        self.assertEqual([(entry["name"], data) for entry, data in entries], [(name, files[name]) for name in names])
        for entry, data in entries:
            self.assertEqual((entry["kind"], entry["size"], entry["hash"]), ("file", len(data), digest(data)))
            self.assertEqual(dict(entry["meta_data"])["mtime_us"], TIME * 10**6)

    def test_refused(self) -> None:
        """What cannot be sent is an entry with a status, and without content."""
        self.server.put("good", b"content")
        self.server.put("large", content(SMALL_FILE + 1))
        self.server.put("d/file", b"")
        os.symlink("good", os.path.join(self.server.root, "link"))
        names = ["missing", "large", "d", "link", "../good", "good", "", ".homeftp/key", LONG]
        answer, entries = get_batch(self.connection, "", names)
        self.assertEqual(answer.body, {"sent": 1, "refused": 8})
        found = {entry["name"]: (entry.get("status", 0), data) for entry, data in entries}
        expected = {
            "missing": (Status.NOT_FOUND, b""),
            "large": (Status.TOO_LARGE, b""),
            "d": (Status.WRONG_KIND, b""),
            "link": (Status.WRONG_KIND, b""),
            "../good": (Status.BAD_ENDPOINT, b""),
            "good": (0, b"content"),
            "": (Status.WRONG_KIND, b""),
            ".homeftp/key": (Status.BAD_ENDPOINT, b""),
            LONG: (Status.BAD_ENDPOINT, b""),
        }
        self.assertEqual(found, expected)
        self.assertTrue(all(entry["message"] for entry, _ in entries if entry.get("status")))

    def test_tree(self) -> None:
        """Without names all that is beneath the directory comes, directories before their content."""
        for number in range(9):
            self.server.put(f"base/d{number}/e/file", b"%d" % number)
        self.server.put("base/top", b"top")
        answer, entries = get_batch(self.connection, "base", recursive=True)
        self.assertEqual(answer.body, {"sent": 28, "refused": 0})
        order = [entry["name"] for entry, _ in entries]
        for number in range(9):
            found = [order.index(f"d{number}"), order.index(f"d{number}/e"), order.index(f"d{number}/e/file")]
            self.assertEqual(found, sorted(found))
        contents = {data for entry, data in entries if entry["kind"] == "file"}
        self.assertEqual(contents, {b"top", *(b"%d" % number for number in range(9))})
        answer, entries = get_batch(self.connection, "base")
        self.assertEqual([entry["name"] for entry, data in entries if data], ["top"])
        self.assertEqual(answer.body, {"sent": 10, "refused": 0})

    def test_pieces(self) -> None:
        """Much content comes in several responses, each of them bounded."""
        for number in range(40):
            self.server.put(f"f{number}", content(SMALL_FILE))
        self.connection.send("GET", {"rel_endpoint": "", "batch": True})
        *interim, (answer, _) = self.connection.answers()
        self.assertEqual(answer.body, {"sent": 40, "refused": 0})
        self.assertGreater(len(interim), 1)
        self.assertLess(max(len(payload) for _, payload in interim), 8 * PIECE)

    def test_bad_requests(self) -> None:
        """Parameters for a single file, names together with `recursive`, and faulty names are refused."""
        self.server.put("a", b"content")
        for more in ({"offset": 1}, {"length": 1}, {"if_hash": digest(b"")}, {"recursive": True}):
            answer, entries = get_batch(self.connection, "", ["a"], **more)
            self.assertEqual((answer.status, entries), (Status.BAD_REQUEST, []))
        for payload in (b"no json\n", b'{"name": 1}\n', b'{"name": "a"}', b'{"name": "a", "content_length": 1}\nx'):
            for before in (b"", b'{"name": "a"}\n'):
                answer = self.connection.ask("GET", {"rel_endpoint": "", "batch": True}, before + payload)
                self.assertEqual(answer.status, Status.BAD_REQUEST, before + payload)
        answer, _ = get_batch(self.connection, "", ["a" * 200] * 400)
        self.assertEqual(answer.status, Status.TOO_LARGE)
        answer, _ = get_batch(self.connection, "missing")
        self.assertEqual(answer.status, Status.NOT_FOUND)
        answer, entries = get_batch(self.connection, "", ["a"])
        self.assertEqual((answer.status, len(entries)), (0, 1), "the control")
