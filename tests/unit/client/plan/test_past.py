"""Fetching what was on the server at a time, against a real server."""

from __future__ import annotations

import io
import os
from typing import Any, Awaitable, Callable
from unittest import mock

import attrs

from homeftp.client import Client, Outcome, get_stream
from homeftp.client.reconnector import Reconnector
from homeftp.client.transfer.observer import TransferObserver
from homeftp.config import MIB
from homeftp.dispatchers.history.prune import PruneDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.errors import Changed, Forbidden, NotFound, OperatorError
from homeftp.hashing import filehash
from tests.support.pasttrees import PastTreeCase, now_us, pass_a_tick
from tests.support.reconnects import BIG_RANDOM, ReconnectCase
from tests.support.transfers import OLD, tree


class GetPastTests(PastTreeCase):
    """`get` with `as_of`."""

    def test_folder(self) -> None:
        """A folder is fetched as it was, with the times of its files; the server stays as it is."""
        now = self.remote_files()
        self.get("d", f"{self.here}/out", recursive=True, as_of=self.as_of)
        self.assertEqual({f"d/{name}": content for name, content in tree(f"{self.here}/out").items()}, self.then)
        self.assertEqual(os.stat(f"{self.here}/out/replaced").st_mtime, 1_600_000_000)
        self.assertEqual(self.remote_files(), now)
        self.get("d/e", f"{self.here}/gone", recursive=True, as_of=self.as_of)
        self.assertEqual(tree(f"{self.here}/gone"), {"removed": b"then"})
        self.get("", f"{self.here}/all", recursive=True, as_of=self.as_of)
        self.assertEqual(tree(f"{self.here}/all"), self.then)

    def test_files(self) -> None:
        """Single files, with and without -r; what is there now is the control."""
        self.get("d/replaced", "d/e/removed", f"{self.here}/out/", as_of=self.as_of)
        self.assertEqual(tree(f"{self.here}/out"), {"replaced": b"then", "removed": b"then"})
        self.get("d/replaced", f"{self.here}/other", recursive=True, as_of=self.as_of)
        self.get("d/replaced", f"{self.here}/now")
        with open(f"{self.here}/other", "rb") as other, open(f"{self.here}/now", "rb") as now:
            self.assertEqual((other.read(), now.read()), (b"then", b"now"))

    def test_large(self) -> None:
        """A large file comes in pieces, from the version."""
        content = os.urandom(3 * MIB)
        self.push(self.make_file("x", content), "large")
        as_of = pass_a_tick()
        self.push(self.make_file("x", b"small now"), "large", force=True)
        self.get("large", f"{self.here}/large", as_of=as_of)
        with open(f"{self.here}/large", "rb") as file:
            self.assertEqual(file.read(), content)

    def test_existing(self) -> None:
        """A local file that is the same stays; one that differs is replaced, or left where it is newer, as ever."""
        self.get("d", f"{self.here}/out", recursive=True, as_of=self.as_of)
        observer = self.get("d", f"{self.here}/out", recursive=True, as_of=self.as_of)
        self.assertEqual(observer.counts[Outcome.SAME], 3)
        for name, mtime in (("same", 1_500_000_000), ("replaced", 1_700_000_000)):
            with open(f"{self.here}/out/{name}", "wb") as file:
                file.write(b"mine")
            os.utime(f"{self.here}/out/{name}", (mtime, mtime))
        observer = self.get("d", f"{self.here}/out", recursive=True, as_of=self.as_of)
        self.assertEqual((observer.counts[Outcome.REPLACED], observer.counts[Outcome.NEWER]), (1, 1))
        self.assertEqual(tree(f"{self.here}/out"), {"e/removed": b"then", "same": b"then", "replaced": b"mine"})
        self.get("d", f"{self.here}/out", recursive=True, as_of=self.as_of, force=True)
        self.assertEqual(tree(f"{self.here}/out")["replaced"], b"then")

    def test_unknown_hash(self) -> None:
        """Where the server does not know a hash it compares with that of the local file."""
        path = self.make_remote_file("big/file", os.urandom(2 * MIB))
        as_of = pass_a_tick()
        self.get("big", f"{self.here}/big", recursive=True, as_of=as_of)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        observer = self.get("big", f"{self.here}/big", recursive=True, as_of=as_of, dry_run=True)
        self.assertEqual(observer.counts[Outcome.METADATA], 1)
        with open(f"{self.here}/big/file", "r+b") as file:
            file.write(b"another")
        observer = self.get("big", f"{self.here}/big", recursive=True, as_of=as_of, force=True)
        self.assertEqual(observer.counts[Outcome.REPLACED], 1)

    def test_read_once(self) -> None:
        """A local file whose hash is remembered is not read for that. The control: with `reread` it is."""
        self.new_cache()
        self.make_remote_file("big/file", os.urandom(2 * MIB))
        as_of = pass_a_tick()
        self.get("big", f"{self.here}/big", recursive=True, as_of=as_of)
        for reread in (False, True):
            with mock.patch.object(filehash, "digest_slices", wraps=filehash.digest_slices) as reading:
                observer = self.get("big", f"{self.here}/big", recursive=True, as_of=as_of, dry_run=True, reread=reread)
            self.assertEqual((reading.called, observer.counts[Outcome.SAME]), (reread, 1))

    def test_not_seen(self) -> None:
        """What was there earlier says nothing about what is there now: a push asks as before."""
        self.context.seen.close()
        self.start_client()
        self.get("d/replaced", f"{self.here}/replaced", as_of=self.as_of)
        self.push(self.make_file("x", b"mine", mtime=2**31), "d/replaced")
        self.assertEqual(self.remote_files()["d/replaced"], b"now")

    def test_refused(self) -> None:
        """What was not there, a folder without -r, a pattern, and a server that knows no times."""
        out = f"{self.here}/out"
        for source in ("d/added", "none"):
            for recursive in (False, True):
                self.assertRaises(NotFound, self.get, source, out, as_of=self.as_of, recursive=recursive)
        self.assertRaises(OperatorError, self.get, "d", out, as_of=self.as_of)
        self.assertRaises(OperatorError, self.get, "d/*", out, as_of=self.as_of)
        self.client.server_info.request_types.remove("PRUNE")
        self.assertRaises(Forbidden, self.get, "d/same", out, as_of=self.as_of)
        self.assertFalse(os.path.exists(out))


