"""Accounts that share one store get what the rules give, and nothing else. `tests.support.tenancy` has the machine."""

from __future__ import annotations

import os
from typing import ClassVar, Iterator, Sequence
from unittest import mock

from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.interface import Method

from homeftp.accounts import login
from homeftp.accounts.validator import CheckedStore
from homeftp.config import Retention
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IFiles, IStore, StoreOptions
from homeftp.store.local.store import LocalStore
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.rights import ALL, Rights
from tests.support.needs import LONG
from tests.support.repeatable import REPEATABLE
from tests.support.tenancy import TenancyMachine, some
from tests.support.tenancydefects import (
    DiscardingView,
    NamesStore,
    OneAccountStore,
    OpenFiles,
    OpenListings,
    OpenMetadata,
    OpenMoves,
    OpenRemoval,
    OpenStat,
    OpenVerification,
    OpenVersions,
    OpenWays,
    RevertingView,
    TrustingValidator,
    outermost,
)
from tests.support.tenancysteps import LARGE_PLACE, calls, steps

RUNS = 1000 if LONG else 200
STEPS = 20 if LONG else 3
"""Of a run, each with three to ten calls: about 20 in a run, and in a long one 120, so that a long test makes 10^5."""


def raw_tree(folder: str) -> Iterator[tuple[object, ...]]:
    """Everything in a folder: path, inode, mode, time, and the content of a file."""
    for entry in os.scandir(folder):
        stat = entry.stat(follow_symlinks=False)
        content = None
        if entry.is_file(follow_symlinks=False):
            with open(entry.path, "rb") as file:
                content = file.read()
        yield entry.path, stat.st_ino, stat.st_mode, stat.st_mtime_ns, content
        if entry.is_dir(follow_symlinks=False):
            yield from raw_tree(entry.path)


class MemoryMachine(TenancyMachine):
    """On the store in memory."""

    def open_store(self, folder: str) -> IStore:
        return MemoryStore()


class LocalMachine(TenancyMachine):
    """On a folder."""

    def open_store(self, folder: str) -> IStore:
        root = os.path.join(folder, "root")
        os.mkdir(root)
        return LocalStore(root, HashCache(os.path.join(folder, "index.sqlite")), StoreOptions())

    def on_disk(self, folder: str) -> object:
        return list(raw_tree(os.path.join(folder, "root")))


class ForgetfulMachine(TenancyMachine):
    """On a store that keeps no versions."""

    def open_store(self, folder: str) -> IStore:
        return MemoryStore(StoreOptions(retention=Retention(seconds=0)))


class TrustingMachine(MemoryMachine):
    """Where logins outlive changes of their account."""

    validator = TrustingValidator


class FoldersMachine(MemoryMachine):
    """Logins of the only account that has several folders, and directories which lead to them."""

    names: ClassVar[Sequence[str]] = ("gran",)


def making(*what: str, machine: type[MemoryMachine] = MemoryMachine) -> type[MemoryMachine]:
    """The machine, with logins that make no other calls than these."""
    chosen = some(steps(lambda step: step.what in what))
    return type(f"{machine.__name__} that makes {what}", (machine,), {"calls": chosen})


class PartsMachine(MemoryMachine):
    """Two logins that do nothing but begin a large upload and go on with it: of all calls two of these seldom meet."""

    names: ClassVar[Sequence[str]] = ("gran", "owner")
    calls = some(steps(lambda step: LARGE_PLACE in step.paths))


class DeviceMachine(MemoryMachine):
    """All logins are of devices."""

    def _begin_login(self, name: str, right: bool, *, of_device: bool = False) -> None:
        super()._begin_login(name, right, of_device=True)


class NamesMachine(PartsMachine):
    """On such a store: one account goes, and another one gets its name."""

    names: ClassVar[Sequence[str]] = ("owner",)

    def open_store(self, folder: str) -> IStore:
        return NamesStore()


class OneAccountMachine(PartsMachine):
    """On such a store."""

    def open_store(self, folder: str) -> IStore:
        return OneAccountStore()


NARROWED = Rights.narrowed

CONTROL_STEPS = 20

CONTROL_RUNS = 5000
"""At most: a control ends with the first fault that is found. That takes a few runs or a few hundred, by chance."""


