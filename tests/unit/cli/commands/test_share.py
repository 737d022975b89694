"""`homeftp share`, with links that are kept in memory."""

from __future__ import annotations

import json
from typing import Any

from homeftp.cli.commands import share
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.dispatchers.links import LinkDispatcher, LinksDispatcher, UnlinkDispatcher
from homeftp.endpoint import ROOT, parse
from homeftp.interfaces.links import LinkTerms
from homeftp.testing import InMemoryPair
from tests.support.commandline import CommandCase
from tests.support.sharelinks import ENDED, URL, FakeShareLinks

DAY = 24 * 60 * 60


class ShareTests(CommandCase):
    """The command line."""

    def setUp(self) -> None:
        super().setUp()
        self.links = FakeShareLinks()
        self.pair = InMemoryPair()
        self.addCleanup(self.pair.close)

        def with_client(name: str, work: Any) -> int:
            self.assertEqual(name, "nas")
            status: int = self.pair.run(work(self.pair.clock, self.pair.client))
            return status

        self.patch(share, "with_client", with_client)
        for dispatcher in (LinkDispatcher, LinksDispatcher, UnlinkDispatcher):
            self._lend_links(dispatcher)

    def _lend_links(self, dispatcher: type[Any]) -> None:
        """Let a dispatcher find the links of the test in its request."""
        dispatch = dispatcher.dispatch

        def lent(this: Any, request: Any, resolution: Any) -> Any:
            object.__setattr__(request, "links", self.links)
            return dispatch(this, request, resolution)

        self.patch(dispatcher, "dispatch", lent)

    def share(self, *arguments: str, typed: bytes = b"") -> str:
        """What the command printed, which ended well."""
        self.assertEqual(self.homeftp("share", *arguments, typed=typed), Exit.DONE, self.err.getvalue())
        return self.out.getvalue()

    def test_made(self) -> None:
        """The URL is on a line of its own; below it stands until when, and how the link is ended."""
        first, second = self.share("nas:Photos/2024").splitlines()
        self.assertEqual(first, URL)
        self.assertRegex(
            second, r"^It works for reading, until 2023-11-\d\d \d\d:\d\d\. To end it earlier: homeftp share "
        )
        self.assertTrue(second.endswith("--revoke nas: link-1"), second)
        self.assertEqual(self.links.wanted, [LinkTerms(parse("Photos/2024"), 7 * DAY)])

    def test_terms(self) -> None:
        """Time, one use, direction and a password that is read, not given on the command line."""
        typed = b"a long secret\n"
        line = self.share("nas:", "--for", "12h", "--once", "--upload", "--password-stdin", typed=typed).splitlines()[1]
        self.assertEqual(self.links.wanted, [LinkTerms(ROOT, DAY // 2, 1, True, "a long secret")])
        self.assertIn("for uploading, once, with its password, until", line)
        self.assertNotIn("a long secret", line)

    def test_list(self) -> None:
        """Each link is listed with what has become of it; without any the command says how to make one."""
        self.assertEqual(self.share("--list", "nas:"), "There is no link. To make one, run: homeftp share NAME:PATH\n")
        self.share("nas:a")
        self.links.found += ENDED
        lines = self.share("--list", "nas:").splitlines()
        self.assertRegex(lines[0], r"^link-1    a: for reading, until 2023-[-\d: ]+, made with ann-laptop$")
        self.assertEqual(lines[1], "link-u    a: used up")
        self.assertRegex(lines[2], r"^link-e    b: expired 2023-")
        self.assertRegex(lines[3], "^link-b    c: broken: nothing is at its path")

    def test_json(self) -> None:
        """Scripts get the same fields when a link is made and when it is listed, and only then its URL."""
        made = json.loads(self.share("nas:a", "--json"))
        self.assertEqual((made.pop("url"), made["path"], made["state"]), (URL, "a", "open"))
        self.assertEqual(json.loads(self.share("--list", "--json", "nas:")), made)
        self.assertEqual(json.loads(self.share("--revoke", "--json", "nas:", "link-1")), {"revoked": "link-1"})

    def test_revoke(self) -> None:
        """A link is ended by its id; one that does not exist is refused."""
        self.share("nas:a")
        self.assertIn("Revoked the link link-1.", self.share("--revoke", "nas:", "link-1"))
        self.assertEqual(self.homeftp("share", "--revoke", "nas:", "link-1"), Exit.REFUSED)
        self.assertIn("there is no link link-1", self.err.getvalue())

    def test_usage(self) -> None:
        """What does not go together is refused before anything is sent."""
        for arguments in (
            ("nas:a", "link-1"),
            ("--revoke", "nas:"),
            ("--revoke", "nas:a", "link-1"),
            ("--list", "nas:a"),
            ("--list", "nas:", "--once"),
            ("nas:a", "--for", "400d"),
            ("nas:a", "--for", "soon"),
            ("a.txt",),
        ):
            self.assertEqual(self.homeftp("share", *arguments), Exit.USAGE, arguments)
        self.assertEqual(self.links.wanted, [])

    def test_old_server(self) -> None:
        """A server without the request is named as the reason."""
        info = self.pair.client.server_info
        types = [each for each in info.request_types if each != "LINK"]
        self.pair.client.server_info = type(info)(protocol=1, request_types=types)
        self.assertEqual(self.homeftp("share", "nas:a"), Exit.REFUSED)
        self.assertIn("this server has no share links", self.err.getvalue())
