"""A file is replaced only under its precondition, and only if it is a file."""

from __future__ import annotations

import os
import threading
from typing import Any, Callable
from unittest import mock

from homeftp.config import SLICE
from homeftp.endpoint import parse
from homeftp.errors import Changed, WrongKind
from homeftp.hashing.filehash import is_settled
from homeftp.interfaces import HashNeeded
from homeftp.model import ABSENT, Entry, HashCondition, WriteRequest
from homeftp.syscalls import System
from tests.support.stores import LONG_AGO, Recording, StoreCase, Walking, put_of, sha
from tests.support.waiting import WITHIN, wait_until


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

    def test_hash_of_large_file(self) -> None:
        """A caller that hashes large files itself is told to, by every change; with the hash the change is made."""
        large = b"x" * (SLICE + 1)
        store = self.store()
        a, b = parse("a"), parse("b")

        def changes(c: str) -> list[Callable[[], object]]:
            request = WriteRequest(endpoint=a, size=1, precondition=c)
            return [
                lambda: self.put(store, "a", b"x", precondition=c),
                lambda: store.upload(request).abort(),
                lambda: store.edit(request).abort(),
                lambda: store.set_metadata(a, mtime_us=1, mode=None, precondition=c),
                lambda: list(store.copy(a, b, source_precondition=c, target_precondition=None)),
                lambda: store.move(a, b, c, None),
                lambda: list(store.remove(a, c, recursive=False)),
            ]

        for number in range(len(changes(""))):
            self.lay("a", large, mtime_us=LONG_AGO + number)
            with self.assertRaises(HashNeeded) as raised:
                changes(HashCondition(sha(large)))[number]()
            self.assertEqual(self.content("a"), large)
            assert raised.exception.open is not None
            file = raised.exception.open()
            file.close()
            for found, tag, error in (
                (sha(b"other"), file.entry.tag, Changed),
                (sha(large), "of another file", HashNeeded),
            ):
                with self.assertRaises(error):
                    changes(HashCondition(sha(large), tag, found))[number]()
            changes(HashCondition(sha(large), file.entry.tag, sha(large)))[number]()

    def test_changed_after_hashing(self) -> None:
        """A large file that changes after it was hashed has to be hashed again: nothing is replaced."""
        large = b"x" * (SLICE + 1)
        self.lay("a", large)
        store = self.store()
        file = store.open(parse("a"))
        file.close()
        known = HashCondition(sha(large), file.entry.tag, sha(large))
        with open(self.path("a"), "r+b") as other:
            other.write(b"X")
        os.utime(self.path("a"), ns=(LONG_AGO * 1000,) * 2)
        with self.assertRaises(HashNeeded):
            self.put(store, "a", b"new", precondition=known)
        self.assertEqual(self.content("a"), b"X" + large[1:])

    def test_many_hashes_in_one_batch(self) -> None:
        """One batch hashes a slice for such a caller, however many files it replaces; the rest is the caller's."""
        half = b"x" * (SLICE // 2)
        for name in "abc":
            self.lay(name, half)
        results = self.together(
            self.store(), *(put_of(name, b"new", precondition=HashCondition(sha(half))) for name in "abc")
        )
        self.assertEqual([type(each) for each in results], [Entry, Entry, HashNeeded])

    def test_written_just_now(self) -> None:
        """Such a caller pauses where the file was written at this moment, and no job sleeps; later it is replaced."""
        os.utime(self.lay("a", b"old"))
        condition = HashCondition(sha(b"old"))
        store = self.store()
        with (
            mock.patch("time.sleep", side_effect=AssertionError("a job of the pool must not sleep")),
            mock.patch("homeftp.hashing.filehash.TICK_NS", 60 * 10**9),  # on a busy machine a tick is over too soon
            self.assertRaises(HashNeeded) as raised,
        ):
            self.put(store, "a", b"new", precondition=condition)
        self.assertIsNone(raised.exception.open)
        wait_until(lambda: is_settled(os.stat(self.path("a"))), within=WITHIN)
        self.put(store, "a", b"new", precondition=condition)
        self.assertEqual(self.content("a"), b"new")

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
