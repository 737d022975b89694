"""Share links as people meet them: pages, downloads, passwords and drop boxes, through the engine."""

from __future__ import annotations

import io
import re
import zipfile
from urllib.parse import quote, urlencode

from homeftp.accounts.access import AccessTable
from homeftp.accounts.devices import Devices
from homeftp.endpoint import parse
from homeftp.interfaces.immediate import GRANTED_SECONDS
from homeftp.interfaces.links import MadeLink
from homeftp.server.http.links.handler import COOKIE
from homeftp.store.policy.rights import parse_rights
from tests.support import replay
from tests.support.httpclient import Answer, basic
from tests.support.linkcases import (
    HOME,
    allow_links,
    lay_files,
    record,
    token,
)
from tests.support.linkpages import FORM, GERMAN, MOST_CONNECTIONS, LinkHandlerCase


class ReadTests(LinkHandlerCase):
    """Links for reading."""

    def test_file(self) -> None:
        """A link to a file is a page with a button; the file comes as an attachment, under its own name."""
        made = self.make("photos/lake.jpg")
        page = self.ask(made)
        self.assertEqual((page.status, page.headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"lake.jpg", page.body)
        self.assertIn(b'href="?download"', page.body)
        file = self.ask(made, "?download")
        self.assertEqual((file.status, file.body), (200, b"lake"))
        self.assertEqual(
            file.headers["content-disposition"], "attachment; filename=\"lake.jpg\"; filename*=UTF-8''lake.jpg"
        )
        self.assertEqual(file.headers["content-type"], "application/octet-stream")
        self.assertEqual(self.ask(made, "?download", ("Range", "bytes=1-2")).body, b"ak")
        self.assertEqual(self.ask(made, "more").status, 404)

    def test_folder(self) -> None:
        """A link to a folder lists it, and what is in its folders; every file can be fetched."""
        made = self.make("photos")
        page = self.ask(made)
        self.assertEqual(page.status, 200)
        links = re.findall(r'href="([^"]*)"', page.body.decode())
        self.assertEqual(sorted(links), ["./lake.jpg?download", "./sub/", "?zip"])
        self.assertEqual(self.ask(made, "lake.jpg").body, b"lake")
        below = self.ask(made, "sub/")
        self.assertIn(b'href="../"', below.body)
        self.assertEqual(self.ask(made, "sub/hill.jpg?download").body, b"hill")

    def test_zip(self) -> None:
        """A folder comes as one zip file."""
        answer = self.ask(self.make("photos"), "?zip")
        self.assertEqual(answer.headers["content-type"], "application/zip")
        self.assertIn('filename="photos.zip"', answer.headers["content-disposition"])
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            found = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        self.assertEqual(found, {"photos/lake.jpg": b"lake", "photos/sub/hill.jpg": b"hill"})

    def test_slash(self) -> None:
        """A folder without its slash is redirected to where relative links work."""
        made = self.make("photos")
        answer = self.client.ask("GET", f"/s/{token(made)}")
        self.assertEqual((answer.status, answer.headers["location"]), (308, f"/s/{token(made)}/"))
        answer = self.ask(made, "sub")
        self.assertEqual((answer.status, answer.headers["location"]), (308, f"/s/{token(made)}/sub/"))

    def test_nothing_else(self) -> None:
        """No path leads to anything beside what is shared, and no method but to read does anything."""
        made = self.make("photos")
        for rest in (
            "../notes.txt",
            "%2e%2e/notes.txt",
            "..%2fnotes.txt",
            "sub/../../notes.txt",
            "%00",
            "/notes.txt",
            "none",
        ):
            self.assertIn(self.ask(made, rest).status, (400, 404), rest)
        for method in ("PUT", "DELETE", "PROPFIND", "MOVE", "OPTIONS"):
            self.assertEqual(self.ask(made, "lake.jpg", method=method).status, 405, method)
        self.assertEqual(self.send(made, ("new.txt", b"x")).status, 405)
        self.assertEqual(self.files("photos"), {"lake.jpg": b"lake"})

    def test_headers(self) -> None:
        """A page loads and runs nothing, is not kept, and does not tell its address to others."""
        for answer in (self.ask(self.make("photos")), self.client.ask("GET", "/s/none/")):
            self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
            self.assertEqual(answer.headers["cache-control"], "no-store")
            self.assertEqual(answer.headers["referrer-policy"], "same-origin")
            self.assertEqual(answer.body.count(b"<script"), 1, "our own")

    def test_hostile_names(self) -> None:
        """A name with everything that HTML has is text on the page, and leads to its file."""
        name = "<img src=x onerror=alert(1)>&'.html"
        legal = name.replace("<", "[").replace(">", "]")  # the store's names have none of <>:"|?*
        self.server.put(f"{HOME}/photos/{legal}", b"html")
        made = self.make("photos")
        page = self.ask(made).body.decode()
        self.assertIn("[img src=x onerror=alert(1)]&amp;&#x27;.html", page)
        answer = self.ask(made, quote(legal))
        self.assertEqual((answer.status, answer.body), (200, b"html"))
        self.assertIn("sandbox", answer.headers["content-security-policy"])
        self.assertTrue(answer.headers["content-disposition"].startswith("attachment"))

    def test_recorded(self) -> None:
        """Every use is in the audit log, with the address; what is opened, by the path from the top."""
        made = self.make("photos")
        self.ask(made)
        self.ask(made, "lake.jpg")
        noted = [(each["link"], each["address"], each["endpoint"], each["front_end"]) for each in self.records("link")]
        expected = [(made.link.id, "192.0.2.1", f"{HOME}/{path}", "https") for path in ("photos", "photos/lake.jpg")]
        self.assertEqual(noted, expected)
        self.assertNotIn(token(made), repr(replay.lines(self.server.folder)))

    def test_once(self) -> None:
        """A link that may be used once shows its page any number of times, and is fetched by one address."""
        made = self.make("notes.txt", uses=1)
        for _ in range(3):
            self.assertEqual(self.ask(made).status, 200)
        self.assertEqual(self.ask(made, "?download", method="HEAD").status, 200)
        stored = record(self.server, made)
        assert stored is not None
        self.assertEqual(stored.uses_left, 1)
        self.assertEqual(self.ask(made, "?download").body, b"notes")
        self.assertEqual(self.ask(made, "?download", ("Range", "bytes=2-")).body, b"tes")
        self.server.clock.advance(3600)
        self.client = self.web.connect()
        for rest in ("?download", ""):
            answer = self.ask(made, rest)
            self.assertEqual((answer.status, b"as often as it may" in answer.body), (404, True))

    def test_folder_once(self) -> None:
        """A link to a folder that was used lists no names to others, also in no ZIP file."""
        made = self.make("photos", uses=1)
        self.assertIn(b"lake.jpg", self.ask(made).body)
        self.assertEqual(self.ask(made, "?zip").status, 200)
        self.assertIn(b"lake.jpg", self.ask(made).body, "the address that has used it goes on")
        self.server.clock.advance(3600)
        self.client = self.web.connect()
        for rest in ("", "sub/", "?zip", "lake.jpg"):
            answer = self.ask(made, rest)
            self.assertEqual((answer.status, b"lake" in answer.body), (404, False), rest)

    def test_ends(self) -> None:
        """A link that was revoked, whose account was removed, or that is broken is a page that says so."""
        for end, words in (
            (lambda made: Devices(self.server.state).revoke(made.link.id), b"no such link"),
            (lambda made: allow_links(self.server, False), b"no such link"),
            (
                lambda made: self.server.store.move(parse(f"{HOME}/photos"), parse(f"{HOME}/x"), None, None),
                b"no longer exists",
            ),
            (lambda made: self.server.state.remove_account("ann"), b"no such link"),
        ):
            allow_links(self.server)
            lay_files(self.server)
            made = self.make("photos")
            self.assertEqual(self.ask(made).status, 200)
            end(made)
            answer = self.ask(made)
            self.assertEqual((answer.status, words in answer.body), (404, True), words)

    def test_narrowed(self) -> None:
        """What the account loses its link loses at once, and what is left of it can be visited."""
        made = self.make("photos")
        self.assertEqual(self.ask(made, "sub/hill.jpg").status, 200)
        AccessTable(self.server.state).grant("ann", parse("photos/sub"), parse_rights("none"))
        self.server.clock.advance(2 * GRANTED_SECONDS)
        self.assertEqual(self.ask(made, "sub/hill.jpg").status, 404)
        self.assertEqual(self.ask(made, "lake.jpg").status, 200)
        self.assertNotIn(b"sub", self.ask(made).body)

    def test_language(self) -> None:
        """The page speaks the language of the browser, also where there is no link."""
        self.assertIn("Herunterladen", self.ask(self.make("notes.txt"), "", GERMAN).body.decode())
        self.assertIn("Diesen Link gibt es nicht", self.client.ask("GET", "/s/none/", (GERMAN,)).body.decode())

    def test_guessing(self) -> None:
        """Wrong secrets keep nobody from a link, nor from logging in: any page may make a browser ask for them."""
        made = self.make("notes.txt")
        for _ in range(40):
            self.assertEqual(self.client.ask("GET", f"/s/{'A' * 43}/").status, 404)
        self.assertEqual(self.ask(made).status, 200)

    def test_crowd(self) -> None:
        """People with a link do not take the connections of its account, which loses its oldest one with too many."""
        made = self.make("notes.txt")
        own = [self.web.connect() for _ in range(MOST_CONNECTIONS)]
        for each in own:
            self.assertEqual(each.ask("GET", "/dav/notes.txt", (basic(),)).status, 200)
        visitors = [self.web.connect() for _ in range(MOST_CONNECTIONS + 1)]
        for each in visitors:
            self.assertEqual(each.ask("GET", f"/s/{token(made)}/").status, 200)
        for each in (*own, *visitors):
            each.link.pump()
        self.assertEqual([each.closed for each in own], [False] * MOST_CONNECTIONS)
        self.assertEqual([each.closed for each in visitors], [True] + [False] * MOST_CONNECTIONS)

    def test_bare_prefix(self) -> None:
        """Below /s there is nothing without a secret."""
        for path in ("/s", "/s/"):
            self.assertEqual(self.client.ask("GET", path).status, 404)


class PasswordTests(LinkHandlerCase):
    """Links with a password."""

    def unlock(self, made: MadeLink, password: str) -> Answer:
        return self.ask(made, "", FORM, method="POST", body=urlencode({"password": password}).encode())

    def test_unlocked(self) -> None:
        """Nothing is told before the password; it is kept as a cookie for this link alone, which no script sees."""
        made = self.make("photos", password="größer als 8")
        page = self.ask(made)
        self.assertEqual((page.status, b"lake" in page.body, b"ann" in page.body), (403, False, False))
        self.assertEqual(self.ask(made, "lake.jpg").status, 403)
        answer = self.unlock(made, "größer als 8")
        self.assertEqual((answer.status, answer.headers["location"]), (303, f"/s/{token(made)}/"))
        value = re.fullmatch(
            rf"{COOKIE}=([0-9a-f]{{64}}); Path=/s/{re.escape(token(made))}/; Secure; HttpOnly; SameSite=Lax",
            answer.headers["set-cookie"],
        )
        assert value is not None
        known = ("Cookie", f"other=1; {COOKIE}={value[1]}")
        self.assertEqual(self.ask(made, "lake.jpg", known).body, b"lake")
        self.assertEqual(self.ask(self.make("photos", password="another one"), "", known).status, 403)

    def test_wrong(self) -> None:
        """A wrong password is said so, and after some of them not even the right one is looked at."""
        made = self.make("photos", password="a long one")
        for _ in range(3):
            answer = self.unlock(made, "wrong")
            self.assertEqual((answer.status, b"is wrong" in answer.body), (403, True))
        self.assertEqual(self.unlock(made, "a long one").status, 503)

    def test_malformed(self) -> None:
        """A form that is none, or too large, is refused."""
        made = self.make("photos", password="a long one")
        for body, status in (
            (b"password=%ff", 400),
            (b"\xff", 400),
            (b"a=1&" * 9, 400),
            (b"x" * 9000, 413),
            (b"", 403),
        ):
            self.assertEqual(self.ask(made, "", FORM, method="POST", body=body).status, status, body[:20])
