"""Metadata of local files against the server's."""

from __future__ import annotations

import os

from homeftp.client import FileResult, Outcome, TransferContext, TransferObserver, TransferOptions
from homeftp.client.files.model import FileStat
from homeftp.client.plan.cmp import cmp
from homeftp.client.plan.push import push
from homeftp.client.transfer.metadata import differing, is_suspicious, wire_metadata
from homeftp.model import Entry
from homeftp.syscalls import System
from homeftp.syscalls.disks import Disks
from homeftp.testing import InMemoryPair
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase
from tests.support.plainstores import NoMetadata


class MetadataTests(QuickCase):
    """A file of 7 bytes, written in 1970, with mode 0640."""

    def setUp(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"content")
        os.chmod(path, 0o640)
        os.utime(path, ns=(0, 5_000_999))
        self.file = FileStat("a", path, os.stat(path))

    def test_wire_metadata(self) -> None:
        """Microseconds, and the permission bits."""
        self.assertEqual(wire_metadata(self.file, Disks(System())), [("mtime_us", 5000), ("mode", 0o640)])

    def test_differing(self) -> None:
        """Each of size, time and mode by itself, and all."""
        for size, mtime_us, mode, expected in (
            (7, 5000, 0o640, ()),
            (8, 5000, 0o640, ("size",)),
            (7, 5001, 0o640, ("mtime_us",)),
            (7, 5000, 0o600, ("mode",)),
            (0, 0, 0o400, ("size", "mtime_us", "mode")),
            (7, None, None, ()),
            (8, None, None, ("size",)),
        ):
            entry = Entry("a", "file", size, mtime_us=mtime_us, mode=mode)
            self.assertEqual(differing(self.file, entry, Disks(System())), expected)

    def test_suspicious(self) -> None:
        """Another content with the same size and time; the mode says nothing, nor does a store that keeps no time."""
        for differs, expected in (
            (("hash",), True),
            (("hash", "mode"), True),
            (("hash", "size"), False),
            (("hash", "mtime_us"), False),
            (("mode",), False),
            ((), False),
        ):
            self.assertIs(is_suspicious(differs, Entry("a", "file", 7, mtime_us=5000)), expected, differs)
            self.assertFalse(is_suspicious(differs, Entry("a", "file", 7)))


class NoMetadataTests(QuickCase):
    """A server whose store keeps neither times nor modes."""

    def test_transfers(self) -> None:
        """A second push finds nothing to do, and a comparison no difference; other contents are sent."""
        here = self.mktemp()
        os.makedirs(os.path.join(here, "d"))
        path = os.path.join(here, "d", "a.txt")
        context = TransferContext(InlineWorkers(), System())
        results: list[FileResult] = []

        def outcomes() -> set[Outcome]:
            found = {result.outcome for result in results}
            results.clear()
            return found

        with InMemoryPair(NoMetadata()) as pair:
            for content, expected in (
                (b"old", {Outcome.NEW}),
                (b"old", {Outcome.SAME}),
                (b"new", {Outcome.REPLACED}),
            ):
                with open(path, "wb") as file:
                    file.write(content)
                observer = TransferObserver(on_result=results.append)
                pair.run(push(pair.client, context, (here,), "", TransferOptions(recursive=True), observer))
                self.assertEqual(outcomes(), expected)
            observer = TransferObserver(on_result=results.append)
            name = os.path.basename(here)
            pair.run(cmp(pair.client, context, here, name, observer))
            self.assertEqual(outcomes(), {Outcome.SAME})
