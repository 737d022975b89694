"""How many properties are kept, and of which size."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import Limits
from homeftp.errors import NoSpace
from homeftp.server.http.dav.properties.bounds import (
    MAX_BYTES,
    MAX_PROPERTIES,
    MAX_VALUE,
    KeptSizes,
    require_small,
    size_of,
)

ONE, TWO = ("urn:x", "one"), ("", "two")


class BoundsTests(SynchronousTestCase):
    """Each bound, and one more than it."""

    def test_resource(self) -> None:
        """One resource has so many characters of names and values: what is replaced and removed does not count."""
        before = {ONE: "x" * (MAX_VALUE - len("urn:xone"))}
        require_small(before, {})
        require_small(before, {ONE: None, TWO: "x" * (MAX_VALUE - len("two"))})
        for values in ({TWO: ""}, {ONE: before[ONE] + "x"}):
            self.assertRaises(NoSpace, require_small, before, values)

    def test_size(self) -> None:
        """A property counts with the bytes of its name and its value."""
        self.assertEqual(size_of(ONE, "ä"), len("urn:xone") + 2)

    def test_kept(self) -> None:
        """An account and all together have their bounds."""
        limits = Limits(account_properties=2, account_property_bytes=10)
        KeptSizes(2, 10, MAX_PROPERTIES, MAX_BYTES).require(limits, MAX_BYTES)
        for kept in (
            KeptSizes(3, 0, 3, 0),
            KeptSizes(0, 11, 1, 11),
            KeptSizes(0, 0, MAX_PROPERTIES + 1, 0),
            KeptSizes(0, 0, 0, MAX_BYTES + 1),
        ):
            self.assertRaises(NoSpace, kept.require, limits, MAX_BYTES)
