"""Where control sockets are, and who may use them."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from homeftp.control import runtime
from homeftp.control.runtime import VARIABLE
from homeftp.errors import OperatorError


class FolderTests(SynchronousTestCase):
    """runtime_folders."""

    def test_order(self) -> None:
        """systemd's folder, the session's, the user's, the system's and one for users without any; no relative one."""
        given = {"RUNTIME_DIRECTORY": "/run/a:/run/b", "XDG_RUNTIME_DIR": "/x"}
        usual = ["/run/user/7/homeftp", "/run/homeftp", "/tmp/homeftp-7"]
        self.assertEqual(runtime.runtime_folders(given, 7), ["/run/a", "/x/homeftp", *usual])
        self.assertEqual(runtime.runtime_folders({"XDG_RUNTIME_DIR": "x"}, 7), usual)
        self.assertEqual(runtime.runtime_folders({**given, VARIABLE: "/only"}, 7), ["/only"])


class SocketTests(SynchronousTestCase):
    """listen and sockets, in a folder of their own."""

    def setUp(self) -> None:
        self.top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.top)
        self.folder = os.path.join(self.top, "run")
        self.environ = {VARIABLE: self.folder}

    def listen(self) -> str:
        made, path = runtime.listen(self.environ)
        self.addCleanup(made.close)
        return path

    def test_private(self) -> None:
        """Folder and socket are private, a command finds the socket, and the kernel says who is at the other end."""
        path = self.listen()
        self.assertEqual(os.stat(self.folder).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertEqual(list(runtime.sockets(self.environ)), [path])
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            self.assertEqual(runtime.peer_uid(client), os.geteuid())
        os.unlink(path)
        self.assertEqual(list(runtime.sockets(self.environ)), [])

    def test_several(self) -> None:
        """Two servers of one user have a socket each."""
        paths = [self.listen(), self.listen()]
        self.assertEqual(sorted(runtime.sockets(self.environ)), sorted(paths))

    def test_open_to_others(self) -> None:
        """A folder in which others may write, a link, and a file are not used; a command does not look there either."""
        elsewhere = os.path.join(self.top, "elsewhere")
        os.mkdir(elsewhere)
        os.chmod(elsewhere, 0o777)
        os.symlink(elsewhere, os.path.join(self.top, "link"))
        with open(os.path.join(self.top, "file"), "w"):
            pass
        for name in ("elsewhere", "link", "file", "no/such"):
            environ = {VARIABLE: os.path.join(self.top, name)}
            refused = self.assertRaises(OperatorError, runtime.listen, environ)
            self.assertIn(environ[VARIABLE], str(refused))
            self.assertEqual(list(runtime.sockets(environ)), [])

    def test_named_by_root(self) -> None:
        """Root may name the folder of another user's servers: a command looks there, a server is not started there."""
        path = self.listen()
        owner = os.stat_result((*os.stat(self.folder)[:4], os.getuid() + 2, *os.stat(self.folder)[5:]))
        self.patch(os, "lstat", lambda path: owner)
        for euid, found in ((0, [path]), (os.getuid() + 1, [])):
            self.patch(os, "geteuid", lambda euid=euid: euid)
            self.assertEqual(list(runtime.sockets(self.environ)), found)
        self.patch(os, "geteuid", lambda: 0)
        refused = self.assertRaises(OperatorError, runtime.listen, self.environ)
        self.assertIn("it belongs to another user", str(refused))

    def test_of_another_user(self) -> None:
        """A folder of another user that nobody has named is ignored, which only root is told."""
        self.listen()
        self.patch(runtime, "runtime_folders", lambda environ, uid: [self.folder])
        for euid, told in ((0, 1), (os.getuid() + 1, 0)):
            given: list[str] = []
            self.patch(os, "geteuid", lambda euid=euid: euid)
            owner = os.stat_result((*os.stat(self.folder)[:4], os.getuid() + 2, *os.stat(self.folder)[5:]))
            with_owner = self.patch(os, "lstat", lambda path, owner=owner: owner)
            self.assertEqual(list(runtime.sockets({}, given.append)), [])
            with_owner.restore()
            self.assertEqual(len(given), told)

    def test_next(self) -> None:
        """A folder that cannot be used is passed over for the next one."""
        self.patch(runtime, "runtime_folders", lambda environ, uid: ["/proc/nothing", self.folder])
        self.assertTrue(self.listen().startswith(self.folder))

    def test_long_path(self) -> None:
        """A path that the kernel does not take is refused in words."""
        self.environ = {VARIABLE: os.path.join(self.top, "x" * 100)}
        refused = self.assertRaises(OperatorError, runtime.listen, self.environ)
        self.assertIn("longer than 107 bytes", str(refused))

    def test_abandoned(self) -> None:
        """The socket of a server that was killed is removed by the next one; a new one, and one in use, stay."""
        used = self.listen()
        abandoned, new = os.path.join(self.folder, "1-old.sock"), os.path.join(self.folder, "2-new.sock")
        for path in (abandoned, new):
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(path)
        for path in (used, abandoned):
            os.utime(path, (0, 0))
        latest = self.listen()
        self.assertEqual(sorted(runtime.sockets(self.environ)), sorted([used, new, latest]))

    def test_removed_meanwhile(self) -> None:
        """A socket that its own server removes while another one starts does not keep that from its folder."""
        self.listen()
        names = os.listdir(self.folder)
        self.patch(os, "listdir", lambda folder: [*names, "1-gone.sock"])
        self.assertTrue(self.listen().startswith(self.folder))

    def test_who_may(self) -> None:
        """The server's user and root may control it, and nobody else, nor one of whom the system tells nothing."""
        self.patch(os, "geteuid", lambda: 1000)
        allowed = {uid: runtime.may_control(uid) for uid in (0, 1000, 1001, None)}
        self.assertEqual(allowed, {0: True, 1000: True, 1001: False, None: False})
