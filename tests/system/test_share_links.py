"""Share links at a real server: made by the command, opened by curl, and attacked."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import zipfile
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MIB
from tests.support import needs, replay
from tests.support.browsing import LOOPBACK, Browser, WebAnswer, owner
from tests.support.processes import ServerProcess, pair, run_homeftp
from tests.support.waiting import wait_until

EVIL = "a\r\nSet-Cookie: x=1\r\n.txt"


class ShareLinkCase(SynchronousTestCase):
    """A server whose account ann may share, and a client of hers."""

    def setUp(self) -> None:
        self.server = ServerProcess("--https", LOOPBACK)
        self.addCleanup(self.server.end)
        owner(self.server, "account", "change", "ann", "--links", "on")
        for name, content in (
            ("photos/lake.jpg", b"lake"),
            ("photos/sub/hill.jpg", b"hill"),
            ("secret.txt", b"secret"),
        ):
            os.makedirs(os.path.dirname(self.server.path(name)), exist_ok=True)
            with open(self.server.path(name), "wb") as file:
                file.write(content)
        os.makedirs(self.server.path("inbox"))
        self.home, self.here = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        os.makedirs(self.here)
        pair(self.server, self.home)
        self.browser = Browser(self.server)

    def share(self, *arguments: str, input: str = "", status: int = 0) -> str:
        """What the command printed."""
        done = run_homeftp("share", *arguments, input=input, HOMEFTP_HOME=self.home)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr if status else done.stdout

    def link(self, *arguments: str, **more: Any) -> str:
        """The URL of a new link."""
        made: str = json.loads(self.share(*arguments, "--json", **more))["url"]
        return made

    def curl(self, *arguments: str) -> str:
        """What curl printed, in the folder `here`: by default the status."""
        done = subprocess.run(
            [needs.program("curl"), "-sS", "--insecure", "--path-as-is", "-w", "%{http_code}", *arguments],
            cwd=self.here,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def files(self, folder: str = "inbox") -> dict[str, bytes]:
        found = {}
        for name in os.listdir(self.server.path(folder)):
            with open(self.server.path(f"{folder}/{name}"), "rb") as file:
                found[name] = file.read()
        return found

    def form(self, url: str, body: bytes, boundary: str = "XX") -> WebAnswer:
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self.browser.ask("POST", url, body, kind)


class UseTests(ShareLinkCase):
    """What links are for."""

    def test_read(self) -> None:
        """A file is saved under its name, a folder as a zip file; --list knows the link, and --revoke ends it."""
        url = self.link("nas:photos")
        self.assertEqual(self.curl("-OJ", f"{url}lake.jpg?download"), "200")
        self.assertEqual(self.curl("-OJ", f"{url}?zip"), "200")
        self.assertEqual(sorted(os.listdir(self.here)), ["lake.jpg", "photos.zip"])
        with zipfile.ZipFile(os.path.join(self.here, "photos.zip")) as archive:
            self.assertEqual(archive.read("photos/sub/hill.jpg"), b"hill")
        listed = json.loads(self.share("--list", "nas:", "--json"))
        self.assertEqual((listed["path"], listed["state"]), ("photos", "open"))
        owner_sees = owner(self.server, "device", "list")
        self.assertIn(listed["link"], owner_sees)
        self.share("--revoke", "nas:", listed["link"])
        self.assertEqual(self.curl("-o", "page", url), "404")
        events = [each["event"] for each in replay.lines(self.server.state) if each.get("link") == listed["link"]]
        self.assertEqual(events, ["share", "link", "link", "unshare"])

    def test_revoked_while_it_is_used(self) -> None:
        """A download that is under way is cut within five seconds."""
        with open(self.server.path("large.bin"), "wb") as file:
            file.truncate(200 * MIB)
        url = self.link("nas:large.bin")
        connection = self.browser.connect()
        self.addCleanup(connection.close)
        connection.request("GET", url.partition(f":{self.browser.port}")[2] + "?download")
        response = connection.getresponse()
        self.assertEqual(len(response.read(MIB)), MIB)
        owner(self.server, "account", "change", "ann", "--links", "off")
        wait_until(lambda: "is disconnected" in self.server.output(), within=5)
        with self.assertRaises((http.client.IncompleteRead, ConnectionError, OSError)):
            response.read()

    def test_password(self) -> None:
        """A browser that was told the password keeps the proof, not the password; curl does as a browser does."""
        url = self.link("nas:photos/lake.jpg", "--password-stdin", input="a long password\n")
        self.assertEqual(self.curl("-o", "page", url), "403")
        answer = self.curl(
            "-L", "-c", "jar", "-b", "jar", "-o", "page", "--data-urlencode", "password=a long password", url
        )
        self.assertEqual(answer, "200")
        self.assertEqual(self.curl("-b", "jar", "-o", "file", f"{url}?download"), "200")
        with open(os.path.join(self.here, "jar"), encoding="utf-8") as jar:
            kept = jar.read()
        self.assertIn("#HttpOnly_", kept)
        self.assertNotIn("a long password", kept)

    def test_upload(self) -> None:
        """Files come into the folder as they are, under free names; whoever sends them sees nothing."""
        for number in (1, 2):
            with open(os.path.join(self.here, "note.txt"), "w", encoding="utf-8") as file:
                file.write(f"note {number}")
            self.assertEqual(
                self.curl("-o", "page", "-F", "files=@note.txt", self.link("nas:inbox", "--upload")), "200"
            )
        large = os.urandom(3 * MIB)
        with open(os.path.join(self.here, "large"), "wb") as binary:
            binary.write(large)
        url = self.link("nas:inbox", "--upload", "--once")
        self.assertEqual(self.curl("-o", "page", "-F", "files=@large", "-F", "files=@note.txt", url), "200")
        expected = {"note.txt": b"note 1", "note (2).txt": b"note 2", "note (3).txt": b"note 2", "large": large}
        self.assertEqual(self.files(), expected)
        self.assertNotIn("note", self.curl(url))

    def test_refused(self) -> None:
        """Without the owner's permission there is no link, and the message says how he gives it."""
        owner(self.server, "account", "change", "ann", "--links", "off")
        self.assertIn("homeftp account change ann --links on", self.share("nas:photos", status=3))

    def test_account_removed(self) -> None:
        """With its account a link is gone."""
        url = self.link("nas:photos")
        self.assertEqual(self.curl("-o", "page", url), "200")
        owner(self.server, "account", "remove", "ann")
        self.assertIn(self.curl("-o", "page", url), ("403", "404"))
        wait_until(lambda: self.curl("-o", "page", url) == "404", within=5)


