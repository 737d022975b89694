"""Draws docs/pictures/cost.svg: how the cost grows with the number of files. Run performance.py."""

import math

import measured
from speed_picture import COLORS, INK, PALE, picture, text

STEPS = {"up": "sent", "down": "fetched", "up, the same": "sent again, nothing changed"}
LOADS = ("thousand", "ten-thousand", "many", "million")
PROGRAMS = ("homeftp", "rsync", "rsync --fsync")
WIDTH, PANEL, LEFT, HEIGHT, TOP, BOTTOM = 940, 200, 60, 250, 138, 64
STRIDE = 300
"""From a panel to the next: a panel, and the names at the ends of its lines."""
APART = 15
"""Between two names."""


def points(found, step):
    """For each program, how many files took how many seconds."""
    lines = {}
    for name in LOADS:
        load = found["loads"].get(name)
        for program in PROGRAMS if load else ():
            cost = measured.median(load, step, program)
            if cost:
                lines.setdefault(program, []).append((load["files"], cost[0]))
    return lines


def placed(ends):
    """Where the names go: at the ends of their lines, but not over each other."""
    places, last = {}, -math.inf
    for y, name in sorted((y, name) for name, y in ends.items()):
        last = max(y, last + APART)
        places[name] = last
    return places


def draw(found):
    """The picture: both axes are logarithmic, so a cost for each file that stays the same is a straight slope."""
    curves = {step: points(found, step) for step in STEPS}
    every = [point for lines in curves.values() for line in lines.values() for point in line]
    files = sorted({count for count, _ in every})
    low = math.floor(math.log10(min(seconds for _, seconds in every)))
    high = math.ceil(math.log10(max(seconds for _, seconds in every)))
    first, last = (math.log10(count) for count in (files[0], files[-1]))

    def height(seconds):
        return TOP + HEIGHT * (high - math.log10(seconds)) / (high - low)

    sizes = {found["loads"][name]["size"] for name in LOADS if name in found["loads"]}
    spoken = [*measured.about(found), f"Files of {min(sizes):,} bytes; both axes are logarithmic."]
    drawn = [text(20, 26 + 18 * line, words, fill=PALE) for line, words in enumerate(spoken)]
    for number, (step, done) in enumerate(STEPS.items()):
        left = LEFT + number * STRIDE
        drawn.append(text(left, TOP - 14, f"Files {done}", font_weight="bold"))
        spoken.append(f"Files {done}.")
        for power in range(low, high + 1):
            y = height(10**power)
            label = f"{10**power:g} s"
            drawn.append(f'<path d="M{left} {y:.1f}h{PANEL}" stroke="#d5dce1" fill="none"/>')
            drawn.append(text(left - 6, f"{y + 4:.1f}", label, text_anchor="end", fill=PALE, font_size=11))
            spoken.append(f"{label} is marked.")
        for count in files:
            x = left + PANEL * (math.log10(count) - first) / (last - first)
            drawn.append(
                text(f"{x:.1f}", TOP + HEIGHT + 20, f"{count:,}", text_anchor="middle", fill=PALE, font_size=11)
            )
            spoken.append(f"{count:,} is marked.")
        ends = {}
        for name, line in curves[step].items():
            at = [
                (left + PANEL * (math.log10(count) - first) / (last - first), height(seconds))
                for count, seconds in line
            ]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
            drawn.append(f'<polyline points="{path}" stroke="{COLORS[name]}" stroke-width="2" fill="none"/>')
            drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLORS[name]}"/>' for x, y in at]
            ends[name] = at[-1][1]
            spoken += [f"{count:,} files, {name}: {seconds:.2f} seconds." for count, seconds in line]
        for name, y in placed(ends).items():
            drawn.append(text(left + PANEL + 8, f"{y + 4:.1f}", name, fill=INK, font_size=12))
    drawn.append(text(LEFT, TOP + HEIGHT + 44, "files", fill=PALE))
    return picture("How the time grows with the number of files", spoken, drawn, WIDTH, TOP + HEIGHT + BOTTOM)
