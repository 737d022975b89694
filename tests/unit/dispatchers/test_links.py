"""LINK, LINKS and UNLINK as a client meets them."""

from __future__ import annotations

from typing import Any
from unittest import mock

from twisted.internet.defer import maybeDeferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.dispatchers.links import PAGE, LinkDispatcher, LinksDispatcher, UnlinkDispatcher
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Forbidden, NotFound
from homeftp.interfaces import IDispatcher, IShareLinks
from homeftp.interfaces.links import LINK_SECONDS, LinkState, LinkTerms, ShareLink
from homeftp.model import PathLock
from homeftp.testing import call
from homeftp.wire.links import LinkBody, ShareLinkBody, UnlinkBody
from homeftp.wire.messages import NoBody
from tests.support.sharelinks import ENDED, MADE, URL, FakeShareLinks


class LinkDispatcherTests(SynchronousTestCase):
    """Each of the three, with links that are kept in memory."""

    def setUp(self) -> None:
        self.links = FakeShareLinks()
        verifyObject(IShareLinks, self.links)

    def ask(self, dispatcher: IDispatcher, body: object) -> mock.Mock:
        """The resolution, after the dispatcher has ended; raises what it raises."""
        request = mock.Mock(body=body, links=self.links)
        resolution = mock.Mock(turn=mock.AsyncMock(), send=mock.AsyncMock())
        self.successResultOf(maybeDeferred(dispatcher.dispatch, request, resolution))
        return resolution

    def answer(self, resolution: mock.Mock) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = resolution.resolve.call_args.args[2]
        return body

    def test_made(self) -> None:
        """A link lasts a week if nothing else is said; the answer has its URL and what it is."""
        answer = self.answer(self.ask(LinkDispatcher(), LinkBody(parse("a/b"))))
        self.assertEqual(self.links.wanted, [LinkTerms(parse("a/b"), 7 * 24 * 60 * 60)])
        expected = {
            "link": "link-1",
            "state": "open",
            "made": int(MADE) * 1_000_000,
            "ends": (int(MADE) + LINK_SECONDS) * 1_000_000,
            "upload": False,
            "password": False,
            "rel_endpoint": "a/b",
            "device": "ann-laptop",
            "url": URL,
        }
        self.assertEqual(answer, expected)

    def test_terms(self) -> None:
        """Time, uses, direction and password are passed on; the answer tells all but the password."""
        body = LinkBody(ROOT, seconds=60, uses=3, upload=True, password="secret")
        answer = self.answer(self.ask(LinkDispatcher(), body))
        self.assertEqual(self.links.wanted, [LinkTerms(ROOT, 60, 3, True, "secret")])
        told = {name: answer[name] for name in ("rel_endpoint", "uses_left", "upload", "password")}
        self.assertEqual(told, {"rel_endpoint": "", "uses_left": 3, "upload": True, "password": True})
        self.assertNotIn("secret", repr(body) + repr(self.links.wanted))

    def test_listed(self) -> None:
        """Each link is told with its state, some in each response; the answer has how many there are."""
        self.links.found = [*ENDED, *(ShareLink(f"link-{n}", ROOT, LinkState.OPEN, 0.0, 1.0) for n in range(PAGE))]
        resolution = self.ask(LinksDispatcher(), NoBody())
        pages = [each.args[0]["links"] for each in resolution.send.await_args_list]
        self.assertEqual([len(page) for page in pages], [PAGE, 3])
        self.assertEqual([each["state"] for each in pages[0][:3]], ["used", "expired", "broken"])
        self.assertEqual(self.answer(resolution), {"links_total": PAGE + 3})

    def test_revoked(self) -> None:
        """A link is revoked by its id, once."""
        self.links.found = list(ENDED)
        self.assertEqual(self.answer(self.ask(UnlinkDispatcher(), UnlinkBody("link-e"))), {"link": "link-e"})
        self.assertEqual([each.id for each in self.links.found], ["link-u", "link-b"])
        request = mock.Mock(body=UnlinkBody("link-e"), links=self.links)
        self.failureResultOf(maybeDeferred(UnlinkDispatcher().dispatch, request, mock.Mock()), NotFound)

    def test_no_links(self) -> None:
        """A login that may have no links is told so."""
        for dispatcher, body in (
            (LinkDispatcher(), {"rel_endpoint": "a"}),
            (LinksDispatcher(), {}),
            (UnlinkDispatcher(), {"link": "link-1"}),
        ):
            self.assertEqual(call(dispatcher, body).status, Forbidden.status)

    def test_path_locks(self) -> None:
        """To make and to revoke one counts as a change, so that a refusal is recorded; to list them does not."""
        made = LinkDispatcher().path_lock(LinkBody(parse("a")))
        self.assertEqual(made, PathLock(parse("a"), changes=True))
        self.assertEqual(LinksDispatcher().path_lock(NoBody()), PathLock(ROOT, changes=False))
        self.assertEqual(UnlinkDispatcher().path_lock(UnlinkBody("link-1")), PathLock(ROOT, changes=True))

    def test_line(self) -> None:
        """A page of links with the longest paths fits into a line."""
        longest = ShareLinkBody("x" * 64, "broken", 0, 0, "é" * 2048, device="d" * 256)
        self.assertLess(PAGE * (len(longest.rel_endpoint) * 2 + 64 + 256 + 200), 196_608)
