"""A push replaces what this machine has seen on the server, and asks about anything else."""

from __future__ import annotations

import io
import os
import shutil
import unicodedata
from typing import Any, Callable, Sequence, TypeVar
from unittest import mock

import attrs
from msgspec import structs
from twisted.internet.defer import Deferred, succeed

from homeftp.client import FileResult, Outcome, TransferContext, TransferObserver, TransferOptions, Writer
from homeftp.client.errors import ConnectionFailed
from homeftp.client.files.read import read_many
from homeftp.client.plan.stdio import get_stream, push_stream
from homeftp.client.seen.store import SeenScope, SeenStore
from homeftp.hashing.hashcache import HashCache
from homeftp.syscalls import System
from homeftp.workers import InlineWorkers
from tests.support.batches import parse_entries
from tests.support.reconnects import ReconnectCase
from tests.support.transfers import BIG, NEW, OLD, TransferCase, reader_of

T = TypeVar("T")


class SeenTests(TransferCase):
    """Which requests count as seeing a file; each is followed by a push of another content."""

    def pushed(self, see: Callable[[], object], there: bytes = b"theirs") -> Outcome:
        """What becomes of a push after `see`, with `there` on the server and nothing seen before."""
        self.context = attrs.evolve(self.context, seen=SeenStore(None))
        shutil.rmtree(self.here)
        self.make_remote_file("d/a", there, mtime=OLD)
        see()
        self.push(self.make_file("edited", b"mine", mtime=NEW), "d/a")
        self.assertEqual(self.remote_files()["d/a"], b"mine" if self.outcomes() == {"a": Outcome.REPLACED} else there)
        return self.outcomes()["a"]

    def stream(self, **part: int) -> None:
        self.run_work(get_stream(self.client, self.context, "d/a", io.BytesIO(), self.observer(), **part))

    def list(self) -> None:
        async def listed() -> None:
            async for _ in self.client.list("d"):
                pass

        self.run_work(listed())

    def test_seen(self) -> None:
        """A file that was fetched, pushed, or compared is replaced; the control: nothing, or a listing."""
        for there in (b"theirs", BIG):
            for number, see in enumerate(self.looks(there)):
                self.assertEqual(self.pushed(see, there), Outcome.REPLACED, number)
            for see in (lambda: None, self.list):
                self.assertEqual(self.pushed(see, there), Outcome.CONFLICT)

    def looks(self, there: bytes) -> Sequence[Callable[[], object]]:
        """Everything that shows a person what is at `d/a`, where `there` is."""
        return (
            lambda: self.get("d", f"{self.here}/d", recursive=True),
            lambda: self.get("d/a", f"{self.here}/other"),
            lambda: self.get("d/a", self.make_file("a", there, mtime=OLD)),
            lambda: self.get("d/a", self.make_file("a", there, mtime=NEW)),
            self.stream,
            lambda: self.push(self.make_file("a", there, mtime=OLD), "d/a"),
            lambda: self.push(self.make_file("a", b"forced"), "d/a", force=True),
            lambda: self.cmp(self.make_file("a", there, mtime=OLD), "d/a"),
            lambda: self.cmp(self.make_file("d/a", b"longer than that", mtime=OLD), "d/a"),
            lambda: self.cmp(self.make_file("d/a", there[:-1] + b"!", mtime=OLD), "d/a"),
        )

    def test_not_seen(self) -> None:
        """A copy that was not fetched, because a local file is newer or exists, was not seen; nor was a part."""
        for see in (
            lambda: self.get("d/a", self.make_file("a", b"newer", mtime=NEW)),
            lambda: self.get("d/a", self.make_file("a", b"here", mtime=1), ignore_existing=True),
            lambda: self.push(self.make_file("a", b"mine", mtime=NEW), "d/a"),
            lambda: self.cmp(self.make_file("lib/b"), "d"),
            lambda: self.stream(offset=1),
            lambda: self.stream(limit=5),
        ):
            self.assertEqual(self.pushed(see), Outcome.CONFLICT)

    def test_whole_folder(self) -> None:
        """A folder that one request has compared was seen with all files beneath it."""
        self.make_file("lib/a", b"theirs", mtime=OLD)
        self.push(f"{self.here}/lib", "d", recursive=True)
        cache = HashCache(None)
        self.addCleanup(cache.close)
        self.context = attrs.evolve(self.context, hash_cache=cache, seen=SeenStore(None))
        self.cmp(f"{self.here}/lib", "d")
        self.context = attrs.evolve(self.context, seen=SeenStore(None))
        with mock.patch.object(self.client, "request", wraps=self.client.request) as request:
            self.cmp(f"{self.here}/lib", "d")
        self.assertEqual([call.args[0] for call in request.call_args_list], ["CMP"], "the control: one request")
        self.make_file("lib/a", b"mine", mtime=NEW)
        self.push(f"{self.here}/lib", "d", recursive=True)
        self.assertEqual(self.outcomes(), {"a": Outcome.REPLACED})

    def test_same(self) -> None:
        """A content that is the same is never a question, and counts as seen from then on, with any time and mode."""
        self.make_remote_file("a", b"the same", mtime=NEW)
        self.push(self.make_file("a", b"the same", mtime=OLD, mode=0o600), "a")
        self.assertEqual(self.outcomes(), {"a": Outcome.METADATA})
        self.push(self.make_file("a", b"another", mtime=NEW + 1), "a")
        self.assertEqual(self.outcomes(), {"a": Outcome.REPLACED})

    def test_decomposed(self) -> None:
        """A name counts in the form of the wire, whichever form the local one has."""
        for form in ("NFC", "NFD"):
            name = unicodedata.normalize(form, "é")
            self.make_file(f"{form}/{name}", form.encode(), mtime=OLD if form == "NFC" else NEW)
            self.push(f"{self.here}/{form}", "d", recursive=True)
            self.assertEqual(self.outcomes()["é"], Outcome.NEW if form == "NFC" else Outcome.REPLACED)
        self.assertEqual(self.remote_files(), {"d/é": b"NFD"})


