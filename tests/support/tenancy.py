"""A state machine of several accounts that share one store: what each may do is computed from the rules alone.

The accounts have homes, folders with narrower rights, several folders each with its rights, and a drop box. They log
in, use every call on a few names that collide often, and the owner removes, adds and changes them. After each step the
machine compares the whole store with what it was before:

- what changed is what the account may change, but not its home or a folder of its own; a refused call changed nothing;
- what an account was given is at endpoints that it may read;
- a login that is no longer valid is given nothing and changes nothing;
- a part of an upload is there for the account that began it, and for no other;
- nothing that was stored is lost: it is in place, or a version;
- what an account is told does not depend on what it may not see: a second store, which differs there only, is asked
  the same, and must answer the same.

The rules are those of `tests.support.tenancyrules`, which share no code with the product.

Each rule of the machine ends with some calls, by logins that it makes where there are none. Hypothesis leaves out some
rules in each run, at random: if calls were a rule of their own, and logins another, most runs would make no call.
"""

from __future__ import annotations

from typing import Any, ClassVar, Sequence

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.strategies import SearchStrategy

from homeftp.accounts.devices import Devices
from homeftp.accounts.passwords import hash_password
from homeftp.accounts.validator import AccessValidator
from homeftp.endpoint import parse
from homeftp.errors import LoginFailed, Refusal
from homeftp.interfaces import IStore
from homeftp.interfaces.immediate import GRANTED_SECONDS
from homeftp.model import WriteRequest
from tests.support.tenancychecks import Attempt, Session, check_changes, check_disclosed, outcome_of, same_answers
from tests.support.tenancyrules import (
    ACCOUNTS,
    ADD,
    DEVICES,
    DISCARD,
    HIDDEN,
    NONE,
    READ,
    WATCHERS,
    DeviceRules,
    Rules,
    inside,
)
from tests.support.tenancysteps import CONTENTS, HIDDEN_PATHS, Step, steps
from tests.support.tenancyworld import (
    APP_PASSWORDS,
    FIRST_PASSWORDS,
    QUICK,
    Snapshot,
    World,
    add_account,
    set_rights,
    snapshot,
    wait,
)

NAMES: SearchStrategy[str] = st.runner().flatmap(lambda machine: st.sampled_from(machine.names))
"""The accounts that log in and are changed."""

Calls = Sequence["tuple[int, Step]"]
"""What is done, each with the number of the login that does it: from the newest on, and from there again."""


def some(step: SearchStrategy[Step]) -> SearchStrategy[Calls]:
    """A few calls."""
    return st.lists(st.tuples(st.integers(0, 9), step), min_size=3, max_size=10)


CALLS: SearchStrategy[Calls] = st.runner().flatmap(lambda machine: machine.calls)
"""What the machine's logins may do."""


