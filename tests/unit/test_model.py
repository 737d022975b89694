"""Domain values."""

from __future__ import annotations

import attrs
import msgspec
from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp import model
from homeftp.endpoint import parse
from homeftp.model import ABSENT, PRESENT, SERVER, Actor, Entry, WriteRequest


class ModelTests(SynchronousTestCase):
    """What the values promise besides their fields."""

    def test_frozen(self) -> None:
        """Every value is frozen."""
        endpoint = parse("a")
        values: list[object] = [
            Entry("a", "file"),
            model.Version("a", 1),
            model.Damage("a", "content"),
            model.Verification(),
            model.ListingPage(()),
            model.TreeDigest(content="", full="", files=0, directories=0, size=0),
            model.TreeProgress(0, 0),
            model.PathLock(endpoint, changes=False),
            model.Allotment(endpoint, None, may_discard=False, sees_all=False),
            SERVER,
            model.Change("add", "file", endpoint, SERVER),
            WriteRequest(endpoint=endpoint),
            model.ResumePoint(0, ""),
            model.Capabilities(),
        ]
        found = [each for each in vars(model).values() if isinstance(each, type) and each.__module__ == model.__name__]
        classes = {each for each in found if attrs.has(each) or issubclass(each, msgspec.Struct)}
        self.assertEqual(classes, set(map(type, values)))
        for each in values:
            (field, *_) = type(each).__annotations__
            with self.assertRaises(AttributeError, msg=type(each).__name__):
                setattr(each, field, getattr(each, field))

    def test_damage_kind(self) -> None:
        """A kind of damage from a newer version counts as one of the content."""
        found = [model.damage_kind(text) for text in ("content", "unreadable", "stolen")]
        self.assertEqual(found, ["content", "unreadable", "content"])

    def test_total(self) -> None:
        """The total of a verification has everything that its steps have."""
        damage = model.Damage("a", "content")
        steps = [model.Verification(1, 2, 3, (damage,)), model.Verification(10, 20, 30, (), (("b", "a link"),))]
        self.assertEqual(model.Verification.total(steps), model.Verification(11, 22, 33, (damage,), (("b", "a link"),)))
        self.assertEqual(model.Verification.total([]), model.Verification())

    def test_tag(self) -> None:
        """The tag of an entry is not compared: two backends may have the same file."""
        self.assertEqual(Entry("a", "file", tag="1"), Entry("a", "file", tag="2"))
        self.assertNotEqual(Entry("a", "file", hash="1"), Entry("a", "file", hash="2"))

    def test_equal_entries(self) -> None:
        """Entries are equal, and have the same hash, if all values are equal but for those that are not compared."""
        entry = Entry("a", "file", 1, 2, 3, "sha256:0", "tag", "", (1, 2))
        digests = model.TreeDigest(content="", full="", files=0, directories=0, size=0)
        others: dict[str, object] = {"name": "b", "kind": "directory", "size": 2, "mtime_us": None, "mode": None}
        others |= {"hash": None, "tag": "other", "damaged": None, "mtime_span": None, "digests": digests}
        self.assertEqual(set(others), set(Entry.__struct_fields__))
        for field, value in others.items():
            other, same = structs.replace(entry, **{field: value}), field in ("tag", "digests")
            self.assertEqual((entry == other, hash(entry) == hash(other)), (same, same), field)
        self.assertNotEqual(entry, "a")

    def test_size(self) -> None:
        """A size that must be known is, or it is a bug."""
        self.assertEqual(WriteRequest(endpoint=parse("a"), size=7).known_size, 7)
        with self.assertRaises(ValueError):
            WriteRequest(endpoint=parse("a"), size=None).known_size  # noqa: B018 (it raises)

    def test_acting(self) -> None:
        """The actor of a request counts, and the bound one if the request names none."""
        ann, bob = Actor("ann"), Actor("bob")
        self.assertEqual(WriteRequest(endpoint=parse("a"), actor=ann).acting(bob), ann)
        for none in (SERVER, Actor()):
            self.assertEqual(WriteRequest(endpoint=parse("a"), actor=none).acting(bob), bob)

    def test_conditions(self) -> None:
        """No precondition can be taken for a hash."""
        self.assertFalse(any(":" in condition for condition in (ABSENT, PRESENT)))
