"""Rights: as they are typed, and as grants narrow them."""

from __future__ import annotations

import itertools

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, parse
from homeftp.errors import OperatorError
from homeftp.store.policy.rights import ALL, Rights, parse_rights, rights_shown
from tests.support.tenancyrules import NONE, READ, Rules, inside


class RightsTests(SynchronousTestCase):
    """Rights."""

    def test_typed(self) -> None:
        """As a person writes them, and back."""
        for text, rights in (
            ("read", {"read"}),
            (" Read, ADD ", {"read", "add"}),
            ("delete,replace,add,read", ALL),
            ("none", set()),
            (" All", ALL),
        ):
            self.assertEqual(parse_rights(text), rights)
            self.assertEqual(parse_rights(rights_shown(rights)), rights)
        for text in ("", "write", "read;add", "read,,add", "read,none", "all,read"):
            with self.assertRaisesRegex(OperatorError, "rights are some of read, add, replace, delete"):
                parse_rights(text)

    def test_shows(self) -> None:
        """A change shows where the account may read; on the way to its folders only that a directory comes or goes."""
        drop, album = (("a", "drop"), parse_rights("add")), (("a", "b", "album"), parse_rights("read"))
        rights = Rights(parse_rights("read"), folders=(drop, album))
        for path, file, directory in (
            ("a/b/album", True, True),
            ("a/b/album/c/d", True, True),
            ("a/b", False, True),
            ("", False, True),
            ("a/b/c", False, False),
            ("a/b/album2", False, False),
            ("a/drop", False, False),
            ("a/drop/x", False, False),
            ("x", False, False),
        ):
            parts = parse(path).parts
            self.assertEqual(
                (rights.shows(parts, directory=False), rights.shows(parts, directory=True)), (file, directory), path
            )
        only_drop = Rights(folders=(drop,))
        self.assertFalse(only_drop.shows(("a",), directory=True), "nothing is seen there: nor is the way")

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

    def test_without(self) -> None:
        """The folders whose grant leaves out a right."""
        rights = Rights(ALL, ((("a",), parse_rights("read")), (("b", "c"), parse_rights("add")), (("d",), frozenset())))
        self.assertEqual(rights.without("read").folders, {("b", "c"), ("d",)})
        self.assertFalse(Rights(parse_rights("add")).without("read"))

    def test_all_places(self) -> None:
        """A grant counts wherever its folder can be reached beneath the home, and where it was typed."""
        reached = {
            "home/a": ["home/a", "home/b/bound", "other/a", "home"],
            "home/TAXESA~1": ["home/taxes and wills"],
            "home/none": [],
        }
        grants = tuple(((path.partition("/")[2],), frozenset({"add"})) for path in reached)
        rights = Rights(ALL, grants).at_all_paths(
            parse("home"), lambda folder: [parse(each) for each in reached[str(folder)]]
        )
        folders = {("a",), ("b", "bound"), ("TAXESA~1",), ("taxes and wills",), ("none",)}
        self.assertEqual(rights.without("read").folders, folders)
        self.assertEqual(rights.everywhere, ALL)


def folders(**given: str) -> Rights:
    """Rights in these folders; `__` separates the parts of a path."""
    found = ((tuple(path.split("__")), parse_rights(rights)) for path, rights in given.items())
    return Rights(parse_rights("none"), folders=tuple(sorted(found)))


