"""Limits on what is written, whatever the backend."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint, BadRequest, ContentMismatch, FiletypeNotAllowed, Forbidden, TooLarge, WrongKind
from homeftp.model import MAX_MTIME_US, WriteRequest
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import (
    WriteLimits,
    check_content,
    check_copy,
    check_move,
    check_mtime,
    check_not_root,
    check_not_top,
    check_removable,
    directory_request,
)

A = parse("a.txt")


class LimitsTests(SynchronousTestCase):
    """What is refused before anything is looked up."""

    def test_request(self) -> None:
        """A request is within the limits, or refused by the one that it breaks."""
        limits = WriteLimits(Filetypes((".txt",)), 10)
        for request in (WriteRequest(endpoint=A, size=10), WriteRequest(endpoint=A, size=None)):
            limits.check(request)
        for request, refusal in (
            (WriteRequest(endpoint=ROOT), WrongKind),
            (WriteRequest(endpoint=parse("a.exe")), FiletypeNotAllowed),
            (WriteRequest(endpoint=A, size=11), TooLarge),
            (WriteRequest(endpoint=A, mtime_us=2**63), BadRequest),
            (WriteRequest(endpoint=A, size=None, offset=1), BadRequest),
        ):
            self.assertRaises(refusal, limits.check, request)
        self.assertIn("10 bytes", str(self.assertRaises(TooLarge, limits.check_size, A, 11)))
        WriteLimits(Filetypes(()), None).check_size(A, 2**60)

    def test_top(self) -> None:
        """The metadata of the root, and of an account's home, is left out or refused; what is in them has its own."""
        for top in (ROOT, Endpoint(("home",), home=1)):
            self.assertRaises(Forbidden, check_not_top, top)
            request = directory_request(WriteRequest(endpoint=top, mtime_us=1, mode=0))
            self.assertEqual((request.endpoint, request.mtime_us, request.mode), (top, None, None))
        for below in (Endpoint(("home",)), Endpoint(("home", "d"), home=1)):
            check_not_top(below)
            request = WriteRequest(endpoint=below, mtime_us=1, mode=0)
            self.assertIs(directory_request(request), request)
        self.assertRaises(BadRequest, directory_request, WriteRequest(endpoint=A, mtime_us=2**63))

    def test_mtime(self) -> None:
        """Times are those that 64 bits of nanoseconds hold, before 1970 too."""
        for good in (None, 0, -1, MAX_MTIME_US, -MAX_MTIME_US):
            check_mtime(good)
        for bad in (MAX_MTIME_US + 1, -MAX_MTIME_US - 1):
            self.assertRaises(BadRequest, check_mtime, bad)

    def test_root(self) -> None:
        """The root is a directory."""
        check_not_root(A)
        self.assertRaises(WrongKind, check_not_root, ROOT)

    def test_names(self) -> None:
        """The root is neither moved nor removed, and nothing is moved or copied to itself."""
        for source, target, refusal in (
            (ROOT, A, BadRequest),
            (A, A, BadRequest),
            (A, A.beneath("b"), BadRequest),
            (A, ROOT, WrongKind),
            (A, Endpoint(("n" * 250,) * 20), BadEndpoint),
        ):
            self.assertRaises(refusal, check_move, source, target)
        check_move(A.beneath("b"), A)
        self.assertRaises(BadRequest, check_removable, ROOT)
        check_removable(A)
        copied = self.assertRaises(BadRequest, check_copy, A, A)
        self.assertIn("copied", copied.message)
        self.assertRaises(WrongKind, check_copy, ROOT, A)
        check_copy(A, A.beneath("b"))

    def test_content(self) -> None:
        """A content has the declared size and the declared hash, where they are declared."""
        check_content(WriteRequest(endpoint=A, size=3), 3, "sha256:x", None)
        check_content(WriteRequest(endpoint=A, size=None), 7, "sha256:x", "sha256:x")
        wrong = self.assertRaises(ContentMismatch, check_content, WriteRequest(endpoint=A, size=3), 4, "sha256:x", None)
        self.assertIn("3 bytes declared, 4 arrived", str(wrong))
        self.assertRaises(ContentMismatch, check_content, WriteRequest(endpoint=A, size=3), 3, "sha256:x", "sha256:y")