def run(machine: type[TenancyMachine], *, runs: int = RUNS, control: bool = False) -> None:
    """Raises what the machine finds: as few steps as possible, but for a control."""
    phases = [Phase.generate] if control else list(Phase)
    chosen = settings(
        REPEATABLE,
        max_examples=CONTROL_RUNS if control else runs,
        stateful_step_count=CONTROL_STEPS if control else STEPS,
        phases=phases,
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(machine, settings=chosen)


class TenancyTests(SynchronousTestCase):
    """Nobody reads, changes or learns of what the rules do not give, and nothing is lost."""

    def test_memory(self) -> None:
        """In a store in memory."""
        run(MemoryMachine)

    def test_local(self) -> None:
        """In a folder. Half as often: the same code gives and refuses there, and it takes four times as long."""
        run(LocalMachine, runs=RUNS if LONG else RUNS // 2)

    def test_devices(self) -> None:
        """In a store in memory, where all logins are of devices that have less than their accounts."""
        run(DeviceMachine)

    def test_calls(self) -> None:
        """The machine makes every call that there is, but for the one that never ends: test_watch.py has that."""
        made = {step.what for step in calls("a", "b", b"", (None, None), recursive=False)}
        every = {name for name in IFiles.names() if isinstance(IFiles[name], Method)}
        self.assertEqual(made, every - {"watch"})


class ControlTests(SynchronousTestCase):
    """The machine finds each of these faults."""

    def test_disk(self) -> None:
        """What is compared before a folder is read again shows each change: of names, modes, times and contents."""
        folder = self.mktemp()
        path = os.path.join(folder, "a", "file")
        os.makedirs(os.path.dirname(path))
        with open(path, "wb") as file:
            file.write(b"one")
        os.utime(path, (1, 1))

        def write_over() -> None:
            with open(path, "wb") as file:
                file.write(b"two")
            os.utime(path, (1, 1))

        changes = (
            write_over,
            lambda: os.chmod(path, 0o600),
            lambda: os.utime(path, (1, 2)),
            lambda: os.rename(path, f"{path} 2"),
            lambda: os.mkdir(path),
            lambda: os.unlink(f"{path} 2"),
        )
        found = [list(raw_tree(folder))]
        for change in changes:
            change()
            found.append(list(raw_tree(folder)))
            self.assertNotIn(found[-1], found[:-1])
        self.assertEqual(found[-1], list(raw_tree(folder)), "the control")

    def test_view(self) -> None:
        """A view that leaves out one check. The logins make the calls that it is about: of all, few runs make them."""
        views: dict[type[CheckedStore], tuple[str, ...]] = {
            OpenStat: ("stat", "is_new"),
            OpenFiles: ("open", "read", "read_batch"),
            OpenListings: ("list",),
            OpenWays: ("list",),
            OpenVersions: ("versions",),
            OpenVerification: ("verify",),
            OpenRemoval: ("remove",),
            OpenMoves: ("move",),
            OpenMetadata: ("set_metadata",),
        }
        for view, made in views.items():
            machine = making(*made, machine=FoldersMachine if view is OpenWays else MemoryMachine)
            with mock.patch.object(login, "CheckedStore", view), self.assertRaises(AssertionError, msg=view):
                run(machine, control=True)

    def test_past(self) -> None:
        """A view in which an account may put back, or discard, all that it sees."""
        for view in (RevertingView, DiscardingView):
            with mock.patch.object(login, "CheckedStore", view), self.assertRaises(AssertionError, msg=view):
                run(making("write", "restore_tree", "prune"), control=True)

    def test_folders(self) -> None:
        """Of two folders of an account the wrong one counts."""
        with mock.patch.object(Rights, "at", outermost), self.assertRaises(AssertionError):
            run(FoldersMachine, control=True)

    def test_devices(self) -> None:
        """A device has all rights of its account, or all of its home."""
        wide = [
            lambda rights, top, most: NARROWED(rights, top, ALL),
            lambda rights, top, most: NARROWED(rights, (), most),
        ]
        for narrowed in wide:
            with mock.patch.object(Rights, "narrowed", narrowed), self.assertRaises(AssertionError):
                run(DeviceMachine, control=True)

    def test_parts(self) -> None:
        """A store that gives one account what another began to upload, or one that had its name."""
        for machine in (OneAccountMachine, NamesMachine):
            with self.assertRaisesRegex(AssertionError, "a part of another's upload"):
                run(machine, control=True)

    def test_revocation(self) -> None:
        """Logins that go on after their account has changed."""
        with self.assertRaisesRegex(AssertionError, "a login that has ended"):
            run(TrustingMachine, control=True)

    def test_loss(self) -> None:
        """A store that keeps nothing of what it replaces."""
        with self.assertRaisesRegex(AssertionError, "content was lost"):
            run(ForgetfulMachine, control=True)
