"""`homeftp device` on a state folder."""

from __future__ import annotations

import json
import os
from typing import Any
from unittest import mock

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.credentials.apppasswords import app_password_hash
from homeftp.accounts.credentials.tokens import token_hash
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Device, DeviceKind, Devices, Narrowing, add_device
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.control import ask
from homeftp.crypto.sshkeys import parse_public_key
from homeftp.endpoint import parse
from homeftp.store.policy.rights import parse_rights
from tests.support import replay
from tests.support.commandline import CommandCase
from tests.unit.crypto.test_sshkeys import new_key


class DeviceTests(CommandCase):
    """The command line."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.abspath(self.mktemp())
        self.assertEqual(self.homeftp("account", "add", "ann", "--no-password", "--state", self.folder), Exit.DONE)

    def device(self, *arguments: str) -> int:
        return self.homeftp("device", *arguments, "--state", self.folder)

    def pair(self) -> None:
        with AccountDatabase(self.folder).transaction() as connection:
            add_device(connection, "1" * 32, "ann", "laptop", 0.0)

    def test_list(self) -> None:
        """Without a device the command says how to pair one; --json prints nothing then."""
        self.device("list")
        self.assertEqual(self.out.getvalue(), "No device is paired yet. Run `homeftp invite` to make a code for one.\n")
        self.device("list", "--json")
        self.assertEqual(self.out.getvalue(), "")
        self.pair()
        self.device("list")
        self.assertRegex(
            self.out.getvalue(),
            r"\Aann-laptop {20} ann {18}certificate  paired [0-9-]{10} [0-9:]{5}, not seen since\n\Z",
        )
        self.device("list", "--json")
        listed = json.loads(self.out.getvalue())
        self.assertEqual((listed["name"], listed["account"], listed["paired_us"]), ("ann-laptop", "ann", 0))
        self.assertEqual([listed[name] for name in ("seen_us", "address", "client", "expires_us")], [None] * 4)

    def test_seen(self) -> None:
        """What the server has seen of a device is listed; what a client calls itself cannot steer the terminal."""
        self.pair()
        Devices(AccountDatabase(self.folder)).saw("1" * 32, 60.0, "192.0.2.7", "homeftp\x1b[31m", 90.0)
        self.device("list")
        self.assertRegex(
            self.out.getvalue(),
            r"seen [0-9-]{10} [0-9:]{5} at 192\.0\.2\.7, with homeftp\\x1b\[31m, certificate until 19[0-9-]{8}\n\Z",
        )
        self.device("list", "--json")
        self.assertEqual(json.loads(self.out.getvalue())["expires_us"], 90_000_000)

    def test_changed(self) -> None:
        """A device is renamed and revoked; an unknown one is refused."""
        self.pair()
        self.assertEqual(self.device("rename", "ann-laptop", "old"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Renamed ann-laptop to old.\n")
        self.assertEqual(self.device("revoke", "ann-laptop"), Exit.USAGE)
        self.assertIn("ann-laptop", self.err.getvalue())
        self.assertEqual(self.device("revoke", "old"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Revoked old: it can no longer log in. The files it uploaded stay.\n")
        self.device("list", "--json")
        self.assertEqual(self.out.getvalue(), "")


class AddedTests(CommandCase):
    """Devices that are added here: ann may read and add in her home, but only read her taxes."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.abspath(self.mktemp())
        self.state = AccountDatabase(self.folder)
        change = AccessChange(home=parse("people/ann"), rights=parse_rights("read,add"))
        AccessTable(self.state).add("ann", None, change)
        AccessTable(self.state).grant("ann", parse("tax"), parse_rights("read"))

    def device(self, *arguments: str, typed: bytes = b"") -> int:
        return self.homeftp("device", *arguments, "--state", self.folder, typed=typed)

    def found(self) -> Device:
        (device,) = Devices(self.state).all()
        return device

    def records(self) -> list[dict[str, Any]]:
        """The records of devices in the audit log, without what all records have."""
        left_out = ("time", "event", "address", "status")
        lines = [each for each in replay.lines(self.folder) if each["event"] == "device"]
        return [{name: value for name, value in each.items() if name not in left_out} for each in lines]

    def test_app_password(self) -> None:
        """The password is printed once, with the account and how to reach the server; what is kept does not tell it."""
        self.assertEqual(self.device("add-app", "tv"), Exit.DONE)
        printed = self.out.getvalue()
        (password,) = (line.strip() for line in printed.splitlines() if line.startswith("    hf-"))
        credential = str(app_password_hash(password))
        found = Devices(self.state).find_of_account(DeviceKind.APP_PASSWORD, credential, "ann")
        assert found is not None
        self.assertEqual((found[0].name, found[0].narrowing), ("tv", Narrowing()))
        self.assertRegex(printed, r"with the account's name:   ann\n")
        self.assertRegex(printed, r"https://[a-z0-9-]+\.local:8443/dav/ ")
        self.assertRegex(printed, r"sftp -P 8022 ann@")
        expected = {"account": "ann", "device": "tv", "request": "homeftp device add-app", "kind": "app password"}
        self.assertEqual(self.records(), [{**expected, "endpoint": "people/ann", "rights": "read,add,replace,delete"}])
        for name in os.listdir(self.folder):
            with open(os.path.join(self.folder, name), "rb") as file:
                content = file.read()
            self.assertNotIn(password.encode(), content, name)
            self.assertNotIn(password.replace("-", "").encode(), content, name)

    def test_json(self) -> None:
        """Scripts get the same, and the limits."""
        arguments = ("--account", "ann", "--rights", "read", "--home", "photos")
        self.assertEqual(self.device("add-app", "tv", *arguments, "--json"), Exit.DONE)
        told = json.loads(self.out.getvalue())
        reach, password = told.pop("reach"), told.pop("password")
        expected = {"device": "tv", "account": "ann", "kind": "app password", "rights": "read", "home": "photos"}
        self.assertEqual(told, expected)
        self.assertIsNotNone(app_password_hash(password))
        self.assertGreater(len(reach), 1)
        self.assertEqual(self.found().narrowing, Narrowing(parse_rights("read"), parse("photos")))
        self.assertEqual(self.records()[0]["endpoint"], "people/ann/photos")

    def test_running(self) -> None:
        """Where the server runs, its own lines say how to reach it."""
        server = mock.Mock()
        server.ask.return_value = {"lines": ["sftp ACCOUNT@nas", "web   https://192.0.2.1:8443/\x1b[2J"]}
        with mock.patch.object(ask, "server_of", return_value=server):
            self.device("add-app", "tv")
        self.assertIn("\nsftp ann@nas\n", self.out.getvalue())
        self.assertTrue(self.out.getvalue().endswith("web   https://192.0.2.1:8443/\\x1b[2J\n"), self.out.getvalue())

    def test_key(self) -> None:
        """A key is added with its fingerprint; a key that the account has already, or that is none, is refused."""
        line = new_key(b" ann@laptop\x1b")
        key = parse_public_key(line)
        self.assertEqual(self.device("add-key", "laptop", typed=line), Exit.DONE)
        self.assertIn(f"ssh-ed25519 {key.fingerprint} (ann@laptop\\x1b)", self.out.getvalue())
        self.assertEqual((self.found().kind, self.found().account), ("SSH key", "ann"))
        self.assertIsNotNone(Devices(self.state).find_of_account(DeviceKind.SSH_KEY, token_hash(key.blob), "ann"))
        self.assertEqual(self.records()[0]["fingerprint"], key.fingerprint)
        self.assertEqual(self.device("add-key", "other", typed=line), Exit.USAGE)
        self.assertIn("ann has this SSH key already: its device is laptop", self.err.getvalue())
        private = b"-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n"
        self.assertEqual(self.device("add-key", "other", typed=private), Exit.USAGE)
        self.assertIn("this is a private key", self.err.getvalue())
        self.assertNotIn("secret", self.err.getvalue())
        self.found()

    def test_refused(self) -> None:
        """A wrong name, account, right or home is refused in one line, and so is a device that could do nothing."""
        AccessTable(self.state).add("bob", None, AccessChange())
        for arguments, fault in (
            (("A B", "--account", "ann"), "cannot be a device's name"),
            (("tv",), "name the account of the device: --account ann or --account bob"),
            (("tv", "--account", "eve"), "there is no account named eve"),
            (("tv", "--account", "ann", "--rights", "write"), "rights are some of read, add, replace, delete"),
            (("tv", "--account", "ann", "--home", "../bob"), "cannot be a folder in the shared folder"),
            (("tv", "--account", "ann", "--rights", "none"), "the device could do nothing"),
            (("tv", "--account", "ann", "--rights", "delete"), "the device could do nothing"),
            (("tv", "--account", "ann", "--rights", "add", "--home", "tax/2026"), "none of the rights add in tax/2026"),
        ):
            self.assertEqual(self.device("add-app", *arguments), Exit.USAGE, arguments)
            self.assertIn(fault, self.err.getvalue())
            self.assertNotIn("hf-", self.out.getvalue() + self.err.getvalue())
        self.assertEqual((Devices(self.state).all(), self.records()), ([], []))
        self.device("add-app", "tv", "--account", "ann", "--rights", "read", "--home", "tax/2026")
        self.assertIsNotNone(self.found(), "the control")

    def test_no_account(self) -> None:
        """Without an account there is no device, and the command says what to do."""
        self.state.remove_account("ann")
        self.assertEqual(self.device("add-app", "tv"), Exit.USAGE)
        self.assertIn("homeftp account add NAME makes one", self.err.getvalue())

    def test_narrow(self) -> None:
        """A device of any kind is narrowed and widened again, and keeps what is not named."""
        with self.state.transaction() as connection:
            add_device(connection, "1" * 32, "ann", "laptop", 0.0)
        for arguments, told, narrowing in (
            (("--rights", "read"), "with the rights read at most", Narrowing(parse_rights("read"))),
            (
                ("--home", "photos"),
                "read at most and the home photos",
                Narrowing(parse_rights("read"), parse("photos")),
            ),
            (("--rights", "all"), "with the home photos", Narrowing(home=parse("photos"))),
            (("--home", "/"), None, Narrowing()),
        ):
            self.assertEqual(self.device("narrow", "ann-laptop", *arguments), Exit.DONE)
            self.assertIn("The server closes its connections", self.out.getvalue())
            self.assertEqual(self.found().narrowing, narrowing)
            self.device("list")
            self.assertTrue(told is None or told in self.out.getvalue(), self.out.getvalue())
        self.assertNotIn("with the", self.out.getvalue())
        for refused, fault in (
            (("ann-laptop",), "give what to change"),
            (("nobody", "--rights", "read"), "there is no device named nobody"),
            (("ann-laptop", "--rights", "delete"), "the device could do nothing"),
        ):
            self.assertEqual(self.device("narrow", *refused), Exit.USAGE)
            self.assertIn(fault, self.err.getvalue())
        self.assertEqual(self.found().narrowing, Narrowing())

    def test_list(self) -> None:
        """The list shows the kind of each device, what narrows it, and the front end that it used last."""
        self.device("add-app", "tv", "--rights", "read")
        Devices(self.state).saw(self.found().id, 60.0, "192.0.2.7", None, None, "https")
        self.device("list")
        self.assertRegex(
            self.out.getvalue(),
            r"\Atv {29}ann {18}app password added [0-9-]{10} [0-9:]{5}, seen [0-9-]{10} [0-9:]{5} at 192\.0\.2\.7 "
            r"through https, with the rights read at most\n\Z",
        )
        self.device("list", "--json")
        listed = json.loads(self.out.getvalue())
        shown = [listed[name] for name in ("kind", "rights", "home", "front_end")]
        self.assertEqual(shown, ["app password", "read", "/", "https"])
        self.assertNotIn("credential", listed)

    def test_others(self) -> None:
        """A device that was added is renamed and revoked like any other."""
        self.device("add-app", "tv")
        self.assertEqual(self.device("rename", "tv", "box"), Exit.DONE)
        self.assertEqual(self.device("revoke", "box"), Exit.DONE)
        self.assertEqual(Devices(self.state).all(), [])
