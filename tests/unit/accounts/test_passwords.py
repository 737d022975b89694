"""Passwords: dear to guess, never kept as typed, and checked without telling who exists."""

from __future__ import annotations

import base64
import hashlib
import os
import unicodedata
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.passwords import (
    COST,
    Cost,
    CountedPassword,
    ICountedPassword,
    PasswordChecker,
    account_name,
    hash_password,
    is_outdated,
    new_password,
    verify_password,
)
from homeftp.errors import OperatorError
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase
from tests.support.queuedworkers import QueuedWorkers

CHEAP = Cost(2, 8, 1)
"""For what is not about the cost."""


class HashTests(SynchronousTestCase):
    """What a stolen file is worth."""

    def test_cost(self) -> None:
        """A new password costs what OWASP asks of scrypt, within 9 MiB."""
        self.assertEqual((COST.n, COST.r, COST.p), (2**13, 8, 10))
        self.assertLess(COST.memory, 9 * 2**20)

    def test_kept(self) -> None:
        """A stored password names its cost, is salted, and verifies only the password it was made from."""
        kept = hash_password("correct horse", CHEAP)
        self.assertRegex(kept, r"\Ascrypt\$2\$8\$1\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=\Z")
        self.assertNotEqual(kept, hash_password("correct horse", CHEAP))
        self.assertTrue(verify_password("correct horse", kept))
        for wrong in ("correct horsf", "correct hors", "", "Correct horse"):
            self.assertFalse(verify_password(wrong, kept))

    def test_default(self) -> None:
        """The cost of a new password is the default one."""
        kept = hash_password("correct horse")
        self.assertFalse(is_outdated(kept))
        self.assertTrue(verify_password("correct horse", kept))

    def test_known_vector(self) -> None:
        """The hash is scrypt's, by RFC 7914's second vector (its first 32 bytes)."""
        digest = bytes.fromhex("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162")
        kept = f"scrypt$1024$8$16$TmFDbA==${base64.b64encode(digest).decode()}"
        self.assertTrue(verify_password("password", kept))

    def test_spelling(self) -> None:
        """An accent typed on another system is the same password."""
        kept = hash_password(unicodedata.normalize("NFC", "Zoë Müller"), CHEAP)
        self.assertTrue(verify_password(unicodedata.normalize("NFD", "Zoë Müller"), kept))

    def test_damaged(self) -> None:
        """A damaged password hash is refused, and never costs more than a gigabyte."""
        good = hash_password("correct horse", CHEAP)
        for damaged in (
            "",
            "correct horse",
            good.replace("scrypt", "crypt"),
            good + "$",
            good.replace("$2$", "$3$"),
            good.replace("$2$", "$-2$"),
            good.replace("$2$", f"${2**40}$"),
            good.replace("$2$", "$x$"),
            good[:-1] + "é",
            good.rsplit("$", 1)[0] + "$",
        ):
            self.assertRaises(ValueError, verify_password, "correct horse", damaged)

    def test_is_outdated(self) -> None:
        """A cheaper password is is_outdated; one that is dearer than the default is not."""
        kept = hash_password("correct horse", CHEAP)
        self.assertTrue(is_outdated(kept.replace("$2$8$1$", "$16384$8$1$")))
        self.assertFalse(is_outdated(kept.replace("$2$8$1$", "$131072$8$1$")))


class RuleTests(SynchronousTestCase):
    """What may be a name or a password."""

    def test_names(self) -> None:
        """Plain lower-case names only."""
        for name in ("anna", "a", "a.b-c_d", "0", "a" * 64):
            self.assertEqual(account_name(name), name)
        for name in ("", "Anna", "a" * 65, "a b", ".a", "-a", "_a", "zoë", "a/b", "a\n", "a\0", "a:b", "\x1b[1m"):
            message = str(self.assertRaises(OperatorError, account_name, name))
            self.assertTrue(message.isprintable())

    def test_passwords(self) -> None:
        """Eight characters at least and no more than a LOGIN can carry; the message does not quote it."""
        for password in ("eight ch", "a" * 1024, "ëëëëëëëë"):
            self.assertEqual(new_password(password), password)
        for password in ("", "seven77", "b" * 1025):
            message = str(self.assertRaises(OperatorError, new_password, password))
            self.assertNotIn(password or "\0", message)


