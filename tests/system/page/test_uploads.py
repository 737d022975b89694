"""Uploading by the page: files, folders, conflicts, and a network that breaks."""

from __future__ import annotations

import os
import re

from playwright.sync_api import expect

from homeftp.config import MIB
from tests.support.cutproxy import Resetting
from tests.support.pagebrowser import PHONE, PageCase
from tests.support.waiting import wait_until


class UploadTests(PageCase):
    """Uploads."""

    def test_files(self) -> None:
        """Files arrive with their content and their time, and appear in the list."""
        page = self.window()
        small, large = self.local("small.txt", b"small"), self.local("large.bin", os.urandom(17 * MIB))
        os.utime(small, (1_500_000_000, 1_500_000_000))
        self.upload(page, small, large, self.local("empty.txt", b""))
        expect(page.get_by_role("heading", name="3 uploads finished")).to_be_visible()
        expect(page.get_by_role("link", name="large.bin")).to_be_visible()
        for name, path in (("small.txt", small), ("large.bin", large)):
            with open(path, "rb") as file:
                self.assertEqual(self.content(name), file.read())
        self.assertEqual(os.stat(self.there("small.txt")).st_mtime, 1_500_000_000)
        self.upload(page, small)
        expect(page.get_by_text("Already there")).to_be_visible()

    def test_progress(self) -> None:
        """While a file is on its way, bars and words say how much of it has arrived, and of all files."""
        page = self.window()
        expect(page.get_by_text("This folder is empty")).to_be_visible()
        network = page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 4 * MIB}
        network.send("Network.enable")
        network.send("Network.emulateNetworkConditions", slow)
        self.upload(page, self.local("film.bin", bytes(6 * MIB)), self.local("note.txt", b"small"))
        for name, share in ("film.bin", r"^[1-9]\d?$"), ("Uploads", r"^0\.\d+$"):
            expect(page.get_by_role("progressbar", name=name)).to_have_attribute("value", re.compile(share))
        expect(page.get_by_text(re.compile(r"^[1-9]\d? % of 6\.3 MB$"))).to_be_visible()
        expect(page.get_by_role("heading", name="2 uploads finished")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_count(0)

    def test_last_row(self) -> None:
        """On a phone what is said of uploads covers no row for good: the menu of the last one can be opened."""
        for number in range(20):
            self.lay(f"file {number}.txt")
        page = self.window(viewport=PHONE)
        self.upload(page, *(self.local(f"new {number}.txt", b"new") for number in range(20)))
        expect(page.get_by_role("heading", name="20 uploads finished")).to_be_visible()
        self.act(page, "new 19.txt", "Versions")
        expect(page.get_by_role("heading", name="Versions of new 19.txt")).to_be_visible()

    def test_folder(self) -> None:
        """A folder arrives with all that is in it."""
        page = self.window()
        self.local("album/one.txt", b"1")
        self.local("album/deep/two.txt", b"2")
        self.upload(page, os.path.join(self.here, "album"), folder=True)
        expect(page.get_by_role("link", name="album")).to_be_visible()
        expect(page.get_by_role("heading", name="2 uploads finished")).to_be_visible()
        self.assertEqual((self.content("album/one.txt"), self.content("album/deep/two.txt")), (b"1", b"2"))

    def test_drop(self) -> None:
        """What is dropped onto the page is uploaded; a sign says so while it is held over the page."""
        page = self.window()
        expect(page.get_by_text("This folder is empty")).to_be_visible()
        brought = page.evaluate_handle(
            "() => { const brought = new DataTransfer();"
            " brought.items.add(new File(['dropped'], 'dropped.txt')); return brought; }"
        )
        page.dispatch_event("body", "dragenter", {"dataTransfer": brought})
        expect(page.get_by_text("Drop to upload")).to_be_visible()
        page.dispatch_event("body", "drop", {"dataTransfer": brought})
        expect(page.get_by_role("link", name="dropped.txt")).to_be_visible()
        expect(page.get_by_text("Drop to upload")).to_be_hidden()
        self.assertEqual(self.content("dropped.txt"), b"dropped")

    def test_drop_folder(self) -> None:
        """A folder that is dropped onto the page is uploaded with all that is in it, also with empty folders."""
        self.local("album/one.txt", b"1")
        self.local("album/deep/two.txt", b"2")
        os.makedirs(os.path.join(self.here, "album", "empty"))
        page = self.window()
        expect(page.get_by_text("This folder is empty")).to_be_visible()
        dragging = page.context.new_cdp_session(page)
        brought = {"items": [], "files": [os.path.join(self.here, "album")], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            dragging.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": brought})
        expect(page.get_by_role("heading", name="2 uploads finished")).to_be_visible()
        expect(page.get_by_role("link", name="album")).to_be_visible()
        self.assertEqual((self.content("album/one.txt"), self.content("album/deep/two.txt")), (b"1", b"2"))
        wait_until(lambda: os.path.isdir(self.there("album/empty")))

    def test_compared(self) -> None:
        """Who is asked about a name that is taken sees the size and the time of both files."""
        self.lay("deep/a.txt", bytes(2000))
        os.utime(self.there("deep/a.txt"), (1_500_000_000, 1_500_000_000))
        page = self.window(timezone_id="Europe/London")
        own = self.local("deep/a.txt", bytes(3_000_000))
        os.utime(own, (1_600_000_000, 1_600_000_000))
        self.upload(page, os.path.dirname(own), folder=True)
        dialog = page.get_by_role("dialog", name="a.txt already exists")
        expect(dialog.get_by_text("On the server: 2 kB, 14 Jul 2017, 03:40")).to_be_visible()
        expect(dialog.get_by_text("Your file: 3 MB, 13 Sept 2020, 13:26")).to_be_visible()
        dialog.get_by_role("button", name="Skip").click()

    def test_taken(self) -> None:
        """A name that is taken is asked about: skip, keep both, or replace."""
        self.lay("a.txt", b"old")
        page = self.window()
        for answer, found in (
            ("Skip", {"a.txt": b"old"}),
            ("Keep both", {"a.txt": b"old", "a (2).txt": b"new content"}),
            ("Replace", {"a.txt": b"new content", "a (2).txt": b"new content"}),
        ):
            self.upload(page, self.local("a.txt", b"new content"))
            page.get_by_role("dialog", name="a.txt already exists").get_by_role("button", name=answer).click()
            expect(page.get_by_role("region", name="Uploads").get_by_role("heading")).to_contain_text("finished")
            self.assertEqual({name: self.content(name) for name in os.listdir(self.there(""))}, found)
            page.get_by_role("region", name="Uploads").get_by_role("button", name="Close").click()

    def test_resumed(self) -> None:
        """After the network broke, the upload goes on by itself where it was, and the file arrives as it is."""
        content = os.urandom(24 * MIB)
        network = Resetting(self.world.port, [13 * MIB] * 40)  # a browser may use any of many connections
        self.addCleanup(network.close)
        page = self.window()
        page.goto(f"https://127.0.0.1:{network.port}/#/{self.folder}")
        expect(page.get_by_text("This folder is empty")).to_be_visible()
        sent = []
        page.on("request", lambda request: sent.append((request.method, request.headers.get("upload-offset"))))
        self.upload(page, self.local("film.bin", content))
        expect(page.get_by_role("link", name="film.bin")).to_be_visible()
        self.assertEqual(self.content("film.bin"), content)
        resumed = [int(offset or 0) for method, offset in sent if method == "PATCH"]
        self.assertGreater(max(resumed), 8 * MIB, "it went on where it was")

    def test_stopped(self) -> None:
        """An upload that is stopped leaves nothing behind that can be seen, and can be begun again."""
        page = self.window()
        page.route("**/upload/**", lambda route: None)
        self.upload(page, self.local("a.txt", b"x" * 100))
        page.get_by_role("button", name="Stop a.txt").click()
        expect(page.get_by_text("Stopped", exact=True)).to_be_visible()
        self.assertEqual(os.listdir(self.there("")), [])
        page.unroute_all()
        page.get_by_role("button", name="Upload a.txt again").click()
        expect(page.get_by_role("link", name="a.txt")).to_be_visible()
