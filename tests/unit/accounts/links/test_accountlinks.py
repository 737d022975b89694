"""What an account may do with its links, by what it may do itself."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.devices import Device, DeviceKind, Devices, Narrowing, add_device, new_id
from homeftp.accounts.links.table import Links
from homeftp.accounts.login import Login
from homeftp.accounts.passwords import verify_password
from homeftp.accounts.realm import Account
from homeftp.config import MOST_LINK_SECONDS, MOST_LINK_USES
from homeftp.endpoint import parse
from homeftp.errors import BadRequest, Forbidden, Internal, NotFound, Refusal, WrongKind
from homeftp.interfaces import IShareLinks
from homeftp.interfaces.links import LinkState, LinkTerms, MadeLink, ShareLink
from homeftp.store.policy.rights import ALL, parse_rights
from homeftp.testing.pair import WEB_ORIGIN
from tests.support import replay
from tests.support.folders import QuickCase
from tests.support.inmemory import Server
from tests.support.linkcases import HOME, add_ann, enter, lay_files, links_of, record, terms, token
from tests.support.logins import started


class AccountLinksCase(QuickCase):
    """Ann, at home in a folder of hers, with her laptop."""

    def setUp(self) -> None:
        self.server = Server.make(own_accounts=True)
        self.addCleanup(self.server.close)
        lay_files(self.server)
        add_ann(self.server)
        self.laptop = self.device("laptop")
        self.login = enter(self.server, self.laptop)
        self.links = links_of(self.login)

    def device(self, name: str, **narrowing: Any) -> Device:
        """Another device of ann's."""
        with self.server.state.transaction() as connection:
            kind, more = DeviceKind.CERTIFICATE, Narrowing(**narrowing)
            return add_device(connection, new_id(), "ann", name, 0.0, kind, None, more)

    def make(self, what: LinkTerms, links: IShareLinks | None = None, origin: str | None = None) -> MadeLink:
        made: MadeLink = self.successResultOf(started((links or self.links).make(what, origin)))
        return made

    def refused(self, what: LinkTerms, refusal: type[Refusal], links: IShareLinks | None = None) -> str:
        """The message with which a link is refused."""
        failure = self.failureResultOf(started((links or self.links).make(what)), refusal)
        return str(failure.value.message)

    def listed(self, login: Login | None = None) -> list[ShareLink]:
        links = self.links if login is None else links_of(login)
        return list(self.successResultOf(started(links.list())))

    def revoke(self, id: str, login: Login | None = None) -> Deferred[ShareLink]:
        return started((self.links if login is None else links_of(login)).revoke(id))


