"""Files and sites that attack the page: nothing of theirs runs in it, and nothing is changed for them."""

from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import expect

from tests.support.pagebrowser import PageCase

SCRIPT = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(document.cookie)</script></svg>"

LOADS = """async (folder) => {
  const [script, style] = folder === "/static/" ? ["paths.js", "page.css"] : ["script.js", "style.css"];
  const told = (each) => new Promise((done) => {
    each.onload = each.onmessage = () => done("loaded");
    each.onerror = () => done("refused");
  });
  const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: folder + style });
  const sheets = told(sheet);
  document.head.append(sheet);
  const worker = new Worker(folder + (folder === "/static/" ? "hashing.js" : script), { type: "module" });
  const workers = told(worker);
  worker.postMessage({ id: 1, file: new Blob(["x"]), end: 1 });
  return [await import(folder + script).then(() => "loaded", () => "refused"), await sheets, await workers];
}"""
"""Loads a module, a style sheet and a worker from a folder, and says what became of each."""


class Site(BaseHTTPRequestHandler):
    """A page of another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>other</title><p>another site")

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class AttackTests(PageCase):
    """Names, contents and other sites."""

    def test_names(self) -> None:
        """Names are text, whatever they look like; characters that could disguise one are named."""
        for name in ("&lt;img src=x onerror=alert(1)&gt;.txt", "a' onmouseover='alert(1).txt", "{n}${n}.txt"):
            self.lay(name, b"x")
        self.lay("photo\u202egpj.exe", b"x")
        self.lay("<img src=x onerror=alert(1)>.txt", b"a name that no client may give")
        page = self.window()
        expect(page.get_by_text("1 name cannot be shown")).to_be_visible()
        shown = page.locator(".row .name a").all_inner_texts()
        self.assertIn("photo[U+202E]gpj.exe", shown)
        self.assertIn("&lt;img src=x onerror=alert(1)&gt;.txt", shown)
        self.assertEqual(page.locator(".files img").count(), 0)
        self.act(page, "{n}${n}.txt", "Rename")
        expect(page.get_by_role("heading", name="Rename {n}${n}.txt")).to_be_visible()
        page.get_by_label("Name", exact=True).fill("<img src=x onerror=alert(1)>")
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_role("alert")).to_contain_text("<")
        self.assertEqual(page.locator("dialog img").count(), 0)

    def test_uploaded_pages(self) -> None:
        """HTML, SVG and scripts that somebody uploaded run nothing, neither in the preview nor in a tab."""
        self.lay("page.html", b"<script>alert(document.cookie)</script>seen")
        self.lay("picture.svg", SCRIPT)
        self.lay("script.js", b"alert(1)")
        page = self.window()
        page.get_by_role("link", name="page.html").click()
        expect(page.get_by_text("<script>alert(document.cookie)</script>seen")).to_be_visible()
        page.keyboard.press("Escape")
        for name in ("page.html", "picture.svg"):
            answer = page.goto(f"{self.world.url}file/{self.folder}/{name}")
            assert answer is not None
            self.assertTrue(answer.headers["content-security-policy"].endswith("sandbox"))
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        page.goto(self.world.url)
        blocked = page.evaluate(f"() => import('/file/{self.folder}/script.js').then(() => 'ran', () => 'blocked')")
        self.assertEqual(blocked, "blocked")

    def test_uploaded_code(self) -> None:
        """What somebody uploaded is no script, style sheet or worker of the page, by whatever address."""
        self.lay("script.js", b"export default 1; document.title = 'attacked'")
        self.lay("style.css", b"body { display: none }")
        page = self.window()
        expect(page.get_by_role("link", name="script.js")).to_be_visible()
        self.assertEqual(page.evaluate(LOADS, "/static/"), ["loaded"] * 3, "the control")
        for place in ("dav", "file"):
            self.assertEqual(page.evaluate(LOADS, f"/{place}/{self.folder}/"), ["refused"] * 3, place)
        expect(page.locator("body")).to_be_visible()
        self.assertNotIn("attacked", page.title())

    def test_cookie(self) -> None:
        """No script can read the session's cookie, and browsers send it to no other site."""
        page = self.window()
        self.assertEqual(page.evaluate("document.cookie"), "")
        (found,) = [each for each in page.context.cookies() if each["name"].startswith("__Host-")]
        self.assertEqual((found["httpOnly"], found["secure"], found["sameSite"]), (True, True, "Strict"))

    def test_other_site(self) -> None:
        """A page of another origin can change nothing with the visitor's session, nor read an answer."""
        self.lay("a.txt", b"x")
        site = ThreadingHTTPServer(("127.0.0.1", 0), Site)
        self.addCleanup(site.server_close)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        self.addCleanup(site.shutdown)
        page = self.window()
        expect(page.get_by_role("link", name="a.txt")).to_be_visible()
        page.goto(f"http://127.0.0.1:{site.server_port}/")
        target = f"{self.world.url}api/restore/{self.folder}/a.txt"
        for mode in ("no-cors", "cors"):
            ask = f"fetch('{target}', {{method: 'POST', mode: '{mode}', credentials: 'include', body: '{{}}'}})"
            self.assertIn(page.evaluate(f"() => {ask}.then(each => each.type, () => 'failed')"), ("opaque", "failed"))
        read = (
            f"fetch('{self.world.url}api/list/', {{credentials: 'include'}}).then(each => each.text(), () => 'failed')"
        )
        self.assertEqual(page.evaluate(f"() => {read}"), "failed")
        with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
            page.evaluate(
                f"() => {{ const form = document.createElement('form'); form.method = 'post'; form.action = '{target}';"
                " document.body.append(form); form.submit(); }"
            )
        self.assertIn(answered.value.status, (401, 403))
        self.assertEqual(os.listdir(self.there("")), ["a.txt"])
