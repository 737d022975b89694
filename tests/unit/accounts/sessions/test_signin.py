"""Signing in: each way once, and nothing that guessing could gain over pairing."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.credentials.apppasswords import app_password_hash, new_app_password
from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.credentials.websessions import WebSession
from homeftp.accounts.devices import DeviceKind, Devices
from homeftp.accounts.invitations import Invitation, Invitations, InvitationState
from homeftp.accounts.sessions.signin import Browser, SignedIn, SignInService
from homeftp.config import Limits
from homeftp.crypto.pake import Code
from homeftp.errors import Busy, Forbidden, Internal, LoginFailed
from homeftp.interfaces import ILogin
from homeftp.model import Actor
from tests.support import replay
from tests.support.folders import QuickCase
from tests.support.inmemory import PASSWORD, Server
from tests.support.logins import started

ADDRESS = "192.0.2.7"
BROWSER = Browser("Ann's phone", "Firefox on Android", ADDRESS)


class SignInCase(QuickCase):
    """A server with ann, whose password another checker knows, and invitations."""

    own_accounts = True

    def setUp(self) -> None:
        self.server = Server.make(limits=Limits(guesses=6), own_accounts=True)
        self.addCleanup(self.server.close)
        AccessTable(self.server.state).add("ann", None, AccessChange())
        self.signins: SignInService = self.server.made.services.signins
        self.invitations = Invitations(self.server.state)

    def invite(self, secret: str | None = None, seconds: float = 600) -> Invitation:
        return self.invitations.make("ann", seconds, secret=secret and token_hash(secret))

    def with_code(self, code: Code, browser: Browser = BROWSER) -> Deferred[SignedIn]:
        return started(self.signins.with_code(code, browser))

    def with_secret(self, secret: str, browser: Browser = BROWSER) -> Deferred[SignedIn]:
        return started(self.signins.with_secret(secret, browser))

    def with_password(self, password: str = PASSWORD, account: str = "ann") -> Deferred[SignedIn]:
        return started(self.signins.with_password(account, password, BROWSER))

    def login(self, signed_in: SignedIn) -> ILogin:
        """The login of the cookie."""
        login: ILogin = self.successResultOf(
            self.server.services.logins.login(WebSession(signed_in.token), ADDRESS, "https")
        )
        return login

    def pairings(self) -> list[dict[str, Any]]:
        return [each for each in replay.lines(self.server.folder) if each["event"] == "pairing"]


class CodeTests(SignInCase):
    """Pairing codes."""

    def test_signed_in(self) -> None:
        """A code becomes a session of its account, once; the log has the device, and no secret."""
        made = self.invite()
        signed_in = self.successResultOf(self.with_code(made.code))
        device = signed_in.device
        self.assertEqual((device.account, device.name, device.client), ("ann", "ann-s-phone", "Firefox on Android"))
        login = self.login(signed_in)
        self.assertEqual((login.account, login.device), ("ann", device.name))
        found = self.invitations.find(made.code.number)
        assert found is not None
        self.assertEqual((found.state, found.device), (InvitationState.USED, device.name))
        (noted,) = self.pairings()
        told = {name: noted[name] for name in ("account", "device", "address", "front_end", "invitation", "request")}
        expected = {
            "account": "ann",
            "device": device.name,
            "address": ADDRESS,
            "front_end": "https",
            "invitation": made.code.number,
            "request": "SIGNIN",
        }
        self.assertEqual(told, expected)
        self.assertNotIn(signed_in.token, repr(signed_in) + repr(replay.lines(self.server.folder)))
        self.failureResultOf(self.with_code(made.code), LoginFailed)

    def test_wrong(self) -> None:
        """Three wrong tries cancel a code, by page or by pairing; then the right one is refused as well."""
        made = self.invite()
        wrong = Code(made.code.number, "zone-zone")
        left = [str(self.failureResultOf(self.with_code(wrong), LoginFailed).value) for _ in range(3)]
        self.assertIn("two tries are left", left[0])
        self.assertIn("one try is left", left[1])
        self.assertNotIn("left", left[2])
        found = self.invitations.find(made.code.number)
        assert found is not None
        self.assertEqual(found.state, InvitationState.CANCELLED)
        self.failureResultOf(self.with_code(made.code), LoginFailed)
        self.assertEqual({(each["status"], each["front_end"]) for each in self.pairings()}, {(32, "https")})

    def test_unknown(self) -> None:
        """A number that no code has is answered like a wrong code."""
        made = self.invite()
        unknown = Code(made.code.number % 9000 + 1000, "zone-zone")
        self.assertIn("two tries are left", str(self.failureResultOf(self.with_code(unknown), LoginFailed).value))

    def test_throttled(self) -> None:
        """Wrong codes count for the address, however many numbers they are of; another address is not affected."""
        made = self.invite()
        for number in range(6):
            self.failureResultOf(self.with_code(Code(1000 + number, "zone-zone")), LoginFailed)
        self.failureResultOf(self.with_code(made.code), Busy)
        self.successResultOf(self.with_code(made.code, Browser("x", "y", "192.0.2.8")))

    def test_expired(self) -> None:
        """A code is valid for its time."""
        made = self.invite(seconds=-1)
        self.failureResultOf(self.with_code(made.code), LoginFailed)

    def test_taken_meanwhile(self) -> None:
        """A code that another device uses up between the check and the session is no longer valid."""
        made = self.invite()
        started(self.server.json.parts.pairings.check_typed(made.code, ADDRESS, "https"))
        self.assertIsNotNone(self.invitations.redeem(made.code, "1" * 32, "laptop"))
        self.failureResultOf(self.with_code(made.code), LoginFailed)

    def test_removed_account(self) -> None:
        """The invitation of an account that was removed lets nobody in."""
        made = self.invite()
        self.server.state.remove_account("ann")
        self.failureResultOf(self.with_code(made.code), LoginFailed)
        self.assertEqual(Devices(self.server.state).all(), [])

    def test_unrecorded(self) -> None:
        """Where the audit log cannot be written nobody is signed in, and the code is not used up."""
        made = self.invite()
        self.server.audit.close()
        self.failureResultOf(self.with_code(made.code), Internal)
        self.assertEqual(Devices(self.server.state).all(), [])
        self.assertIsNotNone(self.invitations.open_code(made.code.number))
        self.flushLoggedErrors()


class SecretTests(SignInCase):
    """Invitations for the web."""

    def test_signed_in(self) -> None:
        """The secret works once, and so does the code that belongs to it."""
        made = self.invite("s" * 22)
        signed_in = self.successResultOf(self.with_secret("s" * 22))
        self.login(signed_in)
        self.failureResultOf(self.with_secret("s" * 22), LoginFailed)
        self.failureResultOf(self.with_code(made.code), LoginFailed)

    def test_wrong(self) -> None:
        """Wrong secrets are recorded, and throttled together with wrong codes."""
        self.invite("s" * 22)
        for number in range(6):
            self.failureResultOf(self.with_secret(f"wrong {number}"), LoginFailed)
        self.failureResultOf(self.with_secret("s" * 22), Busy)
        self.assertEqual([(each["status"], each["request"]) for each in self.pairings()], [(32, "SIGNIN")] * 6)
        self.assertNotIn("wrong 1", repr(self.pairings()))

    def test_right_is_no_guess(self) -> None:
        """Right secrets never count."""
        for number in range(7):
            self.invite(str(number))
            self.successResultOf(self.with_secret(str(number)))

    def test_cancelled(self) -> None:
        """An invitation that the owner cancelled, or that has expired, is not valid."""
        made = self.invite("s" * 22)
        self.invitations.cancel(made.code.number)
        self.failureResultOf(self.with_secret("s" * 22), LoginFailed)
        self.invite("t" * 22, seconds=-1)
        self.failureResultOf(self.with_secret("t" * 22), LoginFailed)


class PasswordTests(SignInCase):
    """The account's own password."""

    def test_signed_in(self) -> None:
        """It becomes a session; the login that checked it has ended."""
        signed_in = self.successResultOf(self.with_password())
        self.assertEqual(self.server.services.logins.logins(), [])
        self.assertEqual(self.login(signed_in).account, "ann")
        (noted,) = self.pairings()
        self.assertEqual((noted["device"], noted["request"]), (signed_in.device.name, "SIGNIN"))

    def test_wrong(self) -> None:
        """Wrong ones are throttled as in every front end."""
        for _ in range(6):
            self.failureResultOf(self.with_password("wrong"), LoginFailed)
        self.failureResultOf(self.with_password(), Busy)

    def test_app_password(self) -> None:
        """The password of one program, which may do less, does not become a session that may do more."""
        password = new_app_password()
        stored = app_password_hash(password)
        assert stored is not None
        Devices(self.server.state).add("backup", "ann", DeviceKind.APP_PASSWORD, stored, 0.0)
        failure = self.failureResultOf(self.with_password(password), LoginFailed)
        self.assertIn("for one program only", failure.value.message)
        self.assertEqual([each.name for each in Devices(self.server.state).all()], ["backup"])
        self.assertEqual(self.server.services.logins.logins(), [])

    def test_changed_meanwhile(self) -> None:
        """No session comes of a login whose account was changed before it could begin."""
        logins = self.server.services.logins
        login = logins.login

        def changed(*arguments: Any) -> Any:
            return login(*arguments).addCallback(self._change)

        self.patch(logins, "login", changed)
        self.failureResultOf(self.with_password(), LoginFailed)
        self.assertEqual(Devices(self.server.state).all(), [])

    def _change(self, login: ILogin) -> ILogin:
        AccessTable(self.server.state).change("ann", AccessChange(links=True))
        return login


