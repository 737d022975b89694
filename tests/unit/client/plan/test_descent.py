"""What is asked about directories that differ, and which requests tell the entries of directories."""

from __future__ import annotations

import os
from typing import Any, Sequence
from unittest import mock

from homeftp.client.askeddigests import ask_digests
from homeftp.client.files.digest import LocalDigests, local_digests
from homeftp.client.files.scan import scan
from homeftp.client.plan.descent import Descent, list_directories_of
from homeftp.client.plan.listing import RemoteListing, entry_table, stat_names
from homeftp.endpoint import parse
from homeftp.errors import Changed, Forbidden
from homeftp.files.files import Files
from homeftp.hashing.treedigest import NOTHING
from tests.support.transfers import TransferCase


class DescentTests(TransferCase):
    """A folder `lib` that was pushed: 20 folders with 20 files each in `a`, and one file in deep folders."""

    def setUp(self) -> None:
        super().setUp()
        self.cache = self.new_cache()
        for number in range(20 * 20):
            self.make_file(f"lib/a/{number % 20:02}/{number // 20:02}")
        self.make_file("lib/z/y/x/file")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.top = os.path.join(self.server.root, "lib")

    def digests(self) -> LocalDigests:
        """Those of the local folder."""
        return local_digests(scan(f"{self.here}/lib"), self.cache)

    def descend(self, *, extra: bool = False, parts: Sequence[str] = (), told: bool = True) -> Descent:
        """A descent that has run; `requests` are those that it sent, each with the name in the folder.

        Unless `told`, the server tells no digests but those that are asked for.
        """

        async def run() -> Descent:
            if parts:
                stated = await stat_names(self.client, parse("lib"), ["", *parts])
                descent = Descent(self.client, parse("lib"), self.digests(), stated, parts=parts)
                await descent.compare()
                await descent.list(lambda: extra)
                return descent
            found = await ask_digests(self.client, parse("lib"), NOTHING)
            assert found is not None
            assert found.entry is not None
            assert found.tree is not None
            listing = RemoteListing(entry_table({"": found.entry}), [], [])
            found = found if told else found._replace(directories={})
            descent = Descent(self.client, parse("lib"), self.digests(), listing, found)
            await descent.compare()
            await descent.list(lambda: extra)
            return descent

        with mock.patch.object(self.client, "request", wraps=self.client.request) as request:
            descent = self.run_work(run())
        self.requests = [(call.args[0], call.args[1]["rel_endpoint"][4:]) for call in request.call_args_list]
        return descent

    def asked(self, *, told: bool) -> list[str]:
        """The names of the directories that a descent asks about."""
        self.descend(told=told)
        return [name for request, name in self.requests if request == "CMP"]

    def test_same(self) -> None:
        """Nothing is listed, and every directory is known to be the same."""
        descent = self.descend()
        self.assertEqual(descent.same, set(self.digests().digests))
        self.assertEqual(set(descent.listing.entries), {""})
        self.assertEqual(self.requests, [("CMP", "")])

    def test_one_differs(self) -> None:
        """The directories around a difference are listed, and what is beneath those that are the same is not.

        What the server has told need not be asked for.
        """
        self.make_remote_file("lib/a/03/05", b"other")
        self.assertEqual(self.descend().same, self.descend(told=False).same)
        asked = {told: self.asked(told=told) for told in (True, False)}
        self.assertEqual(asked[True], ["", "z"])
        self.assertEqual(len(asked[False]), 22)
        descent = self.descend()
        self.assertEqual([name for request, name in self.requests if request == "GET"], ["", "a", "a/03"])
        self.assertEqual(set(self.digests().digests) - descent.same, {"", "a", "a/03"})
        names = {"", "a", "z"}
        for number in range(20):
            names |= {f"a/{number:02}", f"a/03/{number:02}"}
        self.assertEqual(set(descent.listing.entries), names)
        in_order = sorted(names, key=lambda name: (name.rpartition("/")[0].replace("/", "\0"), name))
        self.assertEqual(list(descent.listing.entries), in_order)

    def test_parts(self) -> None:
        """A descent may begin at some names: those that are directories on both sides are compared, and no others."""
        self.make_remote_file("lib/a/03/05", b"other")
        self.make_remote_file("lib/there/x")
        self.make_file("lib/here/x")
        parts = ["a/03", "a/04", "a/05/05", "there", "here", "missing"]
        descent = self.descend(parts=parts)
        self.assertEqual([name for request, name in self.requests if request == "GET"], ["a/03"])
        self.assertEqual([name for request, name in self.requests if request == "CMP"], ["", *parts, "a/03", "a/04"])
        self.assertEqual(descent.same, {"a/04"})
        names = {"", "a/03", "a/04", "a/05/05", "there", *(f"a/03/{number:02}" for number in range(20))}
        self.assertEqual(set(descent.listing.entries), names)
        self.assertEqual(set(self.descend(parts=["there"], extra=True).listing.entries), {"", "there", "there/x"})

    def test_small_piece(self) -> None:
        """A directory with few files is listed with all beneath it."""
        self.make_remote_file("lib/z/y/new")
        descent = self.descend()
        self.assertIn(("GET", "z"), self.requests)
        self.assertNotIn(("CMP", "z/y"), self.requests)
        self.assertLessEqual({"z/y", "z/y/new", "z/y/x/file"}, set(descent.listing.entries))

    def test_only_there(self) -> None:
        """Directories that only the server has are listed with what they hold, if they are asked for."""
        self.make_remote_file("lib/more/deep/file")
        self.assertNotIn("more/deep", self.descend().listing.entries)
        self.assertLessEqual({"more/deep", "more/deep/file"}, set(self.descend(extra=True).listing.entries))

    def test_only_here(self) -> None:
        """A directory that the server does not have, or has as a file, has no entries."""
        os.unlink(f"{self.top}/z/y/x/file")
        for name in ("z/y/x", "z/y", "z"):
            os.rmdir(f"{self.top}/{name}")
        self.assertNotIn("z", self.descend().listing.entries)
        self.make_remote_file("lib/z")
        descent = self.descend()
        self.assertEqual(descent.listing.entries["z"].kind, "file")
        self.assertNotIn(("GET", "z"), self.requests)

    def test_forbidden(self) -> None:
        """A directory that the account may not look at has no entries; the top raises."""
        self.make_remote_file("lib/a/03/05", b"other")
        digest = Files.tree_digest

        def refuse(files: Files, endpoint: Any, *args: Any, **options: Any) -> object:
            if str(endpoint) == forbidden:
                raise Forbidden("it is not yours")
            return digest(files, endpoint, *args, **options)

        with mock.patch.object(Files, "tree_digest", refuse):
            forbidden = "lib/a/07"
            descent = self.descend(told=False)
            self.assertNotIn("a/07", descent.same)
            self.assertNotIn("a/07/01", descent.listing.entries)
            self.assertIn("a/08", descent.same)
            forbidden = "lib"
            self.assertRaises(Forbidden, self.descend)

    def test_no_digest(self) -> None:
        """A directory that keeps changing is listed; of one, and of a file, no digests can be told."""
        self.make_remote_file("lib/a/03/05", b"other")
        digest = Files.tree_digest

        def change(files: Files, endpoint: Any, *args: Any, **options: Any) -> object:
            if str(endpoint) == "lib/a/07":
                raise Changed("it is being changed")
            return digest(files, endpoint, *args, **options)

        with mock.patch.object(Files, "tree_digest", change):
            self.assertIn("a/07/01", self.descend(told=False).listing.entries)
            self.assertIsNone(self.run_work(ask_digests(self.client, parse("lib/a/07"), NOTHING)))
        self.assertIsNone(self.run_work(ask_digests(self.client, parse("lib/z/y/x/file"), NOTHING)))

    def test_entries_of_directories(self) -> None:
        """A parent with few files is listed; in one with many each directory is asked for. What is gone is left out."""
        for number in range(40):
            self.make_file(f"lib/z/y/{number}")
        self.push(f"{self.here}/lib", "lib", recursive=True)
        with mock.patch.object(self.client, "request", wraps=self.client.request) as request:
            work = list_directories_of(self.client, parse("lib"), self.digests(), ["", "a", "z", "z/y", "a/03"])
            found = self.run_work(work)
        requests = [(call.args[0], call.args[1]["rel_endpoint"]) for call in request.call_args_list]
        self.assertEqual(requests, [("GET", "lib"), ("GET", "lib/a"), ("GET", "lib/z"), ("CMP", "lib/z/y/x")])
        self.assertEqual(set(found), set(self.digests().digests) - {""})
        self.assertEqual({name: entry.name for name, entry in found.items()}, {name: name for name in found})
        os.unlink(f"{self.top}/z/y/x/file")
        os.rmdir(f"{self.top}/z/y/x")
        gone = list_directories_of(self.client, parse("lib"), self.digests(), ["z/y"])
        self.assertEqual(self.run_work(gone), {})
