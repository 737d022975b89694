"""Where new content is written: under names of its own, and swept at the start."""

from __future__ import annotations

import os
import shutil

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadEndpoint
from homeftp.model import Entry
from homeftp.syscalls import System
from tests.support.stores import ReplacingCase, put_of

TOKEN = "0123456789abcdef" * 2


class DraftTests(ReplacingCase):
    """Temporary files."""

    def test_names(self) -> None:
        """B9: no endpoint names a draft, in any spelling, nor our folder."""
        for name in (
            ".homeftp",
            ".homeftp/incoming/x",
            "a/.HomeFTP",
            f".homeftp-{TOKEN}",
            "a/.HOMEFTP-x",
            ".\uff48omeftp-x",
        ):
            with self.assertRaises(BadEndpoint):
                parse(name)
        self.assertEqual(str(parse(".homeftp2")), ".homeftp2", "the control")

    def test_sweep(self) -> None:
        """What a crash left is gone after the start, whatever it is; nothing else is touched."""
        os.makedirs(self.path(".homeftp/incoming/planted"))
        self.lay(".homeftp/incoming/orphan", b"half a file")
        self.lay(".homeftp/incoming/\udcff", b"half a file")
        self.lay(".homeftp/kept", b"")
        os.symlink(self.outside, self.path(".homeftp/incoming/link"))
        self.share()
        self.assertEqual(self.left(), ["planted"])
        self.assertEqual(sorted(os.listdir(self.path(".homeftp"))), ["incoming", "kept", "lock", "partial", "versions"])
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])

    def test_never_opened_twice(self) -> None:
        """A draft whose name is taken already is refused, not shared."""
        replacing = self.replacing(System())
        place = replacing.jail.place(ROOT)
        self.addCleanup(os.close, place.fd)
        draft = replacing.drafts.new(TOKEN, place, ROOT, None)
        self.addCleanup(draft.close)
        with self.assertRaises(FileExistsError):
            replacing.drafts.new(TOKEN, place, ROOT, None)

    def test_different_names(self) -> None:
        """Each of many drafts has its own name, with 128 bits that nobody can guess."""
        share = self.share()
        incomings = [share.upload(put_of("same", b"")[0]) for _ in range(20)]
        names = self.left()
        self.assertEqual(len(set(names)), 20)
        for name in names:
            self.assertRegex(name, r"\A[0-9a-f]{32}\Z")
        for incoming in incomings:
            incoming.abort()
        self.assertEqual(self.left(), [])


class ElsewhereTests(ReplacingCase):
    """Another disk inside the share, which a rename from our folder cannot reach."""

    def setUp(self) -> None:
        """A root whose every directory counts as one of another disk."""
        super().setUp()
        os.makedirs(self.path("disk/a"))
        self.tools = self.replacing(System())
        self.tools.jail.device += 1

    def test_beside(self) -> None:
        """The draft lies on the target's disk, under a reserved name, and our folder knows where."""
        incoming = self.tools
        put, content = put_of("disk/a/new/file.txt", b"content" * 500)
        for putting in (self.streamed, self.together):
            (result,) = putting(incoming, (put, content))
            self.assertIsInstance(result, Entry)
            self.assertEqual(self.content("disk/a/new/file.txt"), content)
            self.assertEqual((self.left(), os.listdir(self.path("disk/a"))), ([], ["new"]))
            self.assertEqual(os.listdir(self.path("disk/a/new")), ["file.txt"])

    def test_refused(self) -> None:
        """A refusal leaves nothing there either."""
        for putting in (self.streamed, self.together):
            (result,) = putting(self.tools, put_of("disk/a/file.txt", b"content", hash="sha256:" + "0" * 64))
            self.assertIsInstance(result, Exception)
            self.assertEqual((self.left(), os.listdir(self.path("disk/a"))), ([], []))

    def test_disk_is_away(self) -> None:
        """What a crash left on a disk that is not mounted is thrown away at the first start with it."""
        self.end(self.tools)
        disk = self.path("disk")
        for away in (lambda: None, lambda: os.makedirs(self.path("disk/a"))):
            tools = self.replacing(System())
            tools.jail.device += 1
            place = tools.jail.place(parse("disk/a"))
            tools.drafts.new(TOKEN, place, parse("disk/a"), None)
            os.close(place.fd)
            self.end(tools)
            os.rename(disk, self.outside + "/disk")
            away()
            self.end(self.replacing(System()))
            self.assertEqual(len(self.left()), 1)
            shutil.rmtree(disk, ignore_errors=True)
            os.rename(self.outside + "/disk", disk)
            self.end(self.replacing(System()))
            self.assertEqual((os.listdir(self.path("disk/a")), self.left()), ([], []))

    def test_sweep(self) -> None:
        """What a crash left there is gone after the next start; a note that makes no sense does no harm."""
        place = self.tools.jail.place(parse("disk/a"))
        draft = self.tools.drafts.new(TOKEN, place, parse("disk/a"), None)
        draft.write(b"half")
        os.close(place.fd)
        self.assertEqual(os.listdir(self.path("disk/a")), [f".homeftp-{TOKEN}"])
        self.end(self.tools)
        notes = (b"", b"../../outside", b"/etc", b"missing/x", b"\xff", b"disk", b"x" * 70_000)
        for number, note in enumerate(notes):
            self.lay(f".homeftp/incoming/{number}.elsewhere", note)
        self.lay("disk/a/kept")
        self.replacing(System())
        self.assertEqual((self.left(), os.listdir(self.path("disk/a"))), ([], ["kept"]))
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])