class ConflictTests(TransferCase):
    """What becomes of a file that was not seen."""

    def answering(self, said: bool) -> tuple[list[FileResult], dict[str, Any]]:
        """What is asked, and options that ask."""
        asked: list[FileResult] = []

        def ask(name: str, result: FileResult) -> Any:
            asked.append(result)
            return succeed(said)

        return asked, {"ask": ask}

    def test_asked(self) -> None:
        """The person is shown size and time of both copies, and decides."""
        for content in (b"mine", BIG):
            path = self.make_file("a", content, mtime=NEW)
            for said, outcome in ((False, Outcome.CONFLICT), (True, Outcome.REPLACED)):
                self.make_remote_file("a", b"theirs", mtime=OLD)
                asked, options = self.answering(said)
                self.push(path, "a", **options)
                self.assertEqual(self.outcomes(), {"a": outcome})
                ((result),) = asked
                assert result.local is not None and result.remote is not None
                self.assertEqual(result.outcome, Outcome.CONFLICT)
                self.assertEqual((result.local.size, result.local.mtime_us), (len(content), NEW * 10**6))
                self.assertEqual((result.remote.size, result.remote.mtime_us), (6, OLD * 10**6))

    def test_writer(self) -> None:
        """The person is shown who stored the copy on the server, where the server tells: in a conflict only."""
        path = self.make_file("a", b"theirs", mtime=OLD)
        self.push(path, "a")
        self.context.seen.close()
        self.context = attrs.evolve(self.context, seen=SeenStore(None))
        self.make_file("a", b"mine", mtime=NEW)
        asked, options = self.answering(False)
        self.push(path, "a", **options)
        reading = reader_of(b"mine")
        self.run_work(
            push_stream(self.client, self.context, reading, "a", TransferOptions(**options), TransferObserver())
        )
        self.make_remote_file("a", b"by another program", mtime=OLD)
        self.push(path, "a", **options)
        writers = [result.remote.writer for result in asked if result.remote is not None]
        self.assertEqual(writers, [Writer("ann", None, mock.ANY), Writer("ann", None, mock.ANY), None])
        self.make_file("a", b"MINE", mtime=OLD)
        self.make_remote_file("a", b"theM", mtime=OLD)
        self.push(path, "a", **options)
        self.assertEqual((asked[-1].outcome, asked[-1].remote and asked[-1].remote.writer), (Outcome.SUSPICIOUS, None))

    def test_others(self) -> None:
        """Another content than the one seen last is a conflict; a conflict does not stop the other files."""
        for name in ("a", "b", "c"):
            self.make_file(f"lib/{name}", b"old", mtime=OLD)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.make_remote_file("lib/a", b"theirs", mtime=OLD)
        for name in ("a", "b"):
            self.make_file(f"lib/{name}", b"mine", mtime=NEW)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.outcomes(), {"a": Outcome.CONFLICT, "b": Outcome.REPLACED, "c": Outcome.SAME})
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.outcomes()["a"], Outcome.CONFLICT, "a refusal is not a look")
        self.push(f"{self.here}/lib", "lib", recursive=True, force=True)
        self.assertEqual(self.remote_files(), {"lib/a": b"mine", "lib/b": b"mine", "lib/c": b"old"})

    def test_forgotten(self) -> None:
        """A machine that has lost what it saw asks; its own account and server only count."""
        path = self.make_file("a", b"old", mtime=OLD)
        self.push(path, "a")
        kept = self.context.seen
        self.make_file("a", b"mine", mtime=NEW)
        for fingerprint, account, seen in (
            (self.client.fingerprint, "ann", SeenStore(None)),
            ("SHA256:other", "ann", kept),
            (self.client.fingerprint, "bob", kept),
            ("", "ann", kept),
        ):
            self.client.server_info = structs.replace(self.client.server_info, account=account)
            own, self.client.fingerprint = self.client.fingerprint, fingerprint
            self.context = attrs.evolve(self.context, seen=seen)
            self.push(path, "a")
            self.assertEqual(self.outcomes(), {"a": Outcome.CONFLICT})
            self.client.fingerprint = own
        self.client.server_info = structs.replace(self.client.server_info, account="ann")
        self.push(path, "a")
        self.assertEqual(self.outcomes(), {"a": Outcome.REPLACED}, "the control")

    def test_edited(self) -> None:
        """A machine that has lost what it saw knows what a local file held when it was last hashed.

        If the server has that, the local change was made to it. The control: the server has something else.
        """
        for content, change in ((b"old", b"mine"), (BIG, BIG + b"more"), (BIG, b"!" + BIG[1:])):
            cache = HashCache(None)
            self.addCleanup(cache.close)
            for dry_run in (False, True):
                for there, outcome in ((content, Outcome.REPLACED), (b"theirs", Outcome.CONFLICT)):
                    path = self.make_file("a", content, mtime=OLD)
                    self.context = attrs.evolve(self.context, hash_cache=cache, seen=SeenStore(None))
                    self.push(path, "a", force=True)
                    self.context = attrs.evolve(self.context, seen=SeenStore(None))
                    self.make_remote_file("a", there, mtime=OLD)
                    self.make_file("a", change, mtime=NEW)
                    if dry_run:
                        self.push(path, "a", dry_run=True)
                        self.assertEqual(self.outcomes(), {"a": outcome})
                    self.push(path, "a")
                    self.assertEqual(self.outcomes(), {"a": outcome})

    def test_changed_while_read(self) -> None:
        """A local file that changes after it was listed is sent, if what it replaces was seen."""
        path = self.make_file("a", b"old", mtime=OLD)
        self.push(path, "a")

        class Editing(InlineWorkers):
            def run(_, job: Callable[..., T], *args: Any) -> Deferred[T]:
                if job is read_many:
                    self.make_file("a", b"mine", mtime=NEW)
                return super().run(job, *args)

        for seen, outcome in ((SeenStore(None), Outcome.CONFLICT), (self.context.seen, Outcome.REPLACED)):
            self.make_file("a", b"old", mtime=OLD)
            self.context = TransferContext(Editing(), System(), seen=seen)
            self.push(path, "a")
            self.assertEqual(self.outcomes(), {"a": outcome})

    def test_moved_and_removed(self) -> None:
        """What another machine removed is new again; what it moved elsewhere has not been seen there."""
        path = self.make_file("lib/a", b"old", mtime=OLD)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        os.rename(os.path.join(self.server.root, "lib"), os.path.join(self.server.root, "moved"))
        self.make_file("lib/a", b"mine", mtime=NEW)
        self.push(path, "lib/a")
        self.assertEqual(self.outcomes(), {"a": Outcome.NEW})
        self.push(path, "moved/a")
        self.assertEqual(self.outcomes(), {"a": Outcome.CONFLICT})

    def test_dry_run(self) -> None:
        """A dry run says what would be a conflict, and what would not; it is no look."""
        self.make_remote_file("a", b"theirs", mtime=OLD)
        path = self.make_file("a", b"mine, longer", mtime=NEW)
        for _ in range(2):
            self.push(path, "a", dry_run=True)
            self.assertEqual(self.outcomes(), {"a": Outcome.CONFLICT})
            self.get("a", path, dry_run=True, force=True)
        self.cmp(path, "a")
        for dry_run in (True, False):
            self.push(path, "a", dry_run=dry_run)
            self.assertEqual(self.outcomes(), {"a": Outcome.REPLACED})
        self.make_remote_file("a", b"theirs", mtime=OLD)
        self.push(path, "a", dry_run=True, force=True)
        self.push(path, "a")
        self.assertEqual(self.outcomes(), {"a": Outcome.CONFLICT})

    def test_dry_run_without_rights(self) -> None:
        """A dry run says what the server would refuse, as far as the account's rights tell; the control has them."""
        for name in ("same", "changed", "touched"):
            self.make_file(f"lib/{name}", b"old", mtime=OLD)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.make_file("lib/changed", b"longer", mtime=NEW)
        self.make_file("lib/touched", b"old", mtime=NEW)
        self.make_file("lib/new")
        would = {"changed": Outcome.REPLACED, "touched": Outcome.METADATA, "new": Outcome.NEW, "same": Outcome.SAME}
        for rights, refused in (
            (["read", "add", "replace"], ()),
            (["read", "add"], ("changed", "touched")),
            (["read", "replace"], ("new",)),
        ):
            self.client.server_info = structs.replace(self.client.server_info, rights=rights)
            self.push(f"{self.here}/lib", "lib", recursive=True, dry_run=True)
            told = {**would, **dict.fromkeys(refused, Outcome.REFUSED)}
            self.assertEqual({name: each for name, each in self.outcomes().items() if name in would}, told, rights)

    def test_condition(self) -> None:
        """A replace is sent with the hash that was seen, a new file with "absent", a forced one unconditionally."""
        self.make_remote_file("a", b"theirs", mtime=OLD)
        self.cmp(self.make_file("a", b"mine", mtime=NEW), "a")
        conditions: list[object] = []
        original = self.client.protocol.request

        def request(handler: Any, kind: str, body: Any, *payload: Any) -> None:
            if kind == "PUSH":
                [(entry, _)] = parse_entries(payload[0])
                conditions.append(entry.get("if_hash"))
            original(handler, kind, body, *payload)

        self.patch(self.client.protocol, "request", request)
        self.push(self.make_file("a", b"mine", mtime=NEW), "a")
        self.push(self.make_file("b", b"mine", mtime=NEW), "b")
        self.push(self.make_file("a", b"mine!", mtime=NEW), "a", force=True)
        self.assertEqual(conditions, [mock.ANY, "absent", None])
        self.assertRegex(str(conditions[0]), "^sha256:")


class InterruptedTests(ReconnectCase):
    """A connection that breaks, and is not made again."""

    def test_interrupted(self) -> None:
        """What the server acknowledged before the connection broke was seen, and nothing else."""
        for name, content in (("a", b"small"), ("b", b"small"), ("c", BIG)):
            self.make_file(f"lib/{name}", content)
        self.context = attrs.evolve(self.context, reconnector=None)
        self.wire.upwards = len(BIG) // 2
        with self.assertRaises(ConnectionFailed):
            self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.outcomes(), {"a": Outcome.NEW, "b": Outcome.NEW})
        seen = self.context.seen.last(SeenScope(self.client.fingerprint, "ann"), ["lib/a", "lib/b", "lib/c"])
        self.assertEqual(set(seen), {"lib/a", "lib/b"})
