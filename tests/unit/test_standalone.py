"""What a server's own process is set to, and how a failed start ends it."""

from __future__ import annotations

import gc
import io
import linecache
import os
import pty
import resource
import signal
import sys
import time
from typing import Any
from unittest import mock

import attrs
from twisted.application.service import Service
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import OperatorError
from homeftp.standalone import (
    DESCRIPTORS,
    GARBAGE_AFTER,
    SWITCH_SECONDS,
    UMASK,
    StandaloneService,
    StartFailed,
    one_line,
    terminal,
    use_monotonic_clock,
)


class FakeReactor:
    """Calls at once what is to be called later."""

    stopped = 0

    def stop(self) -> None:
        self.stopped += 1

    def callFromThread(self, callable: Any, *args: object, **kw: object) -> None:
        callable(*args, **kw)


class Child(Service):
    """A server that fails to start where it is told to."""

    error: Exception | None = None
    umask: int | None = None

    def startService(self) -> None:
        super().startService()
        self.umask = os.umask(UMASK)
        if self.error is not None:
            raise self.error


class StandaloneTests(SynchronousTestCase):
    """The process."""

    def setUp(self) -> None:
        self.addCleanup(os.umask, os.umask(0o022))
        self.addCleanup(signal.signal, signal.SIGHUP, signal.getsignal(signal.SIGHUP))
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup(1) may have the tests ignore it
        self.renewed = 0
        self.reactor = FakeReactor()
        self.at_terminal = False
        self.service = StandaloneService(self.reactor, self.renew, lambda: self.at_terminal)
        self.child = Child()
        self.child.setServiceParent(self.service)
        self.patch(os, "geteuid", lambda: 1000)
        memory = mock.patch("homeftp.standalone.give_back_memory")
        self.memory = memory.start()
        self.addCleanup(memory.stop)
        for name in ("collect", "freeze"):  # to look through all that the tests have imported takes a second
            self.patch(gc, name, mock.Mock())
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        self.addCleanup(gc.set_threshold, *gc.get_threshold())

    def renew(self) -> None:
        self.renewed += 1

    def test_set(self) -> None:
        """Umask and memory allocator are set before the server starts."""
        self.service.privilegedStartService()
        self.service.startService()
        self.assertEqual(self.child.umask, UMASK)
        self.memory.assert_called_once()

    def test_generated_source(self) -> None:
        """A started server does not keep the source of generated methods; the control: it was there."""
        attrs.make_class("Generated", ["number"])
        self.assertTrue(any(name.startswith("<attrs generated") for name in linecache.cache))
        self.service.startService()
        self.assertEqual(linecache.cache, {})

    def test_short_pauses(self) -> None:
        """Threads take turns often; the collector looks seldom, and leaves alone what a started server consists of."""
        sys.setswitchinterval(10 * SWITCH_SECONDS)
        gc.set_threshold(GARBAGE_AFTER // 10)
        calls = mock.Mock()
        for name in ("collect", "freeze"):
            step = getattr(calls, name)
            step.side_effect = lambda: self.assertTrue(self.child.running)
            self.patch(gc, name, step)
        self.service.startService()
        self.assertAlmostEqual(sys.getswitchinterval(), SWITCH_SECONDS)
        self.assertEqual(gc.get_threshold()[0], GARBAGE_AFTER)
        self.assertEqual(calls.mock_calls, [mock.call.collect(), mock.call.freeze()])

    def test_descriptors(self) -> None:
        """The process may have as many descriptors as a server needs, where the system allows it."""
        asked: list[object] = []
        self.patch(resource, "setrlimit", lambda which, wanted: asked.append(wanted))
        for limits in ((1024, 4096), (1024, 10**6), (1024, resource.RLIM_INFINITY), (10**4, 10**6), (4096, 4096)):
            self.patch(resource, "getrlimit", lambda which, limits=limits: limits)
            self.service.startService()
        self.assertEqual(asked, [(4096, 4096), (DESCRIPTORS, 10**6), (DESCRIPTORS, resource.RLIM_INFINITY)])

    def test_no_more_descriptors(self) -> None:
        """A system that does not allow it is named in the log, and the server starts."""
        self.patch(resource, "getrlimit", lambda which: (1024, 4096))
        self.patch(resource, "setrlimit", mock.Mock(side_effect=PermissionError("not here")))
        with capturedLogs() as events:
            self.service.startService()
        self.assertTrue(self.child.running)
        self.assertEqual(len([event for event in events if "could not be raised" in str(event)]), 1)

    def test_hangup(self) -> None:
        """SIGHUP renews the certificates while the server runs; afterwards it does what it always does."""
        self.service.startService()
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual(self.renewed, 1)
        self.successResultOf(self.service.stopService())
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_DFL)
        self.assertFalse(self.child.running)

    def test_closed_terminal(self) -> None:
        """A server that was started at a terminal stops when SIGHUP comes because that was closed, and only then."""
        self.at_terminal = True
        self.service.startService()
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual((self.renewed, self.reactor.stopped), (1, 0))
        self.at_terminal = False
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual((self.renewed, self.reactor.stopped), (1, 1))

    def test_nohup(self) -> None:
        """Where nohup(1) has SIGHUP ignored, the server outlives its terminal."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.at_terminal = True
        self.service.startService()
        self.at_terminal = False
        os.kill(os.getpid(), signal.SIGHUP)
        self.assertEqual((self.renewed, self.reactor.stopped), (1, 0))

    def test_terminal(self) -> None:
        """Only an output that is a terminal is one; one that has been closed is none."""
        person, inner = pty.openpty()
        self.addCleanup(os.close, person)
        with open(inner, "w") as shown:
            self.patch(sys, "__stdout__", shown)
            self.assertIs(terminal(), shown)
        self.assertIsNone(terminal())
        for other in (io.StringIO(), None):
            self.patch(sys, "__stdout__", other)
            self.assertIsNone(terminal())

    def test_root(self) -> None:
        """A server of root's is warned about, and no other."""
        for user, warnings in ((1000, 0), (0, 1)):
            self.patch(os, "geteuid", lambda user=user: user)
            with capturedLogs() as events:
                self.service.startService()
            self.assertEqual(len([event for event in events if "runs as root" in str(event)]), warnings)

    def test_failed(self) -> None:
        """A start that fails ends the process with one line, and no signal handler is left behind."""
        before = signal.getsignal(signal.SIGHUP)
        self.child.error = OperatorError("the port is taken")
        shown = io.StringIO()
        with mock.patch("sys.__stderr__", shown):
            failed = self.assertRaises(StartFailed, self.service.startService)
        self.assertEqual((shown.getvalue(), failed.code), ("homeftp: the port is taken\n", 2))
        self.assertEqual(signal.getsignal(signal.SIGHUP), before)

    def test_one_line(self) -> None:
        """Only an `OperatorError` is one line: another exception is a bug, and keeps its traceback."""
        with self.assertRaises(ValueError), one_line():
            raise ValueError("a bug")

    def test_clock(self) -> None:
        """The reactor's clock becomes the monotonic one."""
        reactor = FakeReactor()
        use_monotonic_clock(reactor)
        self.assertIs(reactor.seconds, time.monotonic)  # type: ignore[attr-defined]
