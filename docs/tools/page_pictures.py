"""Takes docs/pictures/page-desktop.png and page-phone.png: the web page on a real server, in headless Chromium.

python docs/tools/page_pictures.py docs/pictures
"""

import calendar
import os
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from PIL import Image, ImageDraw
from playwright.sync_api import expect, sync_playwright

from tests.support import needs
from tests.support.pagebrowser import DESKTOP, PHONE, page_world

FILES = {
    "Documents/Insurance.pdf": (182_331, (2026, 3, 4)),
    "Music/Lullaby.mp3": (4_182_331, (2025, 12, 24)),
    "Photos/Beach.jpg": (3_482_113, (2026, 8, 2)),
    "Birthday.mp4": (248_112_333, (2026, 5, 17)),
    "Garden plan.png": (1_204_000, (2026, 4, 1)),
    "Grandma's recipes.txt": (12_310, (2026, 10, 11)),
    "Lake in the evening.jpg": (3_121_880, (2026, 9, 6)),
    "Tax 2025.zip": (9_340_000, (2026, 2, 20)),
}
"""What is on the server: sizes in bytes, and the days of the last change."""

WIDE = (800, 600)
"""Pixels of the pictures on the server."""

VIEWS = {"page-desktop.png": (DESKTOP, "light"), "page-phone.png": (PHONE, "dark")}


def evening() -> Image.Image:
    """A lake below hills, in the evening."""
    made = Image.new("RGB", WIDE)
    drawn = ImageDraw.Draw(made)
    for line in range(300):
        drawn.line((0, line, 800, line), (90 + line // 2, 80 + line // 3, 150 - line // 4))
        drawn.line((0, 599 - line, 800, 599 - line), (30 + line // 3, 45 + line // 4, 95 + line // 8))
    drawn.ellipse((520, 150, 640, 270), (255, 214, 140))
    drawn.polygon([(0, 300), (0, 210), (150, 120), (330, 300)], (52, 48, 84))
    drawn.polygon([(200, 300), (440, 190), (800, 280), (800, 300)], (70, 60, 96))
    drawn.line([(560, 330), (600, 330)], (255, 214, 140), 6)
    drawn.line([(545, 370), (615, 370)], (220, 180, 130), 5)
    return made


def plan() -> Image.Image:
    """A garden from above: beds, a path, trees."""
    made = Image.new("RGB", WIDE, (126, 176, 104))
    drawn = ImageDraw.Draw(made)
    drawn.line([(80, 600), (260, 330), (520, 260), (800, 240)], (214, 196, 160), 56)
    for left in (60, 250, 440):
        drawn.rectangle((left, 60, left + 130, 170), (121, 85, 58))
        for row in range(75, 165, 22):
            drawn.line((left + 8, row, left + 122, row), (84, 140, 66), 9)
    dice = random.Random(7)
    for _ in range(9):
        x, y, size = dice.randrange(380, 760), dice.randrange(360, 560), dice.randrange(24, 46)
        drawn.ellipse((x - size, y - size, x + size, y + size), (58, 112, 62))
    return made


PICTURES = {"Lake in the evening.jpg": evening, "Garden plan.png": plan}
"""The contents of those that have a thumbnail; what is behind a picture's end is not looked at."""


def main() -> None:
    """Lay the files and take the pictures."""
    folder = Path(sys.argv[1]).absolute()
    world = page_world()
    for name, (size, day) in FILES.items():
        path = Path(world.server.path(name))
        path.parent.mkdir(exist_ok=True)
        if name in PICTURES:
            PICTURES[name]().save(path)
        with open(path, "ab") as file:
            file.truncate(size)
        noon = calendar.timegm((*day, 12, 0, 0))
        for each in (path, path.parent):
            os.utime(each, (noon, noon))
    with sync_playwright() as playwright:
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        world.browser = playwright.chromium.launch(executable_path=needs.program("chromium"), args=options)
        for name, (size, colors) in VIEWS.items():
            context = world.context(viewport=size, color_scheme=colors, device_scale_factor=2)
            page = context.new_page()
            page.goto(world.url)
            expect(page.get_by_text(" free")).to_be_visible()
            expect(page.locator(".row .sign img")).to_have_count(len(PICTURES))
            page.wait_for_load_state("networkidle")  # the thumbnails are there
            page.screenshot(path=folder / name)
            context.close()


if __name__ == "__main__":
    main()
