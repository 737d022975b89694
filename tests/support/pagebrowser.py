"""One headless Chromium and one server with the web page, for all tests of a process."""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
from typing import Any

import attrs
from playwright.sync_api import Browser, BrowserContext, Download, Page, expect
from twisted.trial.unittest import SynchronousTestCase

from tests.support.chromium import chromium
from tests.support.folders import quick_temp_dir
from tests.support.processes import PASSWORD, ServerProcess, run_homeftp
from tests.support.waiting import WITHIN, wait_until

MILLISECONDS = 1000 * WITHIN
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}

MANY_BROWSERS = ("--max-connections-per-address=100",)
"""The limit for more browsers at one address than a household has, each with six connections. With the usual one a
connection may have to give way to another, and a request over it ends with ECONNRESET."""


@attrs.define
class PageWorld:
    """The server, and what a browser keeps once ann has signed in."""

    server: ServerProcess
    url: str
    state: Any = None
    shared: BrowserContext | None = None
    browser: Browser | None = None

    @property
    def port(self) -> int:
        """The port of the page."""
        return int(self.url.rstrip("/").rpartition(":")[2])

    def context(self, *, signed_in: bool = True, **options: Any) -> BrowserContext:
        """A browser of its own, as a private window is; with what ann's has kept."""
        given = {"viewport": DESKTOP, "locale": "en-GB", "ignore_https_errors": True, **options}
        if signed_in:
            given["storage_state"] = self._signed_in()
        assert self.browser is not None
        context = self.browser.new_context(**given)
        context.set_default_timeout(MILLISECONDS)
        return context

    def usual_context(self) -> BrowserContext:
        """The one that most tests share: to load the page anew costs less in it, and its process stays."""
        if self.shared is None:
            self.shared = self.context()
            self.shared.new_page().goto(f"{self.url}static/icon.svg")
        return self.shared

    def _signed_in(self) -> Any:
        if self.state is None:
            context = self.context(signed_in=False)
            body = {"user": "ann", "password": PASSWORD, "name": "Test browser"}
            answer = context.request.post(f"{self.url}api/session", data=body, headers={"X-Homeftp": "1"})
            assert answer.ok, answer.text()
            self.state = context.storage_state()
            context.close()
        return self.state

    def code(self, account: str = "ann") -> str:
        """A pairing code for an account."""
        made = run_homeftp("invite", "--json", "--account", account, "--state", self.server.state)
        assert made.returncode == 0, made.stderr
        found: str = json.loads(made.stdout)["code"]
        return found


@functools.lru_cache(maxsize=1)
def page_world() -> PageWorld:
    """It, until this process ends."""
    server = ServerProcess("--https", "tcp:0:interface=127.0.0.1", *MANY_BROWSERS, folder=quick_temp_dir())
    atexit.register(server.end)
    found = re.search(r"https://\S+?/", server.output())
    assert found is not None, server.output()
    expect.set_options(timeout=MILLISECONDS)
    return PageWorld(server, found[0])


class PageCase(SynchronousTestCase):
    """Tests of the page: each has a folder of its own on the server, and its own window."""

    def setUp(self) -> None:
        self.world = page_world()
        self.world.browser = chromium(self)
        self.folder = re.sub(r"\W", "-", self.id().rpartition(".")[2])
        os.makedirs(self.world.server.path(self.folder))
        self.here = os.path.abspath(self.mktemp())
        os.makedirs(self.here)
        self.errors: list[str] = []

    def window(self, path: str | None = None, **options: Any) -> Page:
        """A window that shows the test's folder, or a path of the page."""
        if options:
            context = self.world.context(**options)
            self.addCleanup(context.close)
        else:
            context = self.world.usual_context()
        page = context.new_page()
        self.addCleanup(page.close)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"a dialog: {dialog.message}"))
        page.goto(self.world.url + (f"#/{self.folder}" if path is None else path))
        return page

    def allow_links(self) -> None:
        """Let ann share files, until the test ends."""
        self.addCleanup(self._change_links, "off")
        self._change_links("on")

    def _change_links(self, value: str) -> None:
        """Change her account, and wait until the server has noticed: until then it refuses her older logins."""
        done = run_homeftp("account", "change", "ann", "--links", value, "--state", self.world.server.state)
        self.assertEqual(done.returncode, 0, done.stderr)
        context = self.world.context()
        wait_until(lambda: context.request.get(f"{self.world.url}api/space", max_retries=3).ok)
        context.close()

    def lay(self, name: str, content: bytes = b"") -> None:
        """A file in the test's folder on the server."""
        path = self.there(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def there(self, name: str) -> str:
        """The path of a file in the test's folder on the server's disk."""
        return self.world.server.path(f"{self.folder}/{name}")

    def content(self, name: str) -> bytes:
        """What is in it."""
        with open(self.there(name), "rb") as file:
            return file.read()

    def local(self, name: str, content: bytes) -> str:
        """A file on the browser's machine; its path."""
        path = os.path.join(self.here, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def act(self, page: Page, name: str, action: str) -> None:
        """Choose an entry of the menu of a file."""
        page.get_by_role("button", name=f"Actions for {name}").click()
        page.get_by_role("menuitem", name=action, exact=True).click()

    def upload(self, page: Page, *paths: str, folder: bool = False) -> None:
        """Choose files for the button Upload."""
        page.get_by_role("button", name="Upload", exact=True).click()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("menuitem", name="Upload a folder" if folder else "Upload files").click()
        chooser.value.set_files(paths[0] if folder else list(paths))

    def downloaded(self, download: Download) -> bytes:
        """What a download has saved."""
        with open(download.path(), "rb") as file:
            return file.read()

    def tearDown(self) -> None:
        self.assertEqual(self.errors, [], "the page raised an error, or a file ran something")
