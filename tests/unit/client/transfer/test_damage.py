"""Files that the server's disk has not kept: what push, get and cmp do about them."""

from __future__ import annotations

import io
import os

from homeftp.client import Corrupted, Outcome, TransferOptions
from homeftp.client.plan.stdio import get_stream, push_stream
from homeftp.dispatchers.verify import VerifyDispatcher
from homeftp.errors import Damaged
from homeftp.model import Damage
from tests.support.flips import flip
from tests.support.transfers import BIG, TransferCase, reader_of

GOOD = {"small": b"good content", "big": BIG}
BAD = {"small": b"gone content", "big": BIG[:-1] + b"!"}


class DamageCase(TransferCase):
    """`lib` is on both sides, and `small` and `big` are damaged on the server, which does not know."""

    extra = (VerifyDispatcher(),)

    def setUp(self) -> None:
        super().setUp()
        for name, content in {**GOOD, "fine": b"fine"}.items():
            self.make_file(f"lib/{name}", content, mtime=1_700_000_000)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.run_work(self.known())
        for name, content in BAD.items():
            path = os.path.join(self.server.root, "lib", name)
            flip(path, content, os.path.join(self.server.folder, "index.sqlite"))

    async def known(self) -> None:
        """The server has hashed everything."""
        async for _ in self.client.verify(""):
            pass

    def verified(self) -> list[Damage]:
        """Have the server verify; what it finds."""

        async def work() -> list[Damage]:
            return [damage async for step in self.client.verify("lib") for damage in step.damages]

        return self.run_work(work())

    def each(self) -> dict[str, Outcome]:
        """What became of the files."""
        return {name: outcome for name, outcome in self.outcomes().items() if name}


class DamageTests(DamageCase):
    """Damage that is known, and damage that is not."""

    def test_unknown(self) -> None:
        """Before anybody has read the files again the remembered hashes count: this is the control."""
        self.cmp(f"{self.here}/lib", "lib")
        self.assertEqual(set(self.each().values()), {Outcome.SAME})

    def test_get_has_the_server_verify(self) -> None:
        """After a download that was corrupted the server verifies its file: the next command reports the damage."""
        self.get("lib", f"{self.here}/copy", recursive=True)
        self.assertEqual(self.each(), {"small": Outcome.CORRUPT, "big": Outcome.CORRUPT, "fine": Outcome.NEW})
        reasons = [result.reason for result in self.results if result.outcome is Outcome.CORRUPT]
        self.assertEqual(["it is damaged" in reason for reason in reasons], [True, True], reasons)
        self.get("lib", f"{self.here}/copy", recursive=True)
        self.assertEqual(self.each(), {"small": Outcome.DAMAGED, "big": Outcome.DAMAGED, "fine": Outcome.SAME})
        self.assertEqual(sorted(os.listdir(f"{self.here}/copy")), ["fine"])

    def test_get_mended(self) -> None:
        """Where the server has another copy, it can be got right after that."""
        for name, content in GOOD.items():
            self.make_remote_file(f"copies/{name}", content)
        self.run_work(self.known())
        self.assertEqual([damage.mended for damage in self.verified()], [True, True])
        self.get("lib", f"{self.here}/copy", recursive=True)
        self.assertEqual(set(self.each().values()), {Outcome.NEW})

    def test_cmp(self) -> None:
        """A comparison names what is known to be damaged; with `reread` it finds that out."""
        self.cmp(f"{self.here}/lib", "lib", reread=True)
        self.assertEqual(self.each(), {"small": Outcome.DAMAGED, "big": Outcome.DAMAGED, "fine": Outcome.SAME})
        self.cmp(f"{self.here}/lib", "lib", local_first=False)
        self.assertEqual(self.each()["small"], Outcome.DAMAGED)
        self.cmp(f"{self.here}/lib", "nowhere", reread=True)
        self.assertEqual(self.each()["small"], Outcome.MISSING)

    def test_push(self) -> None:
        """A push of the content that was there mends it, without a question; the damaged content is a version."""
        self.assertEqual(len(self.verified()), 2)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.each(), {"small": Outcome.MENDED, "big": Outcome.MENDED, "fine": Outcome.SAME})
        self.assertEqual(self.verified(), [])
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(set(self.each().values()), {Outcome.SAME})

    def test_push_force(self) -> None:
        """So does a push with --force."""
        self.verified()
        self.push(f"{self.here}/lib", "lib", recursive=True, force=True)
        self.assertEqual(self.each(), {"small": Outcome.MENDED, "big": Outcome.MENDED, "fine": Outcome.SAME})
        self.assertEqual([damage for damage in self.verified() if damage.at_us is None], [])

    def test_push_of_another_content(self) -> None:
        """A content that never was there replaces a damaged one as it would replace a sound one."""
        self.verified()
        for name, content in BAD.items():
            self.make_file(f"lib/{name}", content[:-1] + b"?", mtime=1_700_000_000)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        self.assertEqual(self.each()["small"], Outcome.SUSPICIOUS)
        self.make_file("lib/small", b"a newer one", mtime=1_800_000_000)
        self.push(f"{self.here}/lib/small", "lib/small")
        self.assertEqual(self.outcomes(), {"small": Outcome.REPLACED})

    def test_push_ignore_existing(self) -> None:
        """With --ignore-existing nothing is replaced, not even by what was there."""
        self.verified()
        self.push(f"{self.here}/lib", "lib", recursive=True, ignore_existing=True)
        self.assertEqual(self.each()["small"], Outcome.EXISTS)

    def test_streams(self) -> None:
        """What is fetched to standard output and is damaged is read again; what comes from standard input mends it."""
        for name in GOOD:
            output = io.BytesIO()
            with self.assertRaisesRegex(Corrupted, "it is damaged"):
                self.run_work(get_stream(self.client, self.context, f"lib/{name}", output, self.observer()))
            self.assertRaises(Damaged, self.run_work, self.client.get(f"lib/{name}"))
            read = reader_of(GOOD[name])
            pushing = push_stream(self.client, self.context, read, f"lib/{name}", TransferOptions(), self.observer())
            self.run_work(pushing)
            self.assertEqual(list(self.outcomes().values()), [Outcome.MENDED])
            output = io.BytesIO()
            self.run_work(get_stream(self.client, self.context, f"lib/{name}", output, self.observer()))
            self.assertEqual(output.getvalue(), GOOD[name])
