"""Thumbnails as the page asks for them: for whoever may read the file, of what it is now."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from homeftp.endpoint import parse
from homeftp.errors import Forbidden, NotFound, WrongKind
from homeftp.server.http.messages import IClosableHandler
from homeftp.server.http.page.thumbnails.cache import ThumbnailCache
from homeftp.server.http.page.thumbnails.handler import ThumbnailHandler
from homeftp.server.http.page.thumbnails.renderer import ThumbnailRenderer
from homeftp.server.http.refusals import HttpError
from tests.support.drawingprocess import PlayedProcesses
from tests.support.folders import quick_temp_dir
from tests.support.pagerequests import Answer, HandlerCase, read_response


class ThumbnailHandlerTests(HandlerCase):
    """`ThumbnailHandler` over a store in memory, with processes that the test plays."""

    def setUp(self) -> None:
        super().setUp()
        self.processes = PlayedProcesses()
        self.cache = ThumbnailCache(quick_temp_dir())
        renderer = ThumbnailRenderer(Clock(), lambda: self.processes)
        self.handler: ThumbnailHandler = ThumbnailHandler(renderer, self.cache, self.workers)
        self.addCleanup(self.handler.close)
        self.lay({"d/a.jpg": b"a picture", "d/b.txt": b"text", "d/c.jpg": b"a picture", "d/empty.png": b""})

    def begin(self, *names: str, **given: str) -> Deferred[Answer]:
        """Ask, until a process has to draw."""
        request = self.request("GET", "thumbnail", *names, **given)  # type: ignore[arg-type]

        async def ask() -> Answer:
            return await read_response(await self.handler.handle(request))

        found = Deferred.fromCoroutine(ask())
        self.workers.work_all()
        return found

    def drawn(self, *names: str, thumbnail: bytes = b"small") -> Answer:
        """Ask, and let the process draw that."""
        found = self.begin(*names)
        self.processes.started[-1].answer(thumbnail)
        self.workers.work_all()
        return self.successResultOf(found)

    def test_drawn(self) -> None:
        """A thumbnail is drawn once, and then kept; a browser that has it is told so."""
        verifyObject(IClosableHandler, self.handler)
        answer = self.drawn("d", "a.jpg")
        self.assertEqual((answer.status, answer.content, answer.headers["content-type"]), (200, b"small", "image/webp"))
        self.assertTrue(self.processes.started[0].sent.endswith(b"a picture"))
        again = self.ask("GET", "thumbnail", "d", "a.jpg")
        self.assertEqual((again.status, again.content), (200, b"small"))
        copy = self.ask("GET", "thumbnail", "d", "c.jpg")
        self.assertEqual(copy.content, b"small", "the same content")
        tag = {"If-None-Match": answer.headers["etag"]}
        self.assertEqual(self.ask("GET", "thumbnail", "d", "a.jpg", headers=tag).status, 304)
        self.assertEqual(len(self.processes.started), 1)

    def test_changed(self) -> None:
        """A file that was changed has another thumbnail."""
        old = self.drawn("d", "a.jpg")
        self.lay({"d/a.jpg": b"another picture"})
        self.assertEqual(self.drawn("d", "a.jpg", thumbnail=b"other").content, b"other")
        tag = {"If-None-Match": old.headers["etag"]}
        self.assertEqual(self.ask("GET", "thumbnail", "d", "a.jpg", headers=tag).status, 200)
        self.result_of(self.files.remove(parse("d/a.jpg")))
        self.refused(NotFound, self.request("GET", "thumbnail", "d", "a.jpg", headers=tag))

    def test_rights(self) -> None:
        """What is kept is shown only to whoever may read the file now, and another account has to have it drawn."""
        self.drawn("d", "a.jpg")
        self.page_login.account = "bob"
        self.assertEqual(self.drawn("d", "a.jpg", thumbnail=b"bob's").content, b"bob's")
        self.page_login.account = "ann"
        self.assertEqual(self.ask("GET", "thumbnail", "d", "a.jpg").content, b"small", "the control")
        self.login.revoked = True
        self.refused(Forbidden, self.request("GET", "thumbnail", "d", "a.jpg"))

    def test_audited(self) -> None:
        """The file counts as read, also where its thumbnail was kept."""
        self.drawn("d", "a.jpg")
        self.ask("GET", "thumbnail", "d", "a.jpg")
        self.assertEqual(self.page_login.requests, ["GET", "GET"])

    def test_none(self) -> None:
        """What is no picture has none, and is not sent to a process; one that cannot be drawn is not tried again."""
        for name in ("b.txt", "empty.png"):
            self.refused(NotFound, self.request("GET", "thumbnail", "d", name))
        self.assertEqual(self.processes.started, [])
        found = self.begin("d", "a.jpg")
        self.processes.started[0].answer(b"")
        self.workers.work_all()
        self.failureResultOf(found, NotFound)
        self.refused(NotFound, self.request("GET", "thumbnail", "d", "a.jpg"))
        self.assertEqual(len(self.processes.started), 1)

    def test_refused(self) -> None:
        """Nothing is changed here, folders have none, and there is none without a login."""
        self.lay({"e.jpg/x": b"x"})
        self.refused(WrongKind, self.request("GET", "thumbnail", "e.jpg"))
        self.refused(NotFound, self.request("GET", "thumbnail", "no.jpg"))
        self.assertEqual(self.refused(HttpError, self.request("PUT", "thumbnail", "d", "a.jpg", body=b"x")).status, 405)
        self.assertFalse(self.handler.allows_without_login(self.request("GET", "thumbnail", "d", "a.jpg")))
