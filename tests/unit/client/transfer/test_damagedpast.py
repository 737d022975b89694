"""Previous versions that the server's disk has not kept: what `get` with `as_of` says is true of the version."""

from __future__ import annotations

import io
import os

from homeftp.client import Corrupted, Outcome
from homeftp.client.plan.stdio import get_stream
from homeftp.client.transfer.observer import TransferObserver
from homeftp.dispatchers.history.prune import PruneDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.dispatchers.verify import VerifyDispatcher
from homeftp.errors import Damaged
from homeftp.model import Damage
from tests.support.flips import flip
from tests.support.pasttrees import pass_a_tick
from tests.support.transfers import BIG, TransferCase, tree

THEN = {"small": b"good content", "big": BIG, "gone": b"good, and removed", "fine": b"fine"}
BAD = {"small": b"gone content", "big": BIG[:-1] + b"!", "gone": b"gone, and removed"}


class DamagedVersionTests(TransferCase):
    """In `lib` the versions of `small`, `big` and `gone` are damaged, and the server does not know."""

    extra = (VersionsDispatcher(), PruneDispatcher(), VerifyDispatcher())

    def setUp(self) -> None:
        super().setUp()
        for name, content in THEN.items():
            self.push(self.make_file("x", content, mtime=1_600_000_000), f"lib/{name}")
        self.as_of = pass_a_tick()
        for name in THEN:
            self.push(self.make_file("x", b"now", mtime=1_650_000_000), f"lib/{name}", force=True)
        os.unlink(os.path.join(self.server.root, "lib", "gone"))
        self.verified()
        for folder, _, names in os.walk(os.path.join(self.server.root, ".homeftp")):
            for path in (os.path.join(folder, name) for name in names):
                with open(path, "rb") as file:
                    found = file.read()
                for name, content in BAD.items():
                    if found == THEN[name]:
                        flip(path, content, os.path.join(self.server.folder, "index.sqlite"))

    def verified(self) -> list[Damage]:
        """Have the server verify; what it finds."""

        async def work() -> list[Damage]:
            return [damage async for step in self.client.verify("lib") for damage in step.damages]

        return self.run_work(work())

    def get_then(self) -> dict[str, tuple[Outcome, str]]:
        """Get the folder as it was; what became of each file, and why."""
        self.get("lib", f"{self.here}/out", recursive=True, as_of=self.as_of)
        return {result.name: (result.outcome, result.reason) for result in self.results if result.kind == "file"}

    def test_corrupt(self) -> None:
        """The server verifies the version, not what is there now, which is right."""
        found = self.get_then()
        self.assertEqual(found.pop("fine"), (Outcome.NEW, ""))
        self.assertEqual({outcome for outcome, _ in found.values()}, {Outcome.CORRUPT})
        for _, reason in found.values():
            self.assertIn("The server has read that version again: it is damaged. Choose another time", reason)
        self.assertEqual(tree(f"{self.here}/out"), {"fine": b"fine"})
        self.get("lib", f"{self.here}/now", recursive=True)
        self.assertEqual(tree(f"{self.here}/now"), dict.fromkeys(("small", "big", "fine"), b"now"), "the control")

    def test_marked(self) -> None:
        """Where the damage is known, the reason is about the version; in a folder, and for a file alone."""
        self.assertEqual(len(self.verified()), 3)
        expected = "the server's disk has not kept that version. Choose another time: `homeftp versions` lists them."
        found = self.get_then()
        self.assertEqual(found.pop("fine"), (Outcome.NEW, ""))
        self.assertEqual(found, dict.fromkeys(BAD, (Outcome.DAMAGED, expected)))
        for name in BAD:
            self.get(f"lib/{name}", f"{self.here}/alone", as_of=self.as_of)
            self.assertEqual([(each.outcome, each.reason) for each in self.results], [(Outcome.DAMAGED, expected)])

    def test_marked_compared(self) -> None:
        """A damaged version with an unknown hash, which is compared with a local file, does not end the get either."""
        self.make_file("out/small", b"mine as long", mtime=1_500_000_000)
        self.verified()
        self.assertEqual(self.get_then()["small"][0], Outcome.DAMAGED)

    def test_mended(self) -> None:
        """Where the server has the content elsewhere, it is right after that."""
        self.push(self.make_file("x", THEN["small"]), "copy")
        outcome, reason = self.get_then()["small"]
        self.assertEqual(outcome, Outcome.CORRUPT)
        self.assertIn("that version again: it was damaged, and is mended. Get it again", reason)
        self.assertEqual(self.get_then()["small"], (Outcome.NEW, ""))
        self.assertEqual(tree(f"{self.here}/out")["small"], THEN["small"])

    def test_stream(self) -> None:
        """The same on standard output."""
        for known in (False, True):
            work = get_stream(
                self.client, self.context, "lib/small", io.BytesIO(), TransferObserver(), as_of=self.as_of
            )
            failure = self.assertRaises(Damaged if known else Corrupted, self.run_work, work)
            self.assertIn("that version", str(failure))
            self.assertNotIn("Push the file", str(failure))
