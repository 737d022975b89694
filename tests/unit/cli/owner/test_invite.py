"""`homeftp invite` at a terminal: it shows a code, and waits until it is used."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import time
from typing import Any, Callable
from unittest import mock

from homeftp.accounts.access import AccessTable
from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.database import WEB_ORIGIN, AccountDatabase
from homeftp.accounts.invitations import Invitation, Invitations, InvitationState
from homeftp.cli.main import main
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.crypto.pake import Code, parse_code
from homeftp.crypto.secretfiles import write_private
from homeftp.store.policy.rights import rights_shown
from tests.support import replay
from tests.support.folders import QuickCase


class Terminal(io.StringIO):
    """Standard output that somebody looks at."""

    def isatty(self) -> bool:
        return True


class InviteTests(QuickCase):
    """The command in this process."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        AccountDatabase(self.folder).open()
        self.out, self.err = Terminal(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def invite(self, *arguments: str, meanwhile: Callable[[Code], object] = lambda code: None) -> int:
        """Its exit status; `meanwhile` is what happens to the code while it waits for the first time."""
        happened: list[float] = []

        def sleep(seconds: float) -> None:
            if not happened:
                meanwhile(self.code())
            happened.append(seconds)
            self.assertLess(len(happened), 5, "it waits for something that has happened")

        with mock.patch("homeftp.cli.owner.invite.time.sleep", sleep):
            return main(["invite", *arguments, "--state", self.folder])

    def code(self) -> Code:
        return parse_code(self.out.getvalue().splitlines()[1].split()[-1])

    def test_rights(self) -> None:
        """A new account gets the given rights, perhaps none; an existing account must have the same."""
        for name, rights, kept in (("kid", "read", "read"), ("box", "add", "add"), ("off", "none", "none")):
            self.assertEqual(self.invite("--account", name, "--rights", rights, "--json"), Exit.DONE)
            access = AccessTable(AccountDatabase(self.folder)).find(name)
            self.assertEqual(rights_shown(access.rights.everywhere) if access else "", kept)
            self.assertEqual(self.invite("--account", name, "--rights", rights, "--json"), Exit.DONE)
        self.assertEqual(self.invite("--account", "kid", "--json"), Exit.DONE)
        self.assertEqual(self.invite("--account", "kid", "--rights", "read,add", "--json"), Exit.USAGE)
        self.assertIn("homeftp account change kid --rights read,add", self.err.getvalue())

    def test_new_account(self) -> None:
        """Who names an account that does not exist, perhaps by mistake, is told that it was made, with which rights."""
        told = "homeftp: the account alcie did not exist: it was made, with the rights read,add,replace,delete"
        self.invite("--account", "alcie", "--no-wait")
        self.assertIn(told + " in the whole shared folder. ", self.err.getvalue())
        self.assertIn("To change that: homeftp account change alcie", self.err.getvalue())
        self.invite("--account", "kid", "--rights", "read", "--no-wait")
        self.assertIn("the account kid did not exist: it was made, with the rights read in", self.err.getvalue())
        said = self.err.getvalue()
        self.invite("--account", "alcie", "--no-wait")
        self.invite("--account", "other", "--json")
        self.assertEqual(self.err.getvalue(), said)

    def test_first_account(self) -> None:
        """The account that the first device gets without a name is nobody's mistake."""
        self.invite("--no-wait")
        self.assertEqual(self.err.getvalue(), "")

    def test_picture(self) -> None:
        """At a terminal there is a QR code as well."""
        self.assertEqual(self.invite("--no-wait"), Exit.DONE)
        lines = self.out.getvalue().splitlines()
        self.assertGreater(len(lines), 10)
        self.assertTrue(any("\N{LOWER HALF BLOCK}" in line for line in lines))

    def test_web(self) -> None:
        """For a browser there is a link, once the server has said where it is; its secret is that of the invitation."""
        self.assertEqual(self.invite("--web"), Exit.USAGE)
        self.assertIn("homeftp serve --https", self.err.getvalue())
        self.assertEqual(self.invitations(), [])
        write_private(os.path.join(self.folder, WEB_ORIGIN), b"https://nas.local:8443")
        self.assertEqual(self.invite("--web", "--account", "ann", "--no-wait"), Exit.DONE)
        lines = self.out.getvalue().splitlines()
        address, _, secret = lines[0].split()[-1].partition("/#secret=")
        self.assertEqual(address, "https://nas.local:8443")
        self.assertRegex(secret, r"^[A-Za-z0-9_-]{22}$")
        (found,) = self.invitations()
        self.assertEqual(Invitations(AccountDatabase(self.folder)).find_secret(token_hash(secret)), found.code)
        self.assertNotIn(found.code.words, self.out.getvalue())
        self.assertTrue(any("\N{LOWER HALF BLOCK}" in line for line in lines))
        self.assertNotIn(secret, repr(replay.lines(self.folder)))

    def test_web_json(self) -> None:
        """Scripts get the link, and no code."""
        write_private(os.path.join(self.folder, WEB_ORIGIN), b"https://nas.local:8443")
        self.assertEqual(self.invite("--web", "--account", "ann", "--json"), Exit.DONE)
        made = json.loads(self.out.getvalue())
        self.assertEqual(sorted(made), ["account", "invitation", "seconds", "state", "url"])

    def test_used(self) -> None:
        """The device that used it is named."""
        done = self.invite(
            "--account",
            "ann",
            meanwhile=lambda code: Invitations(AccountDatabase(self.folder)).redeem(code, "1" * 32, "laptop"),
        )
        self.assertEqual(done, Exit.DONE)
        self.assertTrue(self.out.getvalue().endswith("Paired with ann-laptop, a device of ann.\n"))

    def test_burnt(self) -> None:
        """The owner is told that a code was cancelled, and what that means."""
        done = self.invite(
            meanwhile=lambda code: [Invitations(AccountDatabase(self.folder)).reserve(code) for _ in range(3)]
        )
        self.assertEqual(done, Exit.USAGE)
        self.assertIn("someone may be guessing", self.err.getvalue())

    def test_wrong_try(self) -> None:
        """The owner learns of a wrong try once, and how many are left."""

        def meanwhile(code: Code) -> None:
            invitations = Invitations(AccountDatabase(self.folder))
            invitations.reserve(code)
            waiting = iter((lambda: None, lambda: None, lambda: invitations.redeem(code, "1" * 32, "laptop")))
            self.patch(time, "sleep", lambda seconds: next(waiting)())

        self.patch(time, "sleep", lambda seconds: meanwhile(self.code()))
        self.assertEqual(main(["invite", "--account", "ann", "--state", self.folder]), Exit.DONE)
        self.assertEqual(self.out.getvalue().count("Two tries are left; then this code is cancelled."), 1)

    def test_ctrl_c(self) -> None:
        """Ctrl-C, and likewise a closed terminal, cancels the code: nobody waits for it any more."""
        usual: tuple[tuple[signal.Signals, Callable[..., Any] | signal.Handlers], ...] = (
            (signal.SIGINT, signal.default_int_handler),
            (signal.SIGHUP, signal.SIG_DFL),
            (signal.SIGTERM, signal.SIG_DFL),
        )
        for number, before in usual:
            self.addCleanup(signal.signal, number, signal.signal(number, before))
            self.out.truncate(0)
            self.out.seek(0)
            self.patch(time, "sleep", lambda seconds, number=number: os.kill(os.getpid(), number))
            self.assertEqual(main(["invite", "--account", "ann", "--state", self.folder]), Exit.INTERRUPTED)
            (found,) = [each for each in self.invitations() if each.code == self.code()]
            self.assertEqual((found.state, found.withdrawn), (InvitationState.CANCELLED, True))
            self.assertEqual(signal.getsignal(number), before)
        self.assertEqual(self.err.getvalue().count("The code was cancelled"), 3)
        self.assertEqual(replay.lines(self.folder)[-1]["event"], "cancellation")

    def test_ctrl_c_too_late(self) -> None:
        """A code that a device has just used stays used."""

        def use(code: Code) -> None:
            Invitations(AccountDatabase(self.folder)).redeem(code, "1" * 32, "laptop")
            raise KeyboardInterrupt

        self.assertEqual(self.invite("--account", "ann", meanwhile=use), Exit.INTERRUPTED)
        self.assertIn("used by ann-laptop", self.err.getvalue())
        self.assertEqual([each.device for each in self.invitations()], ["ann-laptop"])

    def invitations(self) -> list[Invitation]:
        return Invitations(AccountDatabase(self.folder)).all()

    def test_list_and_cancel(self) -> None:
        """Codes are listed by number, never with their words, and cancelled by number or all at once."""
        self.assertEqual(self.invite("--list"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "There is no code. To make one, run: homeftp invite\n")
        invitations = Invitations(AccountDatabase(self.folder))
        codes = [invitations.make("ann", 600).code for _ in range(3)]
        invitations.reserve(codes[2])
        self.assertEqual(self.invite("--cancel", str(codes[0].number)), Exit.DONE)
        self.assertEqual(self.invite("--cancel", str(codes[0].number)), Exit.USAGE)
        self.assertIn("is cancelled already", self.err.getvalue())
        self.assertEqual(self.invite("--cancel", str(codes[1])), Exit.DONE)
        for wrong in ("acorn", "12345", "999"):
            self.assertEqual(self.invite("--cancel", wrong), Exit.USAGE)
        self.assertEqual(self.invite("--list"), Exit.DONE)
        shown = self.out.getvalue()
        self.assertEqual(shown.count("ann                  cancelled\n"), 2)
        self.assertRegex(shown, rf"{codes[2].number}  ann +open until [-0-9]+ [0-9:]+, 1 wrong try\n")
        self.assertFalse(any(code.words in shown for code in codes))
        self.assertEqual(self.invite("--cancel", "all", "--json"), Exit.DONE)
        self.assertTrue(self.out.getvalue().endswith(f'{{"cancelled": [{codes[2].number}]}}\n'))
        self.assertEqual(self.invite("--list", "--json"), Exit.DONE)
        self.assertIn('"state": "cancelled"', self.out.getvalue())

    def test_list_web(self) -> None:
        """Those that are links for a browser are listed as such, and never with their secret."""
        invitations = Invitations(AccountDatabase(self.folder))
        web, code = (invitations.make("ann", 600, None, secret).code for secret in ("hash", None))
        self.assertEqual(self.invite("--list"), Exit.DONE)
        shown = self.out.getvalue()
        self.assertRegex(shown, rf"{web.number} +ann +link for a browser, open until ")
        self.assertRegex(shown, rf"{code.number} +ann +open until ")
        self.assertEqual(self.invite("--list", "--json"), Exit.DONE)
        self.assertEqual((self.out.getvalue().count('"web": true'), self.out.getvalue().count("hash")), (1, 0))

    def test_cancelled_elsewhere(self) -> None:
        """One that the owner cancels in another terminal ends the waiting, without an alarm."""
        done = self.invite(
            meanwhile=lambda code: Invitations(AccountDatabase(self.folder)).cancel(code.number),
        )
        self.assertEqual(done, Exit.USAGE)
        self.assertIn("the code was cancelled. ", self.err.getvalue())
        self.assertNotIn("guessing", self.err.getvalue())

    def test_no_state(self) -> None:
        """Where no server's state is, no code is made: it would never work. The folder is named, and not created."""
        nowhere = os.path.abspath(self.mktemp())
        self.assertEqual(main(["invite", "--json", "--state", nowhere]), Exit.USAGE)
        self.assertIn(nowhere, self.err.getvalue())
        self.assertFalse(os.path.exists(nowhere))

    def test_over(self) -> None:
        """An unused code expires."""

        def later(code: Code) -> None:
            with AccountDatabase(self.folder).transaction() as connection:
                connection.execute("UPDATE invitations SET ends = 0")

        self.assertEqual(self.invite(meanwhile=later), Exit.USAGE)
        self.assertIn("expired unused", self.err.getvalue())

    def test_gone(self) -> None:
        """One whose account was removed is gone."""
        done = self.invite(
            "--account", "ann", meanwhile=lambda code: AccountDatabase(self.folder).remove_account("ann")
        )
        self.assertEqual(done, Exit.USAGE)
        self.assertIn("the invitation was removed", self.err.getvalue())

    def test_refused(self) -> None:
        """A time that is none, a name that is none, and several accounts to choose from: one line each, and no code."""
        Invitations(AccountDatabase(self.folder)).make("ann", 600)
        Invitations(AccountDatabase(self.folder)).make("bob", 600)
        for line in ("--for soon", "--for 8d", "--for 0s", "--account A.B", ""):
            self.err.truncate(0)
            self.assertEqual(self.invite(*line.split()), Exit.USAGE, line)
            self.assertEqual(len(self.err.getvalue().splitlines()), 1)
        self.assertEqual(self.out.getvalue(), "")
