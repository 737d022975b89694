"""What keeps the dead properties of WebDAV must do all of this, wherever they are."""

from __future__ import annotations

from typing import Sequence

from homeftp.config import Limits
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import NoSpace
from homeftp.model import SERVER, Change
from homeftp.server.http.dav.properties import bounds
from homeftp.server.http.dav.properties.bounds import MAX_BYTES, MAX_VALUE
from homeftp.server.http.dav.properties.interface import IProperties
from tests.support.folders import QuickCase

ONE, TWO = ("urn:x", "one"), ("", "two")
ANN, BOB = "1" * 32, "2" * 32
LONG = "/".join("ä" * 100 for _ in range(15))
"""A path that no index has as a whole."""


def property_change(what: str, path: str, to: str | None = None) -> Change:
    """A change of a directory, in the store."""
    return Change(what, "directory", parse(path), SERVER, None if to is None else parse(to))


class PropertiesContract(QuickCase):
    """Each test is a promise of `IProperties`. `properties` is what one server asks, `others` what another one may."""

    properties: IProperties
    others: IProperties

    def bounded(self, limits: Limits, most_bytes: int = MAX_BYTES) -> IProperties:
        """The same, with other bounds."""
        raise NotImplementedError

    def follow(self, *changes: Change) -> None:
        """These changes are made in the store."""
        raise NotImplementedError

    def forget(self) -> None:
        """Remove all properties."""
        raise NotImplementedError

    def set(self, *paths: str) -> None:
        """Give each path a property, whose value is the path."""
        for path in paths:
            self.properties.change(parse(path), {ONE: path}, ANN)

    def copied(self, path: str, to: str, owner: str = ANN, *, deep: bool = True) -> None:
        """Copy what is at a path."""
        self.properties.copied(parse(path), parse(to), owner, deep=deep, shown=lambda each: True)

    def test_change(self) -> None:
        """Properties are set, replaced and removed, for every server."""
        self.assertEqual((self.others.of(parse("a")), self.others.inside(ROOT)), ({}, {}))
        self.properties.change(parse("a"), {ONE: "1", TWO: "2"}, ANN)
        self.others.change(parse("a"), {ONE: "3 <ä/>", TWO: None}, BOB)
        for each in (self.properties, self.others):
            self.assertEqual(each.of(parse("a")), {ONE: "3 <ä/>"})
        self.properties.change(parse("a"), {ONE: None, TWO: None}, ANN)
        self.assertEqual(self.others.of(parse("a")), {})

    def test_inside(self) -> None:
        """Those of everything in a folder come together, without those of the folder and of what is deeper."""
        self.set("d", "d/a", "d/b", "d/b/c", "da")
        self.properties.change(ROOT, {ONE: "root"}, ANN)
        self.assertEqual(self.others.inside(parse("d")), {"a": {ONE: "d/a"}, "b": {ONE: "d/b"}})
        self.assertEqual(set(self.others.inside(ROOT)), {"d", "da"})
        self.assertEqual(self.others.of(ROOT), {ONE: "root"})

    def test_tree(self) -> None:
        """They go with what is moved, copied and removed, and with nothing else."""
        self.set("d", "d/a", "d/b/c", "da", "d0", "e/x")
        self.copied("d", "e")
        self.assertEqual(self.others.of(parse("e/b/c")), {ONE: "d/b/c"})
        self.assertEqual(self.others.of(parse("e/x")), {})
        self.copied("d", "f", deep=False)
        self.assertEqual((self.others.of(parse("f")), self.others.of(parse("f/a"))), ({ONE: "d"}, {}))
        self.follow(property_change("move", "d", "g/h"))
        self.assertEqual((self.others.of(parse("d/a")), self.others.of(parse("g/h/a"))), ({}, {ONE: "d/a"}))
        self.assertEqual((self.others.of(parse("g/h")), self.others.of(parse("g/h/b/c"))), ({ONE: "d"}, {ONE: "d/b/c"}))
        self.follow(property_change("delete", "g"))
        self.assertEqual(self.others.of(parse("g/h/b/c")), {})
        for path in ("da", "d0"):
            self.assertEqual(self.others.of(parse(path)), {ONE: path})

    def test_replaced(self) -> None:
        """What is moved or copied to a place takes the place of what was there."""
        self.set("d/a", "e/a", "e/b/c", "f")
        self.properties.change(parse("e/a"), {TWO: "2"}, ANN)
        self.follow(property_change("move", "d", "e"))
        self.assertEqual(self.others.inside(parse("e")), {"a": {ONE: "d/a"}})
        self.assertEqual(self.others.of(parse("e/b/c")), {})
        self.copied("f", "e/a")
        self.assertEqual(self.others.of(parse("e/a")), {ONE: "f"})
        self.copied("none", "e/a")
        self.assertEqual(self.others.of(parse("e/a")), {})

    def test_shown(self) -> None:
        """Only those are copied that are shown."""
        self.set("d", "d/a", "d/b/c", "d/b/d")
        hidden = {parse("d"), parse("d/b/c")}
        shown = lambda each: each not in hidden  # noqa: E731
        self.properties.copied(parse("d"), parse("e/f"), ANN, deep=True, shown=shown)
        found = [self.others.of(parse(path)) for path in ("e/f", "e/f/a", "e/f/b/c", "e/f/b/d")]
        self.assertEqual(found, [{}, {ONE: "d/a"}, {}, {ONE: "d/b/d"}])

    def test_follow(self) -> None:
        """Changes are followed in their order; others change nothing."""
        self.follow(property_change("delete", "a"))
        self.properties.change(parse("a"), {ONE: "1"}, ANN)
        self.follow(*(property_change(what, "a") for what in ("add", "replace", "metadata")))
        self.assertEqual(self.others.of(parse("a")), {ONE: "1"})
        self.follow(
            property_change("move", "a", "b"), property_change("move", "b", "c"), property_change("delete", "b")
        )
        self.assertEqual([self.others.of(parse(name)) for name in "abc"], [{}, {}, {ONE: "1"}])

    def test_long(self) -> None:
        """Paths and names may be as long as a path may be, and differ only at the end."""
        long_name = ("urn:" + "x" * 3000, "y" * 3000)
        ends: Sequence[Endpoint] = [parse(f"{LONG}/{name}") for name in ("d/a", "d/b/c", "d0", "da")]
        for number, each in enumerate(ends):
            self.properties.change(each, {long_name: str(number)}, ANN)
        self.assertEqual([self.others.of(each) for each in ends], [{long_name: each} for each in "0123"])
        self.follow(property_change("move", f"{LONG}/d", "e"))
        self.assertEqual(self.others.of(parse("e/b/c")), {long_name: "1"})
        self.follow(property_change("move", "e", f"{LONG}/d"), property_change("delete", f"{LONG}/d"))
        self.assertEqual([self.others.of(each) for each in ends], [{}, {}, {long_name: "2"}, {long_name: "3"}])

    def test_size(self) -> None:
        """All of them together have no more than so many bytes: more are refused, and copies go without."""
        properties = self.bounded(Limits(), 20 * MAX_VALUE)
        kept = 0
        value = "x" * (MAX_VALUE - 100)
        with self.assertRaises(NoSpace):
            for kept in range(100):
                properties.change(parse(f"d/{kept}"), {ONE: value}, ANN)
        self.assertIn(kept, range(10, 21))
        self.assertEqual((properties.of(parse(f"d/{kept}")), properties.of(parse("d/0"))), ({}, {ONE: value}))
        properties.copied(parse("d"), parse("e"), ANN, deep=True, shown=lambda each: True)
        self.assertEqual(properties.inside(parse("e")), {})
        self.follow(property_change("move", "d/1", "e/1"))
        properties.change(parse("e/1"), {ONE: None}, ANN)
        properties.copied(parse("d/0"), parse("e/0"), ANN, deep=True, shown=lambda each: True)
        self.assertEqual(properties.inside(parse("e")), {"0": {ONE: value}})

    def test_bounds(self) -> None:
        """One resource has no more than so much: a change beyond that is refused, and changes nothing."""
        self.properties.change(parse("a"), {ONE: "1"}, ANN)
        with self.assertRaises(NoSpace):
            self.properties.change(parse("a"), {ONE: None, TWO: "x" * MAX_VALUE}, ANN)
        self.assertEqual(self.others.of(parse("a")), {ONE: "1"})

    def test_all(self) -> None:
        """All together there are no more than so many."""
        self.patch(bounds, "MAX_PROPERTIES", 2)
        self.properties.change(parse("a"), {ONE: "1", TWO: "2"}, ANN)
        with self.assertRaises(NoSpace):
            self.properties.change(parse("b"), {ONE: "1"}, ANN)
        self.properties.change(parse("a"), {ONE: None}, ANN)
        self.properties.change(parse("b"), {ONE: "1"}, ANN)

    def test_account(self) -> None:
        """Properties of one account are bounded in number and bytes: more are refused, and others may still add theirs.

        Those that somebody else sets anew, or copies, count for that account; those that are removed for none.
        """
        for limits in (Limits(account_properties=2), Limits(account_property_bytes=2 * len("urn:xone1"))):
            self.properties = properties = self.bounded(limits)
            for name in "ab":
                properties.change(parse(name), {ONE: "1"}, ANN)
            with self.assertRaises(NoSpace) as raised:
                properties.change(parse("c"), {ONE: "1"}, ANN)
            self.assertIn("your account has too many WebDAV properties", raised.exception.message)
            self.assertEqual(properties.of(parse("c")), {})
            properties.change(parse("a"), {ONE: "2"}, ANN)
            properties.change(parse("c"), {ONE: "1"}, BOB)
            self.copied("a", "d", deep=False)
            self.assertEqual(properties.of(parse("d")), {})
            self.copied("a", "d", BOB, deep=False)
            self.assertEqual(properties.of(parse("d")), {ONE: "2"})
            with self.assertRaises(NoSpace):
                properties.change(parse("e"), {ONE: "1"}, BOB)
            self.follow(property_change("move", "d", "f"))
            with self.assertRaises(NoSpace):
                properties.change(parse("e"), {ONE: "1"}, BOB)
            self.follow(property_change("delete", "f"))
            properties.change(parse("a"), {ONE: "1"}, BOB)
            properties.change(parse("e"), {ONE: "1"}, ANN)
            self.forget()
