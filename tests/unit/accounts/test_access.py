"""Homes, rights and grants: as they are typed, kept and added up."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.access import Access, AccessTable, parse_folder
from homeftp.accounts.database import AccountDatabase
from homeftp.endpoint import parse
from homeftp.errors import OperatorError
from homeftp.store.policy.rights import ALL, Rights, parse_rights, rights_shown


class RightsTests(SynchronousTestCase):
    """Rights."""

    def test_typed(self) -> None:
        """As a person writes them, and back."""
        for text, rights in (
            ("read", {"read"}),
            (" Read, ADD ", {"read", "add"}),
            ("delete,replace,add,read", ALL),
            ("none", set()),
        ):
            self.assertEqual(parse_rights(text), rights)
            self.assertEqual(parse_rights(rights_shown(rights)), rights)
        for text in ("", "write", "read;add", "read,,add", "read,none"):
            with self.assertRaisesRegex(OperatorError, "rights are some of read, add, replace, delete"):
                parse_rights(text)

    def test_narrower(self) -> None:
        """A grant only ever narrows, for all that lies in its folder, and not for what only begins like it."""
        rights = Rights(
            parse_rights("read,add,delete"),
            ((("a",), parse_rights("read,replace")), (("a", "b"), parse_rights("add")), (("c", "d"), frozenset())),
        )
        for path, expected in (
            ("", "read,add,delete"),
            ("x", "read,add,delete"),
            ("a", "read"),
            ("a/x", "read"),
            ("ab", "read,add,delete"),
            ("a/b", "none"),
            ("a/b/c", "none"),
            ("c", "read,add,delete"),
            ("c/d/e", "none"),
        ):
            self.assertEqual(rights_shown(rights.at(parse(path).parts)), expected, path)
        for path, expected in (("c", "none"), ("", "none"), ("x", "read,add,delete"), ("a", "none"), ("a/x", "read")):
            self.assertEqual(rights_shown(rights.in_all_of(parse(path).parts)), expected, path)


class AccessTests(SynchronousTestCase):
    """What is kept of an account."""

    def setUp(self) -> None:
        self.state = AccountDatabase(self.mktemp())
        self.accesses = AccessTable(self.state)
        self.state.add_account("ann", None)

    def test_at_first(self) -> None:
        """Everything, unless it is said otherwise; an account that is not there has nothing."""
        self.assertEqual(self.accesses.find("ann"), Access())
        self.assertIsNone(self.accesses.find("bob"))

    def test_changed(self) -> None:
        """Home, rights and grants are kept, replaced and taken back."""
        self.accesses.set_home("ann", parse_folder("/people/ann/"))
        self.accesses.set_rights("ann", parse_rights("read,add"))
        self.accesses.grant("ann", parse_folder("tax"), parse_rights("add"))
        self.accesses.grant("ann", parse_folder("tax"), parse_rights("read"))
        self.accesses.grant("ann", parse_folder("photos"), frozenset())
        grants: tuple[Any, ...] = ((("photos",), frozenset()), (("tax",), frozenset({"read"})))
        self.assertEqual(
            self.accesses.find("ann"), Access(parse("people/ann"), Rights(frozenset({"read", "add"}), grants))
        )
        self.accesses.grant("ann", parse_folder("photos"), None)
        self.accesses.grant("ann", parse_folder("tax"), None)
        self.accesses.set_home("ann", parse_folder(""))
        self.accesses.set_rights("ann", ALL)
        self.assertEqual(self.accesses.find("ann"), Access())

    def test_refused(self) -> None:
        """No folder, no account, and the top: each in one line."""
        for wrong in ("../x", "a//b", "a/.homeftp", "a\n"):
            with self.assertRaisesRegex(OperatorError, "cannot be a folder of the share"):
                parse_folder(wrong)
        with self.assertRaisesRegex(OperatorError, "no account bob"):
            self.accesses.set_home("bob", parse_folder("x"))
        with self.assertRaisesRegex(OperatorError, "no account bob"):
            self.accesses.grant("bob", parse_folder("x"), ALL)
        with self.assertRaisesRegex(OperatorError, "name a folder"):
            self.accesses.grant("ann", parse_folder(""), ALL)

    def test_removed(self) -> None:
        """With the account its grants go: the next of that name has none."""
        self.accesses.grant("ann", parse_folder("x"), frozenset())
        self.state.remove_account("ann")
        self.state.add_account("ann", None)
        self.assertEqual(self.accesses.find("ann"), Access())
