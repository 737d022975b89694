"""Which method is answered by what."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from homeftp.server.http.messages import IHandler
from tests.support.davcases import DavCase
from tests.support.httpclient import basic


class HandlerTests(DavCase):
    """The whole of WebDAV."""

    def test_options(self) -> None:
        """OPTIONS is answered to everybody, with the classes and the methods that there are."""
        for path in ("/dav/", "/dav", "/dav/nothing/here"):
            answer = self.client.ask("OPTIONS", path)
            self.assertEqual((answer.status, answer.headers["dav"]), (200, "1, 2"))
            for method in ("PROPFIND", "LOCK", "PUT", "MKCOL"):
                self.assertIn(method, answer.headers["allow"])

    def test_login(self) -> None:
        """Every other method needs a login."""
        verifyObject(IHandler, self.web.context.router.handlers["dav"])
        for method in ("GET", "HEAD", "PROPFIND", "PUT", "DELETE", "LOCK", "UNLOCK", "MKCOL", "COPY", "MOVE"):
            answer = self.web.connect().ask(method, "/dav/a")
            self.assertEqual((answer.status, "www-authenticate" in answer.headers), (401, True), method)

    def test_counted(self) -> None:
        """A request counts among those of its account, by whatever front end, and waits for its turn among them."""
        requests = self.server.services.requests
        running: list[Deferred[None]] = [Deferred() for _ in range(self.server.services.limits.account_in_flight)]
        for each in running:
            requests.run("ann", partial(lambda ended: ended, each))
        self.client.send("PUT", "/dav/a", (basic(),), b"content")
        self.assertEqual((requests.usage("ann"), self.content("a")), ((len(running), 1), None))
        running.pop().callback(None)
        self.client.link.pump()
        self.assertEqual([each.status for each in self.client.answers("PUT")], [201])
        self.assertEqual(self.content("a"), b"content")
        self.assertEqual(requests.usage("ann"), (len(running), 0), "it has ended")

    def test_counted_no_more(self) -> None:
        """A request whose client has gone before its turn changes nothing, and is counted no more."""
        requests = self.server.services.requests
        running: list[Deferred[None]] = [Deferred() for _ in range(self.server.services.limits.account_in_flight)]
        for each in running:
            requests.run("ann", partial(lambda ended: ended, each))
        self.client.send("PUT", "/dav/a", (basic(),), b"content")
        self.client.link.cut()
        for each in running:
            each.callback(None)
        self.assertEqual((requests.usage("ann"), self.content("a")), ((0, 0), None))

    def test_unknown(self) -> None:
        """A method that there is not is refused with those that there are."""
        answer = self.ask("POST", "a")
        self.assertEqual((answer.status, "PROPFIND" in answer.headers["allow"]), (405, True))

    def test_impossible_names(self) -> None:
        """What no file can be named is not found where it has to exist, and refused where it would be made."""
        for name in ("a:b", "nul.txt", "a%5Cb", ".homeftp", "x" * 300):
            for method in ("GET", "PROPFIND", "DELETE"):
                self.assertEqual(self.status(method, name, ("Depth", "0")), 404, (method, name))
            self.assertEqual(self.status("PUT", name, body=b"x"), 400, name)

    def test_audit(self) -> None:
        """The audit log names the method, also of what was refused."""
        self.put("a", b"x")
        self.status("PUT", "a", ("If-None-Match", "*"), body=b"y")
        self.status("DELETE", "a")
        self.assertEqual(self.audited(), [("PUT", "add", 0), ("DELETE", "delete", 0)])