class CheckerTests(QuickCase):
    """Who logs in."""

    def setUp(self) -> None:
        """One account, and a count of what each check costs."""
        self.state = AccountDatabase(self.mktemp())
        self.state.add_account("anna", hash_password("correct horse", CHEAP))
        self.checker = PasswordChecker(self.state, InlineWorkers(), CHEAP)

    def check(self, username: bytes, password: bytes) -> Deferred[bytes | tuple[()]]:
        """One login."""
        return self.checker.requestAvatarId(UsernamePassword(username, password))

    def test_interface(self) -> None:
        """It is a checker for names and passwords, as twisted.cred has them."""
        verifyObject(ICredentialsChecker, self.checker)
        self.assertEqual(list(self.checker.credentialInterfaces), [IUsernamePassword])

    def test_right(self) -> None:
        """The right password gives the account's name."""
        self.assertEqual(self.successResultOf(self.check(b"anna", b"correct horse")), b"anna")

    def test_wrong(self) -> None:
        """A wrong password, a wrong name and what is no text are refused alike, and none says anything."""
        for username, password in (
            (b"anna", b"incorrect horse"),
            (b"anna", b""),
            (b"Anna", b"correct horse"),
            (b"nobody", b"nobody's"),
            (b"anna\0", b"correct horse"),
            (b"\xff", b"correct horse"),
            (b"anna", b"\xff"),
        ):
            failure = self.failureResultOf(self.check(username, password), UnauthorizedLogin)
            self.assertEqual(str(failure.value), "")

    def test_same_work(self) -> None:
        """A name that is not there costs what one that is there costs."""
        spent = []
        scrypt: Any = hashlib.scrypt

        def counted(password: bytes, **parameters: Any) -> Any:
            spent.append((parameters["n"], parameters["r"], parameters["p"]))
            return scrypt(password, **parameters)

        self.patch(hashlib, "scrypt", counted)
        for username in (b"anna", b"nobody"):
            self.failureResultOf(self.check(username, b"incorrect horse"), UnauthorizedLogin)
        self.assertEqual(spent, [(CHEAP.n, CHEAP.r, CHEAP.p)] * 2)

    def test_order(self) -> None:
        """The password of an address that has guessed less often is checked first."""
        workers = QueuedWorkers()
        self.checker = PasswordChecker(self.state, workers, CHEAP)
        done: list[int] = []
        for guesses in (1, 3, 2, 1):
            given = CountedPassword(b"anna", b"correct horse", guesses)
            verifyObject(ICountedPassword, given)
            self.checker.requestAvatarId(given).addCallback(lambda _, each: done.append(each), guesses)
        workers.work_all()
        self.assertEqual(done, [1, 1, 2, 3])

    def test_checked_by_others(self) -> None:
        """A checker of others can compare what the login service gives it, which shows no password in a log."""
        given = CountedPassword(b"anna", b"correct horse", 1)
        self.assertTrue(given.checkPassword(b"correct horse"))
        self.assertFalse(given.checkPassword(b"incorrect horse"))
        self.assertNotIn("correct", repr(given))

    def test_upgrade(self) -> None:
        """A login replaces a password hash of low cost by one of the new cost; a failed login does not."""
        self.checker = PasswordChecker(self.state, InlineWorkers(), Cost(4, 8, 1))
        before = self.state.password("anna")
        self.failureResultOf(self.check(b"anna", b"incorrect horse"), UnauthorizedLogin)
        self.assertEqual(self.state.password("anna"), before)
        self.successResultOf(self.check(b"anna", b"correct horse"))
        after = self.state.password("anna") or ""
        self.assertTrue(after.startswith("scrypt$4$8$1$"))
        self.successResultOf(self.check(b"anna", b"correct horse"))
        self.assertEqual(self.state.password("anna"), after)

    def test_not_as_typed(self) -> None:
        """Nothing in the state folder holds the password."""
        found = b""
        for folder, _, names in os.walk(self.state.folder):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found += file.read()
        self.assertIn(b"anna", found)
        self.assertNotIn(b"correct horse", found)

    def test_damaged(self) -> None:
        """A damaged entry refuses every password; the server logs it."""
        self.state.set_password("anna", "garbage")
        self.failureResultOf(self.check(b"anna", b"correct horse"), ValueError)
