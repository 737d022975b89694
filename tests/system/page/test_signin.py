"""Signing in by browser, what an account may do there, and sharing."""

from __future__ import annotations

import json
import os

from playwright.sync_api import expect

from tests.support.pagebrowser import PageCase
from tests.support.processes import PASSWORD, run_homeftp


class SignInTests(PageCase):
    """A browser that is not signed in yet."""

    def owner(self, *arguments: str, input: str = "") -> str:
        """What a command of the server's owner prints."""
        done = run_homeftp(*arguments, "--state", self.world.server.state, input=input)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_code(self) -> None:
        """A code signs in however it is typed, a wrong one does not; the browser is a device, until it signs out."""
        page = self.window(signed_in=False)
        expect(page.get_by_label("Pairing code")).to_be_focused()
        page.get_by_label("Pairing code").fill("1234-apple-river")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("This code is wrong, or no longer works")
        page.get_by_label("Pairing code").fill(self.world.code().upper().replace("-", " "))
        page.get_by_label("Name of this device").fill("Kitchen")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("This folder is empty")).to_be_visible()
        self.assertIn("ann-kitchen ", self.owner("device", "list"))
        page.get_by_role("button", name="ann").click()
        page.get_by_role("menuitem", name="Connection and fingerprint").click()
        expect(page.get_by_text(self.world.server.fingerprint)).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="ann").click()
        page.get_by_role("menuitem", name="Sign out").click()
        expect(page.get_by_label("Pairing code")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Pairing code")).to_be_visible()

    def test_invitation(self) -> None:
        """The link of an invitation signs in once; its secret does not stay in the address."""
        (line,) = self.owner("invite", "--web", "--json", "--account", "ann").splitlines()
        secret = json.loads(line)["url"].partition("#")[2]
        for first in (True, False):
            page = self.window(f"#{secret}", signed_in=False)
            expect(page.get_by_role("heading", name="You are invited")).to_be_visible()
            self.assertEqual(page.url, self.world.url)
            page.get_by_role("button", name="Sign in").click()
            if first:
                expect(page.get_by_role("link", name=self.folder)).to_be_visible()
            else:
                expect(page.get_by_role("alert")).to_contain_text("This invitation was already used")
            page.context.close()

    def test_password(self) -> None:
        """An account's password signs in; a wrong one is refused in words. What a browser cannot prove is said."""
        page = self.window(signed_in=False)
        page.get_by_text("Is this connection safe?").click()
        expect(page.get_by_text("the browser cannot tell whether someone is intercepting it")).to_be_visible()
        page.get_by_role("tab", name="Password").click()
        page.get_by_label("Account").fill("ann")
        page.get_by_label("Password", exact=True).last.fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_contain_text("or the password is wrong")
        page.get_by_label("Password", exact=True).last.fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("This folder is empty")).to_be_visible()

    def test_revoked(self) -> None:
        """A browser whose access is revoked is asked to sign in again at its next step."""
        page = self.window(signed_in=False)
        page.get_by_label("Pairing code").fill(self.world.code())
        page.get_by_label("Name of this device").fill("Lost phone")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("This folder is empty")).to_be_visible()
        self.owner("device", "revoke", "ann-lost-phone")
        page.get_by_role("navigation", name="Path").get_by_role("link", name="Files").click()
        expect(page.get_by_label("Pairing code")).to_be_visible()

    def test_drop_box(self) -> None:
        """An account that may only add can upload, and is told that it sees nothing."""
        self.owner("account", "add", "drop", "--rights", "add", "--no-password")
        page = self.window(signed_in=False)
        page.get_by_label("Pairing code").fill(self.world.code("drop"))
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="You can upload here")).to_be_visible()
        self.upload(page, self.local("letter.txt", b"for you"))
        expect(page.get_by_text("Uploaded", exact=True)).to_be_visible()
        self.assertEqual(self.content("letter.txt"), b"for you")

    def test_share(self) -> None:
        """A link is made only where the owner allows it; others open it without an account, until it is ended."""
        self.lay("gift.txt", b"surprise")
        page = self.window()
        expect(page.get_by_role("link", name="gift.txt")).to_be_visible()
        page.get_by_role("button", name="Actions for gift.txt").click()
        expect(page.get_by_role("menuitem", name="Share")).to_have_count(0)
        page.keyboard.press("Escape")
        self.allow_links()
        page.reload()
        self.act(page, "gift.txt", "Share")
        page.get_by_role("button", name="Make link").click()
        url = page.get_by_label("Link", exact=True).input_value()
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        guest = self.world.context(signed_in=False)
        self.addCleanup(guest.close)
        answer = guest.request.get(url)
        self.assertTrue(answer.ok)
        page.get_by_role("button", name="ann").click()
        page.get_by_role("menuitem", name="Shared links").click()
        page.get_by_role("button", name="End").click()
        expect(page.get_by_text("The link no longer works")).to_be_visible()
        # A request during which access is revoked is cut off; a browser asks again.
        self.assertFalse(guest.request.get(url, max_retries=1).ok)
        self.assertTrue(os.path.exists(self.there("gift.txt")))
