"""`homeftp sync` against a server in memory."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any, Callable
from unittest import mock

from homeftp.cli.commands import sync as command
from homeftp.cli.parser import build_parser
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import AskedDigests, FolderLock
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.move import MoveDispatcher
from homeftp.endpoint import RESERVED
from homeftp.errors import Busy, InUse
from tests.support.commandline import RemoteCommandCase


class CallingThread:
    """Calls what a thread would."""

    def __init__(self, reactor: object) -> None:
        pass

    async def call(self, function: Callable[[int], bytes], size: int) -> bytes:
        """The result."""
        return function(size)


class SyncTests(RemoteCommandCase):
    """A folder with one file, and a server that does not have it."""

    extra = (DeleteDispatcher(), MoveDispatcher())

    def setUp(self) -> None:
        super().setUp()
        self.make_file("a.txt", b"one")
        self.forget_syncs()

    def sync(self, *options: str, typed: bytes = b"", terminal: bool = False) -> int:
        """Sync the folder."""
        with (
            mock.patch("homeftp.cli.commands.sync.can_ask", return_value=terminal),
            mock.patch("homeftp.cli.transfer.syncing.DaemonThread", CallingThread),
        ):
            return self.homeftp("sync", *options, self.here, "nas:Docs", typed=typed)

    def test_done(self) -> None:
        """With -y it asks nothing, and prints one line; a second time there is nothing to do."""
        self.assertEqual(self.sync("-y"), Exit.DONE)
        self.assertEqual(self.remote_files(), {"Docs/a.txt": b"one"})
        self.assertEqual(self.out.getvalue(), "")
        self.assertEqual(self.sync("-y"), Exit.DONE)
        self.assertRegex(self.err.getvalue(), r"Nothing to do \(1 file compared in \d\.\d s\)\.\n\Z")
        self.assertEqual(self.sync("-y", "-q"), Exit.DONE)
        self.assertEqual(self.err.getvalue(), "")

    def test_loaded_early(self) -> None:
        """A watch loads what transfers files when it connects; a sync, which may have nothing to do, does not."""
        for options, loaded in ((["-y"], ("run_sync",)), (["-y", "--watch"], ("run_sync", "push", "get"))):
            with (
                mock.patch("homeftp.cli.commands.sync.with_remote", return_value=Exit.DONE) as connecting,
                mock.patch("homeftp.syscalls.memory.give_back_memory"),
            ):
                command.run(build_parser(["sync"]).parse_args(["sync", *options, self.here, "nas:Docs"]))
            self.assertEqual(connecting.call_args.kwargs["uses"], loaded, options)

    def test_first_question(self) -> None:
        """A sync of a folder that was synced asks for the server's digests as soon as it is connected.

        The first sync of a folder lists what the server has, a clone has nothing to compare, and a watch loads first
        what keeps memory in use. The folder is locked before: the answer must not be older than what another sync does.
        """
        self.assertFalse(self.asks_first("sync"))
        self.sync("-y")
        self.assertTrue(self.asks_first("sync"))
        self.assertFalse(self.asks_first("sync", clones=True))
        self.assertFalse(self.asks_first("sync", "--watch"))
        self.assertFalse(self.asks_first("sync", "-n"))
        lock = FolderLock(self.here)
        self.addCleanup(lock.release)
        self.assertFalse(self.asks_first("sync"))

    def asks_first(self, *words: str, clones: bool = False) -> bool:
        """Whether a command sends a request first; it has locked the folder then, and lets it go at its end."""

        def connect(*args: Any, ask: Any = None, **kwargs: Any) -> Exit:
            if ask is not None:
                self.assertRaises(InUse, FolderLock, self.here)
            return Exit.DONE

        with (
            mock.patch("homeftp.cli.commands.sync.with_remote", side_effect=connect) as connecting,
            mock.patch("homeftp.syscalls.memory.give_back_memory"),
        ):
            options = build_parser(["sync"]).parse_args([*words, "-y", self.here, "nas:Docs"])
            command.run(options, clones=clones)
        asks = connecting.call_args.kwargs.get("ask") is not None
        if asks:
            FolderLock(self.here).release()
        return asks

    def test_bad_question(self) -> None:
        """What the server says to the first question counts as it does later, and one that is not needed is dropped."""
        self.new_cache()
        self.sync("-y")
        os.unlink(os.path.join(self.here, RESERVED, "sync"))
        self.assertEqual(self.sync("-y"), Exit.USAGE)
        self.assertIn("is a different folder now", self.err.getvalue())
        self.assertEqual(self.sync("-y", "--start-over"), Exit.DONE)
        shutil.rmtree(os.path.join(self.server.root, "Docs"))
        self.make_remote_file("Docs")
        self.assertEqual(self.sync("-y"), Exit.REFUSED)
        self.assertIn("Docs is a file", self.err.getvalue())

    def test_forgotten(self) -> None:
        """Where this machine remembers no hashes any more, the first question is dropped, and all is listed."""
        self.new_cache()
        self.sync("-y")
        self.new_cache()
        with mock.patch.object(AskedDigests, "answer") as taken:
            self.assertEqual(self.sync("-y"), Exit.DONE)
            taken.assert_not_called()
            taken.side_effect = Busy("it was taken")
            self.assertEqual(self.sync("-y"), Exit.REFUSED, "the control: it is taken once hashes are known again")

    def test_asked(self) -> None:
        """At a terminal the plan is printed, and nothing is done without a yes; elsewhere it needs -y."""
        self.assertEqual(self.sync(), Exit.USAGE)
        self.assertIn("homeftp: sync asks at a terminal", self.err.getvalue())
        with mock.patch("homeftp.cli.commands.sync.can_ask", return_value=False):
            self.assertEqual(self.homeftp("sync", f"{self.here}x", "nas:Docs"), Exit.USAGE)
        self.assertIn(f"homeftp: {self.here}x does not exist on this machine yet, and sync asks", self.err.getvalue())
        self.assertEqual(self.sync("--json", terminal=True), Exit.USAGE)
        self.assertEqual(self.sync(terminal=True, typed=b"n\n"), Exit.DIFFERS)
        self.assertIn("here -> server  new        a.txt (3 B)", self.err.getvalue())
        self.assertEqual(self.remote_files(), {})
        self.assertEqual(self.sync(terminal=True, typed=b"y\n"), Exit.DONE)
        self.assertEqual(self.remote_files(), {"Docs/a.txt": b"one"})

    def test_declined_watch(self) -> None:
        """A watch does not begin where its plan is declined: it would carry out the plan unasked."""
        self.assertEqual(self.sync("--watch", terminal=True, typed=b"n\n"), Exit.DIFFERS)
        self.assertEqual(self.remote_files(), {})

    def test_dry_run(self) -> None:
        """-n prints the plan and its exit code says that something is to be done."""
        self.assertEqual(self.sync("-n"), Exit.DIFFERS)
        self.assertEqual(self.out.getvalue(), "  here -> server  new        a.txt (3 B)\n1 file to the server (3 B).\n")
        self.assertEqual(self.sync("-n", "--json"), Exit.DIFFERS)
        head, step = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual((head["endpoint"], step["name"]), ("Docs", "a.txt"))
        self.sync("-y")
        self.assertEqual(self.sync("-n"), Exit.DONE)

    def test_options(self) -> None:
        """Direction, preference and patterns reach the sync; the machine's name is in the names of copies."""
        self.sync("-y")
        self.make_file("a.txt", b"here")
        self.make_remote_file("Docs/a.txt", b"there")
        self.make_file("x.tmp")
        with mock.patch("homeftp.host.own_name", return_value="ann-laptop"):
            self.assertEqual(self.sync("-y", "--exclude", "*.tmp"), Exit.DONE)
        (copy,) = set(self.remote_files()) - {"Docs/a.txt"}
        self.assertRegex(copy, r"\ADocs/a \(conflict from ann-laptop \d{4}-\d\d-\d\d\)\.txt\Z")
        self.make_file("a.txt", b"here again")
        self.make_remote_file("Docs/a.txt", b"there again")
        self.assertEqual(self.sync("-y", "--prefer", "here", "--exclude", "*.tmp"), Exit.DONE)
        self.assertEqual(self.remote_files(), {"Docs/a.txt": b"here again", copy: b"here"})
        self.assertEqual(self.sync("-y", "--pull", "--max-delete", "9"), Exit.DONE)
        self.assertFalse(os.path.exists(os.path.join(self.here, "x.tmp")))

    def test_links(self) -> None:
        """With --follow-links what a link leads to is sent."""
        os.symlink("a.txt", os.path.join(self.here, "link"))
        self.assertEqual(self.sync("-y", "--follow-links"), Exit.DONE)
        self.assertEqual(self.remote_files(), {"Docs/a.txt": b"one", "Docs/link": b"one"})

    def test_skipped(self) -> None:
        """A link is reported, and is no failure; a file that cannot be read is one."""
        os.symlink("a.txt", os.path.join(self.here, "link"))
        self.assertEqual(self.sync("-y"), Exit.DONE)
        self.assertIn("skipped: link: is a symbolic link", self.err.getvalue())
        os.mkdir(os.path.join(self.here, ".homeftp-x"))
        self.assertEqual(self.sync("-y"), Exit.DIFFERS)
        self.assertIn(".homeftp-x: its name is reserved", self.err.getvalue())
