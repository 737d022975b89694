"""Asking a server that does not behave; tests/unit/server/test_control.py asks one that does."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.control import ask, runtime
from homeftp.control.ask import RunningServer, running_servers
from homeftp.control.runtime import VARIABLE
from homeftp.errors import OperatorError
from tests.support import needs


class BadServerTests(SynchronousTestCase):
    """A socket at which anything may be."""

    def setUp(self) -> None:
        top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, top)
        self.environ = {VARIABLE: os.path.join(top, "run")}
        self.listening, self.path = runtime.listen(self.environ)
        self.addCleanup(self.listening.close)
        self.told: list[str] = []

    def serve(self, answer: Callable[[socket.socket], object], times: int = 1) -> None:
        """Answer the next connections in a thread."""

        def work() -> None:
            for _ in range(times):
                connection, _ = self.listening.accept()
                with connection:
                    connection.recv(4096)
                    try:
                        answer(connection)
                    except OSError:
                        continue  # the command has given up

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)

    def test_no_answer(self) -> None:
        """Silence, nonsense, an end without an answer and an endless answer are told in one line each."""
        self.patch(ask, "ANSWER_SECONDS", 0.2)
        self.patch(ask, "MAX_ANSWER", 100_000)
        silent = threading.Event()
        server = RunningServer(path=self.path, uid=os.geteuid(), pid=7, state="/s", root="/r")
        answers: tuple[Callable[[socket.socket], object], ...] = (
            lambda connection: connection.sendall(b"nonsense\n"),
            lambda connection: connection.sendall(b"[]\n"),
            lambda connection: None,
            lambda connection: connection.sendall(b"x" * 10_000_000),
            lambda connection: silent.wait(10),
        )
        for answer in answers:
            self.serve(answer)
            message = str(self.assertRaises(OperatorError, server.ask, "status"))
            self.assertIn("(pid 7) does not answer", message)
        silent.set()  # before the thread is waited for, which is the first of what is cleaned up

    def test_refused(self) -> None:
        """A refusal is told in the server's words."""
        self.serve(lambda connection: connection.sendall(b'{"ok": false, "error": "not now"}\n'))
        server = RunningServer(path=self.path, uid=os.geteuid(), pid=7, state="/s", root="/r")
        self.assertIn("refused: not now", str(self.assertRaises(OperatorError, server.ask, "status")))

    def test_not_found(self) -> None:
        """One that does not say who it is is not found; the control is found."""
        hello = b'{"ok": true, "pid": 7, "state": "/s", "root": "/r", "ports": []}\n'
        self.serve(lambda connection: connection.sendall(b'{"ok": true}\n'))
        self.assertEqual(running_servers(self.environ), [])
        self.serve(lambda connection: connection.sendall(hello))
        self.assertEqual([each.pid for each in running_servers(self.environ)], [7])

    def sending(self, answer: bytes) -> Callable[[socket.socket], object]:
        return lambda connection: connection.sendall(answer)

    def test_no_pid(self) -> None:
        """A number that means many processes to kill(2) is no pid: such a server is not found."""
        for pid, found in ((7, 1), (0, 0), (-1, 0)):
            hello = b'{"ok": true, "pid": %d, "state": "/s", "root": "/r", "ports": []}\n' % pid
            self.serve(self.sending(hello))
            self.assertEqual(len(running_servers(self.environ)), found, pid)

    def test_other_user(self) -> None:
        """A server that is not run by the owner of the socket's folder is not found, and is asked nothing, by root too.

        So is one of whom the system tells nothing. The control: the owner's is asked.
        """
        hello = b'{"ok": true, "pid": 7, "state": "/s", "root": "/r", "ports": []}\n'
        server = RunningServer(path=self.path, uid=os.geteuid(), pid=7, state="/s", root="/r")
        mine, root = os.geteuid(), lambda: 0
        self.serve(lambda connection: connection.sendall(hello), times=6)
        for uid, found in ((mine, 1), (mine + 1, 0), (None, 0)):
            self.patch(ask, "peer_uid", lambda connection, uid=uid: uid)
            self.assertEqual(len(running_servers(self.environ)), found)
            if not found:
                self.assertIn("another user", str(self.assertRaises(OperatorError, server.ask, "status")))
        self.patch(os, "geteuid", root)
        self.patch(ask, "sockets", lambda environ, tell: [self.path])
        self.assertEqual(running_servers(self.environ, self.told.append), [])
        self.assertIn(self.path, "".join(self.told))


class StateTests(SynchronousTestCase):
    """Whose state folder a server may name to root."""

    OTHER = 54321

    def setUp(self) -> None:
        needs.root()
        self.top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.top)
        self.told: list[str] = []
        self.folder = os.path.join(self.top, "run")
        self.patch(runtime, "SYSTEM", self.folder)
        self.listening, self.path = runtime.listen({VARIABLE: self.folder})
        self.addCleanup(self.listening.close)
        os.chown(self.folder, self.OTHER, self.OTHER)
        self.patch(ask, "peer_uid", lambda connection: self.OTHER)

    def found(self, state: str) -> list[str]:
        """The states that root finds where the other user's server names `state`."""
        hello = {"ok": True, "pid": 7, "state": state, "root": "/r", "ports": []}

        def work() -> None:
            connection, _ = self.listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(json.dumps(hello).encode("ascii") + b"\n")

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        return [each.state for each in running_servers({VARIABLE: self.folder}, self.told.append)]

    def state(self, name: str, owner: int) -> str:
        path = os.path.join(self.top, name)
        os.mkdir(path, 0o700)
        os.chown(path, owner, owner)
        return path

    def test_own(self) -> None:
        """Root finds a user's server with the user's state folder, through a link too. It is the control."""
        own = self.state("own", self.OTHER)
        link = os.path.join(self.top, "link")
        os.symlink(own, link)
        for state in (own, link):
            self.assertEqual(self.found(state), [state])
        self.assertEqual(self.told, [])

    def test_another_users(self) -> None:
        """A state folder of root, of a third user, a link to one, and none: the server is ignored, which is said."""
        roots, third = self.state("roots", 0), self.state("third", self.OTHER + 1)
        link, file = os.path.join(self.top, "link"), os.path.join(self.top, "file")
        os.symlink(roots, link)
        with open(file, "w"):
            os.chown(file, self.OTHER, self.OTHER)
        for state in (roots, third, link, file, os.path.join(self.top, "none")):
            self.assertEqual(self.found(state), [], state)
            self.assertIn(self.path, self.told.pop())
