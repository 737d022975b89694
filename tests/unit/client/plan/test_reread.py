"""Pushes and gets that have both sides read again what they remember: damage that nobody knows is mended."""

from __future__ import annotations

import os
from typing import AsyncIterator
from unittest import mock

import attrs
from msgspec import structs

from homeftp.client import Outcome, TransferOptions
from homeftp.client.plan.stdio import push_stream
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Verification
from tests.support.flips import flip
from tests.support.transfers import BIG, reader_of
from tests.unit.client.transfer.test_damage import GOOD, DamageCase


class RereadTests(DamageCase):
    """`push` and `get` with `reread`, and with `force`."""

    def set_rights(self, *rights: str) -> None:
        """Tell the client that its account has these."""
        self.client.server_info = structs.replace(self.client.server_info, rights=list(rights))

    def test_push_force_of_unknown_damage(self) -> None:
        """A push of single files with --force has the server read them again, so that damage nobody knows is mended."""
        names = [f"{self.here}/lib/{name}" for name in GOOD]
        self.push(*names, "lib")
        self.assertEqual(set(self.each().values()), {Outcome.SAME}, "the control")
        self.push(*names, f"{self.here}/lib/fine", "lib", force=True, dry_run=True)
        self.assertEqual(set(self.each().values()), {Outcome.SAME}, "a dry run has nothing read")
        self.push(*names, f"{self.here}/lib/fine", "lib", force=True)
        self.assertEqual(self.each(), {"small": Outcome.MENDED, "big": Outcome.MENDED, "fine": Outcome.SAME})
        self.assertEqual([damage for damage in self.verified() if damage.at_us is None], [])

    def test_push_force_one(self) -> None:
        """So does a push of one file to its own name, and one of standard input."""
        self.push(f"{self.here}/lib/small", "lib/small", force=True)
        self.assertEqual(self.outcomes(), {"small": Outcome.MENDED})
        options = TransferOptions(force=True)
        read = reader_of(BIG)
        self.run_work(push_stream(self.client, self.context, read, "lib/big", options, self.observer()))
        self.assertEqual(list(self.outcomes().values()), [Outcome.MENDED])
        self.push(f"{self.here}/lib/small", "new", force=True)
        self.assertEqual(self.outcomes(), {"new": Outcome.NEW})

    def test_push_force_unable(self) -> None:
        """A server that cannot verify, and an account that may not read, are pushed to as without it."""
        self.client.server_info.request_types.remove("VERIFY")
        self.push(f"{self.here}/lib/small", "lib/small", force=True)
        self.assertEqual(self.outcomes(), {"small": Outcome.SAME})
        self.client.server_info.request_types.append("VERIFY")
        self.set_rights("add", "replace")
        self.push(f"{self.here}/lib/small", "lib/small", force=True)
        self.assertEqual(self.outcomes(), {"small": Outcome.SAME})
        self.set_rights("read", "replace")
        self.push(f"{self.here}/lib/small", "lib/small", force=True)
        self.assertEqual(self.outcomes(), {"small": Outcome.MENDED}, "the control")

    def test_push_reread(self) -> None:
        """With --reread all of a folder is read again first; without it --force sends only what differs."""
        self.push(f"{self.here}/lib", "lib", recursive=True, force=True)
        self.assertEqual(set(self.each().values()), {Outcome.SAME}, "the control")
        self.push(f"{self.here}/lib", "lib", recursive=True, reread=True)
        self.assertEqual(self.each(), {"small": Outcome.MENDED, "big": Outcome.MENDED, "fine": Outcome.SAME})

    def test_push_reread_to_the_top(self) -> None:
        """A folder that goes to the top has only what it has read again, and not everything that is on the server."""
        self.push(f"{self.here}/lib", "", recursive=True)
        self.make_file("lib/lib/new")
        seen: list[str] = []
        original = self.client.verify

        def verify(endpoint: str) -> AsyncIterator[Verification]:
            seen.append(endpoint)
            return original(endpoint)

        with mock.patch.object(self.client, "verify", verify):
            self.push(f"{self.here}/lib/.", "", recursive=True, reread=True)
        self.assertEqual(sorted(seen), ["big", "fine", "lib", "small"])

    def test_get_reread(self) -> None:
        """A file here that the disk has damaged unnoticed is fetched again with --reread, and a single one with -f."""
        cache = os.path.join(self.here, "..", "cache.sqlite")
        self.context = attrs.evolve(self.context, hash_cache=HashCache(cache))
        self.push(f"{self.here}/lib", "lib", recursive=True, reread=True)
        lib = "lib", f"{self.here}/lib"
        small = "lib/small", f"{self.here}/lib/small"
        for paths, options, outcome in (
            (lib, {"recursive": True, "reread": True}, Outcome.SUSPICIOUS),
            (small, {"force": True}, Outcome.REPLACED),
        ):
            self.get("lib", f"{self.here}/lib", recursive=True)
            self.assertEqual(set(self.each().values()), {Outcome.SAME})
            flip(f"{self.here}/lib/small", b"gone content", cache)
            self.get("lib", f"{self.here}/lib", recursive=True, force=True)
            self.assertEqual(set(self.each().values()), {Outcome.SAME}, "the control")
            self.get(*paths, **options)
            self.assertEqual(self.each()["small"], outcome)
            self.make_file("lib/small", b"good content")