class FoldersTests(SynchronousTestCase):
    """Folders that are all that an account has."""

    def test_independent(self) -> None:
        """For every two or three of some folders that contain each other, the rights are those of the plain rules."""
        names = ("a", "a/b", "a/b/c", "A/b", "d/e")
        for chosen in itertools.chain(itertools.combinations(names, 2), itertools.combinations(names, 3)):
            for given in itertools.product((READ, frozenset({"read", "add"}), NONE, ALL), repeat=len(chosen)):
                table = dict(zip(chosen, given, strict=True))
                found = tuple((parse(path).parts, rights) for path, rights in table.items())
                rights, rules = Rights(NONE, folders=found), Rules(everywhere=NONE, folders=table)
                for path in (*names, "", "d", "d/E", "a/B", "a/b/C", "a/b/x", "a/b/c/x", "A", "A/B/c", "x", "ab"):
                    self.assertEqual(rights.at(parse(path).parts), rules.at(path), (table, path))
                    self.assertEqual(rights.leads_to_folder(parse(path).parts), leads(rules, path), (table, path))

    def test_outermost(self) -> None:
        """The shared folder itself is in no folder, also where another spelling of one is looked for."""
        self.assertEqual(folders(a="read").at(()), NONE)
        self.assertEqual(folders(a="read").at_most, READ)

    def test_names(self) -> None:
        """A way shows what leads on, or is a folder that may be read: each name once, and nothing elsewhere."""
        rights = folders(a="read", b__c="read", b__d="add", b__e__f="read", g="none", h__i="add")
        for path, names in (("", ["a", "b"]), ("b", ["c", "e"]), ("b/e", ["f"]), ("a", []), ("x", []), ("h", [])):
            self.assertEqual(rights.names_beneath(parse(path).parts), names, path)

    def test_tops(self) -> None:
        """A top is a folder or leads to one, in any spelling; without folders there is none but the root."""
        rights = folders(a="read", b__c="read")
        for path, is_top in (("", True), ("a", True), ("B", True), ("b/C", True), ("b/c/d", False), ("b/x", False)):
            self.assertEqual(rights.holds_top(parse(path).parts), is_top, path)
        self.assertFalse(Rights(ALL).holds_top(()))

    def test_all_of(self) -> None:
        """What holds in all of a directory is what holds in each folder in it, too."""
        rights = folders(a="read,add,delete", a__b__c="read,add", d="read")
        for path, expected in (("a", "read,add"), ("A", "none"), ("a/b", "read,add"), ("a/x", "read,add,delete")):
            self.assertEqual(rights_shown(rights.in_all_of(parse(path).parts)), expected, path)

    def test_all_places(self) -> None:
        """A folder in another one narrows it wherever it can be reached; one that is in none does not."""
        rights = folders(a="read,add", a__b="read", c="none")
        found = rights.at_all_paths(
            ROOT, lambda folder: [parse("a/bound"), parse("elsewhere")] if folder.whole == "a/b" else [parse("a/x")]
        )
        self.assertEqual({path for path, _ in found.grants}, {("a", "b"), ("a", "bound"), ("elsewhere",)})
        self.assertEqual(found.at(("a", "bound", "x")), READ)
        self.assertEqual(found.folders, rights.folders)


def leads(rules: Rules, path: str) -> bool:
    """Whether a path leads to one of the folders, and is in none."""
    leading = any(inside(folder, path) for folder in rules.folders)
    return leading and not any(inside(path, folder) for folder in rules.folders)


class NarrowedTests(SynchronousTestCase):
    """The rights of a device that has a part of what its account has."""

    TOPS = ("", "a", "a/b", "A", "d", "x")
    PATHS = ("", "b", "b/c", "B", "c", "e", "x", "b/x", "b/c/x", "B/c")

    def check(self, rights: Rights, *, exactly: bool) -> None:
        """Compare what is narrowed with the whole: never more, and in the same spelling the same but for `most`."""
        for top in map(parse, self.TOPS):
            paths = [(path.parts, top.beneath(*path.parts).parts) for path in map(parse, self.PATHS)]
            wholes = [
                (parts, rights.at(whole), rights.in_all_of(whole), rights.leads_to_folder(whole))
                for parts, whole in paths
            ]
            for most in (READ, frozenset({"read", "add"}), NONE, ALL):
                narrowed = rights.narrowed(top.parts, most)
                hidden = narrowed.without("read")
                for parts, at, in_all, leads_on in wholes:
                    here, leading = narrowed.at(parts), narrowed.leads_to_folder(parts)
                    label = (rights, str(top), most, parts)
                    self.assertLessEqual(here, at & most, label)
                    self.assertLessEqual(narrowed.in_all_of(parts), in_all & most, label)
                    self.assertTrue(not leading or leads_on, label)
                    if "read" in narrowed.everywhere and "read" not in here:
                        self.assertTrue(hidden.covers(parts), label)
                    if exactly:
                        self.assertEqual(here, at & most, label)
                        self.assertEqual(leading, leads_on, label)

    def test_grants(self) -> None:
        """Of grants, above it, at it and beneath it, in every spelling."""
        for chosen in itertools.combinations(("a", "a/b", "a/b/c", "A/b", "d/e"), 2):
            for given in itertools.product((READ, NONE, frozenset({"add"})), repeat=2):
                grants = tuple((parse(path).parts, most) for path, most in zip(chosen, given, strict=True))
                self.check(Rights(frozenset({"read", "add"}), grants), exactly=True)

    def test_folders(self) -> None:
        """Of folders that are all that the account has; another spelling of one only takes rights away."""
        for chosen in itertools.combinations(("a", "a/b", "a/b/c", "A/b", "d/e"), 2):
            for given in itertools.product((READ, NONE, frozenset({"read", "add"}), ALL), repeat=2):
                found = tuple((parse(path).parts, rights) for path, rights in zip(chosen, given, strict=True))
                for grants in ((), ((("a", "b"), READ),)):
                    self.check(Rights(NONE, grants, found), exactly="A/b" not in chosen)

    def test_nothing(self) -> None:
        """Where the account has nothing, so has the device."""
        narrowed = folders(a="read,add").narrowed(("b",), ALL)
        self.assertEqual((narrowed.at(("a",)), narrowed.at(()), narrowed.at_most), (NONE, NONE, NONE))