class ResumedPastTests(ReconnectCase):
    """`get_stream` with `as_of` over connections that break."""

    extra = (VersionsDispatcher(), PruneDispatcher())

    def setUp(self) -> None:
        super().setUp()
        self.push(self.make_file("x", BIG_RANDOM), "big")
        self.as_of = pass_a_tick()
        self.push(self.make_file("x", b"x" + BIG_RANDOM[1:]), "big", force=True)
        self.output = io.BytesIO()

    def stream(self, **options: Any) -> int:
        """Fetch it over connections that break after a part; gives how many were made."""
        self.cuts = [{"downwards": MIB + 500_000}, {"downwards": MIB + 700_000}]
        self.break_after()
        before = len(self.wires)
        getting = get_stream(
            self.client, self.context, "big", self.output, self.observer(), as_of=self.as_of, **options
        )
        self.run_work(getting)
        return len(self.wires) - before

    def test_resumed(self) -> None:
        """The output is whole after lost connections."""
        self.assertEqual(self.stream(), 2)
        self.assertEqual(self.output.getvalue(), BIG_RANDOM)

    def test_part(self) -> None:
        """A part is whole too."""
        self.assertEqual(self.stream(offset=7, limit=2 * MIB), 1)
        self.assertEqual(self.output.getvalue(), BIG_RANDOM[7 : 7 + 2 * MIB])

    def meanwhile(self, act: Callable[[Client], Awaitable[object]]) -> None:
        """Let something happen before each further connection is used."""
        make = self.make

        async def acting() -> Client:
            client = await make()
            await act(client)
            return client

        self.reconnector = Reconnector(self.server.clock, acting, notify=self.messages.append)
        self.reconnector.client = self.client
        self.context = attrs.evolve(self.context, reconnector=self.reconnector)

    def test_not_kept(self) -> None:
        """Where the content of then is not kept any more, the rest is not what is there now."""

        async def prune(client: Client) -> None:
            async for _ in client.prune("big"):
                pass

        self.meanwhile(prune)
        self.assertRaises(NotFound, self.stream)

    def test_changed(self) -> None:
        """Where the time has not come yet, and the file changes, what was written is not to be used."""

        async def change(_: Client) -> None:
            self.make_remote_file("big", BIG_RANDOM, mtime=OLD)

        self.meanwhile(change)
        self.as_of = now_us() + 3600 * 10**6
        with self.assertRaisesRegex(Changed, "do not use what was written"):
            self.stream()


class StreamPastTests(PastTreeCase):
    """`get_stream` with `as_of`."""

    def stream(self, path: str) -> bytes:
        """What is written."""
        output = io.BytesIO()
        work = get_stream(self.client, self.context, path, output, TransferObserver(), as_of=self.as_of)
        self.run_work(work)
        return output.getvalue()

    def test_content(self) -> None:
        """The content of then, verified."""
        self.assertEqual((self.stream("d/replaced"), self.stream("d/e/removed")), (b"then", b"then"))

    def test_unverified(self) -> None:
        """Where the server cannot tell the hash of the whole, nothing that was written may be used."""
        verdict = mock.AsyncMock(return_value=mock.Mock(hash=None))
        with mock.patch("homeftp.client.download.Download.verdict", verdict):
            self.assertRaises(Changed, self.stream, "d/replaced")
