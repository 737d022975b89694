"""The condition under which an account may store something, and what a refusal may tell it."""

from __future__ import annotations

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest, Changed, Forbidden, NoSpace, NotFound, WrongKind
from homeftp.model import ABSENT, PRESENT, Actor, Allotment, WriteRequest
from homeftp.store.policy.permissions import (
    allotment,
    as_allowed,
    check_stays,
    condition,
    condition_of_file,
    directory_wanted,
    disclosed,
    forbidden,
    not_a_file,
    not_restorable,
)
from homeftp.store.policy.rights import Rights, parse_rights

WHERE = parse("d/a.txt")
HASH = "sha256:0"


def rights(text: str) -> Rights:
    """These rights everywhere."""
    return Rights(parse_rights(text))


class PermissionTests(SynchronousTestCase):
    """The tables."""

    def test_as_allowed(self) -> None:
        """The store gets all of a request, but for the endpoint, the precondition and the actor."""
        fields = {"size": 1, "hash": HASH, "mtime_us": 2, "mode": 0o600, "offset": 3, "empty": True}
        fields["keeps_empty"] = False
        request = WriteRequest(endpoint=parse("a"), actor=Actor("ann"), **fields)  # type: ignore[arg-type]
        changed = as_allowed(rights("read,add"), request, WHERE, lambda actor: Actor("bob"))
        self.assertEqual(changed, structs.replace(request, endpoint=WHERE, precondition=ABSENT, actor=Actor("bob")))
        told_apart = {*fields, "endpoint", "precondition", "actor"}
        self.assertEqual(told_apart, set(WriteRequest.__struct_fields__), "a new field needs a value here")

    def test_not_allowed(self) -> None:
        """Nothing is resumed without the right to read, and only a directory may be in the place of the root."""
        for text, request, directory, expected in (
            ("add", WriteRequest(endpoint=WHERE, size=2, offset=1), False, Forbidden),
            ("read,add", WriteRequest(endpoint=WHERE, size=2, offset=1), False, WriteRequest),
            ("read", WriteRequest(endpoint=WHERE), False, Forbidden),
            ("read,add", WriteRequest(endpoint=ROOT), False, WrongKind),
            ("read,add", WriteRequest(endpoint=ROOT), True, WriteRequest),
        ):
            got = as_allowed(rights(text), request, request.endpoint, lambda actor: actor, directory=directory)
            self.assertIsInstance(got, expected, text)

    def test_directory_wanted(self) -> None:
        """What an account may not see it can only make anew, and the top of a folder keeps its metadata."""
        request = WriteRequest(endpoint=WHERE, mtime_us=1, mode=0o700)
        self.assertEqual(directory_wanted(rights("read,add"), request), request)
        self.assertEqual(directory_wanted(rights("add"), request), structs.replace(request, precondition=ABSENT))
        top = Rights(frozenset(), folders=((WHERE.parts, parse_rights("read,add")),))
        self.assertEqual(directory_wanted(top, request), WriteRequest(endpoint=WHERE))

    def test_tops(self) -> None:
        """The root and the tops of folders stay, and no file takes their place; a drop box learns nothing of why."""
        folders = ((("box",), parse_rights("add")), (("d", "own"), parse_rights("read,add")))
        given = Rights(frozenset(), folders=folders)
        for path, refusal in (("", Forbidden), ("d", Forbidden), ("box", Forbidden), ("d/own", WrongKind)):
            self.assertRaises(BadRequest, check_stays, given, parse(path))
            self.assertIsInstance(not_a_file(given, parse(path)), refusal, path)
        for path in ("box/x", "d/own/x", "e"):
            check_stays(given, parse(path))
            self.assertIsNone(not_a_file(given, parse(path)), path)
        self.assertIsInstance(not_a_file(rights("read"), ROOT), WrongKind)

    def test_condition(self) -> None:
        """With only "add" it is ABSENT, with only "replace" PRESENT; without "read" a hash is forbidden."""
        for text, expected in (
            ("read,add,replace", [None, ABSENT, HASH]),
            ("add,replace", [None, ABSENT, Forbidden]),
            ("read,add", [ABSENT, ABSENT, Forbidden]),
            ("add", [ABSENT, ABSENT, Forbidden]),
            ("read,replace", [PRESENT, Forbidden, HASH]),
            ("replace", [Forbidden, Forbidden, Forbidden]),
            ("read", [Forbidden, Forbidden, Forbidden]),
        ):
            got = [condition(parse_rights(text), WHERE, wanted) for wanted in (None, ABSENT, HASH)]
            self.assertEqual([type(each) if isinstance(each, Forbidden) else each for each in got], expected, text)

    def test_condition_of_file(self) -> None:
        """It is the condition of everything that is stored, and no file is stored in place of the root."""
        given = rights("read,add")
        self.assertEqual(condition_of_file(given, given.everywhere, WHERE, None), ABSENT)
        self.assertRaises(Forbidden, condition_of_file, given, given.everywhere, WHERE, HASH)
        self.assertRaises(WrongKind, condition_of_file, given, given.everywhere, ROOT, None)

    def test_not_restorable(self) -> None:
        """To put a version back takes the rights to read, add and replace; without "read" there is no version."""
        self.assertIsNone(not_restorable(rights("read,add,replace"), WHERE, None))
        self.assertIsInstance(not_restorable(rights("read,add,replace"), ROOT, 1), WrongKind)
        for text in ("read,add,delete", "read,replace,delete"):
            self.assertIsInstance(not_restorable(rights(text), WHERE, 1), Forbidden, text)
        for at_us in (None, 1):
            self.assertIsInstance(not_restorable(rights("add,replace,delete"), WHERE, at_us), NotFound)

    def test_disclosed(self) -> None:
        """An account that cannot read learns nothing of what exists; every account learns that the disk is full."""
        for refused in (NotFound("x"), Changed("x")):
            self.assertIs(disclosed(rights("read,add"), refused, WHERE, ABSENT, ABSENT), refused)
            self.assertIsInstance(disclosed(rights("add"), refused, WHERE, ABSENT, ABSENT), Forbidden)
        added = disclosed(rights("read,add"), Changed("x"), WHERE, None, ABSENT)
        self.assertIsInstance(added, Forbidden)
        self.assertIn("replace", added.message)
        full = NoSpace("x")
        self.assertIs(disclosed(rights("add"), full, WHERE, None, ABSENT), full)

    def test_allotment(self) -> None:
        """Versions are given up by an account that may remove them all; one with a home does not see all."""
        home = parse("home")
        self.assertEqual(allotment(rights("read,replace,delete"), home, 5), Allotment(home, 5, True, False, True))
        self.assertEqual(allotment(rights("read,add,replace"), ROOT, None), Allotment(ROOT, None, False, True, True))
        self.assertEqual(allotment(rights("replace,delete"), ROOT, None), Allotment(ROOT, None, True, False, False))
        narrow = Rights(parse_rights("read,add,replace,delete"), ((("d",), frozenset()),))
        self.assertEqual(allotment(narrow, ROOT, None), Allotment(ROOT, None, False, False, False))

    def test_part_of_a_quota(self) -> None:
        """A quota counts where it is the account's; who sees a part of that gives up no version elsewhere in it."""
        home, part, everything = parse("people/ann"), parse("people/ann/phone"), rights("read,add,replace,delete")
        self.assertEqual(allotment(everything, part, 5, home), Allotment(home, 5, False, False, False))
        self.assertEqual(allotment(everything, part, None, home), Allotment(part, None, True, False, True))
        self.assertEqual(allotment(everything, home, 5, home), Allotment(home, 5, True, False, True), "the control")

    def test_message(self) -> None:
        """The refusal names the act, the place, and who can help."""
        self.assertEqual(
            forbidden(WHERE, "move anything").message,
            "your account may not move anything at d/a.txt: ask the server's owner",
        )
