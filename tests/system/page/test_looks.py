"""What can be read on the page, by day and by night."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.pagebrowser import PHONE, PageCase

LEAST_CONTRAST = 4.5
"""Of text to what is behind it (WCAG 2.2, 1.4.3)."""

_CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const colour = (text) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([red, green, blue]) => {
    const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const found = colour(getComputedStyle(each).backgroundColor);
      if (found[3] === 255) return found;
    }
    return colour("Canvas");
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(":disabled")) continue;
    const [one, other] = [light(colour(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    found.push([texts.currentNode.data.trim(), contrast]);
  }
  return { texts: found, back: light(behind(document.body)) };
}"""


class ContrastTests(PageCase):
    """The page with the colours that the system asks for."""

    def check(self, page: Page, *seen: str, dark: bool) -> None:
        """Each text that is seen, these among them, stands out from what is behind it."""
        found = page.evaluate(_CONTRASTS)
        self.assertLessEqual({*seen}, {text for text, _ in found["texts"]}, "the control: it is on the page")
        self.assertEqual([each for each in found["texts"] if each[1] < LEAST_CONTRAST], [])
        self.assertEqual(found["back"] < 0.5, dark)

    def views(self, scheme: str) -> None:
        """The list, a menu, a dialog, and what is said of an upload."""
        dark = scheme == "dark"
        self.lay("letter.txt", b"words")
        page = self.window(viewport=PHONE, color_scheme=scheme)
        expect(page.get_by_role("link", name="letter.txt")).to_be_visible()
        self.check(page, "letter.txt", dark=dark)
        self.upload(page, self.local("new.txt", b"new"))
        expect(page.get_by_role("heading", name="Upload finished")).to_be_visible()
        self.check(page, "Upload finished", dark=dark)
        page.get_by_role("button", name="Actions for letter.txt").click()
        self.check(page, "Rename", dark=dark)
        page.get_by_role("menuitem", name="Rename", exact=True).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        self.check(page, "Cancel", dark=dark)

    def test_light(self) -> None:
        """By day."""
        self.views("light")

    def test_dark(self) -> None:
        """By night."""
        self.views("dark")

    def test_unreadable(self) -> None:
        """The control: a text in the colour of its background is found."""
        page = self.window(color_scheme="dark")
        expect(page.get_by_text("This folder is empty")).to_be_visible()
        page.evaluate("document.body.append(Object.assign(document.createElement('p'), {textContent: 'unreadable'}))")
        page.evaluate("document.body.lastChild.style.color = 'var(--back)'")
        with self.assertRaises(self.failureException):
            self.check(page, "unreadable", dark=True)
