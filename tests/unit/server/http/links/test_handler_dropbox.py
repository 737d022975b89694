"""Drop boxes as people meet them."""

from __future__ import annotations

import os

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.endpoint import parse
from homeftp.status import Status
from tests.support.linkcases import (
    HOME,
)
from tests.support.linkpages import LinkHandlerCase, form


class DropBoxTests(LinkHandlerCase):
    """Links for uploading."""

    def setUp(self) -> None:
        super().setUp()
        self.box = self.make("inbox", upload=True)

    def test_stored(self) -> None:
        """Files of any size are stored whole, recorded as the link's, and counted in the account's quota."""
        large = os.urandom(700_000)
        answer = self.send(self.box, ("a.txt", b"first"), ("large.bin", large), ("empty", b""))
        self.assertEqual((answer.status, b"a.txt" in answer.body), (200, True))
        self.assertEqual(self.files(), {"there.txt": b"there", "a.txt": b"first", "large.bin": large, "empty": b""})
        changes = [
            (each["change"], each["account"], each["device"], each["address"]) for each in self.records("change")
        ]
        self.assertEqual(changes, [("add", "ann", self.box.link.id, "192.0.2.1")] * 3)

    def test_page(self) -> None:
        """The page has a form, and nothing of the folder."""
        page = self.ask(self.box)
        self.assertEqual(page.status, 200)
        self.assertIn(b'type="file"', page.body)
        self.assertNotIn(b"there", page.body)

    def test_collisions(self) -> None:
        """Nothing is ever replaced: a name that is taken gets a number, within one form too."""
        self.send(self.box, ("there.txt", b"new"), ("there.txt", b"newer"))
        self.send(self.box, ("there.txt", b"newest"))
        expected = {
            "there.txt": b"there",
            "there (2).txt": b"new",
            "there (3).txt": b"newer",
            "there (4).txt": b"newest",
        }
        self.assertEqual(self.files(), expected)
        self.assertEqual(self.records("refused"), [], "the server tried the names, nobody else")

    def test_names(self) -> None:
        """A name leads nowhere else, whatever it is."""
        self.send(self.box, ("../../bob/secret.txt", b"1"), ("..", b"2"), ("a\\b\\c.txt", b"3"), ("CON", b"4"))
        self.assertEqual(set(self.files()), {"there.txt", "secret.txt", "upload", "c.txt", "_CON"})
        self.assertEqual(self.server.read("people/bob/secret.txt"), b"secret")

    def test_sees_nothing(self) -> None:
        """Nothing in it can be read, listed or found out, by whoever has the link."""
        for rest in ("there.txt", "there.txt?download", "?zip", "sub/"):
            answer = self.ask(self.box, rest)
            self.assertNotIn(b"there.txt", answer.body, rest)
            self.assertNotEqual(answer.body, b"there", rest)
        self.assertEqual(self.ask(self.box, "there.txt").status, 404)
        self.assertEqual(self.ask(self.box, "none.txt").status, 404)

    def test_malformed(self) -> None:
        """A form that ends early leaves nothing of the file that it was in; what is no form is refused."""
        kind, body = form(("whole.txt", b"whole"), ("cut.txt", b"c" * 1000))
        answer = self.ask(self.box, "", kind, method="POST", body=body[:-500])
        self.assertEqual(answer.status, 400)
        self.assertEqual(set(self.files()), {"there.txt", "whole.txt"})
        for more in (("Content-Type", "text/plain"), ("Content-Type", "multipart/form-data")):
            self.assertEqual(self.ask(self.box, "", more, method="POST", body=b"x").status, 400)

    def test_nothing_chosen(self) -> None:
        """A form without a file changes nothing."""
        self.assertEqual(self.send(self.box, ("", b"")).status, 200)
        self.assertEqual(set(self.files()), {"there.txt"})

    def test_quota(self) -> None:
        """What goes over the quota of the account is refused in words, and the others are stored."""
        AccessTable(self.server.state).change("ann", AccessChange(quota=200_000))
        answer = self.send(self.box, ("small.txt", b"x"), ("huge.bin", b"y" * 400_000), ("more.txt", b"z"))
        self.assertIn(b"huge.bin: There is not enough space", answer.body)
        self.assertEqual(set(self.files()), {"there.txt", "small.txt", "more.txt"})
        (refused,) = self.records("refused")
        self.assertEqual((refused["endpoint"], refused["status"]), (f"{HOME}/inbox/huge.bin", Status.NO_SPACE))

    def test_once(self) -> None:
        """A drop box that may be used once takes what one address sends within an hour."""
        box = self.make("inbox", upload=True, uses=1)
        for name in ("a", "b"):
            self.assertEqual(self.send(box, (name, b"x")).status, 200)
        self.server.clock.advance(3600)
        self.client = self.web.connect()
        self.assertEqual(self.send(box, ("c", b"x")).status, 404)
        self.assertEqual(set(self.files()), {"there.txt", "a", "b"})

    def test_lost_folder(self) -> None:
        """A drop box whose folder was renamed is broken, and makes no new one."""
        self.server.store.move(parse(f"{HOME}/inbox"), parse(f"{HOME}/old"), None, None)
        self.assertEqual(self.send(self.box, ("a", b"x")).status, 404)
        self.assertIsNone(self.server.store.stat(parse(f"{HOME}/inbox")))

    def test_foreign_page(self) -> None:
        """A page of another site cannot send files."""
        kind, body = form(("a", b"x"))
        answer = self.ask(self.box, "", kind, ("Sec-Fetch-Site", "cross-site"), method="POST", body=body)
        self.assertEqual(answer.status, 403)
        self.assertEqual(set(self.files()), {"there.txt"})
