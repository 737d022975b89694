"""App passwords: what they look like, and how they are told from other passwords."""

from __future__ import annotations

from typing import Any

from twisted.cred.checkers import ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.accounts.credentials.apppasswords import (
    AppPasswordChecker,
    app_password_hash,
    new_app_password,
    with_app_passwords,
)
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devicelogin import DeviceChecker, VerifiedName
from homeftp.accounts.devices import DeviceKind, Devices
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase


class FormTests(SynchronousTestCase):
    """What they look like."""

    def test_new(self) -> None:
        """Each is another one, in groups that a person can type."""
        made = {new_app_password() for _ in range(200)}
        self.assertEqual(len(made), 200)
        for password in made:
            self.assertRegex(password, r"\Ahf(-[a-z2-7]{5}){6}\Z")
            self.assertRegex(str(app_password_hash(password)), r"\A[0-9a-f]{64}\Z")

    def test_typed(self) -> None:
        """Case, spaces and hyphens do not count, and the digits that look like letters are read as these."""
        password = new_app_password()
        mistyped = password.replace("o", "0").replace("l", "1").replace("b", "8")
        for typed in (
            password,
            password.upper(),
            password.replace("-", ""),
            f" {password.replace('-', ' ')}\n",
            mistyped,
        ):
            self.assertEqual(app_password_hash(typed), app_password_hash(password), typed)

    def test_mistyped(self) -> None:
        """One wrong or missing character is noticed: the checksum is 22 bits."""
        password = new_app_password()
        for at, character in enumerate(password):
            if character != "-":
                other = "a" if character != "a" else "c"
                self.assertIsNone(app_password_hash(password[:at] + other + password[at + 1 :]), at)
                self.assertIsNone(app_password_hash(password[:at] + password[at + 1 :]), at)

    def test_others(self) -> None:
        """What is no app password is none, however long or strange."""
        password = new_app_password()
        for other in ("", "hf", "correct horse", "hf" + "a" * 30, password * 2, "é" + password, "-" * 10**6 + password):
            self.assertIsNone(app_password_hash(other), other[:50])


class CheckerTests(QuickCase):
    """The checker: ann has an app password, and a password that another checker knows; bob has another app password."""

    def setUp(self) -> None:
        state = AccountDatabase(self.mktemp())
        self.devices = Devices(state)
        self.passwords = {}
        self.workers = InlineWorkers()
        for name in ("ann", "bob"):
            state.add_account(name, None)
            self.passwords[name] = new_app_password()
            credential = str(app_password_hash(self.passwords[name]))
            self.devices.add(f"{name}-tv", name, DeviceKind.APP_PASSWORD, credential, 0.0)
        self.others = InMemoryUsernamePasswordDatabaseDontUse(ann=b"correct horse")
        self.checker = AppPasswordChecker(self.devices, self.workers, self.others)

    def answer(self, name: bytes, password: bytes) -> bytes | None:
        """What the checker says; None: that it is wrong."""
        results: list[Any] = []
        self.checker.requestAvatarId(UsernamePassword(name, password)).addBoth(results.append)
        if isinstance(results[0], Failure):
            self.assertTrue(results[0].check(UnauthorizedLogin), results[0])
            return None
        found: bytes = results[0]
        return found

    def test_interface(self) -> None:
        """It is a checker."""
        verifyObject(ICredentialsChecker, self.checker)

    def test_right(self) -> None:
        """An app password gives the account and the device; another password what the other checker says."""
        found = self.answer(b"ann", self.passwords["ann"].encode())
        assert isinstance(found, VerifiedName) and found.device is not None
        self.assertEqual((found, found.device.name), (b"ann", "ann-tv"))
        self.assertEqual(self.answer(b"ann", b"correct horse"), b"ann")

    def test_wrong(self) -> None:
        """The app password of another account, one that nobody has, and names that are none, give nothing."""
        good = self.passwords["ann"].encode()
        for name, password in (
            (b"bob", good),
            (b"ann", new_app_password().encode()),
            (b"", good),
            (b"ann\0", good),
            (b"ANN", good),
            ("\N{FULLWIDTH LATIN SMALL LETTER A}nn".encode(), good),
            (b"ann ", good),
            (b"\xff", good),
            (b"ann", good + b"\xff"),
            (b"ann", b"wrong"),
            (b"%", good),
        ):
            self.assertIsNone(self.answer(name, password), (name, password))

    def test_removed(self) -> None:
        """An app password that was removed is wrong."""
        self.devices.revoke("ann-tv")
        self.assertIsNone(self.answer(b"ann", self.passwords["ann"].encode()))

    def test_other_checkers(self) -> None:
        """It asks the checker of passwords among others, and works without one."""
        certificates = DeviceChecker(self.devices, InlineWorkers())
        made = with_app_passwords([certificates, self.others], self.devices, self.workers)
        self.assertEqual(made[:2], [certificates, self.others])
        self.assertEqual(made[2], self.checker)
        (_, self.checker) = with_app_passwords([certificates], self.devices, InlineWorkers())  # type: ignore[assignment]
        self.assertEqual(self.answer(b"ann", self.passwords["ann"].encode()), b"ann")
        self.assertIsNone(self.answer(b"ann", b"correct horse"))
