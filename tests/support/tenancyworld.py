"""One server of the tenancy machine, without its protocols, and a snapshot of all that its store holds."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from typing import Any, Awaitable, Callable, Mapping

import attrs
from twisted.cred.credentials import UsernamePassword
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.credentials.apppasswords import app_password_hash, new_app_password, with_app_passwords
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import DeviceKind, Devices, Narrowing
from homeftp.accounts.login import LoginService
from homeftp.accounts.loginaudit import AuditRateLimit, LoginAudit, RefusalAudit
from homeftp.accounts.passwords import Cost, PasswordChecker, hash_password
from homeftp.accounts.realm import portal
from homeftp.accounts.throttle import OwnGuesses, Throttle
from homeftp.accounts.validator import AccessValidator
from homeftp.audit.log import Audit
from homeftp.endpoint import parse
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.interfaces import ILogin, IStore
from homeftp.workers import InlineWorkers
from tests.support.queuedworkers import QueuedWorkers
from tests.support.tenancyrules import ACCOUNTS, DEVICES, Rules

QUICK = Cost(n=2, r=1, p=1)
"""The cost of a password, so that a login takes no time."""

MANY = 10**9
"""More wrong passwords than a run has."""

FIRST_PASSWORDS = {name: f"first password of {name}" for name in ACCOUNTS}
"""With which a world begins."""

APP_PASSWORDS = {name: new_app_password() for name in ACCOUNTS}
"""Those of the devices."""


@attrs.frozen
class Snapshot:
    """All that a store holds."""

    entries: Mapping[str, tuple[object, ...]]
    """Kind, content, mtime and mode of what is in place. The mtime of a directory is left out: it follows its names."""
    versions: Mapping[str, Mapping[int, str | None]]
    """The times of the versions of each file, with their hashes as far as they are known."""

    def hashes(self) -> frozenset[str]:
        """Of everything that is kept."""
        in_place = {str(value[1]) for value in self.entries.values() if value[0] == "file"}
        kept = {hash for versions in self.versions.values() for hash in versions.values() if hash is not None}
        return frozenset(in_place | kept)

    def version_hashes(self, chosen: Callable[[str], bool]) -> frozenset[str]:
        """Of the versions of the chosen files."""
        found = (hash for path, versions in self.versions.items() if chosen(path) for hash in versions.values())
        return frozenset(hash for hash in found if hash is not None)

    @property
    def unknown(self) -> int:
        """How many versions have a hash that is not known."""
        return sum(hash is None for versions in self.versions.values() for hash in versions.values())

    def has_other_versions(self, other: Snapshot, path: str) -> bool:
        """Whether a file has not the versions that it has in another one. A hash may only have become known."""
        one, two = self.versions.get(path, {}), other.versions.get(path, {})
        return one.keys() != two.keys() or any(None not in (one[at], two[at]) and one[at] != two[at] for at in one)


def snapshot(store: IStore) -> Snapshot:
    """What a store holds now, read as the server itself reads it."""
    entries: dict[str, tuple[object, ...]] = {}
    for page in store.list(parse(""), True):
        for entry in page.entries:
            if entry.kind == "directory":
                entries[entry.name] = (entry.kind, entry.mode)
                continue
            opened = store.open(parse(entry.name))
            try:
                known = [hash for hash in opened.hash_steps() if hash is not None]
            finally:
                opened.close()
            entries[entry.name] = (entry.kind, known[-1], entry.mtime_us, entry.mode)
    versions: dict[str, dict[int, str | None]] = {}
    for kept in store.versions(parse("")):
        for version in kept:
            versions.setdefault(version.name, {})[version.at_us] = version.hash
    return Snapshot(entries, versions)


def add_account(state: AccountDatabase, name: str, rules: Rules, password: str) -> None:
    """As the owner's command does it."""
    table = AccessTable(state)
    table.add(name, hash_password(password, QUICK), _change(rules))
    for folder, most in rules.grants.items():
        table.grant(name, parse(folder), most)
    top, most = DEVICES[name]
    credential, narrowing = str(app_password_hash(APP_PASSWORDS[name])), Narrowing(most, parse(top))
    Devices(state).add(f"{name}-device", name, DeviceKind.APP_PASSWORD, credential, 0.0, narrowing)


def set_rights(state: AccountDatabase, name: str, rules: Rules) -> None:
    """As the owner's command does it."""
    AccessTable(state).change(name, _change(rules))


def _change(rules: Rules) -> AccessChange:
    """All that the rules say, but for grants."""
    if rules.folders:
        return AccessChange(folders=tuple((parse(path).parts, rights) for path, rights in rules.folders.items()))
    return AccessChange(home=parse(rules.home), rights=rules.everywhere)


@functools.lru_cache(maxsize=1)
def _first_state() -> str:
    """A state folder with all accounts, to be copied: each transaction takes longer than the copy."""
    folder = tempfile.mkdtemp(dir=_memory())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = os.path.join(folder, "state")
    state = AccountDatabase(path)
    for name, rules in ACCOUNTS.items():
        add_account(state, name, rules, FIRST_PASSWORDS[name])
    state.close()
    return path


class World:
    """One server without its protocols: a store, all accounts and the login service."""

    def __init__(self, store: Callable[[str], IStore], validator: type[AccessValidator]) -> None:
        """`store` opens a store in a folder."""
        self.folder = tempfile.mkdtemp(dir=_memory())
        self.store = store(self.folder)
        shutil.copytree(_first_state(), os.path.join(self.folder, "state"))
        self.state = AccountDatabase(os.path.join(self.folder, "state"))
        workers, clock = InlineWorkers(), Clock()
        self.clock = clock
        self.logins = QueuedWorkers()
        """Checks credentials, one job after another, when `log_in` or the machine says so."""
        audit = self.audit = Audit(os.path.join(self.folder, "state"))
        table = AccessTable(self.state)
        passwords = PasswordChecker(self.state, self.logins, QUICK)
        checkers = with_app_passwords([passwords], Devices(self.state), self.logins)
        self.service = LoginService(
            portal(lambda: self.store, checkers, self.logins, table),
            throttle=OwnGuesses(Throttle(clock, most=MANY, seconds=1)),
            audit=LoginAudit(audit, workers, AuditRateLimit(clock)),
            refusals=RefusalAudit(audit, workers, AuditRateLimit(clock)),
            validator=validator(self.state),
            files=FilesFactory(workers, MemoryBudget()),
            workers=workers,
            monotonic=clock.seconds,
        )

    def begin_login(self, name: str, password: str) -> Deferred[ILogin]:
        """A login whose credentials are checked when `logins` works."""
        return self.service.login(UsernamePassword(name.encode(), password.encode()), "192.0.2.1", "test")

    def close(self) -> None:
        """Remove everything."""
        self.store.close()
        self.audit.close()
        self.state.close()
        shutil.rmtree(self.folder)


def _memory() -> str | None:
    """A folder in memory, where there is one: the machine makes many stores."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def wait(work: Awaitable[Any]) -> Any:
    """The result of what is done by now; raises what it raises."""
    results: list[Any] = []
    Deferred.fromCoroutine(_awaited(work)).addBoth(results.append)
    assert results, "it waits for something"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work