class OtherAccountsTests(QuickCase):
    """A server whose accounts another checker knows."""

    def test_no_record(self) -> None:
        """An account that our database does not know has no sessions."""
        server = Server.make()
        self.addCleanup(server.close)
        failure = self.failureResultOf(
            started(server.made.services.signins.with_password("ann", PASSWORD, BROWSER)), Forbidden
        )
        self.assertIn("not one of the server's own", failure.value.message)
        self.assertEqual(server.services.logins.logins(), [])


class EndTests(SignInCase):
    """`renew` and `end`."""

    def test_ended(self) -> None:
        """Signing out removes the device, ends its logins, and is recorded."""
        signed_in = self.successResultOf(self.with_password())
        login = self.login(signed_in)
        self.assertEqual(self.successResultOf(started(self.signins.renew(signed_in.device.id))), signed_in.device)
        self.successResultOf(started(self.signins.sign_out(signed_in.device.id, login.actor("session"))))
        self.assertFalse(login.is_valid())
        self.failureResultOf(
            self.server.services.logins.login(WebSession(signed_in.token), ADDRESS, "https"), LoginFailed
        )
        self.assertIsNone(self.successResultOf(started(self.signins.renew(signed_in.device.id))))
        self.successResultOf(started(self.signins.sign_out(signed_in.device.id, Actor())))
        ended = [each["device"] for each in replay.lines(self.server.folder) if each["event"] == "revocation"]
        self.assertEqual(ended, [signed_in.device.name])
