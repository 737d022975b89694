"""Drop boxes by themselves: what the store does in the middle of a file, and how a body ends."""

from __future__ import annotations

from typing import Any, Callable
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import PIECE
from homeftp.errors import Busy, Forbidden, NoSpace, NotFound, Refusal
from homeftp.server.http.links.dropbox import DropBox, Received
from tests.support.logins import started

TYPE = "multipart/form-data; boundary=XX"


def body(*files: tuple[str, bytes]) -> bytes:
    """A form with files."""
    parts = [f'--XX\r\nContent-Disposition: form-data; name="f"; filename="{n}"\r\n\r\n'.encode() + c for n, c in files]
    return b"\r\n".join([*parts, b"--XX--\r\n"])


class DropBoxTests(SynchronousTestCase):
    """`DropBox`, with a store that fails as the test says."""

    def setUp(self) -> None:
        self.drafts: list[mock.Mock] = []
        self.names: list[str] = []
        self.begun = mock.AsyncMock()
        self.noted = mock.AsyncMock()

    def receive(
        self, data: bytes, edit: Callable[[Any], Any] | None = None, end: Exception | None = None, **draft: Any
    ) -> Deferred[Received]:
        """What comes of a body; `draft` says what the calls of every draft do."""

        async def begin(request: Any) -> mock.Mock:
            self.names.append(str(request.endpoint))
            if edit is not None:
                edit(request)
            made = mock.Mock(write=mock.AsyncMock(), commit=mock.AsyncMock(), abort=mock.AsyncMock())
            for name, effect in draft.items():
                getattr(made, name).side_effect = effect
            self.drafts.append(made)
            return made

        pieces = [data[at : at + 1000] for at in range(0, len(data), 1000)]
        payload = mock.Mock(read=mock.AsyncMock(side_effect=[*pieces, end or b""]))
        return started(DropBox(mock.Mock(edit=begin), self.begun, self.noted).receive(payload, TYPE))

    def received(self, data: bytes, **more: Any) -> Received:
        found: Received = self.successResultOf(self.receive(data, **more))
        return found

    def test_pieces(self) -> None:
        """Content goes to the store in pieces of a bounded size, each at its offset."""
        content = bytes(range(256)) * 3000
        received = self.received(body(("a", content)))
        self.assertEqual(received, Received(["a"], []))
        (draft,) = self.drafts
        written = b""
        for call in draft.write.await_args_list:
            offset, piece = call.args
            self.assertEqual(offset, len(written))
            self.assertLessEqual(len(piece), PIECE)
            written += piece
        self.assertEqual(written, content)
        self.begun.assert_awaited_once_with()

    def test_full(self) -> None:
        """A file that does not fit is refused once, its draft is aborted, and the next one is tried."""
        refusals = iter([NoSpace("full"), None])

        def write(offset: int, data: bytes) -> None:
            refusal = next(refusals)
            if refusal is not None:
                raise refusal

        received = self.received(body(("a", b"x" * 3 * PIECE), ("b", b"y")), write=write)
        self.assertEqual((received.stored, [(n, type(r)) for n, r in received.refused]), (["b"], [("a", NoSpace)]))
        self.drafts[0].abort.assert_awaited_once_with()
        self.drafts[0].commit.assert_not_awaited()

    def test_taken(self) -> None:
        """Names that are taken are passed over, up to a bound; another refusal is final."""

        def taken(count: int, refusal: type[Refusal]) -> Callable[[Any], None]:
            left = iter(range(count))

            def edit(request: Any) -> None:
                if next(left, None) is not None:
                    raise refusal("no")

            return edit

        self.assertEqual(self.received(body(("a.txt", b"")), edit=taken(2, Forbidden)).stored, ["a (3).txt"])
        self.noted.assert_not_awaited()
        self.names.clear()
        received = self.received(body(("a.txt", b"")), edit=taken(1000, Forbidden))
        self.noted.assert_awaited_once()
        self.assertEqual([type(refusal) for _, refusal in received.refused], [Forbidden])
        self.assertLess(len(self.names), 40)
        self.names.clear()
        received = self.received(body(("a.txt", b"")), edit=taken(1, NotFound))
        self.assertEqual(([type(refusal) for _, refusal in received.refused], self.names), ([NotFound], ["a.txt"]))

    def test_same_name(self) -> None:
        """Many files of one name cost no more tries than others, whether numbers are free or not."""
        there = {"a.txt", *(f"a ({number}).txt" for number in range(2, 500))}

        def edit(request: Any) -> None:
            if str(request.endpoint) in there:
                raise Forbidden("it is there")
            there.add(str(request.endpoint))

        many = body(*[("a.txt", b"")] * 100)
        received = self.received(many, edit=edit)
        self.assertEqual((len(set(received.stored)), received.refused), (100, []))
        self.assertLess(len(self.names), 140)
        self.names.clear()

        def refuse(request: Any) -> None:
            raise Forbidden("all are there")

        self.assertEqual(len(self.received(many, edit=refuse).refused), 100)
        self.assertLess(len(self.names), 40)

    def test_commit(self) -> None:
        """What cannot be put in place is refused."""
        received = self.received(body(("a", b"x")), commit=Busy("later"))
        self.assertEqual((received.stored, [name for name, _ in received.refused]), ([], ["a"]))

    def test_cut(self) -> None:
        """A client that disconnects leaves nothing of the file that it was sending."""
        receiving = self.receive(body(("a", b"x"), ("b", b"y" * 5000))[:3000], end=ConnectionLost())
        self.failureResultOf(receiving, ConnectionLost)
        self.drafts[0].commit.assert_awaited_once_with()
        self.drafts[1].abort.assert_awaited_once_with()
        self.drafts[1].commit.assert_not_awaited()

    def test_refused_before(self) -> None:
        """Nothing is stored where a use is refused."""
        self.begun.side_effect = NotFound("used up")
        self.failureResultOf(self.receive(body(("a", b"x"))), NotFound)
        self.assertEqual(self.names, [])

    def test_fields(self) -> None:
        """A field that is no file is skipped."""
        data = b'--XX\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n--XX--\r\n'
        self.assertEqual(self.received(data), Received())