class AttackTests(ShareLinkCase):
    """What links are not for."""

    def test_paths(self) -> None:
        """No spelling of a path leaves what is shared."""
        url = self.link("nas:photos")
        for path in (
            "../secret.txt",
            "sub/../../secret.txt",
            "%2e%2e/secret.txt",
            "..%2fsecret.txt",
            "%2e%2e%2fsecret.txt",
            "..%5csecret.txt",
            "/secret.txt",
            "sub//../../secret.txt",
            ".homeftp/",
            "%2ehomeftp/",
            "lake.jpg%00",
            "%7f",
            "%c0%ae%c0%ae/secret.txt",
        ):
            answer = self.browser.ask("GET", url + path)
            self.assertIn(answer.status, (400, 404), path)
            self.assertNotIn(b"secret", answer.body.replace(b"secret.txt", b""), path)
        self.assertEqual(self.browser.ask("GET", f"{url}lake.jpg").body, b"lake")

    def test_guessing(self) -> None:
        """Wrong secrets lead nowhere, keep nobody from what is right, and are in no log."""
        url = self.link("nas:photos")
        base, right = url.rstrip("/").rsplit("/", 1)
        for number in range(40):
            self.assertEqual(self.browser.ask("GET", f"{base}/{number:043d}/").status, 404)
        self.assertEqual(self.browser.ask("GET", url).status, 200)
        logged = self.server.output() + repr(replay.lines(self.server.state))
        self.assertNotIn(right, logged)
        self.assertNotIn("0" * 41, logged)

    def test_names(self) -> None:
        """A name splits no header, and is text on every page; what is HTML runs nothing."""
        url = self.link("nas:inbox", "--upload")
        for given in (EVIL, "x%22; filename=%22y.html", "<b>&.html"):
            head = f'--XX\r\nContent-Disposition: form-data; name="f"; filename="{given}"\r\n\r\n'
            self.assertIn(self.form(url, head.encode() + b"<script>\r\n--XX--\r\n").status, (200, 400))
        self.assertLessEqual({"x%22; filename=%22y.html", "_b_&.html"}, set(self.files()))
        page = self.browser.ask("GET", reading := self.link("nas:inbox"))
        self.assertNotIn(b"<b>", page.body)
        for name in self.files():
            answer = self.browser.ask("GET", reading + "".join(f"%{byte:02x}" for byte in name.encode()))
            self.assertEqual((answer.status, answer.headers.get("set-cookie")), (200, None))
            self.assertTrue(answer.headers["content-disposition"].startswith("attachment; "))
            self.assertEqual(answer.headers["content-type"], "application/octet-stream")
            self.assertIn("sandbox", answer.headers["content-security-policy"])

    def test_drop_box(self) -> None:
        """A drop box replaces nothing and tells nothing, whatever is tried with it."""
        with open(self.server.path("inbox/there.txt"), "wb") as file:
            file.write(b"there")
        url = self.link("nas:inbox", "--upload")
        for method in ("GET", "HEAD", "PUT", "DELETE", "PROPFIND", "MOVE", "COPY", "MKCOL", "PATCH"):
            answer = self.browser.ask(method, f"{url}there.txt", b"x" if method in ("PUT", "PATCH") else None)
            self.assertIn(answer.status, (404, 405), method)
            self.assertNotIn(b"there", answer.body.replace(b"not there", b""), method)
        self.assertEqual(
            self.browser.ask("GET", f"{url}none.txt").body, self.browser.ask("GET", f"{url}there.txt").body
        )
        token = url.rstrip("/").rpartition("/")[2]
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"__Host-homeftp={token}"}):
            self.assertIn(self.browser.ask("GET", "/dav/inbox/there.txt", headers=headers).status, (400, 401))
        self.assertEqual(self.files(), {"there.txt": b"there"})

    def test_bombs(self) -> None:
        """Forms that cost more than they bring are refused, and the server goes on."""
        url = self.link("nas:inbox", "--upload")
        part = b'--XX\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n'
        for body in (
            b"--XX\r\n" + b"X: y\r\n" * 100_000,
            b"--XX\r\nX: " + b"y" * MIB,
            b'--XX\r\nContent-Disposition: form-data; name="f"\r\n\r\n\r\n' * 20_000 + b"--XX--\r\n",
            b"\r\n" * MIB,
            b"-" * MIB,
            part + b"\r\n" + b"\r\n--X" * 100_000,
            part + b"Content-Transfer-Encoding: base64\r\nContent-Type: multipart/mixed; boundary=YY\r\n\r\n--YY\r\n",
        ):
            answer = self.form(url, body)
            self.assertIn(answer.status, (400, 413), body[:60])
        self.assertEqual(self.form(url, part + b"\r\nwhole\r\n--XX--\r\n", boundary="X" * 300).status, 400)
        self.assertEqual(self.files(), {})
        self.assertEqual(self.form(url, part + b"\r\nwhole\r\n--XX--\r\n").status, 200)
        self.assertEqual(self.files(), {"a": b"whole"})
        self.assertNotIn("boundary", self.server.output())
