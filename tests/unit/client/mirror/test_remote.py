"""push that deletes what only the server has."""

from __future__ import annotations

import os
import shutil

from homeftp.client import DeletionPlan, Outcome, Selection
from homeftp.client.mirror.plan import DeletionDeclined
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.dispatchers.history.versions import VersionsDispatcher
from homeftp.errors import OperatorError, ShuttingDown
from tests.support.reconnects import ReconnectCase
from tests.support.transfers import TransferCase, folders, stamp, tree


async def agree(plan: DeletionPlan) -> bool:
    """A person who says yes."""
    return True


class MirrorTests(TransferCase):
    """push with `delete`."""

    extra = (DeleteDispatcher(), VersionsDispatcher())

    def setUp(self) -> None:
        super().setUp()
        self.local = os.path.join(self.here, "lib")
        for name in ("a", "b", "sub/c", "sub/d"):
            self.make_file(f"lib/{name}")
        self.push(self.local, "lib", recursive=True)

    def there(self) -> set[str]:
        return set(tree(os.path.join(self.server.root, "lib")))

    def test_deleted(self) -> None:
        """What is gone here goes there, with its folders; what was deleted is a version."""
        self.make_remote_file("lib/extra")
        self.make_remote_file("lib/old/x/e")
        os.unlink(os.path.join(self.local, "b"))
        self.push(self.local, "lib", recursive=True, delete=True, confirm_deletion=agree)
        self.assertEqual(
            (self.there(), folders(os.path.join(self.server.root, "lib"))), ({"a", "sub/c", "sub/d"}, {"sub"})
        )
        deleted = {name for name, outcome in self.outcomes().items() if outcome is Outcome.DELETED}
        self.assertEqual(deleted, {"b", "extra", "old", "old/x", "old/x/e"})
        here, there = os.path.join(self.local, ""), os.path.join(self.server.root, "lib", "")
        self.assertEqual(stamp(here)[0], stamp(there)[0], "the time of the folder is that of the source")

        async def versions() -> list[str]:
            return [version.name async for page in self.client.versions("lib") for version in page]

        self.assertEqual(set(self.run_work(versions())), {"b", "extra", "old/x/e"})

    def test_unseen(self) -> None:
        """What another machine has added or changed stays, with its folder, and is reported, if nobody is asked."""
        self.make_remote_file("lib/added/x")
        self.make_remote_file("lib/sub/c", b"changed by another")
        for name in ("b", "sub/c"):
            os.unlink(os.path.join(self.local, name))
        self.push(self.local, "lib", recursive=True, delete=True)
        self.assertEqual(self.there(), {"a", "added/x", "sub/c", "sub/d"})
        self.assertEqual((self.outcomes()["added/x"], self.outcomes()["sub/c"]), (Outcome.CONFLICT, Outcome.CONFLICT))
        self.assertEqual(self.outcomes()["b"], Outcome.DELETED)
        self.push(self.local, "lib", recursive=True, delete=True, force=True)
        self.assertEqual(self.there(), {"a", "sub/d"})

    def test_control(self) -> None:
        """Without the option nothing is deleted, and a dry run only reports."""
        os.unlink(os.path.join(self.local, "b"))
        self.push(self.local, "lib", recursive=True)
        self.push(self.local, "lib", recursive=True, delete=True, dry_run=True)
        self.assertEqual(self.outcomes()["b"], Outcome.DELETED)
        self.assertEqual(self.there(), {"a", "b", "sub/c", "sub/d"})

    def test_guard(self) -> None:
        """An empty or wrong source deletes nothing and sends nothing, unless it is said how many may go."""
        wrong = os.path.join(self.here, "wrong")
        os.makedirs(wrong)
        self.make_file("wrong/new")
        with self.assertRaisesRegex(OperatorError, "4 of the 4 files in lib would be deleted"):
            self.push(wrong, "lib", recursive=True, delete=True)
        self.assertEqual(self.there(), {"a", "b", "sub/c", "sub/d"})
        self.push(wrong, "lib", recursive=True, delete=True, max_delete=4)
        self.assertEqual(self.there(), {"new"})

    def test_declined(self) -> None:
        """A no ends it before anything is sent."""
        os.unlink(os.path.join(self.local, "b"))
        self.make_file("lib/new")
        plans: list[DeletionPlan] = []

        async def confirm(plan: DeletionPlan) -> bool:
            plans.append(plan)
            return False

        with self.assertRaises(DeletionDeclined):
            self.push(self.local, "lib", recursive=True, delete=True, confirm_deletion=confirm)
        self.assertEqual((plans[0].files, self.there()), (("b",), {"a", "b", "sub/c", "sub/d"}))

    def test_incomplete(self) -> None:
        """Where something could not be sent nothing is deleted."""
        os.unlink(os.path.join(self.local, "b"))
        self.make_file("lib/.homeftp-x")
        self.push(self.local, "lib", recursive=True, delete=True)
        self.assertIn("b", self.there())

    def test_changed(self) -> None:
        """A file that changes after it was listed stays, and is reported."""
        os.unlink(os.path.join(self.local, "b"))

        async def confirm(plan: DeletionPlan) -> bool:
            self.make_remote_file("lib/b", b"changed meanwhile")
            return True

        self.push(self.local, "lib", recursive=True, delete=True, confirm_deletion=confirm)
        self.assertEqual((self.outcomes()["b"], self.server.read("lib/b")), (Outcome.REFUSED, b"changed meanwhile"))

    def test_left_out(self) -> None:
        """What the selection leaves out is not deleted, nor is a folder with something that is not shared."""
        self.make_remote_file("lib/keep.tmp")
        self.make_remote_file("lib/old/keep.tmp")
        self.make_remote_file("lib/linked/x")
        os.symlink("../a", os.path.join(self.server.root, "lib", "linked", "link"))
        self.push(self.local, "lib", recursive=True, delete=True, force=True, selection=Selection(("*.tmp",)))
        self.assertEqual(self.there() - {"linked/link"}, {"a", "b", "sub/c", "sub/d", "keep.tmp", "old/keep.tmp"})
        self.assertNotIn(Outcome.REFUSED, self.outcomes().values())

    def test_top(self) -> None:
        """At the top of a store, everything that is not here is deleted there."""
        self.make_remote_file("other/x")
        self.push(f"{self.local}/", "", recursive=True, delete=True, force=True, max_delete=9)
        self.assertEqual(set(self.remote_files()), {"a", "b", "sub/c", "sub/d"})

    def test_several(self) -> None:
        """Two folders that go to one target are refused; each inside the target is mirrored."""
        self.make_file("two/x")
        with self.assertRaisesRegex(OperatorError, "a target of its own"):
            self.push(f"{self.local}/", f"{self.here}/two/", "lib", recursive=True, delete=True, max_delete=9)
        self.assertEqual(self.there(), {"a", "b", "sub/c", "sub/d"})
        self.push(self.local, f"{self.here}/two", "both", recursive=True, delete=True)
        self.assertEqual(
            set(tree(os.path.join(self.server.root, "both"))), {"lib/a", "lib/b", "lib/sub/c", "lib/sub/d", "two/x"}
        )

    def test_file(self) -> None:
        """A single file has no folder that could be made equal."""
        with self.assertRaisesRegex(OperatorError, "--delete is for folders"):
            self.push(os.path.join(self.local, "a"), "lib/a", delete=True)


