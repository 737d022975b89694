"""The server as a service that another application embeds: it starts, renews, stops, and leaves its process alone."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
import threading
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from homeftp.accounts.database import REACHABLE
from homeftp.audit.log import Audit
from homeftp.config import Settings
from homeftp.crypto.ca import FOLDER
from homeftp.endpoint import parse
from homeftp.errors import Internal, OperatorError
from homeftp.model import WriteRequest
from homeftp.server.http.frontend import HttpsFrontEnd
from homeftp.server.service import HomeFTPService
from tests.support.embedded import EmbeddedServer


def umask() -> int:
    """The umask of this process."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def has_web_certificate(state: str) -> bool:
    """Whether a certificate for the web was made."""
    return os.path.exists(os.path.join(state, FOLDER, "web.crt"))


class ServiceCase(TestCase):
    """A server in this process."""

    def make(self, **settings: object) -> EmbeddedServer:
        server = EmbeddedServer(**settings)  # type: ignore[arg-type]
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        return server


class EmbeddingTests(ServiceCase):
    """Another application starts it."""

    async def test_web_certificate(self) -> None:
        """A certificate for the web is made, and its addresses are looked at, only where there is a web front end."""
        web = HttpsFrontEnd(listen=("tcp:0:interface=127.0.0.1",), make_handlers=lambda context: {})
        for front_ends in ([], [web]):
            server = self.make(front_ends=front_ends)
            server.start()
            await server.service.renew()
            self.assertEqual(has_web_certificate(server.state_dir), bool(front_ends))

    async def test_process(self) -> None:
        """Neither start nor stop changes the umask, the reactor's clock, a signal handler or the memory allocator."""

        def found() -> tuple[object, ...]:
            return umask(), reactor.seconds, signal.getsignal(signal.SIGHUP)

        def handler(number: int, frame: object) -> None:
            raise AssertionError("no signal is sent")

        self.addCleanup(signal.signal, signal.SIGHUP, signal.signal(signal.SIGHUP, handler))
        self.addCleanup(os.umask, os.umask(0o027))
        before = found()
        server = self.make()
        with mock.patch("homeftp.standalone.give_back_memory") as memory:
            server.start()
            self.assertEqual(found(), before)
            await server.stop()
        self.assertEqual(found(), before)
        memory.assert_not_called()

    async def test_private(self) -> None:
        """Without a umask of its own its state can still be read by its owner only."""
        self.addCleanup(os.umask, os.umask(0))
        server = self.make()
        server.start()
        paths = [os.path.join(folder, name) for folder, _, names in os.walk(server.state_dir) for name in names]
        self.assertGreater(len(paths), 5)
        self.assertEqual({path: oct(os.stat(path).st_mode & 0o077) for path in paths}, dict.fromkeys(paths, "0o0"))


