"""The pages of share links in Chromium: what a form sends there is what the server takes."""

from __future__ import annotations

import json
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support.browsing import LOOPBACK, owner
from tests.support.chromium import chromium
from tests.support.processes import ServerProcess, pair, run_homeftp


class LinkPageTests(SynchronousTestCase):
    """A server whose account ann may share, and a browser without a script."""

    def setUp(self) -> None:
        self.server = ServerProcess("--https", LOOPBACK)
        self.addCleanup(self.server.end)
        owner(self.server, "account", "change", "ann", "--links", "on")
        for folder in ("photos", "inbox"):
            os.mkdir(self.server.path(folder))
        with open(self.server.path("photos/lake.jpg"), "wb") as file:
            file.write(b"lake")
        self.home = os.path.abspath(self.mktemp())
        pair(self.server, self.home)

    def link(self, *arguments: str, input: str = "") -> str:
        """The URL of a new link."""
        done = run_homeftp("share", *arguments, "--json", input=input, HOMEFTP_HOME=self.home)
        self.assertEqual(done.returncode, 0, done.stderr)
        url: str = json.loads(done.stdout)["url"]
        return url

    def in_browser(self, work: Any, **options: Any) -> None:
        """Let `work` use a page in a phone-sized window."""
        context = chromium(self).new_context(
            **{
                "ignore_https_errors": True,
                "java_script_enabled": False,
                "viewport": {"width": 390, "height": 844},
                "locale": "de-DE",
                **options,
            }
        )
        try:
            work(context.new_page())
        finally:
            context.close()

    def test_forms(self) -> None:
        """A password opens a link, a file is downloaded, a drop box takes two files; in the language of the browser."""
        locked = self.link("nas:photos", "--password-stdin", input="a long password\n")
        box = self.link("nas:inbox", "--upload")

        def work(page: Any) -> None:
            page.goto(locked)
            page.fill("input[type=password]", "a wrong password")
            page.click("button")
            self.assertIn("Das Passwort ist falsch", page.inner_text("body"))
            page.fill("input[type=password]", "a long password")
            page.click("button")
            with page.expect_download() as downloading:
                page.click("text=lake.jpg")
            self.assertEqual(downloading.value.suggested_filename, "lake.jpg")
            with open(downloading.value.path(), "rb") as file:
                self.assertEqual(file.read(), b"lake")
            page.goto(box)
            for name in ("größe.txt", "b.txt"):
                with open(name, "w", encoding="utf-8") as file:
                    file.write(name)
            page.set_input_files("input[type=file]", ["größe.txt", "b.txt"])
            page.click("button")
            self.assertIn("Angekommen", page.inner_text("body"))

        self.in_browser(work)
        self.assertEqual(sorted(os.listdir(self.server.path("inbox"))), ["b.txt", "größe.txt"])

    def test_times(self) -> None:
        """Times are those of the reader where scripts run, in the reader's form; else those of UTC."""
        os.utime(self.server.path("photos/lake.jpg"), (1_000_000_000, 1_000_000_000))
        url = self.link("nas:photos")

        def local(page: Any) -> None:
            page.goto(url)
            self.assertEqual(page.locator("time.day").inner_text(), "9 Sept 2001")
            self.assertRegex(page.locator("p.small time").inner_text(), r"^\d+ \w+ \d{4}, \d\d:\d\d$")

        def plain(page: Any) -> None:
            page.goto(url)
            self.assertEqual(page.locator("time.day").inner_text(), "2001-09-09")
            self.assertRegex(page.locator("p.small time").inner_text(), r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC$")

        self.in_browser(local, java_script_enabled=True, locale="en-GB", timezone_id="Asia/Tokyo")
        self.in_browser(plain)
