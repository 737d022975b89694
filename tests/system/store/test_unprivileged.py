"""A server without root rights serves on, whatever modes its clients ask for."""

from __future__ import annotations

import os
from typing import Callable

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import Forbidden, OperatorError, Refusal
from homeftp.hashing.hashcache import HashCache
from homeftp.model import WriteRequest
from homeftp.store.local.store import LocalStore
from tests.support.stores import StoreCase
from tests.support.users import as_nobody

MODES = (0, 0o077, 0o200, 0o100, 0o577)
"""Modes that lack something for the owner of a file or of a directory."""


class UnprivilegedTests(StoreCase):
    """A store of a user without rights."""

    def setUp(self) -> None:
        super().setUp()
        os.chmod(os.path.join(self.root, "../.."), 0o711)
        self.cache = HashCache(None)
        self.addCleanup(self.cache.close)

    def use(self, store: LocalStore, folder: str) -> None:
        """Do everything with a file in a folder that has one."""
        self.put(store, f"{folder}/file", b"replaced")
        self.assertEqual(store.open(parse(f"{folder}/file")).read(0, 99), b"replaced")
        store.restore(parse(f"{folder}/file"), None, None)
        list(
            store.copy(
                parse(f"{folder}/file"), parse(f"{folder}/copy"), source_precondition=None, target_precondition=None
            )
        )
        store.move(parse(f"{folder}/copy"), parse(f"{folder}/moved"), None, None)
        self.assertEqual(sum(store.remove(parse(folder), None, True)), 3)

    def test_any_mode(self) -> None:
        """What was written with any mode can be read, replaced, restored, copied, moved and removed."""
        with as_nobody(self.root):
            store = self.store()
            for mode in MODES:
                self.put(store, "d/file", b"content", mode=mode)
                self.stream(store, "d/file", b"streamed", mode=mode)
                store.make_directory(WriteRequest(endpoint=parse("d"), mode=mode))
                self.use(store, "d")
                self.put(store, "e/file", b"content")
                store.set_metadata(parse("e/file"), mtime_us=None, mode=mode, precondition=None)
                store.set_metadata(parse("e"), mtime_us=None, mode=mode, precondition=None)
                self.use(store, "e")
            store.close()

    def test_anothers(self) -> None:
        """In a folder of another user files are stored and replaced; what may not be set stays, and that is told."""
        self.lay("d/old", b"old")
        self.lay("d/kept", b"kept")
        for path, mode in (("d", 0o777), ("d/old", 0o644), ("d/kept", 0o644)):
            os.chmod(self.path(path), mode)
        os.utime(self.path("d/kept"), (5, 5))
        with as_nobody(self.root):
            store = self.store()
            self.assertEqual(self.put(store, "d/new", b"new", mode=0o600, mtime_us=7_000_000).mode, 0o600)
            self.assertEqual(self.put(store, "d/old", b"replaced", mode=0o600, mtime_us=7_000_000).mtime_us, 7_000_000)
            entry = store.make_directory(WriteRequest(endpoint=parse("d"), mode=0o700, mtime_us=7_000_000))
            self.assertEqual(entry.mode, 0o777)
            self.assertNotEqual(entry.mtime_us, 7_000_000)
            entry = store.set_metadata(parse("d/kept"), mtime_us=7_000_000, mode=0o600, precondition=None)
            self.assertEqual((entry.mtime_us, entry.mode), (5_000_000, 0o644))
            with self.assertRaises(PermissionError):  # the control
                os.chmod(self.path("d"), 0o700)
            store.close()

    def test_control(self) -> None:
        """The control: with these modes on the disk the server cannot do all of that."""
        with as_nobody(self.root):
            store = self.store()
            for name, modes in (("d", (0, 0o077, 0o200, 0o100, 0o500)), ("d/file", (0, 0o077, 0o200, 0o100))):
                for mode in modes:
                    self.put(store, "d/file", b"content")
                    os.chmod(self.path(name), mode)
                    with self.assertRaises(Refusal, msg=(name, oct(mode))):
                        self.assertEqual(store.open(parse("d/file")).read(0, 99), b"content")
                        self.use(store, "d")
                    os.chmod(self.path(name), 0o700)
            store.close()

    def test_unsearchable(self) -> None:
        """A directory whose names can be read, and nothing else of it, is one that the server cannot read."""
        with as_nobody(self.root):
            store = self.store()
            self.put(store, "d/file", b"content")
            self.assertEqual([entry.name for page in store.list(parse("d"), False) for entry in page.entries], ["file"])
            os.chmod(self.path("d"), 0o600)
            self.assertEqual(os.listdir(self.path("d")), ["file"])
            pages = list(store.list(ROOT, True))
            self.assertEqual([entry.name for page in pages for entry in page.entries], ["d"])
            self.assertEqual([name for page in pages for name, _ in page.skipped], ["d"])
            with self.assertRaises(Forbidden):
                list(store.list(parse("d"), False))
            os.chmod(self.path("d"), 0o700)
            store.close()

    def test_old_version(self) -> None:
        """A version that lacks the right to be read, from before modes were completed, is restored with it."""
        with as_nobody(self.root):
            store = self.store()
            self.put(store, "file", b"old")
            os.chmod(self.path("file"), 0o040)
            self.put(store, "file", b"new")
            self.assertEqual(store.restore(parse("file"), None, None).mode, 0o440)
            self.assertEqual(store.open(parse("file")).read(0, 99), b"old")
            store.close()

    def test_top(self) -> None:
        """No request closes the root, or the home of an account; the server starts again."""
        with as_nobody(self.root):
            store = self.store()
            store.make_directory(WriteRequest(endpoint=parse("home")))
            for top in (ROOT, Endpoint(("home",), home=1)):
                for mode in MODES:
                    store.make_directory(WriteRequest(endpoint=top, mode=mode))
                    with self.assertRaises(Forbidden):
                        store.set_metadata(top, mtime_us=None, mode=mode, precondition=None)
            store.close()
            store = self.store()
            self.assertIsNone(store.read_only)
            self.put(store, "home/file", b"content")
            store.close()

    def start_message(self, damage: Callable[[], None]) -> str:
        """What a start says after `damage`: why it fails, or why it is read-only."""
        with as_nobody(self.root):
            self.store().close()
            damage()
            try:
                store = self.store()
                store.close()
                return str(store.read_only)
            except OperatorError as error:
                return str(error)
            finally:
                os.chmod(self.root, 0o700)
                os.chmod(self.path(".homeftp"), 0o700)

    def test_start_without_rights(self) -> None:
        """A root or a folder of the server's own that lost its rights: the start says in one line what to do."""
        for path in (self.root, self.path(".homeftp")):
            for mode in (0, 0o100, 0o400, 0o300):
                said = self.start_message(lambda path=path, mode=mode: os.chmod(path, mode))  # type: ignore[misc]
                if path == self.root or mode in (0, 0o100, 0o300):
                    self.assertIn("chmod u+rwx", said, (path, oct(mode)))
                    self.assertNotIn("\n", said)
        self.assertEqual(self.start_message(lambda: None), "None", "the control: nothing is wrong")
