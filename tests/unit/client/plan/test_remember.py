"""After a transfer or a comparison both sides know its folders as a whole: the next look is at no single file."""

from __future__ import annotations

import os
import time
from typing import Any, Callable
from unittest import mock

import attrs

from homeftp.client import ConnectionFailed, Outcome, ProtocolViolation
from homeftp.client.api import Client
from homeftp.client.files.digest import local_digests
from homeftp.client.files.scan import scan
from homeftp.client.plan.remember import is_worthwhile
from homeftp.client.seen.store import SeenStore
from homeftp.client.selection import Selection
from homeftp.errors import Forbidden, LoginRequired, ShuttingDown
from homeftp.hashing.hashcache import HashCache
from tests.support.transfers import TransferCase

FOLDERS = {"", "d", "d/e", "empty"}


class RememberTests(TransferCase):
    """Folders that were pushed and fetched."""

    def setUp(self) -> None:
        super().setUp()
        self.cache = self.new_cache()
        few = mock.patch("homeftp.client.plan.remember.FEW_FILES", 1)
        few.start()
        self.addCleanup(few.stop)
        self.context = attrs.evolve(self.context, seen=SeenStore(None))
        for name in ("d/b", "d/e/c"):
            self.make_file(f"lib/{name}", name.encode())
        os.mkdir(f"{self.here}/lib/empty")

    def push_lib(self, **options: Any) -> None:
        """Push the folder."""
        self.push(f"{self.here}/lib", "lib", recursive=True, **options)

    def compare(self) -> None:
        """Compare the folder."""
        self.cmp(f"{self.here}/lib", "lib")

    def forget(self) -> None:
        """Forget all hashes and all that was seen."""
        self.cache = self.new_cache()
        self.context = attrs.evolve(self.context, seen=SeenStore(None))

    def known(self, folder: str = "lib") -> set[str]:
        """The folders here that are known as a whole."""
        tree = scan(f"{self.here}/{folder}", folders=self.cache.folders)
        local_digests(tree, self.cache)  # reads those whose folders are not as they were
        return set(tree.unread)

    def calls(self, kind: type, method: str, look: Callable[[], object]) -> int:
        """How often a look calls a method of such objects."""
        original = getattr(kind, method)
        with mock.patch.object(kind, method, autospec=True, side_effect=original) as called:
            look()
        return called.call_count

    def asked(self, look: Callable[[], object]) -> list[str]:
        """What the server was asked to compare as a whole, in a look by one who remembers nothing."""
        self.forget()
        with mock.patch.object(Client, "cmp", autospec=True, side_effect=Client.cmp) as called:
            look()
        return [call.args[1] for call in called.call_args_list if call.kwargs.get("full_digest") is not None]

    def failing(self, error: Exception) -> Any:
        """Lets it fail to compare as a whole."""
        original = Client.cmp

        async def fail(*what: Any, full_digest: str | None = None, **more: Any) -> Any:
            if full_digest is not None:
                raise error
            return await original(*what, **more)

        return mock.patch.object(Client, "cmp", autospec=True, side_effect=fail)

    def test_push(self) -> None:
        """A push remembers the folders. A dry run, the control, remembers nothing."""
        self.push_lib(dry_run=True)
        self.assertEqual(self.known(), set())
        self.push_lib()
        self.assertEqual(self.known(), FOLDERS)

    def test_get(self) -> None:
        """So does a get."""
        self.push_lib()
        self.get("lib", f"{self.here}/fetched", recursive=True)
        self.assertEqual(self.known("fetched"), FOLDERS)

    def test_cmp(self) -> None:
        """So does a comparison that hashed the files, and what it found the same counts as seen."""
        self.push_lib()
        self.forget()
        self.compare()
        self.assertEqual(self.known(), FOLDERS)
        self.assertEqual(self.calls(SeenStore, "record_folders", self.compare), 0)

    def test_cmp_differs(self) -> None:
        """A comparison that finds differences does so once: at the next one the hashes are not new."""
        self.push_lib()
        self.forget()
        self.make_remote_file("lib/d/b", b"D/B")
        asked = [self.calls(Client, "cmp", self.compare) for _ in range(3)]
        self.assertEqual(self.known(), FOLDERS)
        self.assertGreater(asked[0], asked[1])
        self.assertEqual(asked[1], asked[2])

    def test_cmp_top(self) -> None:
        """Compared with the top of the server a folder is remembered, too."""
        self.push(f"{self.here}/lib/", "", recursive=True)
        self.forget()
        self.cmp(f"{self.here}/lib/", "")
        self.assertEqual(self.known(), FOLDERS)

    def test_server(self) -> None:
        """The server remembers its folders, too. The control: it looks single files up where one has changed."""
        self.push_lib()
        first, second = (self.calls(HashCache, "known", self.compare) for _ in range(2))
        self.assertEqual(first, second)
        self.make_remote_file("lib/d/e/c", b"changed")
        self.assertGreater(self.calls(HashCache, "known", self.compare), second)

    def test_seen(self) -> None:
        """What was pushed counts as seen, so that a comparison records nothing. Where the server has more, it does."""
        self.push_lib()
        self.assertEqual(self.calls(SeenStore, "record_folders", self.compare), 0)
        self.context = attrs.evolve(self.context, seen=SeenStore(None), hash_cache=HashCache(self.mktemp()))
        other = self.make_remote_file("lib/d/e/other")
        self.push_lib()
        os.unlink(other)
        self.assertTrue(self.calls(SeenStore, "record_folders", self.compare))

    def test_little(self) -> None:
        """To look at everything again is not worthwhile where a small part was transferred, or nothing."""
        self.assertTrue(is_worthwhile(1, 8))
        self.assertFalse(is_worthwhile(1, 9))
        self.assertFalse(is_worthwhile(0, 0))
        with mock.patch("homeftp.client.plan.remember.FEW_FILES", 2):
            self.assertFalse(is_worthwhile(1, 1))

    def test_at_rest(self) -> None:
        """A folder with a file that was changed a moment ago is not known, nor are those around it."""
        self.make_file("lib/d/e/c", b"now", mtime=int(time.time()))
        self.push_lib()
        self.assertEqual(self.known(), {"empty"})

    def test_left_out(self) -> None:
        """Nothing is remembered where something is left out."""
        self.push_lib(selection=Selection(("d/e/",)))
        self.assertEqual(self.known(), set())

    def test_may_not_read(self) -> None:
        """An account that may not compare pushes as before."""
        with self.failing(Forbidden("you may not read")):
            self.push_lib()
        self.assertEqual(self.outcomes()["d/b"], Outcome.NEW)
        self.assertEqual(self.known(), FOLDERS)

    def test_extra(self) -> None:
        """What only the server has it does not have to hash for that. A control: it has the same, and is asked."""
        self.push_lib()
        self.assertEqual(self.asked(self.compare), ["lib"])
        self.make_remote_file("lib/more/other")
        for look in (self.compare, lambda: self.push_lib(force=True)):
            self.assertEqual(self.asked(look), [])
            self.assertEqual(self.known(), FOLDERS)
        self.assertEqual(self.asked(lambda: self.push_lib(delete=True)), ["lib"])

    def test_unread(self) -> None:
        """Nor is the server asked where something could not be compared."""
        self.push_lib()
        self.make_file("lib/.homeftp-b")  # a name that cannot be sent
        self.assertEqual(self.asked(self.compare), [])

    def test_nothing_to_remember(self) -> None:
        """Nor where nothing can be remembered here: without a cache, or where a part was left out."""
        self.push_lib()
        with mock.patch("homeftp.client.plan.cmp.reread_remote"):
            self.assertEqual(self.asked(lambda: self.cmp(f"{self.here}/lib", "lib", reread=True)), [])
        selection = Selection(("nothing",))
        self.assertEqual(self.asked(lambda: self.cmp(f"{self.here}/lib", "lib", selection=selection)), [])

    def test_progress(self) -> None:
        """While the server hashes what it still has to, that is reported."""
        self.push_lib()
        self.forget()
        self.compare()
        self.assertTrue(self.compared)

    def test_lost(self) -> None:
        """A transfer or a comparison that is finished does not fail because the connection is lost then.

        It does where the server is not to be trusted, or lets nobody in any more.
        """
        self.push_lib()
        for error, fails in (
            (ConnectionFailed("lost"), False),
            (ShuttingDown("the server stops"), False),
            (ProtocolViolation("no such answer"), True),
            (LoginRequired("log in first"), True),
        ):
            self.forget()
            with self.failing(error):
                if fails:
                    self.assertRaises(type(error), self.compare)
                else:
                    self.compare()
                    self.assertEqual(self.known(), FOLDERS)
            self.assertEqual(self.outcomes(), {"d/b": Outcome.SAME, "d/e/c": Outcome.SAME})
