"""The values of a transfer."""

from __future__ import annotations

import os

from homeftp.client.files.model import FileStat
from homeftp.client.seen.store import SeenScope
from homeftp.client.transfer.batches.single import ISmallGetReceiver
from homeftp.client.transfer.get import GetTransfer
from homeftp.client.transfer.model import FileTask, Outcome, TransferContext, endpoints_below
from homeftp.endpoint import parse
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Entry
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase


class ValuesTests(QuickCase):
    """Tasks and endpoints."""

    def test_endpoints(self) -> None:
        """Names are joined to the base; without either the other is the endpoint."""
        for base, name, expected in (("b", "a", "b/a"), ("b", "", "b"), ("", "a", "a"), ("", "", "")):
            self.assertEqual(endpoints_below(base)(name), expected)

    def test_size(self) -> None:
        """The size of the local file comes first, then that on the server."""
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"content")
        local, remote = FileStat("a", path, os.stat(path)), Entry("a", "file", 9)
        for given, expected in (((local, remote), 7), ((local, None), 7), ((None, remote), 9), ((None, None), 0)):
            self.assertEqual(FileTask("a", *given).size, expected)

    def test_done(self) -> None:
        """After these outcomes there is nothing left to do; a refusal and a difference leave something."""
        self.assertTrue(Outcome.SKIPPED.done and Outcome.SAME.done and Outcome.NEW.done)
        self.assertFalse(Outcome.REFUSED.done or Outcome.DIFFERS.done or Outcome.EXISTS.done)


class InterfaceTests(QuickCase):
    """The classes that implement the interfaces of the package."""

    def test_receiver(self) -> None:
        """A get receives small files."""
        self.assertTrue(ISmallGetReceiver.implementedBy(GetTransfer))


class RestTests(QuickCase):
    """A context that nothing uses for now."""

    def test_rest(self) -> None:
        """The databases give back memory, and know what they knew; so does what has no cache of hashes."""
        scope = SeenScope("server", "ann")
        for cache in (None, HashCache(None)):
            context = TransferContext(InlineWorkers(), System(), cache)
            context.seen.record(scope, [("a", "sha256:" + "0" * 64)])
            parse("a/b")
            context.rest()
            self.assertEqual(parse.cache_info().currsize, 0, "no endpoints are kept")
            self.assertEqual(context.seen.last(scope, ["a"]), {"a": "sha256:" + "0" * 64})
            context.seen.close()
            if cache is not None:
                cache.close()
