"""The lock of the metadata directory ends with the process, and a read-only mount is served read-only."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

from homeftp.endpoint import parse
from homeftp.errors import Forbidden, OperatorError
from tests.support import needs
from tests.support.stores import StoreCase, put_of


def _environment() -> dict[str, str]:
    """The environment of a program that imports the same modules."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


class LockTests(StoreCase):
    """Two processes."""

    def refused(self) -> str:
        """Why the root cannot be opened."""
        with self.assertRaises(OperatorError) as caught:
            self.store()
        message = str(caught.exception)
        self.assertIn(self.root, message)
        self.assertNotIn("\n", message)
        return message

    def test_lock_ends_with_the_process(self) -> None:
        """A server that is killed leaves no lock behind."""
        code = (
            "import os, sys, signal\n"
            "from homeftp.hashing.hashcache import HashCache\n"
            "from homeftp.store.local.store import LocalStore\n"
            "from homeftp.model import WriteRequest\n"
            "from homeftp.endpoint import parse\n"
            "store = LocalStore(sys.argv[1], HashCache(sys.argv[2]))\n"
            "store.upload(WriteRequest(endpoint=parse('large'), size=10)).write(b'x' * 5)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        state = os.path.join(os.path.dirname(self.root), "killed.sqlite")
        ended = subprocess.run([sys.executable, "-c", code, self.root, state], check=False, env=_environment())
        self.assertEqual(ended.returncode, -9)
        self.assertEqual(len(self.left()), 1, "the control: there is an orphan")
        self.store()
        self.assertEqual(self.left(), [])


class ReadOnlyTests(StoreCase):
    """A disk that is mounted read-only."""

    def mounted(self, *options: str) -> None:
        """Another disk is the root."""
        needs.root()
        mount, umount = needs.program("mount"), needs.program("umount")
        subprocess.run([mount, "-t", "tmpfs", *options, "tmpfs", self.root], check=True)
        self.addCleanup(subprocess.run, [umount, "--lazy", self.root], check=True)

    def test_read_only(self) -> None:
        """On a read-only mount everything can be read, and every change is refused with the reason."""
        for there_before in (False, True):
            self.mounted()
            self.lay("file.txt", b"content")
            if there_before:
                store = self.store()
                self.assertIsNone(store.read_only, "the control")
                self.put(store, "other.txt", b"other")
                store.close()
            subprocess.run([needs.program("mount"), "-o", "remount,ro", self.root], check=True)
            store = self.store()
            self.assertIn("mount it writable", str(store.read_only))
            file = store.open(parse("file.txt"))
            self.assertEqual(file.read(0, 100), b"content")
            file.close()
            self.assertIn("file.txt", [entry.name for page in store.list(parse(""), True) for entry in page.entries])
            put, content = put_of("new.txt", b"new")
            for change in (
                partial(store.upload, put),
                partial(store.write_many, [(put, content)]),
                partial(store.make_directory, put_of("folder", b"")[0]),
                partial(store.restore, parse("file.txt"), None, None),
                partial(store.versions, parse("")),
            ):
                with self.assertRaisesRegex(Forbidden, "read-only: .*mount it writable"):
                    change()
            store.maintain()
            store.close()
