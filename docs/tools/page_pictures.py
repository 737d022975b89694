"""Takes docs/pictures/page-desktop.png and page-phone.png: the web page on a real server, in headless Chromium.

python docs/tools/page_pictures.py docs/pictures
"""

import calendar
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from playwright.sync_api import expect

from tests.support.pagebrowser import DESKTOP, PHONE, page_world

FILES = {
    "Documents/Insurance.pdf": (182_331, (2026, 3, 4)),
    "Music/Lullaby.mp3": (4_182_331, (2025, 12, 24)),
    "Photos/Beach.jpg": (3_482_113, (2026, 8, 2)),
    "Birthday.mp4": (248_112_333, (2026, 5, 17)),
    "Garden plan.png": (1_204_000, (2026, 4, 1)),
    "Grandma's recipes.txt": (12_310, (2026, 10, 11)),
    "Tax 2025.zip": (9_340_000, (2026, 2, 20)),
}
"""What is on the server: sizes in bytes, and the days of the last change."""

VIEWS = {"page-desktop.png": (DESKTOP, "light"), "page-phone.png": (PHONE, "dark")}


def main() -> None:
    """Lay the files and take the pictures."""
    folder = Path(sys.argv[1]).absolute()
    world = page_world()
    for name, (size, day) in FILES.items():
        path = Path(world.server.path(name))
        path.parent.mkdir(exist_ok=True)
        with open(path, "wb") as file:
            file.truncate(size)
        noon = calendar.timegm((*day, 12, 0, 0))
        for each in (path, path.parent):
            os.utime(each, (noon, noon))
    for name, (size, colors) in VIEWS.items():
        context = world.context(viewport=size, color_scheme=colors, device_scale_factor=2)
        page = context.new_page()
        page.goto(world.url)
        expect(page.get_by_text(" free")).to_be_visible()
        page.screenshot(path=folder / name)
        context.close()


if __name__ == "__main__":
    main()
