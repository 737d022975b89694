"""GET of a directory with `hashes`: every file has its hash."""

from __future__ import annotations

from typing import Any
from unittest import mock

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import Endpoint
from homeftp.errors import Busy, Changed, NotFound, Refusal
from homeftp.files.files import Files
from homeftp.model import Entry
from homeftp.status import Status
from tests.support.verbs import VerbTestCase, digest

NAMES = ("d/a", "d/b", "d/sub/c")


class HashesTests(VerbTestCase):
    """A directory whose files the server has never read."""

    def setUp(self) -> None:
        super().setUp()
        for name in NAMES:
            self.server.put(name, name.encode())

    def listed(self, **body: Any) -> tuple[dict[str, str | None], list[dict[str, Any]]]:
        """The hash of each name, and the other responses with `more`."""
        self.connection.send("GET", {"rel_endpoint": "d", **body})
        *interim, last = self.connection.responses()
        self.assertEqual(last.status, Status.OK, last.message)
        entries = [entry for each in interim for entry in each.body.get("entries", ())]
        self.assertEqual(last.body, {"entries_total": len(entries)})
        found = {entry["name"]: entry.get("hash") for entry in entries}
        return found, [each.body for each in interim if "entries" not in each.body]

    def test_computed(self) -> None:
        """Each file has its hash, and what is read is told; without `hashes`, the control, none has."""
        self.assertEqual(self.listed(recursive=True), ({"a": None, "b": None, "sub": None, "sub/c": None}, []))
        found, progress = self.listed(recursive=True, hashes=True)
        expected = {name.removeprefix("d/"): digest(name.encode()) for name in NAMES}
        self.assertEqual(found, {**expected, "sub": None})
        self.assertEqual(progress, [{"files": 3, "bytes": len("".join(NAMES))}])
        self.assertEqual(self.listed(hashes=True)[0], {"a": expected["a"], "b": expected["b"], "sub": None})

    def test_many(self) -> None:
        """The progress counts from the beginning, over pages."""
        for number in range(LISTING_PAGE):
            self.server.put(f"d/{number:04}", b"x")
        found, progress = self.listed(hashes=True)
        self.assertEqual(len(found), LISTING_PAGE + 3)
        self.assertEqual([name for name, known in found.items() if known is None], ["sub"])
        counts = [each["files"] for each in progress]
        self.assertEqual((counts, counts[-1]), (sorted(counts), LISTING_PAGE + 2))

    def failing(self, refusal: Refusal) -> Any:
        """Let the hashing of the file a fail."""
        hash = Files.hash

        async def hash_or_fail(files: Files, endpoint: Endpoint, *options: Any) -> Entry:
            if endpoint.whole == "d/a":
                raise refusal
            return await hash(files, endpoint, *options)

        return mock.patch.object(Files, "hash", hash_or_fail)

    def test_changing(self) -> None:
        """A file that keeps changing has no hash, one that is gone is not listed, and the others have theirs."""
        for refusal, names in ((Changed("it changes"), ["a", "b", "sub"]), (NotFound("gone"), ["b", "sub"])):
            with self.failing(refusal):
                found, _ = self.listed(hashes=True)
            self.assertEqual((list(found), found.get("a"), found["b"]), (names, None, digest(b"d/b")))

    def test_refused(self) -> None:
        """It is for directories that exist now, and not for batches; what else fails ends the listing."""
        for body, status in (
            ({"rel_endpoint": "d/a"}, Status.WRONG_KIND),
            ({"rel_endpoint": "d", "as_of": 1}, Status.BAD_REQUEST),
            ({"rel_endpoint": "d", "batch": True}, Status.BAD_REQUEST),
        ):
            self.connection.send("GET", {**body, "hashes": True})
            self.assertEqual(self.connection.responses()[-1].status, status, body)
        with self.failing(Busy("busy")):
            self.connection.send("GET", {"rel_endpoint": "d", "hashes": True})
            self.assertEqual(self.connection.responses()[-1].status, Status.BUSY)
