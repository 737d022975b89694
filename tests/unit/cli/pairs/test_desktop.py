"""Messages on the desktop; tests/system/cli/test_sync_pairs.py runs a program that shows them."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IReactorProcess
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.cli.pairs.desktop import END_SECONDS, MOST_CHARACTERS, MOST_WAITING, DesktopNotifier


class Transport:
    """A process that was started."""

    def __init__(self) -> None:
        self.signals: list[str] = []

    def signalProcess(self, name: str) -> None:
        """Note a signal."""
        self.signals.append(name)

    def closeStdin(self) -> None:
        """End its input."""


@implementer(IReactorProcess)
class Processes(Clock):
    """A reactor that notes the processes that it is to start."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[tuple[Any, list[bytes], Transport]] = []
        self.fails = False

    def spawnProcess(self, processProtocol: Any, executable: Any, args: Any = (), **more: Any) -> Any:  # type: ignore[override]
        """Note a process."""
        if self.fails:
            raise OSError
        transport = Transport()
        self.started.append((processProtocol, list(args), transport))
        processProtocol.makeConnection(transport)
        return transport

    def end(self) -> None:
        """End the newest process."""
        self.started[-1][0].processEnded(None)
        self.advance(0)


class NotifierTests(SynchronousTestCase):
    """DesktopNotifier."""

    def setUp(self) -> None:
        self.reactor = Processes()
        self.notifier = DesktopNotifier(self.reactor, "/usr/bin/notify-send")

    def given(self) -> list[tuple[str, str]]:
        """The titles and texts of the messages that were shown."""
        found = []
        for _, arguments, _ in self.reactor.started:
            self.assertEqual(arguments[:3], [b"/usr/bin/notify-send", b"--app-name=homeftp", b"--"])
            title, text = arguments[3:]
            found.append((title.decode(), text.decode()))
        return found

    def test_one_after_the_other(self) -> None:
        """One message is shown at a time, and few wait."""
        for number in range(2 * MOST_WAITING):
            self.notifier.show(f"{number}", "text")
        self.assertEqual(self.given(), [("0", "text")])
        for _ in range(2 * MOST_WAITING):
            self.reactor.end()
        self.assertEqual(len(self.given()), MOST_WAITING + 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.notifier.show("later", "text")
        self.assertEqual(self.given()[-1], ("later", "text"))

    def test_hostile(self) -> None:
        """Names are no options and no markup, steer nothing, and are cut."""
        self.notifier.show("--icon=/x", "-u <a href='x'>a & b</a>\x1b\n\u202e")
        self.reactor.end()
        self.notifier.show("x" * 5000, "\udcff" + "<" * 5000)
        first, second = self.given()
        self.assertEqual(first, ("--icon=/x", "-u &lt;a href='x'&gt;a &amp; b&lt;/a&gt;\\x1b\\n\\u202e"))
        self.assertEqual(len(second[0]), MOST_CHARACTERS)
        self.assertEqual(second[1].count("&lt;"), MOST_CHARACTERS - len("\\udcff") - 1)

    def test_hangs(self) -> None:
        """A program that does not end is killed; one that ends is not."""
        for ends in (True, False):
            self.notifier.show("title", "text")
            if ends:
                self.reactor.end()
            self.reactor.advance(END_SECONDS)
            self.assertEqual(self.reactor.started[-1][2].signals, [] if ends else ["KILL"])

    def test_missing(self) -> None:
        """Without the program nothing is shown; nor where it cannot be started, and the next one is tried."""
        DesktopNotifier(self.reactor, None).show("title", "text")
        self.reactor.fails = True
        self.notifier.show("title", "text")
        self.reactor.advance(0)
        self.assertEqual(self.given(), [])
        self.reactor.fails = False
        self.notifier.show("title", "text")
        self.assertEqual(self.given(), [("title", "text")])
