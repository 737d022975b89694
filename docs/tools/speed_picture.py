"""Draws docs/pictures/speed.svg: bars for small files and for a large one. Run performance.py."""

import html
import statistics

import measured

COLORS = {
    "homeftp": "#0b6e4f",
    "rsync": "#8a5a00",
    "rsync --fsync": "#b8860b",
    "rsync -c": "#b8860b",
    "sftp": "#4a4e9e",
    "rclone": "#7a7f85",
}
INK, PALE = "#1c252c", "#44505a"
PANELS = (
    ("small", "up", "sent"),
    ("small", "down", "fetched"),
    ("small", "up, the same", "sent again, nothing changed"),
    ("large", "up", "sent"),
    ("large", "down", "fetched"),
)
"""A load, a step, and what is done in it."""
WIDTH, LEFT, ROW, TITLE, GAP, TOP = 880, 130, 22, 28, 18, 102
BARS = 660
"""The length of the longest bar of a panel."""


def text(x, y, words, **attributes):
    """A text element."""
    given = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f'<text x="{x}" y="{y}"{given}>{html.escape(words, quote=False)}</text>'


def panel(title, runs, drawn, spoken, y):
    """Draw one panel from `y` on; gives where it ends."""
    drawn.append(text(20, y + 16, f"{title}, seconds", font_weight="bold"))
    y += TITLE
    longest = max(map(max, runs.values()))
    for name, values in runs.items():
        median = statistics.median(values)
        length, least, most = (BARS * each / longest for each in (median, min(values), max(values)))
        middle = y + ROW / 2
        drawn.append(text(LEFT, middle + 4, name, text_anchor="end"))
        drawn.append(
            f'<rect x="{LEFT + 8}" y="{y + 3}" width="{length:.1f}" height="{ROW - 6}" fill="{COLORS[name]}"/>'
        )
        drawn.append(f'<path d="M{LEFT + 8 + least:.1f} {middle}H{LEFT + 8 + most:.1f}" stroke="{INK}" fill="none"/>')
        drawn.append(text(f"{LEFT + 14 + most:.1f}", middle + 4, f"{median:.2f}"))
        spoken.append(f"{title}, {name}: {median:.2f} seconds.")
        y += ROW
    return y + GAP


def picture(title, spoken, drawn, width, height):
    """The elements as a picture with a title, and with its text for those who do not see it."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" role="img" '
            'aria-labelledby="title text">',
            f'<title id="title">{title}</title>',
            f'<desc id="text">{html.escape(" ".join(spoken), quote=False)}</desc>',
            f'<rect width="{width}" height="{height:.0f}" rx="10" fill="#f7f9fa" stroke="#c3ccd3"/>',
            f'<g font-family="system-ui, \'DejaVu Sans\', sans-serif" font-size="13" fill="{INK}">',
            *drawn,
            "</g>",
            "</svg>",
            "",
        ]
    )


def draw(found):
    """The picture."""
    about = [*measured.about(found)]
    about[-1] += " The thin line is the fastest to the slowest."
    drawn = [text(20, 26 + 18 * line, words, fill=PALE) for line, words in enumerate(about)]
    spoken = about
    y = TOP
    for name, step, done in PANELS:
        load = found["loads"].get(name, {"seconds": {}})
        if step in load["seconds"]:
            y = panel(f"{measured.amount(load)}, {done}", measured.walls(load, step), drawn, spoken, y)
    return picture("How long homeftp and other programs take", spoken, drawn, WIDTH, y)
