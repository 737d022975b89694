"""Rights: as they are typed, and as grants narrow them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

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
        rights = Rights(ALL, grants).at_all_places(
            parse("home"), lambda folder: [parse(each) for each in reached[str(folder)]]
        )
        folders = {("a",), ("b", "bound"), ("TAXESA~1",), ("taxes and wills",), ("none",)}
        self.assertEqual(rights.without("read").folders, folders)
        self.assertEqual(rights.everywhere, ALL)
