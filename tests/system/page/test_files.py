"""Everything that a person does with files on the page."""

from __future__ import annotations

import io
import os
import wave
import zipfile

from playwright.sync_api import Page, expect

from tests.support.pagebrowser import PHONE, PageCase

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)


def sound() -> bytes:
    """A tenth of a second of silence."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(800))
    return made.getvalue()


class FileTests(PageCase):
    """Looking, changing, and undoing."""

    def test_list(self) -> None:
        """A folder of 10,000 entries is listed whole, in natural order; more rows come while one scrolls."""
        os.makedirs(self.there("many"))
        for number in range(10_000):
            os.close(os.open(self.there(f"many/file {number}.txt"), os.O_CREAT | os.O_WRONLY))
        self.lay("many/sub/x.txt")
        page = self.window(f"#/{self.folder}/many")
        expect(page.get_by_text("10,001 items, ")).to_be_visible()
        names = page.locator(".row .name a").all_inner_texts()
        self.assertEqual(names[:4], ["sub", "file 0.txt", "file 1.txt", "file 2.txt"])
        self.assertLess(len(names), 10_000)
        page.get_by_role("link", name="sub", exact=True).focus()
        page.keyboard.press("End")
        # To look for it by its role costs seconds: the browser computes what each of the rows is called.
        expect(page.locator(".row a:focus")).to_have_text("file 9999.txt")

    def test_search(self) -> None:
        """A search finds names below the folder, shows where they are, and ends with Escape."""
        self.lay("a/b/Summer in Rome.txt", b"found")
        self.lay("a/other.txt")
        page = self.window()
        box = page.get_by_label("Search by name in this folder and below")
        box.fill("rome summer")
        expect(page.get_by_text("1 match", exact=True).last).to_be_visible()
        expect(page.locator(".row .where")).to_have_text("a/b")
        page.get_by_role("link", name="Summer in Rome.txt").click()
        expect(page.get_by_text("found", exact=True)).to_be_visible()
        page.keyboard.press("Escape")
        box.fill("nothing at all")
        expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
        box.press("Escape")
        expect(page.get_by_role("link", name="a", exact=True)).to_be_visible()

    def test_previews(self) -> None:
        """Pictures, texts and sounds are shown one after the other; what cannot be shown is offered for download."""
        self.lay("1.png", PIXEL)
        self.lay("2.txt", "grüß dich".encode())
        self.lay("3.wav", sound())
        self.lay("4.bin", b"\0")
        self.lay("5.pdf", b"%PDF-1.4")
        page = self.window()
        page.get_by_role("link", name="1.png").click()
        dialog = page.get_by_role("dialog", name="Preview")
        picture = dialog.get_by_role("img", name="1.png")
        expect(picture).to_be_visible()
        self.assertEqual(picture.evaluate("each => [each.complete, each.naturalWidth]"), [True, 1])
        page.keyboard.press("ArrowRight")
        expect(dialog.get_by_text("grüß dich")).to_be_visible()
        dialog.get_by_role("button", name="Next").click()
        expect(dialog.locator("audio")).to_have_js_property("duration", 0.1)
        page.keyboard.press("ArrowRight")
        expect(dialog.get_by_text("No preview for this kind of file")).to_be_visible()
        page.keyboard.press("ArrowRight")
        expect(dialog.get_by_role("link", name="Open in a new tab")).to_be_visible()
        expect(dialog.get_by_role("button", name="Next")).to_have_count(0)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)

    def test_download(self) -> None:
        """A file, a folder and a choice of both are saved as they are."""
        self.lay("a.txt", b"one")
        self.lay("sub/ü.txt", b"two")
        page = self.window()
        with page.expect_download() as saved:
            self.act(page, "a.txt", "Download")
        self.assertEqual((saved.value.suggested_filename, self.downloaded(saved.value)), ("a.txt", b"one"))
        with page.expect_download() as saved:
            self.act(page, "sub", "Download as ZIP")
        self.assertEqual(saved.value.suggested_filename, "sub.zip")
        with zipfile.ZipFile(io.BytesIO(self.downloaded(saved.value))) as made:
            self.assertEqual(made.read("sub/ü.txt"), b"two")
        page.get_by_label("Select all").check()
        expect(page.get_by_text("2 selected")).to_be_visible()
        with page.expect_download() as saved:
            page.get_by_role("toolbar", name="Selection").get_by_role("button", name="Download").click()
        with zipfile.ZipFile(io.BytesIO(self.downloaded(saved.value))) as made:
            self.assertEqual(sorted(made.namelist()), ["a.txt", "sub/", "sub/ü.txt"])

    def test_new_folder_and_rename(self) -> None:
        """A folder is made and renamed; a name that is taken is refused in words, and undo brings the old one back."""
        self.lay("taken.txt")
        page = self.window()
        page.get_by_role("button", name="New folder").click()
        page.get_by_label("Name", exact=True).fill("taken.txt")
        page.get_by_role("button", name="Make folder").click()
        expect(page.get_by_role("alert")).to_contain_text("already taken here")
        for name, why in (("Taken.TXT", "only in case"), ("..", "cannot contain a slash")):
            page.get_by_label("Name", exact=True).fill(name)
            page.get_by_role("button", name="Make folder").click()
            expect(page.get_by_role("alert")).to_contain_text(why)
        page.get_by_label("Name", exact=True).fill("Pictures")
        page.get_by_role("button", name="Make folder").click()
        expect(page.get_by_role("link", name="Pictures")).to_be_focused()
        self.act(page, "Pictures", "Rename")
        page.get_by_label("Name", exact=True).fill("Photos")
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_role("link", name="Photos")).to_be_focused()
        self.assertTrue(os.path.isdir(self.there("Photos")))
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="Pictures")).to_be_visible()
        self.assertFalse(os.path.exists(self.there("Photos")))

    def test_move(self) -> None:
        """Files are moved into a folder that is chosen by looking; one whose name is taken there gets another."""
        self.lay("a.txt", b"one")
        self.lay("b.txt", b"two")
        self.lay("sub/deep/a.txt", b"there")
        page = self.window()
        page.get_by_label("Select a.txt").check()
        page.get_by_label("Select b.txt").check()
        page.get_by_role("toolbar", name="Selection").get_by_role("button", name="Move").click()
        dialog = page.get_by_role("dialog", name="Move to")
        dialog.get_by_role("button", name="sub").click()
        dialog.get_by_role("button", name="deep").click()
        dialog.get_by_role("button", name="Move here").click()
        expect(page.get_by_text("Moved 2 items to deep")).to_be_visible()
        self.assertEqual(sorted(os.listdir(self.there("sub/deep"))), ["a (2).txt", "a.txt", "b.txt"])
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="b.txt")).to_be_visible()
        self.assertEqual((self.content("a.txt"), self.content("sub/deep/a.txt")), (b"one", b"there"))

    def test_delete(self) -> None:
        """A file is deleted at once and comes back with undo; a folder only after a question, and so do its files."""
        self.lay("a.txt", b"one")
        self.lay("sub/b.txt", b"two")
        page = self.window()
        self.act(page, "a.txt", "Delete")
        expect(page.get_by_text("Deleted a.txt")).to_be_visible()
        self.assertFalse(os.path.exists(self.there("a.txt")))
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="a.txt")).to_be_visible()
        self.assertEqual(self.content("a.txt"), b"one")
        self.act(page, "sub", "Delete")
        page.get_by_role("dialog", name="Delete sub?").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("Deleted sub")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="sub")).to_be_visible()
        self.assertEqual(self.content("sub/b.txt"), b"two")

    def test_deleted_files(self) -> None:
        """What was deleted can be found and restored later."""
        self.lay("sub/b.txt", b"two")
        page = self.window()
        self.act(page, "sub", "Delete")
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("This folder is empty")).to_be_visible()
        page.get_by_role("button", name="More").click()
        page.get_by_role("menuitem", name="Deleted files").click()
        row = page.get_by_role("dialog", name="Deleted files").get_by_role("listitem").filter(has_text="sub/b.txt")
        row.get_by_role("button", name="Restore").click()
        expect(page.get_by_role("link", name="sub")).to_be_visible()
        self.assertEqual(self.content("sub/b.txt"), b"two")

    def test_versions(self) -> None:
        """An earlier version is saved, and restored."""
        page = self.window()
        for content in (b"old", b"newer"):
            self.upload(page, self.local("a.txt", content))
            if content == b"newer":
                page.get_by_role("button", name="Replace").click()
            expect(page.get_by_text("Uploaded")).to_have_count(1 if content == b"old" else 2)
        self.assertEqual(self.content("a.txt"), b"newer")
        self.act(page, "a.txt", "Versions")
        dialog = page.get_by_role("dialog", name="Versions of a.txt")
        with page.expect_download() as saved:
            dialog.get_by_role("link", name="Download the version").click()
        self.assertEqual(self.downloaded(saved.value), b"old")
        dialog.get_by_role("button", name="Restore").click()
        expect(page.get_by_text("Restored a.txt")).to_be_visible()
        self.assertEqual(self.content("a.txt"), b"old")

    def test_keyboard(self) -> None:
        """Everything is reached without a mouse: arrows, Space, Enter, F2, Delete, / and Backspace."""
        for name in ("a.txt", "b.txt", "sub/c.txt"):
            self.lay(name, b"x")
        page = self.window()
        expect(page.get_by_role("link", name="b.txt")).to_be_visible()
        page.get_by_role("link", name="sub").focus()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("link", name="a.txt")).to_be_focused()
        page.keyboard.press("Space")
        expect(page.get_by_text("1 selected")).to_be_visible()
        page.keyboard.press("F2")
        page.keyboard.type("z")
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="z.txt")).to_be_focused()
        page.keyboard.press("Delete")
        expect(page.get_by_text("Deleted z.txt")).to_be_visible()
        page.get_by_role("link", name="sub").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("link", name="c.txt")).to_be_visible()
        page.keyboard.press("Backspace")
        expect(page.get_by_role("link", name="sub")).to_be_visible()
        page.keyboard.press("/")
        expect(page.get_by_label("Search by name in this folder and below")).to_be_focused()

    def test_phone(self) -> None:
        """On a phone everything fits its width, can be touched, and speaks the phone's language."""
        self.lay("Ein ziemlich langer Name, der auf einem Telefon nicht in eine Zeile passt.txt", b"x")
        page = self.window(viewport=PHONE, has_touch=True, is_mobile=True, locale="de-DE")
        actions = page.get_by_role("button", name="Aktionen für")
        expect(actions).to_be_visible()
        self.assertEqual(page.evaluate("document.documentElement.scrollWidth"), PHONE["width"])
        for each in page.locator("button:visible, .row a:visible").all():
            box = each.bounding_box()
            assert box is not None
            self.assertGreaterEqual(round(min(box["width"], box["height"])), 30, each.inner_text())
        actions.tap()
        expect(page.get_by_role("menuitem", name="Herunterladen")).to_be_in_viewport()
        self.assertEqual(page.evaluate("document.documentElement.lang"), "de")

    def test_versions_on_phone(self) -> None:
        """The words of a version have room beside its long buttons: no date is broken in two."""
        self.lay("a.txt", b"old")
        page = self.window(viewport=PHONE, is_mobile=True, locale="de-DE")
        there = f"{self.world.url}dav/{self.folder}/a.txt"
        self.assertTrue(page.request.put(there, data=b"new", headers={"X-Homeftp": "1"}).ok)
        page.get_by_role("button", name="Aktionen für").click()
        page.get_by_role("menuitem", name="Versionen").click()
        box = page.get_by_role("dialog").get_by_role("listitem").locator("div").bounding_box()
        assert box is not None
        self.assertGreater(box["width"], 110)

    def test_password_of_link(self) -> None:
        """A password that is too short for a link is refused before it is sent, in the browser's own words."""
        self.allow_links()
        self.lay("a.txt", b"x")
        page = self.window()
        self.act(page, "a.txt", "Share")
        dialog = page.get_by_role("dialog", name="Share a.txt")
        password = dialog.get_by_label("Password")
        password.press_sequentially("2short")
        dialog.get_by_role("button", name="Make link").click()
        self.assertTrue(password.evaluate("field => field.validity.tooShort"))
        password.press_sequentially(" no more")
        dialog.get_by_role("button", name="Make link").click()
        ready = page.get_by_role("dialog", name="The link is ready")
        expect(ready).to_be_visible()
        expect(ready.get_by_role("button", name="Send")).to_have_count(0)

    def test_sent_link(self) -> None:
        """Where the browser can hand a link to other programs, as on a phone, it is asked to."""
        self.allow_links()
        self.lay("a.txt", b"x")
        page = self.window()
        page.evaluate(
            "() => { navigator.share = async (given) => { window.given = given; throw new Error('none'); }; }"
        )
        self.act(page, "a.txt", "Share")
        page.get_by_role("dialog", name="Share a.txt").get_by_role("button", name="Make link").click()
        ready = page.get_by_role("dialog", name="The link is ready")
        ready.get_by_role("button", name="Send").click()
        self.assertEqual(page.evaluate("window.given.url"), ready.get_by_label("Link").input_value())

    def make_link(self, page: Page, link: dict[str, object]) -> None:
        """Make a link."""
        answer = page.request.post(f"{self.world.url}api/links", data=link, headers={"X-Homeftp": "1"})
        self.assertTrue(answer.ok, answer.text())

    def test_links(self) -> None:
        """The list of links says what each is for, how often and how long it works, and whether it has a password."""
        self.allow_links()
        self.lay("box/x", b"x")
        self.lay("a.txt", b"x")
        page = self.window()
        for link in (
            {"path": f"{self.folder}/box", "upload": True, "password": "long enough", "days": 30},
            {"path": f"{self.folder}/a.txt", "once": True},
        ):
            self.make_link(page, link)
        page.reload()
        page.get_by_role("button", name="ann", exact=True).click()
        page.get_by_role("menuitem", name="Shared links").click()
        rows = page.get_by_role("dialog", name="Shared links").get_by_role("listitem")
        expect(rows.filter(has_text="box")).to_contain_text("Drop box · with a password · Valid until ")
        expect(rows.filter(has_text="a.txt")).to_contain_text("works once · Valid until ")
        os.unlink(self.there("a.txt"))
        page.keyboard.press("Escape")
        page.get_by_role("button", name="ann", exact=True).click()
        page.get_by_role("menuitem", name="Shared links").click()
        expect(rows.filter(has_text="a.txt")).to_contain_text("Broken: deleted, moved, or no longer allowed")

    def test_not_there(self) -> None:
        """A folder that is not there says so, and what to do."""
        page = self.window("#/no such folder")
        expect(page.get_by_role("alert")).to_contain_text("It no longer exists")
        page.get_by_role("link", name="To all files").last.click()
        expect(page.get_by_role("link", name=self.folder)).to_be_visible()