class MakeTests(AccountLinksCase):
    """Which links are made."""

    def test_made(self) -> None:
        """A link has the server's address, or that by which its maker reaches it, and a secret that is not kept."""
        verifyObject(IShareLinks, self.links)
        made = self.make(terms("photos", seconds=60))
        self.assertEqual(made.url, f"{WEB_ORIGIN}/s/{token(made)}/")
        self.assertEqual(
            (made.link.endpoint, made.link.state, made.link.device), (parse("photos"), LinkState.OPEN, "ann-laptop")
        )
        self.assertEqual(made.link.ends - made.link.made, 60)
        other = self.make(terms("notes.txt"), origin="https://192.0.2.1:8443")
        self.assertEqual(other.url, f"https://192.0.2.1:8443/s/{token(other)}/")
        self.assertNotIn(token(made), repr(made) + repr(replay.lines(self.server.folder)))
        stored = record(self.server, made)
        assert stored is not None
        self.assertEqual((stored.narrowing.home, stored.creator), (parse("photos"), self.laptop.id))

    def test_recorded(self) -> None:
        """The audit log has each link that is made and revoked, by its name, with the path from the top."""
        made = self.make(terms("photos"))
        self.successResultOf(self.revoke(made.link.id))
        events = [each for each in replay.lines(self.server.folder) if each["event"] in ("share", "unshare")]
        told = [(each["event"], each["account"], each["device"], each["endpoint"], each["link"]) for each in events]
        path = f"{HOME}/photos"
        expected = [(event, "ann", "ann-laptop", path, made.link.id) for event in ("share", "unshare")]
        self.assertEqual(told, expected)

    def test_password(self) -> None:
        """A password is stored like those of accounts, and never told."""
        made = self.make(terms("photos", password="a long one"))
        stored = record(self.server, made)
        assert stored is not None and stored.password is not None
        self.assertTrue(verify_password("a long one", stored.password))
        self.assertTrue(made.link.has_password)
        self.assertNotIn("a long one", repr(terms("photos", password="a long one")))

    def test_bounds(self) -> None:
        """Terms out of bounds are refused, through whatever front end they come."""
        for wrong in (
            {"seconds": 0},
            {"seconds": MOST_LINK_SECONDS + 1},
            {"uses": 0},
            {"uses": MOST_LINK_USES + 1},
            {"password": "short"},
            {"password": "x" * 1025},
        ):
            self.refused(terms("photos", **wrong), BadRequest)
        self.assertEqual(self.listed(), [])

    def test_what_is_there(self) -> None:
        """There is no link to nothing, and none to upload into a file."""
        self.refused(terms("none"), NotFound)
        self.refused(terms("notes.txt", upload=True), WrongKind)
        self.make(terms("inbox", upload=True))
        self.make(terms(""))

    def test_rights(self) -> None:
        """A link gives nothing that its maker may not do: not to read what it may not, nor to add where it may not."""
        accesses = AccessTable(self.server.state)
        accesses.grant("ann", parse("photos"), parse_rights("add"))
        accesses.grant("ann", parse("inbox"), parse_rights("read"))
        links = links_of(enter(self.server, self.laptop))
        self.assertEqual(
            self.refused(terms("photos"), NotFound, links),
            self.refused(terms("none"), NotFound, links).replace("none", "photos"),
        )
        self.refused(terms("photos", upload=True), NotFound, links)
        self.assertIn("may not add files at inbox", self.refused(terms("inbox", upload=True), Forbidden, links))
        self.make(terms("inbox"), links)

    def test_not_allowed(self) -> None:
        """Without the owner's permission there is none, and the message says how it is given."""
        self.assertTrue(self.successResultOf(started(self.links.allowed())))
        AccessTable(self.server.state).change("ann", AccessChange(links=False))
        links = links_of(enter(self.server, self.laptop))
        self.assertIn("homeftp account change ann --links on", self.refused(terms("photos"), Forbidden, links))
        self.assertFalse(self.successResultOf(started(links.allowed())))

    def test_other_logins(self) -> None:
        """A link makes no links, nor does an account of another checker, which our database does not know."""
        stored = record(self.server, self.make(terms("photos")))
        assert stored is not None
        self.assertIsNone(enter(self.server, stored.device).links)
        self.assertIsNone(
            self.server.login(Account("guest", self.server.store, self.server.account("guest").access)).links
        )

    def test_narrowed_device(self) -> None:
        """A device that sees a part makes links to what is in it."""
        narrow = self.device("phone", rights=ALL, home=parse("photos"))
        made = self.make(terms("sub"), links_of(enter(self.server, narrow)))
        stored = record(self.server, made)
        assert stored is not None
        self.assertEqual(stored.narrowing.home, parse("photos/sub"))

    def test_no_audit_log(self) -> None:
        """Where the audit log cannot be written no link is made."""
        self.server.audit.close()
        failure = self.failureResultOf(started(self.links.make(terms("photos"))), Internal)
        self.assertEqual(failure.value.message, "internal error; see the server log")
        self.assertEqual(Links(self.server.state).of_account("ann"), [])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class ListTests(AccountLinksCase):
    """Which links are seen and revoked."""

    def states(self) -> dict[str, LinkState]:
        """The state of each link, by its path."""
        return {str(each.endpoint): each.state for each in self.listed()}

    def test_states(self) -> None:
        """Each link says whether it works: it may be broken, and be whole again."""
        for what in (terms("photos"), terms("notes.txt"), terms("inbox", upload=True)):
            self.make(what)
        self.assertEqual(set(self.states().values()), {LinkState.OPEN})
        self.server.store.move(parse(f"{HOME}/photos"), parse(f"{HOME}/pictures"), None, None)
        self.server.store.move(parse(f"{HOME}/inbox"), parse(f"{HOME}/old"), None, None)
        self.server.put(f"{HOME}/inbox", b"a file")
        broken = {"photos": LinkState.BROKEN, "notes.txt": LinkState.OPEN, "inbox": LinkState.BROKEN}
        self.assertEqual(self.states(), broken)
        self.server.store.move(parse(f"{HOME}/pictures"), parse(f"{HOME}/photos"), None, None)
        self.assertEqual(self.states()["photos"], LinkState.OPEN)

    def test_lost_right(self) -> None:
        """A drop box is broken once its account may not add files there."""
        self.make(terms("inbox", upload=True))
        AccessTable(self.server.state).grant("ann", parse("inbox"), parse_rights("read"))
        (link,) = self.listed(enter(self.server, self.laptop))
        self.assertEqual(link.state, LinkState.BROKEN)

    def test_used(self) -> None:
        """One that may be used no more says so, and so does one whose time is over."""
        used, expired = self.make(terms("photos", uses=1)), self.make(terms("notes.txt"))
        stored, old = record(self.server, used), record(self.server, expired)
        assert stored is not None and old is not None
        Links(self.server.state).use(stored.device.id)
        with self.server.state.transaction() as connection:
            connection.execute("UPDATE devices SET expires = 1 WHERE id = ?", (old.device.id,))
        self.assertEqual(self.states(), {"photos": LinkState.USED, "notes.txt": LinkState.EXPIRED})

    def test_narrowed_device(self) -> None:
        """A device sees and revokes only links to what it sees, whoever made them."""
        inside, outside = self.make(terms("photos/sub")), self.make(terms("notes.txt"))
        phone = enter(self.server, self.device("phone", rights=ALL, home=parse("photos")))
        self.assertEqual([(each.id, str(each.endpoint)) for each in self.listed(phone)], [(inside.link.id, "sub")])
        self.failureResultOf(self.revoke(outside.link.id, phone), NotFound)
        self.successResultOf(self.revoke(inside.link.id, phone))
        self.assertEqual([each.id for each in self.listed()], [outside.link.id])

    def test_others(self) -> None:
        """No account sees or revokes those of another."""
        made = self.make(terms("photos"))
        AccessTable(self.server.state).add("bob", None, AccessChange(links=True))
        bob = enter(self.server, account="bob")
        self.assertEqual(self.listed(bob), [])
        self.failureResultOf(self.revoke(made.link.id, bob), NotFound)
        self.failureResultOf(self.revoke("ann-laptop"), NotFound)
        self.assertIsNotNone(Devices(self.server.state).find(self.laptop.id))

    def test_revoked(self) -> None:
        """A login that is not valid any more sees and revokes nothing, also before the server notices by itself."""
        made = self.make(terms("photos"))
        phone = self.device("phone", rights=ALL)
        login = enter(self.server, phone)
        self.assertEqual([each.id for each in self.listed(login)], [made.link.id], "the control")
        Devices(self.server.state).revoke(phone.name)
        self.assertFalse(login.revoked)
        links = links_of(login)
        for ask in (links.list, links.allowed, lambda: links.revoke(made.link.id)):
            self.failureResultOf(started(ask()), Forbidden)
        self.assertEqual([each.id for each in self.listed()], [made.link.id])
