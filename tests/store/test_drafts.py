"""Our own folder: locked, swept, and nobody else's."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys

from homeftp.errors import BadEndpoint, SetupError
from homeftp.store.drafts import Drafts
from homeftp.store.jail import Jail
from homeftp.syscalls import System
from homeftp.wire.endpoint import ROOT, parse
from homeftp.wire.messages import Entry
from tests.store.sharing import ReplacingCase, put_of

TOKEN = "0123456789abcdef" * 2


class FolderTests(ReplacingCase):
    """Who has the folder."""

    def refused(self) -> str:
        """What keeps the root from being shared."""
        with self.assertRaises(SetupError) as caught:
            self.share()
        message = str(caught.exception)
        self.assertIn(self.root, message)
        self.assertNotIn("\n", message)
        return message

    def test_made(self) -> None:
        """The folder is made for its owner alone, also where it was open before."""
        os.mkdir(self.path(".homeftp"), 0o777)
        self.share()
        for name in (".homeftp", ".homeftp/incoming"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o700)

    def test_not_writable(self) -> None:
        """Where nothing can be written nothing is shared, and one line says what to do about it."""

        class Closed(Jail):
            number = 0

            def own_folder(self, parent: int, name: bytes) -> int:
                if self.number:
                    raise OSError(self.number, os.strerror(self.number))
                return super().own_folder(parent, name)

        jail = Closed(self.root, System())
        self.addCleanup(jail.close)
        for number, remedy in (
            (errno.EROFS, "is mounted read-only, and uploads begin in .homeftp there: mount it writable"),
            (errno.EACCES, "may not write there, and uploads begin in .homeftp: give it the folder with chown"),
            (errno.EPERM, "may not write there, and uploads begin in .homeftp: give it the folder with chown"),
            (errno.ENOSPC, "cannot be used there (No space left on device)"),
        ):
            jail.number = number
            with self.assertRaises(SetupError) as caught:
                Drafts(jail, System(), self.root)
            message = str(caught.exception)
            self.assertTrue(message.startswith(f"cannot share {self.root}: "), message)
            self.assertIn(remedy, message)
            self.assertNotIn("\n", message)
        jail.number = 0
        Drafts(jail, System(), self.root).close()

    def test_two_servers(self) -> None:
        """A root has one server: the second is told of the first, and takes nothing from it."""
        share = self.share()
        incoming = share.begin(put_of("large", b"x" * 10)[0])
        incoming.write(b"x" * 5)
        self.assertIn("another homeftp server", self.refused())
        incoming.write(b"x" * 5)
        self.assertEqual(incoming.commit().size, 10)

    def test_lock_ends_with_the_process(self) -> None:
        """A server that was killed leaves no lock behind."""
        code = (
            "import os, sys, signal\n"
            "from homeftp.index import Index\n"
            "from homeftp.store.share import Share\n"
            "from homeftp.values import Put\n"
            "from homeftp.wire.endpoint import parse\n"
            "share = Share(sys.argv[1], Index(sys.argv[2]))\n"
            "share.begin(Put(endpoint=parse('large'), size=10)).write(b'x' * 5)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        state = os.path.join(os.path.dirname(self.root), "killed.sqlite")
        ended = subprocess.run([sys.executable, "-c", code, self.root, state], check=False, env=_environment())
        self.assertEqual(ended.returncode, -9)
        self.assertEqual(len(self.left()), 1, "the control: there is an orphan")
        self.share()
        self.assertEqual(self.left(), [])

    def test_sweep(self) -> None:
        """What a crash left is gone after the start, whatever it is; nothing else is touched."""
        os.makedirs(self.path(".homeftp/incoming/planted"))
        self.lay(".homeftp/incoming/orphan", b"half a file")
        self.lay(".homeftp/incoming/\udcff", b"half a file")
        self.lay(".homeftp/kept", b"")
        os.symlink(self.outside, self.path(".homeftp/incoming/link"))
        self.share()
        self.assertEqual(self.left(), ["planted"])
        self.assertEqual(sorted(os.listdir(self.path(".homeftp"))), ["incoming", "kept", "lock"])
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])

    def test_planted_links(self) -> None:
        """B3: a link in the place of our folder, or of a part of it, is not followed."""
        for name in ("", "incoming", "lock"):
            if name:
                os.mkdir(self.path(".homeftp"))
            os.symlink(self.outside, self.path(f".homeftp/{name}".rstrip("/")))
            self.refused()
            self.assertEqual(os.listdir(self.outside), ["secret.txt"])
            os.rename(self.path(".homeftp"), self.path(f"link as {name}"))
        self.share()

    def test_file_in_its_place(self) -> None:
        """A file in the place of our folder keeps the server from starting, with one line."""
        self.lay(".homeftp")
        self.assertIn(".homeftp", self.refused())

    def test_nothing_is_lost(self) -> None:
        """A start that fails closes what it opened."""
        self.share()
        before = len(os.listdir("/dev/fd"))
        self.refused()
        self.assertEqual(len(os.listdir("/dev/fd")), before)


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
        incomings = [share.begin(put_of("same", b"")[0]) for _ in range(20)]
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
        jail = Jail(self.root, System())
        self.addCleanup(jail.close)
        self.addCleanup(Drafts(jail, System(), self.root).close)
        self.assertEqual((self.left(), os.listdir(self.path("disk/a"))), ([], ["kept"]))
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])


def _environment() -> dict[str, str]:
    """For a program that imports what this one imports."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
