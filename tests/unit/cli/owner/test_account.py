"""`homeftp account` on a state folder of its own."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

from homeftp.accounts.access import Access, AccessTable
from homeftp.accounts.credentials.apppasswords import new_app_password
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.invitations import Invitations
from homeftp.accounts.passwords import is_outdated, verify_password
from homeftp.cli.main import main
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.config import KIB, MIB
from homeftp.endpoint import parse
from homeftp.store.policy.rights import Rights
from tests.support import replay
from tests.support.commandline import CHEAP_PASSWORDS, Input
from tests.support.folders import QuickCase

SECRET = "correct horse"
READ_ADD = frozenset({"read", "add"})
EVERYTHING: dict[str, Any] = {
    "home": "",
    "rights": "read,add,replace,delete",
    "quota": None,
    "links": False,
    "folders": {},
    "grants": {},
}
"""What `account list --json` says of an account without restrictions."""


class AccountTests(QuickCase):
    """The command in this process, on a state folder of its own."""

    def setUp(self) -> None:
        """A folder, and the output kept."""
        self.folder = os.path.abspath(self.mktemp())
        self.out, self.err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def run_with(self, typed: bytes, *arguments: str) -> int:
        """The exit status of one `homeftp account`, with `typed` on standard input."""
        for output in (self.out, self.err):
            output.truncate(0)
            output.seek(0)
        self.patch(sys, "stdin", Input(typed))
        return main(["account", *arguments, "--state", self.folder], CHEAP_PASSWORDS)

    def add(self, name: str, password: str = SECRET) -> int:
        """Add an account as a script does."""
        return self.run_with(f"{password}\n".encode(), "add", name, "--password-stdin")

    def test_add(self) -> None:
        """An account is added with the password from standard input; the next step is printed, the password is not."""
        self.assertEqual(self.add("anna"), Exit.DONE)
        kept = AccountDatabase(self.folder).password("anna") or ""
        self.assertTrue(verify_password(SECRET, kept))
        self.assertIn("homeftp remote add NAME HOST --user anna", self.out.getvalue())
        self.assertIn(self.folder, self.out.getvalue())
        self.assertNotIn(SECRET, self.out.getvalue() + self.err.getvalue())

    def test_cost(self) -> None:
        """A new password has the full cost. The control: a cheap one is noticed."""
        self.patch(sys, "stdin", Input(f"{SECRET}\n".encode()))
        self.assertEqual(main(["account", "add", "anna", "--password-stdin", "--state", self.folder]), Exit.DONE)
        self.add("ben")
        state = AccountDatabase(self.folder)
        self.assertFalse(is_outdated(state.password("anna") or ""))
        self.assertTrue(is_outdated(state.password("ben") or ""))

    def test_add_again(self) -> None:
        """A name that is taken is refused before a password is read, and the account keeps its own."""
        self.add("anna")
        self.assertEqual(self.add("anna", "another horse"), Exit.USAGE)
        self.assertIn("homeftp account password anna", self.err.getvalue())
        self.assertTrue(verify_password(SECRET, AccountDatabase(self.folder).password("anna") or ""))

    def test_app_password(self) -> None:
        """What has the form of an app password is no password of an account: it would be looked up as a device's."""
        password = new_app_password()
        self.assertEqual(self.add("anna", password.upper()), Exit.USAGE)
        self.assertIn("belongs to one device", self.err.getvalue())
        self.assertNotIn(password.upper(), self.err.getvalue())
        self.assertEqual(self.add("anna", password[:-1]), Exit.DONE, "the control")

    def test_without_password(self) -> None:
        """An account without a password gets one with the command that changes it."""
        Invitations(AccountDatabase(self.folder)).make("anna", 600)
        self.assertEqual(self.add("anna"), Exit.USAGE)
        self.assertIn("homeftp account password anna", self.err.getvalue())
        self.assertEqual(self.run_with(f"{SECRET}\n".encode(), "password", "anna", "--password-stdin"), Exit.DONE)
        self.assertTrue(verify_password(SECRET, AccountDatabase(self.folder).password("anna") or ""))

    def test_access(self) -> None:
        """Home, rights and grants: printed when the account is added, changed later, shown in the list."""
        self.assertEqual(self.run_with(b"", "add", "anna", "--no-password", "--home", "people/anna/"), Exit.DONE)
        self.assertIn("homeftp invite --account anna", self.out.getvalue())
        self.assertEqual(self.run_with(b"", "change", "anna", "--rights", "read,add"), Exit.DONE)
        self.assertEqual(main(["grant", "anna", "tax", "read", "--state", self.folder]), Exit.DONE)
        self.run_with(b"", "list")
        self.assertEqual(self.out.getvalue(), "anna: home people/anna, rights read,add; in tax at most read\n")
        self.assertEqual(main(["grant", "anna", "tax", "--remove", "--state", self.folder]), Exit.DONE)
        self.assertEqual(
            AccessTable(AccountDatabase(self.folder)).find("anna"), Access(parse("people/anna"), Rights(READ_ADD))
        )

    def test_folders(self) -> None:
        """Several folders, each with its rights: added, listed, changed, and replaced by a home again."""
        given = ("--folder", "photos:read", "--folder", "people/kid:all")
        self.assertEqual(self.run_with(b"", "add", "kid", "--no-password", *given), Exit.DONE, self.err.getvalue())
        self.run_with(b"", "list")
        self.assertEqual(self.out.getvalue(), "kid: folders people/kid (read,add,replace,delete), photos (read)\n")
        access = AccessTable(AccountDatabase(self.folder)).find("kid")
        assert access is not None
        self.assertEqual((access.home, access.rights.everywhere), (parse(""), frozenset()))
        self.assertEqual(access.rights.at(("photos", "x")), {"read"})
        self.assertEqual(access.rights.at(("tax",)), frozenset())
        self.assertEqual(self.run_with(b"", "change", "kid", "--folder", "inbox:add"), Exit.DONE)
        self.run_with(b"", "list", "--json")
        self.assertEqual(json.loads(self.out.getvalue())["access"]["kid"]["folders"], {"inbox": "add"})
        for wrong in (
            ("--folder", "photos"),
            ("--folder", "photos:fly"),
            ("--folder", ":read"),
            ("--folder", "a:read", "--folder", "a:all"),
            ("--folder", "a:read", "--home", "b"),
            ("--folder", "a:read", "--rights", "read"),
            ("--folder", "../a:read"),
            ("--rights", "read"),
            ("--folder", "none"),
        ):
            self.assertEqual(self.run_with(b"", "change", "kid", *wrong), Exit.USAGE, wrong)
        self.assertEqual(self.run_with(b"", "change", "kid", "--folder", "none", "--rights", "read"), Exit.DONE)
        self.run_with(b"", "list")
        self.assertEqual(self.out.getvalue(), "kid: home /, rights read\n")

    def test_quota(self) -> None:
        """A quota: printed when the account is added, changed and removed later, shown in the list as it was typed."""
        self.assertEqual(
            self.run_with(b"", "add", "anna", "--no-password", "--home", "anna", "--quota", "50g"), Exit.DONE
        )
        self.assertIn("quota 50G", self.out.getvalue())
        for typed, shown, quota in (("1500M", ", quota 1500M", 1500 * MIB), ("none", "", None)):
            self.assertEqual(self.run_with(b"", "change", "anna", "--quota", typed), Exit.DONE)
            self.run_with(b"", "list")
            self.assertEqual(self.out.getvalue(), f"anna: home anna, rights read,add,replace,delete{shown}\n")
            self.run_with(b"", "list", "--json")
            self.assertEqual(json.loads(self.out.getvalue())["access"]["anna"]["quota"], quota)

    def test_links(self) -> None:
        """The permission to share is given and withdrawn, shown in the list, and recorded."""
        self.assertEqual(self.run_with(b"", "add", "anna", "--no-password"), Exit.DONE)
        for typed, shown in (("on", True), ("off", False)):
            self.assertEqual(self.run_with(b"", "change", "anna", "--links", typed), Exit.DONE)
            self.assertEqual(", share links" in self.out.getvalue(), shown)
            self.run_with(b"", "list", "--json")
            self.assertEqual(json.loads(self.out.getvalue())["access"]["anna"]["links"], shown)
        given = [each.get("links") for each in replay.lines(self.folder) if each["event"] == "account"]
        self.assertEqual(given, [None, True, None])

    def test_quota_refused(self) -> None:
        """A quota without a home, and what is no size, are refused before a password is asked for; nothing changes."""
        self.assertEqual(self.run_with(b"", "add", "anna", "--no-password", "--home", "anna"), Exit.DONE)
        for arguments, why in (
            (("add", "bob", "--password-stdin", "--quota", "5G"), "--home FOLDER"),
            (("add", "bob", "--no-password", "--home", "b", "--quota", "0"), "such as 500M"),
            (("add", "bob", "--no-password", "--home", "b", "--quota", "much"), "such as 500M"),
            (("add", "bob", "--no-password", "--home", "b", "--quota", "99999999T"), "such as 500M"),
            (("change", "anna", "--home", "/", "--quota", "5G"), "--home FOLDER"),
        ):
            self.assertEqual(self.run_with(b"", *arguments), Exit.USAGE, arguments)
            self.assertIn(why, self.err.getvalue())
        self.assertEqual(AccountDatabase(self.folder).account_names(), ["anna"])
        self.assertEqual(self.run_with(b"", "change", "anna", "--quota", "5G"), Exit.DONE)
        self.assertEqual(self.run_with(b"", "change", "anna", "--home", "/"), Exit.USAGE)
        self.assertIn("--quota none", self.err.getvalue())
        access = AccessTable(AccountDatabase(self.folder)).find("anna")
        self.assertEqual(access, Access(parse("anna"), Rights(), 5 * KIB * MIB))

    def test_access_refused(self) -> None:
        """Invalid access changes nothing and adds no account."""
        for arguments in (
            ("add", "anna", "--no-password", "--home", "../up"),
            ("add", "anna", "--no-password", "--rights", "everything"),
            ("change", "anna", "--rights", "read"),
        ):
            self.assertEqual(self.run_with(b"", *arguments), Exit.USAGE, arguments)
        self.assertEqual(AccountDatabase(self.folder).account_names(), [])
        self.add("anna")
        self.assertEqual(self.run_with(b"", "change", "anna"), Exit.USAGE)
        for line in ("anna tax", "anna tax read --remove", "zoe tax read"):
            self.assertEqual(main(["grant", *line.split(), "--state", self.folder]), Exit.USAGE)

    def test_password(self) -> None:
        """A changed password is the only one that counts."""
        self.add("anna")
        self.assertEqual(self.run_with(b"another horse\r\n", "password", "anna", "--password-stdin"), Exit.DONE)
        kept = AccountDatabase(self.folder).password("anna") or ""
        self.assertTrue(verify_password("another horse", kept))
        self.assertFalse(verify_password(SECRET, kept))

    def test_remove(self) -> None:
        """A removed account is gone, once."""
        self.add("anna")
        self.assertEqual(self.run_with(b"", "remove", "anna"), Exit.DONE)
        self.assertEqual(AccountDatabase(self.folder).account_names(), [])
        self.assertEqual(self.run_with(b"", "remove", "anna"), Exit.USAGE)

    def test_list(self) -> None:
        """A list has one name on a line, and says what to do when it is empty."""
        AccountDatabase(self.folder).open()
        self.run_with(b"", "list")
        self.assertIn("homeftp account add NAME", self.out.getvalue())
        self.add("zoe")
        self.add("anna")
        self.run_with(b"", "list")
        self.assertEqual([line.split()[0] for line in self.out.getvalue().splitlines()], ["anna:", "zoe:"])
        self.assertIn("anna: home /, rights read,add,replace,delete", self.out.getvalue())

    def test_json(self) -> None:
        """With --json each says in JSON what it did."""
        AccountDatabase(self.folder).open()
        for arguments, typed, said in (
            (["list"], b"", {"accounts": [], "access": {}}),
            (["add", "anna", "--password-stdin"], SECRET.encode(), {"added": "anna"}),
            (["password", "anna", "--password-stdin"], SECRET.encode(), {"changed": "anna"}),
            (["list"], b"", {"accounts": ["anna"], "access": {"anna": EVERYTHING}}),
            (["remove", "anna"], b"", {"removed": "anna"}),
        ):
            self.assertEqual(self.run_with(typed, *arguments, "--json"), Exit.DONE)
            self.assertEqual(json.loads(self.out.getvalue()), said)

    def test_refused(self) -> None:
        """Bad names, bad passwords and accounts that are not there end with one line, and change nothing."""
        for arguments, typed in (
            (["add", "Anna Smith", "--password-stdin"], b"correct horse\n"),
            (["add", "anna", "--password-stdin"], b"short\n"),
            (["add", "anna", "--password-stdin"], b"\n"),
            (["add", "anna", "--password-stdin"], b""),
            (["add", "anna", "--password-stdin"], b"correct \xff horse\n"),
            (["add", "anna"], b"correct horse\n"),
            (["password", "anna", "--password-stdin"], b"correct horse\n"),
            (["password", "anna"], b""),
        ):
            self.assertEqual(self.run_with(typed, *arguments), Exit.USAGE, arguments)
            self.assertEqual(self.err.getvalue().count("\n"), 1)
            self.assertNotIn("horse", self.err.getvalue())
        self.assertEqual(AccountDatabase(self.folder).account_names(), [])

    def test_loose_folder(self) -> None:
        """A state folder that others may read is not used."""
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o755)
        self.assertEqual(self.add("anna"), Exit.USAGE)
        self.assertIn(f"chmod 700 {self.folder}", self.err.getvalue())

    def test_never_in_arguments(self) -> None:
        """There is no way to give a password on the command line."""
        for arguments in (["--password", SECRET], [SECRET], [f"--password-stdin={SECRET}"]):
            self.assertRaises(SystemExit, self.run_with, b"", "add", "anna", *arguments)
        self.assertEqual(AccountDatabase(self.folder).account_names(), [])
