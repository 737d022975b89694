"""A state machine of several accounts that share one store: what each may do is computed from the rules alone.

The accounts have homes, folders with narrower rights and a drop box. They log in, use every verb on a few names that
collide often, and are removed, added again and changed meanwhile. After each step the machine compares the whole store
with what it was before:

- what changed is what the account may change, and a refused call changed nothing;
- what an account was given is at endpoints that it may read;
- a login that is no longer valid is given nothing and changes nothing;
- nothing that was stored is lost: it is in place, or a version;
- what an account is told does not depend on what it may not see: a second store, which differs there only, is asked
  the same, and must answer the same.

The rules are written here once more, in a few lines, from docs/owner: `Rules` shares no code with the product.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any, Awaitable, Callable, ClassVar, Iterable, Mapping, Sequence

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from twisted.cred.credentials import UsernamePassword
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.login import LoginService
from homeftp.accounts.loginaudit import AuditRateLimit, LoginAudit, RefusalAudit
from homeftp.accounts.passwords import Cost, PasswordChecker, hash_password
from homeftp.accounts.realm import portal
from homeftp.accounts.throttle import Throttle
from homeftp.accounts.validator import AccessValidator
from homeftp.audit import Audit
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import LoginFailed, Refusal
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.interfaces import IFiles, ILogin, IStore
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.workers import InlineWorkers
from tests.support.queuedworkers import QueuedWorkers

ALL = frozenset({"read", "add", "replace", "delete"})
READ, ADD = frozenset({"read"}), frozenset({"add"})
NONE: frozenset[str] = frozenset()

QUICK = Cost(n=2, r=1, p=1)
"""The cost of a password, so that a login takes no time."""

MANY = 10**9
"""More wrong passwords than a run has."""


@attrs.frozen
class Rules:
    """One account by the rules: where it begins, what it may do, and the folders where it may do less."""

    home: str = ""
    everywhere: frozenset[str] = ALL
    grants: Mapping[str, frozenset[str]] = attrs.field(factory=dict)

    def at(self, path: str) -> frozenset[str]:
        """What the account may do at one endpoint of its own."""
        rights = self.everywhere
        for folder, most in self.grants.items():
            if inside(path.lower(), folder.lower()):
                rights &= most
        return rights

    def whole(self, path: str) -> str:
        """An endpoint of the account as the store has it."""
        return "/".join(filter(None, [self.home, path]))

    def at_whole(self, path: str) -> frozenset[str]:
        """What it may do at an endpoint of the store."""
        if not inside(path, self.home):
            return NONE
        return self.at(path[len(self.home) :].lstrip("/"))


def inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or beneath it; everything is beneath ""."""
    return not folder or path == folder or path.startswith(folder + "/")


ACCOUNTS: Mapping[str, Rules] = {
    "owner": Rules(),
    "ann": Rules("people/ann", ALL, {"tax": READ}),
    "bob": Rules("people/bob", ALL, {"tax": NONE, "inbox": ADD}),
    "kid": Rules("", READ | ADD, {"people": NONE, "secret": NONE, "drop": ADD}),
    "box": Rules("drop", ADD),
}
"""The accounts at the start."""

PLACES = ("", "a", "b", "drop", "drop/a", "secret", "secret/a", "Secret/a", "people", "people/ann", "people/ann/tax/a")
OWN_PLACES = ("a/b", "b/a", "tax", "tax/a", "tax/b", "inbox", "inbox/a")
PATHS = st.sampled_from([*PLACES, *OWN_PLACES])
CONTENTS = st.sampled_from([b"", b"one", b"two", b"three" * 10])

HIDDEN = ("people", "secret")
"""Folders of which the account `kid` must not learn anything."""

HIDDEN_PATHS = st.sampled_from(
    [f"{folder}/{name}" for folder in ("people", "secret", "people/ann") for name in ("x", "y", "x/z")]
)