class StartTests(ServiceCase):
    """What cannot start."""

    async def test_refused(self) -> None:
        """A start that fails raises `OperatorError`, and keeps neither the port nor the folder."""
        server = self.make()
        os.chmod(server.state_dir, 0o755)
        self.assertRaises(OperatorError, server.start)
        self.assertFalse(server.service.running)
        os.chmod(server.state_dir, 0o700)
        other = HomeFTPService(server.settings, reactor)
        other.startService()
        await other.stopService()

    async def test_last_step(self) -> None:
        """A start that fails at its last step ends all threads, which would keep the process alive, and closes all."""
        server = self.make()
        reachable = os.path.join(server.state_dir, REACHABLE)
        os.mkdir(reachable)
        before = set(threading.enumerate())
        self.assertRaises(OperatorError, server.start)
        self.assertEqual(set(threading.enumerate()) - before, set())
        os.rmdir(reachable)
        other = HomeFTPService(server.settings, reactor)
        other.startService()
        self.assertNotEqual(set(threading.enumerate()) - before, set(), "the control: a server has threads")
        await other.stopService()

    async def test_closed_terminal(self) -> None:
        """A terminal that is closed while the first code is shown does not end the start: SIGHUP ends the server."""
        # the second is what the streams of the command line raise
        for error in (OSError(errno.EIO, os.strerror(errno.EIO)), OperatorError("cannot write to standard output")):
            terminal = mock.Mock(write=mock.Mock(side_effect=error))
            folder = tempfile.mkdtemp(dir=os.getcwd())
            settings = Settings(
                root=tempfile.mkdtemp(dir=os.getcwd()),
                state=os.path.join(folder, "state"),
                listen=("tcp:0:interface=127.0.0.1",),
                announce=False,
            )
            service = HomeFTPService(settings, reactor, terminal=lambda shown=terminal: shown)  # type: ignore[misc]
            service.startService()
            terminal.write.assert_called_once()
            self.assertTrue(service.running)
            await service.stopService()

    def test_endpoint(self) -> None:
        """An endpoint description that is wrong is refused before anything starts, with examples."""
        settings = Settings(root="/nowhere", state="/nowhere", listen=("carrier-pigeon:5",))
        error = self.assertRaises(OperatorError, HomeFTPService, settings, reactor)
        self.assertIn("carrier-pigeon:5", str(error))
        self.assertIn("tcp:8421", str(error))


class MaintenanceTests(ServiceCase):
    """What the server does at intervals."""

    async def test_disk_away(self) -> None:
        """While the disk is away maintenance is put off, and the log says so without a traceback; not for a fault."""
        server = self.make()
        server.start()
        os.rename(server.root, f"{server.root}-away")
        with capturedLogs() as events:
            await server.service.maintain()
        (told,) = {formatEvent(event) for event in events if "maintenance" in str(event.get("log_format"))}
        self.assertIn("put off: the server's shared folder is not there", told)
        self.assertEqual(self.flushLoggedErrors(), [])
        os.rename(f"{server.root}-away", server.root)
        with mock.patch.object(server.service.store, "maintain", side_effect=OSError(5, "Input/output error")):
            await server.service.maintain()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1, "the control")

    async def test_no_dump(self) -> None:
        """Why no dump can be written is one line of the log, without a traceback."""
        server = self.make()
        server.start()
        with (
            mock.patch.object(server.service.store, "maintain", side_effect=OperatorError("upgrade this server")),
            capturedLogs() as events,
        ):
            await server.service.maintain()
        (told,) = {formatEvent(event) for event in events if "dump" in str(event.get("log_format"))}
        self.assertIn("no dump of the database was written: upgrade this server", told)
        self.assertEqual(self.flushLoggedErrors(), [])


class WatchRootTests(ServiceCase):
    """--watch-root."""

    async def test_observed(self) -> None:
        """The folder is observed from the start on, and no more after the stop."""

        def queues() -> int:
            fds = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
            return sum("inotify" in os.readlink(fd) for fd in fds if os.path.lexists(fd))

        before = queues()
        server = self.make(watch_root=True)
        server.start()
        while queues() == before:
            await deferLater(reactor, 0.01)
        await server.stop()
        self.assertEqual(queues(), before)


class StopTests(ServiceCase):
    """What happens at the end."""

    async def test_unrecorded(self) -> None:
        """Changes that the audit log cannot have are in the server's log, each of them, and the stop succeeds."""
        server = self.make()
        server.start()
        store = server.service.store
        full = mock.patch.object(Audit, "append", side_effect=OSError(28, "No space left on device"))
        with full, capturedLogs() as events:
            self.assertRaises(Internal, store.make_directory, WriteRequest(endpoint=parse("new")))
            await server.stop()
        critical = [str(event) for event in events if event.get("log_level") is LogLevel.critical]
        self.assertEqual(len(critical), 2, critical)
        self.assertIn("No space left on device", critical[0])
        self.assertIn("add directory new", critical[1])
        self.assertFalse(server.service.running)

    async def test_twice(self) -> None:
        """A service that never started can be stopped."""
        await self.make().service.stopService()
