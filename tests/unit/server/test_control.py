"""The control socket between a server and its owner's commands, in both directions, over real sockets."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from typing import Any, Mapping

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThread
from twisted.logger import capturedLogs
from twisted.trial.unittest import TestCase

from homeftp.control import runtime
from homeftp.control.ask import RunningServer, running_servers, server_of, server_on
from homeftp.control.runtime import VARIABLE
from homeftp.errors import Busy, OperatorError
from homeftp.server import control
from homeftp.server.control import ControlProtocol, ControlService


class ControlCase(TestCase):
    """A service with some commands, in a folder of its own."""

    def setUp(self) -> None:
        self.top = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.top)
        self.environ = {VARIABLE: os.path.join(self.top, "run")}
        self.waiting: list[Deferred[dict[str, Any]]] = []
        commands = {
            "hello": self.hello,
            "echo": self.echo,
            "refuse": self.refuse,
            "busy": self.busy,
            "fail": self.fail_it,
            "wait": self.wait,
        }
        self.service = ControlService(IReactorTime(reactor), commands, self.environ)

    async def hello(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"pid": os.getpid(), "state": "/state", "root": "/root", "ports": [8421]}

    async def echo(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {"said": request["text"]}

    async def refuse(self, request: Mapping[str, Any]) -> dict[str, Any]:
        raise OperatorError("do something else")

    async def busy(self, request: Mapping[str, Any]) -> dict[str, Any]:
        raise Busy("try again")

    async def fail_it(self, request: Mapping[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError

    async def wait(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.waiting.append(Deferred())
        return await self.waiting[-1]

    async def start(self) -> RunningServer:
        """Start it; gives what a command finds."""
        self.service.startService()
        self.addCleanup(self.service.stopService)
        (found,) = await deferToThread(running_servers, self.environ)
        return found

    async def fails(self, server: RunningServer, command: str) -> str:
        failed = await self.assertFailure(deferToThread(server.ask, command), OperatorError)
        return str(failed)


class AnswerTests(ControlCase):
    """Questions and answers."""

    async def test_asked(self) -> None:
        """A command finds the server by its socket, its state folder and its port, and gets an answer."""
        server = await self.start()
        self.assertEqual((server.pid, server.state, server.ports), (os.getpid(), "/state", (8421,)))
        answer = await deferToThread(server.ask, "echo", text="\u00e4\udcff" + "x" * 3000)
        self.assertEqual(answer["said"], "\u00e4\udcff" + "x" * 3000)
        self.assertEqual(await deferToThread(server_of, self.environ, "/state"), server)
        self.assertIsNone(await deferToThread(server_of, self.environ, "/other"))
        self.assertEqual(await deferToThread(server_on, self.environ, 8421), server)
        self.assertIsNone(await deferToThread(server_on, self.environ, 8422))

    async def test_refused(self) -> None:
        """What a command refuses is told in its words; a fault is logged, and told without detail."""
        server = await self.start()
        self.assertIn("do something else", await self.fails(server, "refuse"))
        self.assertIn("try again", await self.fails(server, "busy"))
        self.assertIn("does not know the command", await self.fails(server, "no such"))
        self.assertIn("internal error", await self.fails(server, "fail"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_nonsense(self) -> None:
        """A line that is no request is refused, one that is too long too; the server goes on."""
        server = await self.start()
        for line in (b"\n", b"[1]\n", b'{"command": {}}\n', b"[" * 4000 + b"\n", b"x" * 5000 + b"\n"):
            answer = await deferToThread(self.send, server.path, line)
            self.assertIs(json.loads(answer)["ok"], False, line)
        self.assertEqual((await deferToThread(server.ask, "echo", text=1))["said"], 1)

    def send(self, path: str, line: bytes) -> bytes:
        """In a thread: what the server answers, up to its end."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(path)
            connection.sendall(line)
            answer = b""
            while piece := connection.recv(4096):
                answer += piece
            return answer

    async def test_stopped(self) -> None:
        """A stopped server is not found, nor is its socket; who waits for it then is told."""
        self.service.startService()
        (server,) = await deferToThread(running_servers, self.environ)
        asked: Deferred[object] = deferToThread(server.ask, "wait")
        while not self.waiting:
            await deferToThread(running_servers, self.environ)
        await self.service.stopService()
        self.assertIn("does not answer", str(await self.assertFailure(asked, OperatorError)))
        self.assertEqual(os.listdir(self.environ[VARIABLE]), [])
        self.assertEqual(await deferToThread(running_servers, self.environ), [])
        self.waiting[0].callback({})


class AdmissionTests(ControlCase):
    """Who may ask, and how much."""

    async def test_other_user(self) -> None:
        """The connection of another user is closed unheard. The control: the same question is answered otherwise."""
        server = await self.start()
        for uid in (os.geteuid() + 1, None):
            self.patch(runtime, "peer_uid", lambda connection, uid=uid: uid)
            self.assertIn("does not answer", await self.fails(server, "hello"))
            self.assertEqual(self.service.connections, set())

    async def test_other_user_is_not_counted(self) -> None:
        """The connection of another user never has one of the places. The control: the user's has."""
        server = await self.start()
        counted: list[int] = []
        admit = self.service.may_connect

        def count(connection: ControlProtocol) -> bool:
            counted.append(1)
            return admit(connection)

        self.patch(self.service, "may_connect", count)
        await deferToThread(server.ask, "hello")
        self.assertEqual(len(counted), 1)
        self.patch(runtime, "peer_uid", lambda connection: os.geteuid() + 1)
        await self.fails(server, "hello")
        self.assertEqual(len(counted), 1)

    async def test_crowd(self) -> None:
        """No more than so many ask at once."""
        server = await self.start()
        asked = [deferToThread(server.ask, "wait") for _ in range(control.MOST)]
        while len(self.waiting) < control.MOST:
            await deferToThread(lambda: None)
        self.assertIn("does not answer", await self.fails(server, "hello"))
        for each in self.waiting:
            each.callback({"done": True})
        for answer in asked:
            self.assertIs((await answer)["done"], True)

    async def test_no_folder(self) -> None:
        """Where it cannot listen the server runs without, and says so."""
        self.service = ControlService(IReactorTime(reactor), {}, {VARIABLE: "/proc/nothing"})
        with capturedLogs() as events:
            self.service.startService()
        self.assertEqual(len([event for event in events if "will not find this server" in str(event)]), 1)
        await self.service.stopService()