class ReconnectTests(ReconnectCase):
    """A connection that breaks on the way."""

    extra = (DeleteDispatcher(),)

    def test_broken(self) -> None:
        """Wherever it breaks, the rest is deleted over a new connection, and nobody is asked again."""
        local = os.path.join(self.here, "lib")
        names = [f"sub/{number}" for number in range(20)]
        self.make_file("lib/kept")
        broken = 0
        for size in range(1, 4000, 400):
            for name in names:
                self.make_file(f"lib/{name}")
            assert self.reconnector.client is not None
            self.client = self.reconnector.client
            self.push(local, "lib", recursive=True)
            for name in names:
                os.unlink(os.path.join(local, name))
            os.rmdir(os.path.join(local, "sub"))
            plans: list[DeletionPlan] = []

            async def confirm(plan: DeletionPlan, plans: list[DeletionPlan] = plans) -> bool:
                plans.append(plan)
                return True

            wires = len(self.wires)
            self.wire.upwards = size
            self.push(local, "lib", recursive=True, delete=True, max_delete=20, confirm_deletion=confirm)
            broken += len(self.wires) > wires
            self.assertEqual((set(self.remote_files()), len(plans)), ({"lib/kept"}, 1), size)
            self.assertEqual({self.outcomes()[name] for name in names}, {Outcome.DELETED})
        self.assertGreater(broken, 5, "the control: most of the connections break")

    def test_restarted(self) -> None:
        """A server that is restarted has refused nothing: the rest is deleted over a new connection."""
        local = os.path.join(self.here, "lib")
        for name in ("kept", "gone", "sub/gone"):
            self.make_file(f"lib/{name}")
        self.push(local, "lib", recursive=True)
        os.unlink(os.path.join(local, "gone"))
        shutil.rmtree(os.path.join(local, "sub"))

        async def restarting(*_: object, **__: object) -> int:
            raise ShuttingDown("it restarts")

        self.patch(self.client, "remove", restarting)
        self.push(local, "lib", recursive=True, delete=True, max_delete=9, confirm_deletion=agree)
        self.assertEqual(set(self.remote_files()), {"lib/kept"})
        self.assertEqual({self.outcomes()[name] for name in ("gone", "sub", "sub/gone")}, {Outcome.DELETED})
        self.assertEqual(len(self.wires), 2, "the control")
