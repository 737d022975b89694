"""Files that the server has elsewhere: they are copied there, and not sent again."""

from __future__ import annotations

import os
from typing import Any
from unittest import mock

from homeftp.client import Outcome
from homeftp.client.transfer.copies import RemoteCopies
from homeftp.client.transfer.payload import hash_source
from homeftp.config import SMALL_FILE
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.move import CopyDispatcher
from homeftp.dispatchers.setstat import SetstatDispatcher
from homeftp.errors import NoSpace, ShuttingDown
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import Entry
from tests.support.transfers import BIG, NEW, OLD, TransferCase, stamp

MIDDLE = b"middle" * SMALL_FILE

MANY, FOLDERS = 340, 17
"""Files, and folders of them: so many that a push compares digests, and does not list all of them."""


class CopiesTests(TransferCase):
    """A folder whose files have other names than at the last push."""

    extra = (CopyDispatcher(), DeleteDispatcher(), SetstatDispatcher())

    def pushed(self, **options: Any) -> dict[str, str]:
        """The hash of each of the server's files after a push of the folder; `sent` are the bytes that were sent."""
        observer = self.push(f"{self.here}/lib", "lib", recursive=True, **options)
        self.sent = observer.bytes_moved
        return {name.removeprefix("lib/"): hash_bytes(content) for name, content in self.remote_files().items()}

    def rename(self) -> None:
        """Push a folder, and rename what is in it."""
        for name, content in (("old/big", BIG), ("old/middle", MIDDLE), ("old/small", b"small")):
            self.make_file(f"lib/{name}", content, mtime=OLD, mode=0o640)
        self.pushed()
        self.assertEqual(self.sent, len(BIG + MIDDLE + b"small"), "the control")
        os.rename(f"{self.here}/lib/old", f"{self.here}/lib/new")

    def test_renamed(self) -> None:
        """A renamed folder's files are copied, but for small ones; with --delete the old ones go."""
        self.rename()
        found = self.pushed()
        expected = {"big": hash_bytes(BIG), "middle": hash_bytes(MIDDLE), "small": hash_bytes(b"small")}
        self.assertEqual(found, {f"{at}/{name}": hash for at in ("old", "new") for name, hash in expected.items()})
        self.assertEqual(self.sent, len(b"small"))
        self.assertEqual(self.outcomes()["new/big"], Outcome.NEW)
        self.assertEqual(stamp(f"{self.server.root}/lib/new/big"), (OLD * 10**6, 0o640))
        left = self.pushed(delete=True, max_delete=9, confirm_deletion=agree)
        self.assertEqual(set(left), {"new/big", "new/middle", "new/small"})
        self.assertEqual(self.sent, 0)

    def test_most(self) -> None:
        """Of very many files only the first ones are looked through."""
        sizes = [SMALL_FILE + number for number in range(4)]
        remote = {f"{size}": Entry(f"{size}", "file", size, hash=hash_bytes(b"%d" % size)) for size in sizes}
        for most in (2, 4):
            copies = RemoteCopies(self.client, remote, most=most)
            found = [size for size in sizes if copies.may_have(size)]
            self.assertEqual(found, sizes[1 : most + 1], "a small file is not looked through")
            names = [copies.find(entry.hash) for entry in remote.values()]
            self.assertEqual([name for name in names if name], [f"{size}" for size in found])

    def test_other_time(self) -> None:
        """A copy gets the local file's time and mode."""
        self.rename()
        os.utime(f"{self.here}/lib/new/big", (NEW, NEW))
        os.chmod(f"{self.here}/lib/new/big", 0o600)
        self.pushed()
        self.assertEqual(stamp(f"{self.server.root}/lib/new/big"), (NEW * 10**6, 0o600))
        self.assertEqual(stamp(f"{self.server.root}/lib/old/big"), (OLD * 10**6, 0o640), "the other one stays")

    def test_replaced(self) -> None:
        """A file that takes another one's content is a copy too; what it had before is a version."""
        self.rename()
        self.make_file("lib/other", b"mine", mtime=OLD)
        self.pushed()
        self.make_file("lib/other", BIG, mtime=NEW)
        self.assertEqual(self.pushed()["other"], hash_bytes(BIG))
        self.assertEqual((self.sent, self.outcomes()["other"]), (0, Outcome.REPLACED))

    def test_changed_there(self) -> None:
        """Where the server's file is another one by now, or cannot be copied, the file is sent."""
        self.rename()
        original = self.client.copy

        async def changed(*args: Any, **options: Any) -> Any:
            self.make_remote_file("lib/old/big", b"changed")
            return await original(*args, **options)

        self.patch(self.client, "copy", changed)
        self.assertEqual(self.pushed()["new/big"], hash_bytes(BIG))
        self.assertEqual(self.sent, len(BIG + b"small"))
        self.start_client()
        self.make_file("lib/full/middle", MIDDLE)
        with mock.patch.object(self.client, "copy", side_effect=NoSpace("full")):
            self.assertEqual(self.pushed()["full/middle"], hash_bytes(MIDDLE))
        self.assertEqual(self.sent, len(MIDDLE))

    def test_metadata_refused(self) -> None:
        """A copy whose time cannot be set is reported like any other file of that kind."""
        self.rename()
        os.utime(f"{self.here}/lib/new/big", (NEW, NEW))
        notices: list[str] = []
        with mock.patch.object(self.client, "set_metadata", side_effect=NoSpace("full")):
            observer = self.observer()
            observer.on_notice = notices.append
            with mock.patch.object(self, "observer", return_value=observer):
                self.pushed()
        self.assertRegex(str(notices), "new/big: the time or mode could not be set")

    def test_restarted(self) -> None:
        """A server that is restarted has refused nothing."""
        self.rename()
        for method in ("copy", "set_metadata"):
            os.utime(f"{self.here}/lib/new/big", (NEW, NEW))
            with mock.patch.object(self.client, method, side_effect=ShuttingDown("it restarts")):
                self.assertRaises(ShuttingDown, self.pushed)

    def test_sizes(self) -> None:
        """A large file of which the server has none of that size is read only once, as it is sent."""
        self.rename()
        self.make_file("lib/larger", BIG + b"!")
        hashed: list[str] = []
        with mock.patch("homeftp.client.transfer.comparer.hash_source", side_effect=_recording(hashed)):
            self.pushed()
        self.assertEqual([os.path.basename(path) for path in hashed], ["big"])

    def test_unchanged_folder(self) -> None:
        """A file that the server has in a folder that is the same, and so is not listed, is copied from there."""
        self.new_cache()
        for number in range(MANY):
            self.make_file(f"lib/{number % FOLDERS}/{number}")
        self.make_file("lib/kept/big", BIG, mtime=OLD)
        self.pushed()
        self.make_file("lib/0/copy", BIG, mtime=NEW, mode=0o600)
        with mock.patch.object(self.client, "request", wraps=self.client.request) as request:
            self.assertEqual(self.pushed()["0/copy"], hash_bytes(BIG))
        asked = [(call.args[0], call.args[1]["rel_endpoint"]) for call in request.call_args_list]
        self.assertIn(("GET", "lib/0"), asked)
        self.assertNotIn(("GET", "lib/kept"), asked, "the control: it is not listed")
        self.assertEqual(self.sent, 0)
        self.assertEqual(stamp(f"{self.server.root}/lib/0/copy"), (NEW * 10**6, 0o600))

    def test_unsupported(self) -> None:
        """A server that copies nothing is sent everything."""
        self.rename()
        self.client.server_info.request_types.remove("COPY")
        self.pushed()
        self.assertEqual(self.sent, len(BIG + MIDDLE + b"small"))


async def agree(plan: object) -> bool:
    """Delete what is not here."""
    return True


def _recording(hashed: list[str]) -> Any:
    async def hash_recorded(source: Any, workers: Any) -> str:
        hashed.append(source.file.path)
        return await hash_source(source, workers)

    return hash_recorded
