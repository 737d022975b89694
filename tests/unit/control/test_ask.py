"""Asking a server that does not behave; tests/unit/server/test_control.py asks one that does."""

from __future__ import annotations

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


class BadServerTests(SynchronousTestCase):
    """A socket at which anything may be."""

    def setUp(self) -> None:
        top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, top)
        self.environ = {VARIABLE: os.path.join(top, "run")}
        self.listening, self.path = runtime.listen(self.environ)
        self.addCleanup(self.listening.close)

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
        self.addCleanup(silent.set)
        server = RunningServer(path=self.path, uid=0, pid=7, state="/s", root="/r")
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

    def test_refused(self) -> None:
        """A refusal is told in the server's words."""
        self.serve(lambda connection: connection.sendall(b'{"ok": false, "error": "not now"}\n'))
        server = RunningServer(path=self.path, uid=0, pid=7, state="/s", root="/r")
        self.assertIn("refused: not now", str(self.assertRaises(OperatorError, server.ask, "status")))

    def test_not_found(self) -> None:
        """One that does not say who it is, and one of another user, is not found; the control is found."""
        hello = b'{"ok": true, "pid": 7, "state": "/s", "root": "/r", "ports": []}\n'
        self.serve(lambda connection: connection.sendall(b'{"ok": true}\n'))
        self.assertEqual(running_servers(self.environ), [])
        self.serve(lambda connection: connection.sendall(hello))
        self.assertEqual([each.pid for each in running_servers(self.environ)], [7])
        self.patch(ask, "peer_uid", lambda connection: 54321)
        self.patch(ask, "may_control", lambda uid: False)
        self.patch(os, "geteuid", lambda: os.getuid() or 12345)
        self.patch(ask, "sockets", lambda environ: [self.path])
        self.serve(lambda connection: connection.sendall(hello))
        self.assertEqual(running_servers(self.environ), [])
