"""A file is replaced only under its precondition, and only if it is a file."""

from __future__ import annotations

import os
import threading
from typing import Any, Callable

from homeftp.errors import Changed, WrongKind
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.syscalls import System
from tests.support.stores import Recording, StoreCase, Walking, put_of, sha


class PreconditionTests(StoreCase):
    """Hashes and `ABSENT`."""

    def both(self, name: str, content: bytes, **changes: Any) -> Entry | Exception:
        """Upload it, then write it in a batch; both must have the same outcome."""
        store = self.store(System())
        try:
            (first,) = self.streamed(store, put_of(name, content, **changes))
            if isinstance(first, Exception):
                second = self.together(store, put_of("aside", b"x"), put_of(name, content, **changes))[1]
                self.assertIs(type(second), type(first))
            self.assertEqual(self.left(), [])
            return first
        finally:
            store.close()

    def test_absent(self) -> None:
        """With ABSENT a missing file is made, and an existing one stays."""
        self.assertIsInstance(self.both("new.txt", b"new", precondition=ABSENT), Entry)
        self.lay("old.txt", b"old")
        self.assertIsInstance(self.both("old.txt", b"new", precondition=ABSENT), Changed)
        self.assertEqual(self.content("old.txt"), b"old")

    def test_hash(self) -> None:
        """With a hash the file that has it is replaced; any other one stays, and a missing one is not made."""
        self.lay("old.txt", b"old")
        self.assertIsInstance(self.both("old.txt", b"new", precondition=sha(b"other")), Changed)
        self.assertEqual(self.content("old.txt"), b"old")
        self.assertIsInstance(self.both("old.txt", b"new", precondition=sha(b"old")), Entry)
        self.assertEqual(self.content("old.txt"), b"new")
        self.assertIsInstance(self.both("missing.txt", b"new", precondition=sha(b"old")), Changed)
        self.assertIsInstance(self.both("missing/missing.txt", b"new", precondition=sha(b"old")), Changed)
        self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "aside", "old.txt"])

    def test_hash_is_remembered(self) -> None:
        """A file that was hashed for a precondition is not hashed again."""
        self.lay("old.txt", b"old")
        self.both("old.txt", b"new", precondition=sha(b"other"))
        self.assertEqual(
            self.cache.lookup(self.root, {"old.txt": os.stat(self.path("old.txt"))}), {"old.txt": sha(b"old")}
        )

    def test_changed_meanwhile(self) -> None:
        """A file that changes between the check and the rename is not replaced."""
        self.lay("old.txt", b"old")
        put, content = put_of("old.txt", b"new", precondition=sha(b"old"))

        class ChangingSystem(Recording):
            """Another program edits the file while the new one is made durable."""

            def fsync(inner, fd: int) -> None:
                self.lay("old.txt", b"OLD")

        for putting in (self.together, self.streamed):
            self.lay("old.txt", b"old")
            store = self.store(ChangingSystem())
            (result,) = putting(store, (put, content))
            self.assertIsInstance(result, Changed)
            self.assertEqual(self.content("old.txt"), b"OLD")
            store.close()

    def test_wrong_kind(self) -> None:
        """A file never replaces a directory, a link or a FIFO, whatever the precondition."""
        os.mkdir(self.path("directory"))
        os.symlink(f"{self.outside}/secret.txt", self.path("link"))
        os.mkfifo(self.path("fifo"))
        for name in ("directory", "link", "fifo"):
            before = os.lstat(self.path(name))
            for condition in (None, ABSENT, sha(b"")):
                self.assertIsInstance(self.both(name, b"new", precondition=condition), WrongKind, (name, condition))
            self.assertEqual(os.lstat(self.path(name)).st_ino, before.st_ino)

    def test_race_for_absent(self) -> None:
        """Of many writes with ABSENT exactly one succeeds, with and without renameat2."""
        for system in (System(), Walking()):
            self.race(system, lambda number: put_of("new.txt", b"%d" % number, precondition=ABSENT))
            os.unlink(self.path("new.txt"))

    def test_race_for_hash(self) -> None:
        """Of many writes that expect the same content exactly one succeeds."""
        self.lay("new.txt", b"old")
        self.race(System(), lambda number: put_of("new.txt", b"%d" % number, precondition=sha(b"old")))

    def race(self, system: System, make: Callable[[int], tuple[WriteRequest, bytes]]) -> None:
        """Let eight threads put at once."""
        store = self.store(system)
        results: dict[int, Entry | Exception] = {}
        together = threading.Barrier(8)

        def work(number: int) -> None:
            together.wait()
            putting = self.together if number % 2 else self.streamed
            (results[number],) = putting(store, make(number))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        won = [number for number, result in results.items() if isinstance(result, Entry)]
        self.assertEqual(len(won), 1, results)
        self.assertEqual(self.content("new.txt"), b"%d" % won[0])
        self.assertEqual({type(result) for result in results.values()}, {Entry, Changed})
        store.close()
