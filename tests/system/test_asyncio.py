"""Programs that use asyncio, and one that uses Twisted, as processes of their own against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from homeftp.config import MIB
from tests.support.cutproxy import Cutter
from tests.support.processes import WITHIN, add_remote, environment
from tests.support.serving import ServedCase

BEGIN = """
import asyncio, os, sys
from homeftp.client import ConnectionFailed, Outcome, TransferObserver, aio
from homeftp.errors import NotFound, OperatorError
here, there = sys.argv[1:]
"""


class ProgramCase(ServedCase):
    """Runs programs."""

    def run_program(self, source: str, *, begin: str = BEGIN, home: str = "") -> str:
        """What a program prints. It must end by itself, with 0, and without a word or a warning on standard error."""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", begin + textwrap.dedent(source), self.here, self.there],
            capture_output=True,
            text=True,
            timeout=WITHIN * 2,
            env=environment(HOMEFTP_HOME=home or self.home),
            cwd=self.here,
        )
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        return done.stdout

    def known_at(self, port: int) -> str:
        """The folder of a client that knows the server at another port of this machine."""
        home = os.path.join(self.here, "home")
        add_remote(self.server, home)
        record = Path(home, "remotes", "nas.json")
        record.write_text(record.read_text().replace(f":{self.server.ports[0]}", f":{port}"))
        return home


class TransferTests(ProgramCase):
    """Transfers and requests."""

    def test_all(self) -> None:
        """Upload, compare, list, read, write, download and sync, in two event loops one after the other."""
        self.lay("from/a.txt", b"content")
        self.lay("from/sub/b.txt", b"more")
        printed = self.run_program(
            """
            async def main(target):
                async with aio.open_remote("nas") as nas:
                    sent = await nas.upload(os.path.join(here, "from"), there)
                    print(sent.counts.get(Outcome.NEW, 0), sent.bytes_moved)
                    print((await nas.compare("from", there)).same)
                    entry = await nas.push(f"{there}/c.txt", b"third")
                    print(entry.size, (await nas.compare("from", there)).problems[0].name)
                    pages = [page async for page in nas.list(there, recursive=True)]
                    print(sorted(entry.name for page in pages for entry in page.entries))
                    print(await nas.read(f"{there}/c.txt", limit=100))
                    await nas.download(there, target)
                    print(sorted(os.listdir(target)))
                    print(len((await nas.sync(target, there)).plan.actions))
            asyncio.run(main("one"))
            asyncio.run(main("two"))
            """
        )
        same = [
            "True",
            "5 c.txt",
            "['a.txt', 'c.txt', 'sub', 'sub/b.txt']",
            "b'third'",
            "['a.txt', 'c.txt', 'sub']",
            "0",
        ]
        first = ["4 11", *same]
        second = ["0 0", "False", *same[1:]]
        self.assertEqual(printed.splitlines(), first + second)

    def test_together(self) -> None:
        """Several transfers and requests run at the same time."""
        for number in range(3):
            self.lay(f"f{number}", os.urandom(3 * MIB))
        printed = self.run_program(
            """
            async def main():
                async with aio.open_remote("nas") as nas:
                    work = [nas.upload(f"f{number}", f"{there}/f{number}") for number in range(3)]
                    *sent, found = await asyncio.gather(*work, nas.cmp("none"))
                    print([each.bytes_moved for each in sent], found.remote)
            asyncio.run(main())
            """
        )
        self.assertEqual(printed, f"{[3 * MIB] * 3} None\n")

    def test_not_closed(self) -> None:
        """A program that forgets to close ends nevertheless, and leaves no thread behind."""
        self.lay("f")
        printed = self.run_program(
            """
            import threading
            async def main():
                nas = await aio.open_remote("nas")
                await nas.upload("f", f"{there}/f")
            asyncio.run(main())
            print(threading.active_count(), "twisted.internet.reactor" in sys.modules)
            """
        )
        self.assertEqual(printed, "1 False\n")

    def test_lost(self) -> None:
        """A connection that is lost during a transfer is made again, and the program is told."""
        cutter = Cutter(self.server.ports[0], [MIB, 2 * MIB])
        self.addCleanup(cutter.close)
        home = self.known_at(cutter.port)
        content = os.urandom(6 * MIB)
        self.lay("f", content)
        printed = self.run_program(
            """
            async def main():
                async with aio.open_remote("nas", notify=print) as nas:
                    await nas.upload("f", f"{there}/f")
            asyncio.run(main())
            """,
            home=home,
        )
        self.assertIn("trying again in 1 s\nconnected again\n", printed)
        self.assertEqual(self.read_there("f"), content)


class CancelTests(ProgramCase):
    """Tasks that are cancelled in the middle."""

    def test_cancelled_transfer(self) -> None:
        """A file is old or new, and the client can be used; the next transfer, the control, leaves no temp file."""
        self.lay("big", os.urandom(24 * MIB))
        self.lay("target/got", b"old")
        self.lay_there("big", b"old")
        printed = self.run_program(
            """
            async def cancelled(work):
                task = None
                observer = TransferObserver(on_bytes=lambda size: task.cancel())
                task = asyncio.ensure_future(work(observer))
                try:
                    await task
                except asyncio.CancelledError:
                    return True
                return False

            async def main():
                async with aio.open_remote("nas") as nas:
                    path = f"{there}/big"
                    print(await cancelled(lambda told: nas.upload("big", path, force=True, observer=told)))
                    print(await nas.read(path, limit=100))
                    print((await nas.upload("big", path, force=True)).counts)
                    print(await cancelled(lambda told: nas.download(path, "target/got", force=True, observer=told)))
                    print(os.path.getsize("target/got"))
                    print((await nas.download(path, "target/got", force=True)).counts)
                    print(os.listdir("target"), os.path.getsize("target/got"))
            asyncio.run(main())
            """
        )
        replaced = "{<Outcome.REPLACED: 'replaced'>: 1}"
        upload = ["True", "b'old'", replaced]
        download = ["True", "3", replaced, f"['got'] {24 * MIB}"]
        self.assertEqual(printed.splitlines(), upload + download)

    def test_cancelled_request(self) -> None:
        """A request that is cancelled holds up no other one."""
        self.lay_there("big", os.urandom(24 * MIB))
        printed = self.run_program(
            """
            async def main():
                async with aio.open_remote("nas") as nas:
                    reading = asyncio.ensure_future(nas.read(f"{there}/big", limit=10**9))
                    await nas.cmp("")
                    reading.cancel()
                    print((await nas.cmp(f"{there}/big")).remote.size)
                    print(reading.cancelled())
            asyncio.run(main())
            """
        )
        self.assertEqual(printed, f"{24 * MIB}\nTrue\n")

    def test_opening(self) -> None:
        """Opening can be cancelled at any moment; the process ends."""
        printed = self.run_program(
            """
            async def main(turns):
                async def use():
                    async with aio.open_remote("nas"):
                        return "opened"
                task = asyncio.ensure_future(use())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                return type((await asyncio.gather(task, return_exceptions=True))[0]).__name__
            print({asyncio.run(main(turns)) for turns in range(1, 40)} - {"str"})  # it was opened already
            """
        )
        self.assertEqual(printed, "{'CancelledError'}\n")


class ErrorTests(ProgramCase):
    """What does not work is an exception that says why."""

    def test_not_reachable(self) -> None:
        """No server, an unknown name, and a file that does not exist."""
        home = self.known_at(1)
        source = """
            async def main():
                try:
                    async with aio.open_remote({name!r}) as nas:
                        await nas.read("none", limit=1)
                except (ConnectionFailed, OperatorError, NotFound) as error:
                    print(type(error).__name__, error)
            asyncio.run(main())
            """
        self.assertRegex(self.run_program(source.format(name="nas"), home=home), "ConnectionFailed nothing listens at")
        self.assertRegex(
            self.run_program(source.format(name="other")), "OperatorError this machine knows no server named other"
        )
        self.assertRegex(self.run_program(source.format(name="nas")), "NotFound ")

    def test_other_reactor(self) -> None:
        """Where another reactor is installed, the error says so before anything is opened."""
        printed = self.run_program(
            """
            from twisted.internet import reactor
            async def main():
                try:
                    await aio.open_remote("nas")
                except aio.WrongReactor as error:
                    print(error)
            asyncio.run(main())
            """
        )
        self.assertRegex(printed, r"Reactor is installed, and does not run on this event loop\. Use homeftp\.client")

    def test_two_loops(self) -> None:
        """A second event loop at the same time gets an error, and does not disturb the first."""
        printed = self.run_program(
            """
            import threading
            async def second():
                try:
                    await aio.open_remote("nas")
                except aio.WrongReactor as error:
                    print(error)
            async def main():
                async with aio.open_remote("nas") as nas:
                    await asyncio.to_thread(asyncio.run, second())
                    print((await nas.cmp("none")).remote)
            asyncio.run(main())
            """
        )
        self.assertRegex(printed, r"use it in one loop at a time\nNone\n\Z")


class TwistedTests(ProgramCase):
    """The same without the bridge."""

    def test_asyncio_reactor(self) -> None:
        """A program that runs the reactor for asyncio itself uses `aio` with it."""
        self.lay("f")
        printed = self.run_program(
            """
            from twisted.internet import asyncioreactor
            loop = asyncio.new_event_loop()
            asyncioreactor.install(loop)
            from twisted.internet import reactor
            async def main():
                async with aio.open_remote("nas") as nas:
                    print((await nas.upload("f", f"{there}/f")).bytes_moved)
                reactor.stop()
            task = loop.create_task(main())
            reactor.run()
            loop.close()
            """
        )
        self.assertEqual(printed, "7\n")

    def test_installed_reactor(self) -> None:
        """`open_remote` of `homeftp.client` needs a name, and nothing else; a program that never closes ends."""
        self.lay("f")
        printed = self.run_program(
            """
            from twisted.internet.task import react
            from homeftp.client import open_remote
            async def main(reactor):
                nas = await open_remote("nas")
                print((await nas.upload("f", f"{there}/f")).bytes_moved, nas.server_info.account)
            react(main)
            """
        )
        self.assertEqual(printed, "7 ann\n")
