"""Homes, rights and grants, as they are kept."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from homeftp.accounts.access import (
    NO_QUOTA,
    WHOLE_STORE,
    Access,
    AccessChange,
    AccessTable,
    access_fields,
    parse_folder,
    parse_folders,
)
from homeftp.config import MIB
from homeftp.endpoint import ROOT, parse
from homeftp.errors import OperatorError
from homeftp.store.policy.rights import ALL, Rights, parse_rights
from tests.support.accountstate import StateCase


class AccessTests(StateCase):
    """What is kept of an account."""

    def setUp(self) -> None:
        self.state = self.make_state()
        self.accesses = AccessTable(self.state)
        self.state.add_account("ann", None)

    def test_at_first(self) -> None:
        """An account has all rights unless some were given; one that does not exist has none."""
        self.assertEqual(self.accesses.find("ann"), WHOLE_STORE)
        self.assertIsNone(self.accesses.find("bob"))

    def test_all(self) -> None:
        """Every account is given with its access, sorted by name, and as fields for scripts."""
        folders = AccessChange(folders=parse_folders(["photos:read", "people/bob:all"]))
        self.accesses.add("bob", None, folders)
        self.accesses.change("ann", AccessChange(parse_folder("people/ann"), parse_rights("read"), MIB))
        ann = {"home": "people/ann", "rights": "read", "folders": {}, "quota": MIB, "links": False}
        own = {"people/bob": "read,add,replace,delete", "photos": "read"}
        bob = {"home": "", "rights": "none", "folders": own, "quota": None, "links": False}
        found = [(name, access_fields(access)) for name, access in self.accesses.all()]
        self.assertEqual(found, [("ann", ann), ("bob", bob)])

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
        self.assertEqual(self.accesses.find("ann"), WHOLE_STORE)

    def test_links(self) -> None:
        """The permission to share is given by the owner alone, stays with other changes, and nobody has it at first."""
        self.assertFalse(self.accesses.add("bob", None, AccessChange()).links)
        self.assertTrue(self.accesses.change("ann", AccessChange(links=True)).links)
        self.assertTrue(self.accesses.change("ann", AccessChange(rights=parse_rights("read"))).links)
        self.assertFalse(self.accesses.change("ann", AccessChange(links=False)).links)
        self.assertTrue(self.accesses.add("kid", None, AccessChange(links=True)).links)
        with self.state.transaction() as connection:
            connection.execute("UPDATE accounts SET links = 2 WHERE name = 'ann'")
        with self.assertRaisesRegex(OperatorError, "record of the account ann is damaged"):
            self.accesses.find("ann")

    def test_moved_home(self) -> None:
        """Another home gives nobody what was restricted before: a restriction stays where it is, and in the home."""
        read, nothing = frozenset({"read"}), frozenset[str]()
        self.accesses.grant("ann", parse_folder("people/Ann/tax"), nothing)
        self.accesses.grant("ann", parse_folder("old"), read)
        self.accesses.set_home("ann", parse_folder("people/ann"))
        moved = self.accesses.find("ann")
        assert moved is not None
        self.assertEqual(moved.rights.at(("tax", "2020")), nothing)
        self.assertEqual((moved.rights.at(("old",)), moved.rights.at(("photos",))), (read, ALL))
        for home, restricted in (("people", ("ann", "tax")), ("", ("people", "ann", "tax")), ("people/ann", ("tax",))):
            self.accesses.set_home("ann", parse_folder(home))
            again = self.accesses.find("ann")
            assert again is not None
            self.assertEqual((again.rights.at(restricted), again.rights.everywhere), (nothing, ALL), home)

    def test_moved_home_twice_restricted(self) -> None:
        """Where two restrictions come to be about one folder, both hold."""
        self.accesses.grant("ann", parse_folder("people/tax"), parse_rights("read,add"))
        self.accesses.grant("ann", parse_folder("tax"), parse_rights("read,delete"))
        self.accesses.set_home("ann", parse_folder("people"))
        found = self.accesses.find("ann")
        assert found is not None
        self.assertEqual(found.rights.at(("tax",)), parse_rights("read"))

    def test_home_in_restricted_folder(self) -> None:
        """A home within a restricted folder has no more rights than that, unless the owner says so."""
        for rights, given in ((None, frozenset({"read"})), (ALL, ALL)):
            self.accesses.add("kid", None, AccessChange())
            self.accesses.grant("kid", parse_folder("photos"), frozenset({"read"}))
            changed = self.accesses.change("kid", AccessChange(home=parse_folder("PHOTOS/2020"), rights=rights))
            self.assertEqual(changed.rights.everywhere, given)
            self.state.remove_account("kid")

    def test_one_change(self) -> None:
        """Home, rights and quota change together or not at all, and keep what was not named."""
        home, most = parse_folder("people/ann"), 5 * MIB
        self.accesses.grant("ann", parse_folder("tax"), frozenset())
        grants = ((("tax",), frozenset[str]()),)
        changed = self.accesses.change("ann", AccessChange(home, parse_rights("read"), most))
        self.assertEqual(changed, Access(home, Rights(frozenset({"read"}), grants), most))
        self.assertEqual(self.accesses.find("ann"), changed)
        self.assertEqual(self.accesses.change("ann", AccessChange(quota=NO_QUOTA)).quota, None)
        self.accesses.change("ann", AccessChange(quota=most))
        with self.assertRaisesRegex(OperatorError, "a quota counts what is in an account's home"):
            self.accesses.change("ann", AccessChange(parse_folder(""), ALL))
        self.assertEqual(self.accesses.find("ann"), changed)

    def test_folders(self) -> None:
        """Folders are all that an account has: with nothing beside them; and what comes in their place must be said."""
        own = parse_folders(["photos:read"])
        for beside in (
            AccessChange(home=parse_folder("a")),
            AccessChange(rights=parse_rights("read")),
            AccessChange(home=parse_folder("a"), rights=parse_rights("read"), quota=5),
            AccessChange(home=parse_folder("")),
        ):
            with self.assertRaisesRegex(OperatorError, "either folders"):
                self.accesses.change("ann", structs.replace(beside, folders=own))
        self.accesses.set_home("ann", parse_folder("a"))
        with self.assertRaisesRegex(OperatorError, "either folders"):
            self.accesses.change("ann", AccessChange(folders=own))
        self.accesses.set_home("ann", parse_folder(""))
        self.accesses.change("ann", AccessChange(folders=own))
        self.assertEqual(self.accesses.find("ann"), Access(parse(""), Rights(frozenset(), folders=own)))
        with self.assertRaisesRegex(OperatorError, "say with --rights"):
            self.accesses.change("ann", AccessChange(folders=()))
        changed = self.accesses.change("ann", AccessChange(rights=parse_rights("read"), folders=()))
        self.assertEqual(changed, Access(parse(""), Rights(parse_rights("read"))))

    def test_typed_folders(self) -> None:
        """A folder needs a path and rights; the shared folder itself is none."""
        for text in ("photos", ":read", "/:all", "", "photos:"):
            with self.assertRaises(OperatorError, msg=text):
                parse_folders([text])
        with self.assertRaisesRegex(OperatorError, "once"):
            parse_folders(["photos:read", "photos/:all"])

    def test_damaged_folders(self) -> None:
        """A record that gives folders and something beside them is damaged, and gives nothing."""
        self.accesses.change("ann", AccessChange(folders=parse_folders(["photos:read"])))
        for column, value in (("home", "a"), ("rights", "read")):
            with self.state.transaction() as connection:
                connection.execute(f"UPDATE accounts SET {column} = ?", (value,))
            with self.assertRaisesRegex(OperatorError, "is damaged"):
                self.accesses.find("ann")
            with self.state.transaction() as connection:
                connection.execute("UPDATE accounts SET home = '/', rights = 'none'")
        self.assertIsNotNone(self.accesses.find("ann"))

    def test_add(self) -> None:
        """An account is added with its access, or not at all."""
        added = self.accesses.add("bob", "hers", AccessChange(parse_folder("b"), parse_rights("add"), 5))
        self.assertEqual(added, Access(parse("b"), Rights(frozenset({"add"})), 5))
        self.assertEqual((self.accesses.find("bob"), self.state.password("bob")), (added, "hers"))
        with self.assertRaisesRegex(OperatorError, "exists already"):
            self.accesses.add("bob", "other", AccessChange())
        with self.assertRaisesRegex(OperatorError, "a quota counts"):
            self.accesses.add("eve", None, AccessChange(quota=5))
        self.assertEqual(self.state.account_names(), ["ann", "bob"])

    def test_id(self) -> None:
        """An account keeps its id whatever is changed; another one of the same name has another id."""

        def id() -> str | None:
            found = self.accesses.find("ann")
            assert found is not None
            return found.id

        first = id()
        self.accesses.change("ann", AccessChange(parse_folder("a"), parse_rights("read"), 5))
        self.accesses.grant("ann", parse_folder("tax"), frozenset())
        self.state.set_password("ann", "another")
        self.assertEqual(id(), first)
        self.state.remove_account("ann")
        self.state.add_account("ann", None)
        self.accesses.add("bob", None, AccessChange())
        others = {id(), *(access.id for _, access in self.accesses.all())}
        self.assertEqual((len(others), len(others | {first})), (2, 3))

    def test_only_its_own(self) -> None:
        """An account has its own home, rights, folders and restrictions, and nothing of another's."""
        self.accesses.add("bob", None, AccessChange(parse_folder("b"), parse_rights("read"), 5))
        self.accesses.grant("bob", parse_folder("tax"), frozenset())
        self.accesses.add("eve", None, AccessChange(folders=parse_folders(["photos:read"])))
        found = dict(self.accesses.all())
        self.assertEqual(found["ann"], WHOLE_STORE)
        self.assertEqual(found["bob"].rights, Rights(parse_rights("read"), ((("tax",), frozenset()),)))
        self.assertEqual(found["eve"].rights.grants, ())

    def test_unlisted(self) -> None:
        """A name that never had a record is unlisted; one whose record was removed is not."""
        self.assertEqual([self.accesses.unlisted(name) for name in ("ann", "bob")], [False, True])
        self.state.remove_account("ann")
        self.assertFalse(self.accesses.unlisted("ann"))

    def test_least_quota(self) -> None:
        """A quota of one byte is one."""
        self.accesses.change("ann", AccessChange(parse_folder("a"), quota=1))
        self.assertEqual(self.accesses.find("ann"), Access(parse("a"), Rights(), 1))

    def test_refused(self) -> None:
        """No folder, no account, and the top: each in one line."""
        for wrong in ("../x", "a//b", "a/.homeftp", "a\n"):
            with self.assertRaisesRegex(OperatorError, "cannot be a folder in the shared folder"):
                parse_folder(wrong)
        with self.assertRaisesRegex(OperatorError, "no account named bob"):
            self.accesses.set_home("bob", parse_folder("x"))
        with self.assertRaisesRegex(OperatorError, "no account named bob"):
            self.accesses.grant("bob", parse_folder("x"), ALL)
        with self.assertRaisesRegex(OperatorError, "name a folder"):
            self.accesses.grant("ann", parse_folder(""), ALL)

    def test_removed(self) -> None:
        """With the account its grants go: the next of that name has none."""
        self.accesses.grant("ann", parse_folder("x"), frozenset())
        self.state.remove_account("ann")
        self.state.add_account("ann", None)
        self.assertEqual(self.accesses.find("ann"), WHOLE_STORE)

    def view(self, change: AccessChange | None = None) -> str:
        """What ann is told of what she may read, after a change."""
        if change is not None:
            self.accesses.change("ann", change)
        found = self.accesses.find("ann")
        assert found is not None and found.view is not None
        return found.view

    def test_view(self) -> None:
        """The view changes with each change of what may be read, is the same again afterwards, and tells nothing."""
        self.assertIsNone(WHOLE_STORE.view)
        everything = self.view()
        views = {everything}
        for folder in ("x", "y"):
            self.accesses.grant("ann", parse_folder(folder), parse_rights("add"))
            views.add(self.view())
        for change in (
            AccessChange(home=parse_folder("ann")),
            AccessChange(rights=parse_rights("add")),
            AccessChange(home=ROOT),
            AccessChange(folders=parse_folders(["z:read"])),
        ):
            views.add(self.view(change))
        self.assertEqual(len(views), 7)
        self.view(AccessChange(folders=(), rights=ALL))
        for folder in ("x", "y", "ann/x", "ann/y"):
            self.accesses.grant("ann", parse_folder(folder), None)
        self.assertEqual(self.view(), everything)
        self.state.remove_account("ann")
        self.state.add_account("ann", None)
        self.assertNotEqual(self.view(), everything, "another account of that name has an id of its own")

    def test_view_stays(self) -> None:
        """The view stays with a change of other rights, of the quota, and of the password."""
        self.accesses.grant("ann", parse_folder("x"), parse_rights("read,add"))
        before = self.view(AccessChange(home=parse_folder("ann")))
        self.accesses.grant("ann", parse_folder("x"), parse_rights("read"))
        self.accesses.grant("ann", parse_folder("y"), parse_rights("read"))
        self.assertEqual(self.view(AccessChange(rights=parse_rights("read"), quota=MIB)), before)
        self.state.set_password("ann", "stored")
        self.assertEqual(self.view(), before)