@attrs.frozen
class Snapshot:
    """All that a store holds."""

    entries: Mapping[str, tuple[object, ...]]
    """Kind, content, mtime and mode of what is in place. The mtime of a directory is left out: it follows its names."""
    versions: Mapping[str, frozenset[str]]
    """The hashes of the versions of each file; those that are not known are only counted."""
    unknown: int = 0

    def hashes(self) -> frozenset[str]:
        """Of everything that is kept."""
        in_place = {str(value[1]) for value in self.entries.values() if value[0] == "file"}
        return frozenset(in_place.union(*self.versions.values()))


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
    versions: dict[str, set[str]] = {}
    unknown = 0
    for kept in store.versions(parse("")):
        for version in kept:
            unknown += version.hash is None
            versions.setdefault(version.name, set()).add(version.hash or str(version.at_us))
    return Snapshot(entries, {name: frozenset(hashes) for name, hashes in versions.items()}, unknown)


class World:
    """One server without its protocols: a store, the accounts and the login service."""

    def __init__(self, store: Callable[[str], IStore], validator: type[AccessValidator]) -> None:
        """`store` opens a store in a folder."""
        self.folder = tempfile.mkdtemp(dir=_memory())
        self.store = store(self.folder)
        self.state = AccountDatabase(os.path.join(self.folder, "state"))
        workers, clock = InlineWorkers(), Clock()
        self.logins = QueuedWorkers()
        """Checks credentials, one job after another, when `log_in` or the machine says so."""
        audit = Audit(os.path.join(self.folder, "state"))
        table = AccessTable(self.state)
        self.service = LoginService(
            portal(lambda: self.store, [PasswordChecker(self.state, self.logins, QUICK)], self.logins, table),
            throttle=Throttle(clock, most=MANY, seconds=1),
            audit=LoginAudit(audit, workers, AuditRateLimit(clock)),
            refusals=RefusalAudit(audit, workers, AuditRateLimit(clock)),
            validator=validator(self.state),
            files=FilesFactory(workers, MemoryBudget()),
            workers=workers,
        )

    def add_account(self, name: str, rules: Rules, password: str) -> None:
        """As the owner's command does it."""
        table = AccessTable(self.state)
        table.add(name, hash_password(password, QUICK), AccessChange(home=parse(rules.home), rights=rules.everywhere))
        for folder, most in rules.grants.items():
            table.grant(name, parse(folder), most)

    def begin_login(self, name: str, password: str) -> Deferred[ILogin]:
        """A login whose credentials are checked when `logins` works."""
        return self.service.login(UsernamePassword(name.encode(), password.encode()), "192.0.2.1", "test")

    def close(self) -> None:
        """Remove everything."""
        self.store.close()
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


@attrs.frozen
class Step:
    """One call of an account: what it does, and the rights it needs, each at a path of the account's own."""

    what: str
    paths: tuple[str, ...]
    """The paths that it names: nothing else may change, but for directories that are made on the way."""
    call: Callable[[IFiles], Awaitable[Any]]
    reads: Callable[[Any], Iterable[str]] = lambda result: ()
    """The paths, of the account's own, that its result tells about."""
    source: tuple[str, ...] = ()
    """The path, of the account's own, whose content it uses."""


def told(path: str, names: Iterable[str]) -> list[str]:
    """Names relative to a path as paths."""
    return ["/".join(filter(None, [path, name])) for name in names]


async def listing(files: IFiles, path: str, recursive: bool) -> list[Entry]:
    """All entries."""
    return [entry async for page in files.list(parse(path), recursive) for entry in page.entries]


async def edited(files: IFiles, path: str, content: bytes, precondition: str | None) -> Entry:
    """Append to a file."""
    draft = await files.edit(WriteRequest(endpoint=parse(path), size=None, precondition=precondition))
    try:
        await draft.write(draft.size, content)
        return await draft.commit()
    finally:
        await draft.abort()


async def versions_of(files: IFiles, path: str) -> list[tuple[str, str | None]]:
    """Name and hash of each version; their times differ between two stores."""
    return [(version.name, version.hash) async for page in files.versions(parse(path)) for version in page]


async def restored(files: IFiles, path: str) -> Entry:
    """Put back the newest version."""
    return await files.restore(parse(path), None)


