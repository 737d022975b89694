"""Values and amounts from a server that no honest one sends: they end in a message, and in bounded memory and time."""

from __future__ import annotations

import os
from typing import Any, Callable
from unittest import mock

from twisted.internet.defer import Deferred

from homeftp.client import ConnectionFailed, TransferObserver, TransferOptions
from homeftp.client.errors import ProtocolViolation
from homeftp.client.plan.get import get
from homeftp.config import MOST_DISCARDED, STREAM_PIECE
from tests.support.lyingserver import LyingServerCase


class HostileServerTests(LyingServerCase):
    """A client fetches from it."""

    def failure(self, begun: Deferred[Any]) -> Exception:
        """Why it failed."""
        value = self.failureResultOf(begun).value
        assert isinstance(value, Exception)
        return value

    def test_times(self) -> None:
        """A time that no system has is no answer; the largest that the wire has does no harm."""
        for mtime_us in (10**30, -(10**30), 2**63):
            self.setUp()
            self.shares(b"content", head={"meta_data": [["mtime_us", mtime_us]]})
            self.assertIsInstance(self.failure(self.get()), ProtocolViolation)
        for mtime_us in (2**63 - 1, -(2**63 - 1)):
            self.setUp()
            self.shares(b"content", head={"meta_data": [["mtime_us", mtime_us], ["mode", 2**63 - 1]]})
            self.get()
            self.assertEqual(sum(self.observer.counts.values()), 1)

    def test_larger_than_listed(self) -> None:
        """A small file that is announced as an enormous one is not read to its end."""
        self.shares(b"abc")
        size = 2**60
        self.says["GET"] = lambda body: [
            ({"more": True, "content_length": size, "body": {"name": "", "kind": "file", "size": size}}, b"abc")
        ]
        self.assertIsInstance(self.failure(self.get()), ConnectionFailed)

    def test_no_space(self) -> None:
        """A file that the disk cannot take is refused before it arrives, and what it would send is not read."""
        for listed in (2**60, 5 * STREAM_PIECE):
            self.setUp()
            entry = {"name": "", "kind": "file", "size": listed, "meta_data": [["mtime_us", 5]]}
            sent = {**entry, "size": 2**60}
            self.says["CMP"] = lambda body, entry=entry: [({"status": 10, "body": {"remote": entry}}, b"")]  # type: ignore[misc]
            self.says["GET"] = lambda body, sent=sent: [  # type: ignore[misc]
                ({"more": True, "content_length": 2**60, "body": sent}, b"abc")
            ]
            self.assertIn("No space left", str(self.failure(self.get())))
            self.assertEqual(os.listdir(self.here), [])
            self.assertEqual(self.wire.client.phase.name, "CLOSING")

    def test_endless_listing(self) -> None:
        """A listing has an end, for entries as for what is skipped, and for pages without either."""
        top = {"name": "", "kind": "directory"}
        self.says["CMP"] = lambda body: [({"status": 10, "body": {"remote": top}}, b"")]
        pages: tuple[Callable[[int], dict[str, Any]], ...] = (
            lambda number: {"entries": [{"name": f"{number}-{n}", "kind": "file"} for n in range(10)]},
            lambda number: {"entries": [], "skipped": [[f"{number}", "is a link"]] * 10},
            lambda number: {"entries": []},
        )
        for page in pages:
            self.setUp()
            self.says["CMP"] = lambda body: [({"status": 10, "body": {"remote": top}}, b"")]
            self.says["GET"] = lambda body, page=page: [  # type: ignore[misc]
                ({"more": True, "body": page(number)}, b"") for number in range(200)
            ]
            observer = TransferObserver()
            with (
                mock.patch("homeftp.client.connection.replies.MOST_LISTED", 100),
                mock.patch("homeftp.wire.connection.MOST_LISTED", 100),
            ):
                options = TransferOptions(recursive=True)
                begun = self.begin(get(self.client, self.context, ["a"], f"{self.here}/a", options, observer))
            self.assertIn("more than 100", str(self.failure(begun)))

    def test_deep(self) -> None:
        """A tree is no deeper, and a path no longer, than any that a server may have."""
        for part, parts in (("d", 200), ("d" * 200, 30)):
            self.setUp()
            names = ["/".join([part] * depth) for depth in range(1, parts)]
            self.says["CMP"] = lambda body: [
                ({"status": 10, "body": {"remote": {"name": "", "kind": "directory"}}}, b"")
            ]
            self.says["GET"] = lambda body, names=names: [  # type: ignore[misc]
                ({"more": True, "body": {"entries": [{"name": name, "kind": "directory"}]}}, b"") for name in names
            ]
            options = TransferOptions(recursive=True)
            begun = self.begin(get(self.client, self.context, ["a"], f"{self.here}/a", options, self.observer))
            self.assertIn("illegal name", str(self.failure(begun)))

    def test_discarded(self) -> None:
        """Of an answer that is not wanted any more a little is read, so that the connection stays of use; not more."""
        for size, ends in ((MOST_DISCARDED, False), (MOST_DISCARDED + 10, True)):
            self.setUp()
            entry = {"name": "", "kind": "file", "size": size}
            self.says["GET"] = lambda body, entry=entry, size=size: [  # type: ignore[misc]
                ({"more": True, "content_length": size, "body": entry}, b"abc")
            ]
            self.successResultOf(self.begin(self.client.get("a"))).discard()
            self.assertEqual(self.wire.client.phase.name == "CLOSING", ends)

    def test_honest(self) -> None:
        """The control: an honest file arrives."""
        self.shares(b"content")
        self.successResultOf(self.get())
        with open(f"{self.here}/a", "rb") as file:
            self.assertEqual(file.read(), b"content")
