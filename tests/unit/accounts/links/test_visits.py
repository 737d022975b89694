"""Visits of links: secrets, passwords, uses and the end, by clocks that the tests advance."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from homeftp.accounts.access import AccessTable
from homeftp.accounts.devicelogin import IDeviceCredentials
from homeftp.accounts.devices import Devices
from homeftp.accounts.links.table import Links
from homeftp.accounts.links.visits import (
    USE_SECONDS,
    DeadLink,
    IOpenedLink,
    LinkProblem,
    LinkVisits,
    OpenedLink,
    Visit,
)
from homeftp.accounts.throttle import OwnGuesses, PasswordQueue, Throttle
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Busy, LoginFailed, LoginRequired
from homeftp.interfaces import ILogin
from homeftp.interfaces.links import MadeLink
from homeftp.store.policy.rights import parse_rights
from homeftp.workers import InlineWorkers
from tests.support import replay
from tests.support.folders import QuickCase
from tests.support.inmemory import Server
from tests.support.linkcases import HOME, add_ann, allow_links, enter, lay_files, links_of, record, terms, token
from tests.support.logins import started
from tests.support.queuedworkers import QueuedWorkers

ADDRESS, OTHER = "192.0.2.7", "192.0.2.8"
GUESSES = 3


class VisitCase(QuickCase):
    """A link to photos, and visits whose links end by `now`."""

    def setUp(self) -> None:
        self.server = Server.make(own_accounts=True)
        self.addCleanup(self.server.close)
        lay_files(self.server)
        add_ann(self.server)
        self.ahead = 0.0
        self.instant: float | None = None
        self.visits = self.visits_with(PasswordQueue(InlineWorkers()))

    def visits_with(self, passwords: PasswordQueue) -> LinkVisits:
        """Visits whose passwords are checked in that queue."""
        return LinkVisits(
            Links(self.server.state, self.now),
            throttle=OwnGuesses(Throttle(self.server.clock, most=GUESSES, seconds=600)),
            audit=self.server.json.parts.audit,
            workers=InlineWorkers(),
            passwords=passwords,
            clock=self.server.clock,
            front_end="https",
            most_grants=2,
        )

    def now(self) -> float:
        """The time by which links end."""
        return time.time() + self.ahead if self.instant is None else self.instant

    def make(self, path: str = "photos", **more: Any) -> MadeLink:
        made: MadeLink = self.successResultOf(started(links_of(enter(self.server)).make(terms(path, **more))))
        return made

    def open(self, secret: str | MadeLink, address: str = ADDRESS, **more: Any) -> Deferred[Visit]:
        return started(self.visits.open(secret if isinstance(secret, str) else token(secret), address, **more))

    def opened(self, made: MadeLink, address: str = ADDRESS, **more: Any) -> Visit:
        visit: Visit = self.successResultOf(self.open(made, address, **more))
        return visit

    def dead(self, opening: Deferred[Any], problem: LinkProblem) -> None:
        """The link does not work, for that reason."""
        self.assertEqual(self.failureResultOf(opening, DeadLink).value.problem, problem)

    def login(self, visit: Visit) -> ILogin:
        login: ILogin = self.successResultOf(self.server.services.logins.login(visit.credentials, ADDRESS, "https"))
        return login

    def records(self, event: str) -> list[dict[str, Any]]:
        return [each for each in replay.lines(self.server.folder) if each["event"] == event]


class OpenTests(VisitCase):
    """`open`."""

    def test_opened(self) -> None:
        """A secret opens its link; the login sees the path alone, may only read, and is a device of the account."""
        visit = self.opened(self.make())
        verifyObject(IOpenedLink, visit.credentials)
        verifyObject(IDeviceCredentials, visit.credentials)
        login = self.login(visit)
        self.assertEqual((login.account, login.device, login.rights), ("ann", visit.record.device.name, {"read"}))
        self.assertEqual(login.home, parse(f"{HOME}/photos"))
        self.assertIsNone(visit.proof)
        (noted,) = [each for each in self.records("login") if each["device"] == login.device]
        self.assertEqual((noted["front_end"], noted["address"]), ("https", ADDRESS))

    def test_wrong_secret(self) -> None:
        """A wrong secret is told nothing, and recorded without it, a few of them; it is no guess.

        Otherwise any page in a browser could keep its address from logging in.
        """
        made = self.make()
        for number in range(500):
            self.dead(self.open(("A" * 43, "x", "../" + token(made))[number % 3]), LinkProblem.NO_SUCH)
        self.opened(made)
        noted = self.records("link")
        self.assertEqual({(each["status"], each["address"], each["account"]) for each in noted}, {(40, ADDRESS, None)})
        self.assertLess(len(noted), 300)
        self.assertNotIn("A" * 43, repr(noted))

    def test_right_secret(self) -> None:
        """A right one never counts, however often it comes."""
        made = self.make()
        for _ in range(GUESSES + 1):
            self.opened(made)

    def test_expired(self) -> None:
        """A link ends at its time; that is no guess."""
        made = self.make(seconds=60)
        visit = self.opened(made)
        self.ahead = 61
        for _ in range(GUESSES + 1):
            self.dead(self.open(made), LinkProblem.EXPIRED)
        late = Devices(self.server.state).find_link(visit.record.device.id, self.now())
        self.assertIsNone(late)

    def test_end(self) -> None:
        """At the very instant of its end a link is over, for those that open it and for those that have."""
        made = self.make(seconds=60)
        visit = self.opened(made)
        devices = Devices(self.server.state)
        self.instant = visit.record.ends - 0.001
        self.assertIsNotNone(devices.find_link(self.opened(made).record.device.id, self.now()), "the control")
        self.instant = visit.record.ends
        self.dead(self.open(made), LinkProblem.EXPIRED)
        self.assertIsNone(devices.find_link(visit.record.device.id, self.now()))

    def test_gone(self) -> None:
        """One that was revoked is not known any more, and its login ends."""
        made = self.make()
        login = self.login(self.opened(made))
        self.assertTrue(login.is_valid())
        Devices(self.server.state).revoke(made.link.id)
        self.dead(self.open(made), LinkProblem.NO_SUCH)
        self.assertFalse(login.is_valid())
        self.failureResultOf(self.server.services.logins.login(OpenedLink("gone"), ADDRESS, "https"), LoginFailed)

    def test_permission_withdrawn(self) -> None:
        """Without the permission of the owner the login of a link ends as well."""
        made = self.make()
        login = self.login(self.opened(made))
        allow_links(self.server, False)
        self.assertFalse(login.is_valid())


class PasswordTests(VisitCase):
    """Links with a password."""

    def test_asked(self) -> None:
        """It is asked for, which is no guess; the right one opens the link, and gives a proof that opens it again."""
        made = self.make(password="a long one")
        for _ in range(GUESSES + 1):
            self.failureResultOf(self.open(made), LoginRequired)
        visit = self.opened(made, password="a long one")
        assert visit.proof is not None
        self.assertEqual(self.opened(made, proof=visit.proof).record, visit.record)
        self.assertNotIn(visit.proof, repr(visit))

    def test_wrong(self) -> None:
        """Wrong ones count as guesses and are recorded with the link; then not even the right one is looked at."""
        made = self.make(password="a long one")
        for wrong in ("another", "x" * 10_000, "\ud800"):
            self.failureResultOf(self.open(made, password=wrong), LoginFailed)
        self.failureResultOf(self.open(made, password="a long one"), Busy)
        self.assertEqual([(each["status"], each["link"]) for each in self.records("link")], [(32, made.link.id)] * 3)

    def test_order(self) -> None:
        """A password from an address that has guessed wrong waits for those of others."""
        made, workers = self.make(password="a long password"), QueuedWorkers()
        self.visits = self.visits_with(PasswordQueue(workers))
        done: list[str] = []
        for address, typed in ((OTHER, "wrong"), (OTHER, "a long password"), (ADDRESS, "a long password")):
            self.open(made, address, password=typed).addBoth(lambda _, each: done.append(each), address)
        workers.work_all()
        self.assertEqual(done, [OTHER, ADDRESS, OTHER])

    def test_proof(self) -> None:
        """A proof opens its own link only, and a wrong one asks for the password."""
        first, second = self.make(password="a long one"), self.make("notes.txt", password="a long one")
        visit = self.opened(first, password="a long one")
        for wrong in (visit.proof, "", "x", "é"):
            self.failureResultOf(self.open(second, proof=wrong), LoginRequired)

    def test_damaged(self) -> None:
        """A stored password that is damaged fits nothing."""
        made = self.make(password="a long one")
        with self.server.state.transaction() as connection:
            connection.execute("UPDATE links SET password = 'damaged'")
        self.failureResultOf(self.open(made, password="damaged"), LoginFailed)


class UseTests(VisitCase):
    """`use`."""

    def use(self, made: MadeLink, address: str = ADDRESS) -> Deferred[None]:
        return started(self.visits.use(self.opened(made, address)))

    def left(self, made: MadeLink) -> int | None:
        found = record(self.server, made)
        assert found is not None
        return found.uses_left

    def test_once(self) -> None:
        """A use lasts an hour for the address that began it, and nobody else gets one more."""
        made = self.make(uses=1)
        self.successResultOf(self.use(made))
        self.assertEqual(self.left(made), 0)
        self.server.clock.advance(USE_SECONDS - 1)
        self.successResultOf(self.use(made))
        self.dead(self.use(made, OTHER), LinkProblem.USED)
        self.server.clock.advance(1)
        self.dead(self.use(made), LinkProblem.USED)

    def test_left(self) -> None:
        """What a link shows is shown as long as it may be used, and to an address that uses it; not at the hour's end.

        Nothing is counted by that.
        """

        def shows(address: str = ADDRESS) -> bool:
            try:
                self.visits.check_left(self.opened(made, address))
            except DeadLink:
                return False
            return True

        made = self.make()
        self.assertTrue(shows())
        with self.server.state.transaction() as connection:
            connection.execute("UPDATE links SET uses_left = -1")
        self.assertFalse(shows(), "fewer than none are left")
        made = self.make(uses=2)
        for address in (ADDRESS, OTHER):
            self.assertTrue(shows(address))
            self.successResultOf(self.use(made, address))
        self.assertEqual([shows(each) for each in (ADDRESS, OTHER, "192.0.2.9")], [True, True, False])
        self.server.clock.advance(USE_SECONDS - 1)
        self.assertTrue(shows())
        self.server.clock.advance(1)
        self.assertFalse(shows())

    def test_several(self) -> None:
        """Each address takes one of the uses."""
        made = self.make(uses=2)
        for address in (ADDRESS, OTHER, ADDRESS):
            self.successResultOf(self.use(made, address))
        self.assertEqual(self.left(made), 0)
        self.dead(self.use(made, "192.0.2.9"), LinkProblem.USED)

    def test_unlimited(self) -> None:
        """Without a limit nothing is counted."""
        made = self.make()
        self.successResultOf(self.use(made))
        self.assertIsNone(self.left(made))

    def test_network(self) -> None:
        """One machine with many addresses of its IPv6 network takes one use."""
        made = self.make(uses=1)
        for address in ("2001:db8::1", "2001:db8::2"):
            self.successResultOf(self.use(made, address))

    def test_at_the_same_time(self) -> None:
        """Two requests of one address at the same time take one use, and those of two addresses two."""
        made = self.make(uses=1)
        visits = [self.opened(made, address) for address in (ADDRESS, ADDRESS, OTHER)]
        uses = [started(self.visits.use(visit)) for visit in visits]
        self.successResultOf(uses[0])
        self.successResultOf(uses[1])
        self.dead(uses[2], LinkProblem.USED)

    def test_bounded(self) -> None:
        """Only so many uses are remembered: the oldest is forgotten, and counts again."""
        made = self.make(uses=9)
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3", "192.0.2.3", "192.0.2.1"):
            self.successResultOf(self.use(made, address))
        self.assertEqual(self.left(made), 9 - 4)


class TargetTests(VisitCase):
    """`check_target`."""

    def check(self, made: MadeLink, *, upload: bool = False) -> Deferred[None]:
        return started(self.visits.check_target(self.login(self.opened(made)), upload=upload))

    def test_broken(self) -> None:
        """A link does not follow a rename, and is whole again where something is at its path again."""
        made = self.make()
        self.successResultOf(self.check(made))
        self.server.store.move(parse(f"{HOME}/photos"), parse(f"{HOME}/pictures"), None, None)
        self.dead(self.check(made), LinkProblem.BROKEN)
        self.server.put(f"{HOME}/photos", b"another thing")
        self.successResultOf(self.check(made))

    def test_drop_box(self) -> None:
        """A drop box needs a directory; a login makes none in its place."""
        made = self.make("inbox", upload=True)
        self.successResultOf(self.check(made, upload=True))
        self.server.store.move(parse(f"{HOME}/inbox"), parse(f"{HOME}/old"), None, None)
        self.dead(self.check(made, upload=True), LinkProblem.BROKEN)
        self.assertIsNone(self.server.store.stat(parse(f"{HOME}/inbox")))
        self.server.put(f"{HOME}/inbox", b"a file")
        self.dead(self.check(made, upload=True), LinkProblem.BROKEN)

    def test_rights(self) -> None:
        """A link does no more than its account may do now."""
        made, box = self.make(), self.make("inbox", upload=True)
        accesses = AccessTable(self.server.state)
        accesses.set_rights("ann", parse_rights("read"))
        self.successResultOf(self.check(made))
        self.dead(self.check(box, upload=True), LinkProblem.BROKEN)
        accesses.grant("ann", parse("photos"), parse_rights("none"))
        self.dead(self.check(made), LinkProblem.BROKEN)

    def test_hidden(self) -> None:
        """What its account may not read of a folder is not behind its link either."""
        made = self.make()
        AccessTable(self.server.state).grant("ann", parse("photos/sub"), parse_rights("none"))
        files = self.login(self.opened(made)).files("GET")
        self.assertIsNone(self.successResultOf(started(files.stat(parse("sub/hill.jpg")))))
        self.assertIsNotNone(self.successResultOf(started(files.stat(parse("lake.jpg")))))


class NoteTests(VisitCase):
    """`note`."""

    def test_noted(self) -> None:
        """What is opened is recorded, up to a limit that says that more was left out."""
        visit = self.opened(self.make())
        login = self.login(visit)
        for _ in range(203):
            self.successResultOf(started(self.visits.note(visit, login.actor("GET"), login.home)))
        noted = self.records("link")
        self.assertEqual(len(noted), 200)
        (first, *_) = noted
        told = {name: first[name] for name in ("account", "device", "address", "request", "endpoint", "link", "status")}
        expected = {
            "account": "ann",
            "device": visit.record.device.name,
            "address": ADDRESS,
            "request": "GET",
            "endpoint": f"{HOME}/photos",
            "link": visit.record.device.name,
            "status": 0,
        }
        self.assertEqual(told, expected)
        self.assertEqual(len(self.records("unrecorded")), 1)
        self.assertEqual(ROOT.whole, "")
