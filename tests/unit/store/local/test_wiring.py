"""The store as a whole: what it must never reach, and how it opens and closes."""

from __future__ import annotations

import os
from typing import Callable

from zope.interface.verify import verifyObject

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import Busy, NotFound, OperatorError, Refusal, WrongKind
from homeftp.interfaces import IStore
from homeftp.model import ABSENT, WriteRequest
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.support.descriptors import count_descriptors
from tests.support.stores import StoreCase, Walking, put_of, sha, snapshot

KINDS: tuple[type[System], ...] = (System, Walking)


def raised(result: object) -> None:
    """Raise a result that is an exception."""
    if isinstance(result, Exception):
        raise result


def operations(store: LocalStore) -> dict[str, Callable[[Endpoint], None]]:
    """Every operation on an endpoint."""

    def put(endpoint: Endpoint) -> WriteRequest:
        return WriteRequest(endpoint=endpoint, size=3, hash=sha(b"new"))

    def put_where(condition: str | None) -> Callable[[Endpoint], None]:
        def put_small(endpoint: Endpoint) -> None:
            raised(store.write_many([put_of(str(endpoint), b"new", precondition=condition)])[0])

        return put_small

    def stream(endpoint: Endpoint) -> None:
        upload = store.upload(put(endpoint))
        upload.write(b"new")
        upload.commit()

    return {
        "stat": lambda endpoint: raised(store.stat(endpoint)),
        "open": lambda endpoint: store.open(endpoint).close(),
        "open_many": lambda endpoint: raised(store.open_many([endpoint], 100)[0]),
        "list": lambda endpoint: raised(list(store.list(endpoint, True))),
        "write_many": put_where(None),
        "write_many, absent": put_where(ABSENT),
        "write_many, a hash": put_where(sha(b"nobody may touch this")),
        "upload": stream,
        "make_directory": lambda endpoint: raised(
            store.make_directory(WriteRequest(endpoint=endpoint, mode=0o777, mtime_us=1))
        ),
    }


class StoreTests(StoreCase):
    """The composed store."""

    def test_interface(self) -> None:
        """It provides its interface."""
        verifyObject(IStore, self.store())

    def test_planted_links(self) -> None:
        """B3: no operation follows a link, wherever it is in the path and however it is resolved."""
        os.makedirs(self.path("a/b"))
        links = {"child": self.outside, "a/parent": self.outside, "a/b/leaf.txt": f"{self.outside}/secret.txt"}
        for name, target in links.items():
            os.symlink(target, self.path(name))
        endpoints = [
            "child",
            "child/secret.txt",
            "child/new/x",
            "a/parent/secret.txt",
            "a/b/leaf.txt",
            "a/b/leaf.txt/x",
        ]
        before = snapshot(self.outside)
        for kind in KINDS:
            store = self.store(kind())
            for operation, call in operations(store).items():
                for name in endpoints:
                    with self.assertRaises(Refusal) as caught:
                        call(parse(name))
                    self.assertIn(type(caught.exception), (WrongKind, NotFound), (kind, operation, name))
            store.close()
        self.assertEqual(snapshot(self.outside), before)
        self.assertEqual(self.links(), links)

    def links(self) -> dict[str, str]:
        """The symbolic links in the root."""
        found = {}
        for folder, folders, names in os.walk(self.root):
            for name in [*folders, *names]:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    found[os.path.relpath(path, self.root)] = os.readlink(path)
        return found

    def test_planted_links_control(self) -> None:
        """The control: the same operations succeed with a directory in place of the link."""
        self.lay("child/secret.txt", b"nobody may touch this")
        store = self.store()
        done = [operation for operation, call in operations(store).items() if self.works(call, "child/secret.txt")]
        self.assertEqual(done, ["stat", "open", "open_many", "write_many", "upload"])

    def works(self, call: Callable[[Endpoint], None], name: str) -> bool:
        """Whether an operation succeeds."""
        try:
            call(parse(name))
        except Refusal:
            return False
        return True

    def test_special_files(self) -> None:
        """B5: no operation waits for a FIFO, or takes it or a device for a file."""
        os.mkfifo(self.path("fifo"))
        for kind in KINDS:
            store = self.store(kind())
            for operation, call in operations(store).items():
                with self.assertRaises(WrongKind, msg=operation):
                    call(parse("fifo"))
            store.close()

    def test_root_moves(self) -> None:
        """B11: what is put in the place of the root is never taken for it; a root that comes back is served again."""
        self.lay("file.txt")
        for kind in KINDS:
            store = self.store(kind())
            moved = self.root + ".moved"
            os.rename(self.root, moved)
            os.symlink(self.outside, self.root)
            self.assertRaises(Busy, store.write_many, [put_of("a/new.txt", b"new")])
            self.assertRaises(Busy, store.stat, parse("secret.txt"))
            self.assertEqual(sorted(os.listdir(moved)), [".homeftp", "file.txt"])
            self.assertEqual(os.listdir(self.outside), ["secret.txt"])
            os.unlink(self.root)
            os.rename(moved, self.root)
            self.assertIsNotNone(store.stat(parse("file.txt")))
            store.close()

    def test_setup_errors(self) -> None:
        """A root that cannot be opened is refused with one line, and nothing stays open."""
        self.lay("file")
        before = count_descriptors()
        for name in ("missing", "file"):
            with self.assertRaises(OperatorError) as caught:
                LocalStore(self.path(name), self.cache)
            self.assertIn(name, str(caught.exception))
        self.assertEqual(count_descriptors(), before)

    def test_closed(self) -> None:
        """It can be closed twice, and opened again."""
        store = self.store()
        store.close()
        store.close()
        self.store().write_many([put_of("a", b"a")])

    def test_old_kernel(self) -> None:
        """Everything works without openat2, syncfs and renameat2."""
        store = self.store(Walking())
        results = store.write_many([put_of(f"{number}/x", b"%d" % number, precondition=ABSENT) for number in range(6)])
        self.assertEqual([getattr(result, "hash", result) for result in results], [sha(b"%d" % n) for n in range(6)])
        self.stream(store, "y", b"large" * 1000, precondition=ABSENT)
        self.assertEqual(sum(len(page.entries) for page in store.list(parse(""), True)), 13)