PRECONDITIONS = st.sampled_from([None, None, ABSENT])


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Any call of `IFiles`."""
    path, other = draw(PATHS), draw(PATHS)
    content, condition = draw(CONTENTS), draw(PRECONDITIONS)
    endpoint: Endpoint = parse(path)
    request = WriteRequest(endpoint=endpoint, size=len(content), mtime_us=1_000_000, mode=0o644, precondition=condition)
    recursive = draw(st.booleans())
    return draw(
        st.sampled_from(
            [
                Step("stat", (), lambda files: files.stat(endpoint), lambda entry: [path] if entry else []),
                Step(
                    "list",
                    (),
                    lambda files: listing(files, path, recursive),
                    lambda entries: [path, *told(path, (entry.name for entry in entries))],
                ),
                Step("read", (), lambda files: files.read(endpoint, 1000), lambda content: [path]),
                Step("hash", (), lambda files: files.hash(endpoint), lambda entry: [path]),
                Step(
                    "versions",
                    (),
                    lambda files: versions_of(files, path),
                    lambda found: told(path, (name for name, _ in found)),
                ),
                Step("write", (path,), lambda files: files.write(request, content)),
                Step("make_directory", (path,), lambda files: files.make_directory(attrs.evolve(request, size=0))),
                Step("edit", (path,), lambda files: edited(files, path, content, condition)),
                Step("move", (path, other), lambda files: files.move(endpoint, parse(other))),
                Step("copy", (other,), lambda files: files.copy(endpoint, parse(other)), source=(path,)),
                Step("remove", (path,), lambda files: files.remove(endpoint, None, recursive)),
                Step("restore", (path,), lambda files: restored(files, path)),
                Step("set_metadata", (path,), lambda files: files.set_metadata(endpoint, mtime_us=5, mode=0o600)),
            ]
        )
    )


@attrs.define(eq=False)
class Attempt:
    """A login in both stores that is not complete."""

    account: str
    right: bool
    """Whether the password is that of the account when the attempt begins."""
    pair: tuple[Deferred[ILogin], Deferred[ILogin]]
    changed: bool = False
    """Whether the account was changed since: then the attempt may fail."""
    valid: bool = True
    """Whether it is still the same account, with the same password: otherwise the attempt must fail."""


@attrs.define(eq=False)
class Session:
    """A login in both stores, and what is known of it."""

    account: str
    rules: Rules
    pair: tuple[ILogin, ILogin]
    valid: bool = True
    """Whether nothing changed since that ends it."""


class TenancyMachine(RuleBasedStateMachine):
    """The accounts at work. A subclass says how stores are opened."""

    validator: ClassVar[type[AccessValidator]] = AccessValidator

    def open_store(self, folder: str) -> IStore:
        """A new store in an empty folder."""
        raise NotImplementedError

    def __init__(self) -> None:
        super().__init__()
        self.world, self.twin = (World(self.open_store, self.validator) for _ in range(2))
        """The second one differs from the first in what `kid` may not see, and nowhere else."""
        self.accounts: dict[str, Rules] = {}
        self.passwords: dict[str, str] = {}
        self.sessions: list[Session] = []
        self.attempts: list[Attempt] = []
        self.count = 0
        self.apart = False
        """Whether the two stores may differ in what `kid` sees, too: hidden content was moved or copied there."""

    def teardown(self) -> None:
        """Remove both."""
        self.world.close()
        self.twin.close()

    @property
    def worlds(self) -> tuple[World, World]:
        """Both."""
        return self.world, self.twin

    @initialize()
    def begin(self) -> None:
        """All accounts exist, and some folders and files."""
        for name in ACCOUNTS:
            self._add(name, ACCOUNTS[name])
        for world in self.worlds:
            for path in ("drop/first", "secret/a", "people/ann/tax/a", "people/bob/tax/a", "people/bob/inbox/a", "a"):
                request = WriteRequest(endpoint=parse(path), size=len(path), mtime_us=1_000_000)
                world.store.write_many([(request, path.encode())])

    # -- the owner's commands ------------------------------------------------------

    def _add(self, name: str, rules: Rules) -> None:
        self.count += 1
        self.passwords[name] = f"password {self.count}"
        self.accounts[name] = rules
        for world in self.worlds:
            world.add_account(name, rules, self.passwords[name])

    def _changed(self, name: str, *, replaced: bool) -> None:
        """The logins of an account end at once; and those that are being checked, where it or its password is new."""
        for session in self.sessions:
            session.valid = session.valid and session.account != name
        for attempt in self.attempts:
            if attempt.account == name:
                attempt.changed, attempt.valid = True, attempt.valid and not replaced

    @rule(name=st.sampled_from(sorted(ACCOUNTS)))
    def remove_account(self, name: str) -> None:
        """The owner removes an account."""
        if name in self.accounts:
            del self.accounts[name], self.passwords[name]
            for world in self.worlds:
                world.state.remove_account(name)
            self._changed(name, replaced=True)

    @rule(name=st.sampled_from(sorted(ACCOUNTS)))
    def add_account(self, name: str) -> None:
        """The owner adds an account again that was removed."""
        if name not in self.accounts:
            self._add(name, ACCOUNTS[name])

    @rule(name=st.sampled_from(sorted(ACCOUNTS)), rights=st.sampled_from([READ, ADD, READ | ADD, NONE]))
    def change_rights(self, name: str, rights: frozenset[str]) -> None:
        """The owner changes what an account may do."""
        if name in self.accounts and self.accounts[name].everywhere != rights:
            self.accounts[name] = attrs.evolve(self.accounts[name], everywhere=rights)
            for world in self.worlds:
                AccessTable(world.state).set_rights(name, rights)
            self._changed(name, replaced=False)

    @rule(name=st.sampled_from(sorted(ACCOUNTS)))
    def change_password(self, name: str) -> None:
        """The owner changes a password: logins with the old one end."""
        if name in self.accounts:
            self.count += 1
            self.passwords[name] = f"password {self.count}"
            for world in self.worlds:
                world.state.set_password(name, hash_password(self.passwords[name], QUICK))
            self._changed(name, replaced=True)

    # -- logins --------------------------------------------------------------------

    @rule(name=st.sampled_from(sorted(ACCOUNTS)), right=st.booleans())
    def begin_login(self, name: str, right: bool) -> None:
        """Somebody begins to log in, with the right password or a wrong one."""
        known = right and name in self.accounts
        password = self.passwords[name] if known else "password 0"
        pair = self.world.begin_login(name, password), self.twin.begin_login(name, password)
        self.attempts.append(Attempt(name, known, pair))

    @rule()
    def check_logins(self) -> None:
        """One step of what checks logins: the accounts may change before the next."""
        for world in self.worlds:
            world.logins.work()
        for attempt in [each for each in self.attempts if each.pair[0].called]:
            self.attempts.remove(attempt)
            self._logged_in(attempt)

    @rule(name=st.sampled_from(sorted(ACCOUNTS)))
    def log_in(self, name: str) -> None:
        """Somebody logs in, without anything in between."""
        self.begin_login(name, True)
        while self.attempts:
            self.check_logins()

    @rule(
        name=st.sampled_from(sorted(ACCOUNTS)),
        jobs=st.integers(0, 2),
        change=st.sampled_from(["remove", "again", "rights", "password"]),
        data=st.data(),
        step=steps(),
    )
    def log_in_beside(self, name: str, jobs: int, change: str, data: st.DataObject, step: Step) -> None:
        """The owner changes an account while its login is being checked; what logs in then is used at once."""
        known = len(self.sessions)
        self.begin_login(name, True)
        for _ in range(jobs):
            self.check_logins()
        if change == "rights":
            self.change_rights(name, NONE)
        elif change == "password":
            self.change_password(name)
        else:
            self.remove_account(name)
        if change == "again":
            self.add_account(name)
        while self.attempts:
            self.check_logins()
        if len(self.sessions) > known:
            self.sessions[:-1] = []
            self.work(data, [step])

    def _logged_in(self, attempt: Attempt) -> None:
        try:
            pair = wait(attempt.pair[0]), wait(attempt.pair[1])
        except LoginFailed:
            for each in attempt.pair:
                each.addErrback(lambda failure: failure.trap(LoginFailed) and None)
            assert attempt.changed or not attempt.right, f"{attempt.account} could not log in"
            return
        assert attempt.right, f"{attempt.account} logged in with a wrong password"
        rules = self.accounts.get(attempt.account, Rules(everywhere=NONE))
        self.sessions.append(Session(attempt.account, rules, pair, attempt.valid))

    # -- work ----------------------------------------------------------------------

    @rule(path=HIDDEN_PATHS, content=CONTENTS, remove=st.booleans())
    def hidden_change(self, path: str, content: bytes, remove: bool) -> None:
        """What `kid` may not see changes in one of the two stores."""
        store = self.twin.store
        try:
            if remove:
                list(store.remove(parse(path), None, True))
            else:
                store.write_many([(WriteRequest(endpoint=parse(path), size=len(content)), content)])
        except Refusal:
            pass  # nothing is there, or a file is in the way

    @precondition(lambda self: self.sessions)
    @rule(data=st.data(), some=st.lists(steps(), min_size=1, max_size=10))
    def work(self, data: st.DataObject, some: Sequence[Step]) -> None:
        """Logins do something in the first store, and `kid` the same in the second one."""
        before = snapshot(self.world.store)
        for step in some:
            session = data.draw(st.sampled_from(self.sessions))
            before = self._step(session, step, before)

    def _step(self, session: Session, step: Step, before: Snapshot) -> Snapshot:
        """One call; what the first store holds after it."""
        outcome = self._outcome(session.pair[0], step)
        after = snapshot(self.world.store)
        context = f"{step.what} {step.paths} by {session.account}, valid {session.valid}: {outcome!r}"
        self._check_changes(session, step, before, after, refused=isinstance(outcome, Refusal), context=context)
        lost = before.hashes() - after.hashes()
        assert len(lost) <= max(0, after.unknown - before.unknown), f"content was lost: {context}"
        if not isinstance(outcome, Refusal):
            assert session.valid, f"a login that has ended was served: {context}"
            for path in step.reads(outcome):
                assert "read" in session.rules.at(path), f"it learned of {path!r}: {context}"
        self._repeat(session, step, outcome, context)
        return after

    def _repeat(self, session: Session, step: Step, outcome: Any, context: str) -> None:
        """The same in the second store: where `kid` does it, or others where `kid` sees it."""
        used = [session.rules.whole(path) for path in (*step.paths, *step.source)]
        hidden = [any(inside(path, folder) for folder in HIDDEN) for path in used]
        around = [any(inside(folder, path) for folder in HIDDEN) for path in used]
        if session.account != "kid":
            if not step.paths or all(hidden):
                return
            if any(hidden) or any(around):
                self.apart = True
        if self.apart:
            return
        again = self._outcome(session.pair[1], step)
        if session.account == "kid":
            assert _same(outcome, again), f"what is hidden shows: {context}, and {again!r} with other hidden files"

    def _outcome(self, login: ILogin, step: Step) -> Any:
        """The result or the refusal; everything else is a fault."""
        try:
            return wait(step.call(login.files(step.what.upper())))
        except Refusal as refusal:
            return refusal

    def _check_changes(
        self, session: Session, step: Step, before: Snapshot, after: Snapshot, *, refused: bool, context: str
    ) -> None:
        changed = {
            path for path in {*before.entries, *after.entries} if before.entries.get(path) != after.entries.get(path)
        }
        kept = {
            path
            for path in {*before.versions, *after.versions}
            if before.versions.get(path) != after.versions.get(path)
        }
        if changed or kept:
            assert session.valid, f"a login that has ended changed {changed or kept}: {context}"
            assert not refused, f"a refused call changed {changed or kept}: {context}"
        named = [session.rules.whole(path) for path in step.paths]
        for path in changed | kept:
            assert any(inside(path, each) or inside(each, path) for each in named), f"{path} changed: {context}"
        for path in changed:
            was, is_now = before.entries.get(path), after.entries.get(path)
            needed = "add" if was is None else "delete" if is_now is None else "replace"
            rights = session.rules.at_whole(path)
            assert needed in rights, f"{path} needs {needed}, has {set(rights)}: {context}"


def _same(outcome: Any, again: Any) -> bool:
    """Whether two answers tell the same. The time of a change is not the same in two stores."""
    if isinstance(outcome, Refusal) or isinstance(again, Refusal):
        return (type(outcome), str(outcome)) == (type(again), str(again))
    if isinstance(outcome, Entry) and isinstance(again, Entry):
        return _timeless(outcome) == _timeless(again)
    if isinstance(outcome, list):
        return len(outcome) == len(again) and all(_same(*each) for each in zip(outcome, again, strict=True))
    return bool(outcome == again)


def _timeless(entry: Entry) -> Entry:
    return attrs.evolve(entry, mtime_us=None)