class TenancyMachine(RuleBasedStateMachine):
    """The accounts at work. A subclass says how stores are opened."""

    validator: ClassVar[type[AccessValidator]] = AccessValidator
    calls: ClassVar[SearchStrategy[Calls]] = some(steps())
    names: ClassVar[Sequence[str]] = sorted(ACCOUNTS)

    def open_store(self, folder: str) -> IStore:
        """A new store in an empty folder."""
        raise NotImplementedError

    def on_disk(self, folder: str) -> object:
        """All bytes on which the store in a folder keeps what a snapshot shows; None where it has none."""
        return None

    def __init__(self) -> None:
        super().__init__()
        self.world, self.twin = (World(self.open_store, self.validator) for _ in range(2))
        """The second one differs from the first in what the `WATCHERS` may not see, and nowhere else."""
        self.accounts: dict[str, Rules] = dict(ACCOUNTS)
        self.passwords: dict[str, str] = dict(FIRST_PASSWORDS)
        self.sessions: list[Session] = []
        self.attempts: list[Attempt] = []
        self.count = 0
        self.apart = False
        """Whether the two stores may differ in what the `WATCHERS` see, too: hidden content came there."""
        self._disk: object = None
        """The disk of the first store when the last snapshot of it was made."""
        self.parts: set[tuple[str, str]] = set()
        """The accounts and the paths of uploads that were interrupted."""

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
        """Some folders and files exist, each file with a version."""
        own = ("people/ann/tax/a", "people/bob/tax/a", "people/bob/inbox/a", "people/gran/a", "people/gran/tax/a")
        paths = ("drop/first", "secret/a", "secret/gran/a", "b/a/x", "b/b", "a", *own)
        for what in ("version", "file"):
            contents = {path: f"{what} {path}".encode() for path in paths}
            for world in self.worlds:
                world.store.write_many(
                    [
                        (WriteRequest(endpoint=parse(path), size=len(content), mtime_us=1_000_000), content)
                        for path, content in contents.items()
                    ]
                )

    # -- the owner's commands ------------------------------------------------------

    def _add(self, name: str, rules: Rules) -> None:
        self.count += 1
        self.passwords[name] = f"password {self.count}"
        self.accounts[name] = rules
        for world in self.worlds:
            add_account(world.state, name, rules, self.passwords[name])

    def _changed(self, name: str, *, replaced: bool) -> None:
        """The logins of an account end in a second; and those that are being checked, where it or its password is new.

        Until then a login may be told what is in memory.
        """
        self._pass_time()
        for session in self.sessions:
            session.valid = session.valid and session.account != name
        for attempt in self.attempts:
            if attempt.account == name:
                attempt.changed = True
                attempt.valid = attempt.valid and (attempt.of_device or not replaced)

    def _pass_time(self) -> None:
        for world in self.worlds:
            world.clock.advance(2 * GRANTED_SECONDS)

    @rule(name=NAMES, again=st.booleans(), then=CALLS)
    def remove_account(self, name: str, again: bool, then: Calls) -> None:
        """The owner removes an account, and perhaps adds another one of that name."""
        self._remove_account(name)
        if again:
            self._add_account(name)
        self._work(then)

    def _remove_account(self, name: str) -> None:
        if name in self.accounts:
            del self.accounts[name], self.passwords[name]
            self.parts = {(owner, path) for owner, path in self.parts if owner != name}
            for world in self.worlds:
                world.state.remove_account(name)
            self._changed(name, replaced=True)

    @rule(name=NAMES, then=CALLS)
    def add_account(self, name: str, then: Calls) -> None:
        """The owner adds an account that has the name of a removed one."""
        self._add_account(name)
        self._work(then)

    def _add_account(self, name: str) -> None:
        if name not in self.accounts:
            self._add(name, ACCOUNTS[name])

    @rule(name=NAMES, rights=st.sampled_from([READ, ADD, READ | ADD, NONE]), then=CALLS)
    def change_rights(self, name: str, rights: frozenset[str], then: Calls) -> None:
        """The owner changes what an account may do: everywhere, or in one of its folders."""
        self._change_rights(name, rights)
        self._work(then)

    def _change_rights(self, name: str, rights: frozenset[str]) -> None:
        if name not in self.accounts:
            return
        before = self.accounts[name]
        if before.folders:
            after = attrs.evolve(before, folders={**before.folders, "b": rights})
        else:
            after = attrs.evolve(before, everywhere=rights)
        if after != before:
            self.accounts[name] = after
            for world in self.worlds:
                set_rights(world.state, name, after)
            self._changed(name, replaced=False)

    @rule(name=NAMES, then=CALLS)
    def change_password(self, name: str, then: Calls) -> None:
        """The owner changes a password: logins with the old one end."""
        self._change_password(name)
        self._work(then)

    def _change_password(self, name: str) -> None:
        if name in self.accounts:
            self.count += 1
            self.passwords[name] = f"password {self.count}"
            for world in self.worlds:
                world.state.set_password(name, hash_password(self.passwords[name], QUICK))
            self._changed(name, replaced=True)

    # -- logins --------------------------------------------------------------------

    @rule(name=NAMES, right=st.booleans(), then=CALLS)
    def begin_login(self, name: str, right: bool, then: Calls) -> None:
        """Somebody begins to log in, with the right password or a wrong one."""
        self._begin_login(name, right)
        self._work(then)

    def _begin_login(self, name: str, right: bool, *, of_device: bool = False) -> None:
        known = right and name in self.accounts
        password = APP_PASSWORDS[name] if of_device else self.passwords[name] if known else "password 0"
        pair = self.world.begin_login(name, password), self.twin.begin_login(name, password)
        self.attempts.append(Attempt(name, known or of_device, pair, of_device=of_device, changed=not known))

    @rule(then=CALLS)
    def check_logins(self, then: Calls) -> None:
        """One step of what checks logins: the accounts may change before the next."""
        self._check_logins()
        self._work(then)

    def _check_logins(self) -> None:
        for world in self.worlds:
            world.logins.work()
        for attempt in [each for each in self.attempts if each.pair[0].called]:
            self.attempts.remove(attempt)
            self._logged_in(attempt)

    @rule(name=NAMES, then=CALLS)
    def log_in(self, name: str, then: Calls) -> None:
        """Somebody logs in, without anything in between."""
        self._log_in(name)
        self._work(then)

    def _log_in(self, name: str, *, of_device: bool = False) -> None:
        self._begin_login(name, True, of_device=of_device)
        while self.attempts:
            self._check_logins()

    @rule(name=NAMES, again=st.booleans(), then=CALLS)
    def use_device(self, name: str, again: bool, then: Calls) -> None:
        """A device logs in; or the owner sets what it may do to the same again, which ends its logins and no others."""
        if again and name in self.accounts:
            top, most = DEVICES[name]
            for world in self.worlds:
                Devices(world.state).narrow(f"{name}-device", most, parse(top))
            self._pass_time()
            for session in self.sessions:
                session.valid = session.valid and not (session.of_device and session.account == name)
            for attempt in self.attempts:
                attempt.changed = attempt.changed or (attempt.of_device and attempt.account == name)
        else:
            self._log_in(name, of_device=True)
        self._work(then)

    @rule(
        name=NAMES,
        jobs=st.integers(0, 2),
        change=st.sampled_from(["remove", "again", "rights", "password"]),
        step=steps(),
        then=CALLS,
    )
    def log_in_beside(self, name: str, jobs: int, change: str, step: Step, then: Calls) -> None:
        """The owner changes an account while its login is being checked; what logs in then is used at once."""
        known = len(self.sessions)
        self._begin_login(name, True)
        for _ in range(jobs):
            self._check_logins()
        if change == "rights":
            self._change_rights(name, NONE)
        elif change == "password":
            self._change_password(name)
        else:
            self._remove_account(name)
        if change == "again":
            self._add_account(name)
        while self.attempts:
            self._check_logins()
        if len(self.sessions) > known:
            self._step(self.sessions[-1], step, self._snapshot())
        self._work(then)

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
        if attempt.of_device:
            rules = DeviceRules.of(rules, *DEVICES[attempt.account])
        self.sessions.append(Session(attempt.account, rules, pair, attempt.valid, attempt.of_device))

    # -- work ----------------------------------------------------------------------

    @rule(path=HIDDEN_PATHS, content=CONTENTS, remove=st.booleans(), then=CALLS)
    def hidden_change(self, path: str, content: bytes, remove: bool, then: Calls) -> None:
        """What the `WATCHERS` may not see changes in one of the two stores."""
        store = self.twin.store
        try:
            if remove:
                list(store.remove(parse(path), None, True))
            else:
                store.write_many([(WriteRequest(endpoint=parse(path), size=len(content)), content)])
        except Refusal:
            pass  # nothing is there, or a file is in the way
        self._work(then)

    def _work(self, then: Calls) -> None:
        """Logins do something in the first store, and the `WATCHERS` the same in the second one."""
        names = [name for name in self.names if name in self.accounts]
        if names and not any(session.valid for session in self.sessions):
            self._log_in(names[then[0][0] % len(names)])
        before = self._snapshot()
        for number, step in then if self.sessions else ():
            before = self._step(self.sessions[-1 - number % len(self.sessions)], step, before)

    def _snapshot(self, before: Snapshot | None = None) -> Snapshot:
        """What the first store holds; `before` is what it held, and is not read again where the disk is as it was."""
        found = self.on_disk(self.world.folder)
        if before is None or found is None or found != self._disk:
            before = snapshot(self.world.store)
            self._disk = self.on_disk(self.world.folder)
        return before

    def _step(self, session: Session, step: Step, before: Snapshot) -> Snapshot:
        """One call; what the first store holds after it."""
        outcome = outcome_of(session.pair[0], step)
        after = self._snapshot(before)
        context = f"{step.what} {step.paths} by {session.account}, valid {session.valid}: {outcome!r}"
        check_changes(session, step, before, after, refused=isinstance(outcome, Refusal), context=context)
        lost = before.hashes() - after.hashes()
        if step.discards:
            lost -= before.version_hashes(lambda path: session.rules.at_whole(path) >= DISCARD)
        assert len(lost) <= max(0, after.unknown - before.unknown), f"content was lost: {context}"
        if not isinstance(outcome, Refusal):
            assert session.valid, f"a login that has ended was served: {context}"
            self._check_disclosed(session, step, outcome, context)
        self.apart = self.apart or (step.by_clock and before != after)
        self._repeat(session, step, outcome, context)
        return after

    def _check_disclosed(self, session: Session, step: Step, outcome: Any, context: str) -> None:
        check_disclosed(session, step, outcome, context=context)
        part = session.account, session.rules.whole("".join(step.paths[:1]))
        if step.used_part(outcome):
            assert part in self.parts, f"it was given a part of another's upload: {context}"
        if step.leaves_part:
            self.parts.add(part)

    def _repeat(self, session: Session, step: Step, outcome: Any, context: str) -> None:
        """The same in the second store: where a watcher does it, or others where a watcher sees it."""
        used = [session.rules.whole(path) for path in (*step.paths, *step.source)]
        hidden = [any(inside(path, folder) for folder in HIDDEN) for path in used]
        around = [any(inside(folder, path) for folder in HIDDEN) for path in used]
        watches = session.account in WATCHERS
        if not watches:
            if not step.paths or all(hidden):
                return
            if any(hidden) or any(around):
                self.apart = True
        if self.apart:
            return
        again = outcome_of(session.pair[1], step)
        if watches:
            assert same_answers(outcome, again), (
                f"what is hidden shows: {context}, and {again!r} with other hidden files"
            )
