"""Small pictures of pictures in the list."""

from __future__ import annotations

import io
import os
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, expect

from tests.support.pagebrowser import PageCase


def photo(colour: Any, kind: str = "JPEG") -> bytes:
    """A picture of one colour."""
    made = io.BytesIO()
    Image.new("RGB", (600, 400), colour).save(made, kind)
    return made.getvalue()


LOOK = """async (each) => {
  await each.decode();
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.drawImage(each, 0, 0, 1, 1);
  return [each.naturalWidth, ...canvas.getImageData(0, 0, 1, 1).data];
}"""


def seen(picture: Locator) -> list[int]:
    """The width of what is shown, and its colour, each part of it rounded to 0 or 1."""
    width, *colour = picture.evaluate(LOOK)
    return [width, *(round(each / 255) for each in colour[:3])]


class ThumbnailTests(PageCase):
    """Pictures."""

    def test_thumbnails(self) -> None:
        """Pictures have thumbnails of what they are now; what is no picture, or cannot be drawn, has its sign."""
        self.lay("a.jpg", photo((255, 0, 0)))
        self.lay("b.png", photo((0, 255, 0), "PNG"))
        self.lay("c.jpg", photo((0, 0, 255))[:300])
        self.lay("d.txt", b"text")
        self.lay("e.jpg", b"<svg onload='alert(1)'>")
        self.lay("ä #%.gif", photo((255, 255, 255), "GIF"))
        page = self.window()
        row = page.locator(".row")
        pictures = page.locator(".row .sign img")
        expect(page.locator(".row .sign svg")).to_have_count(3)
        expect(pictures).to_have_count(3)
        self.assertEqual(seen(row.filter(has_text="a.jpg").locator("img")), [192, 1, 0, 0])
        self.assertEqual(seen(row.filter(has_text="b.png").locator("img")), [192, 0, 1, 0])
        self.assertEqual(seen(row.filter(has_text="ä #%.gif").locator("img")), [192, 1, 1, 1])
        self.upload(page, self.local("a.jpg", photo((0, 0, 255))))
        page.get_by_role("button", name="Replace").click()
        expect(page.get_by_text("Uploaded")).to_have_count(1)
        page.reload()
        self.assertEqual(seen(row.filter(has_text="a.jpg").locator("img")), [192, 0, 0, 1])

    def test_rights(self) -> None:
        """A thumbnail that is kept is refused to who is not signed in, and to everybody once the file is gone."""
        self.lay("a.jpg", photo((255, 0, 0)))
        page = self.window()
        url = f"{self.world.url}thumbnail/{self.folder}/a.jpg"
        self.assertEqual(page.request.get(url).status, 200)
        visitor = self.world.context(signed_in=False)
        self.addCleanup(visitor.close)
        self.assertEqual(visitor.request.get(url).status, 401)
        os.unlink(self.there("a.jpg"))
        self.assertEqual(page.request.get(url).status, 404)
