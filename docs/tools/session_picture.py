"""Draws docs/pictures/session.svg: what people see of a server and a client, from a real session.

    python docs/tools/session_picture.py docs/pictures/session.svg

It starts a server on loopback, runs every command of `SCENES` at a terminal,
and draws what they print, word for word. Only what is another text in each run
is replaced: the path of the shared folder, addresses, pairing codes,
fingerprints, the time now, and how long a transfer took. So the same homeftp makes the same picture.
"""

import html
import os
import pty
import re
import select
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path

CODE = "4821-guitar-pine"
SERVER, LAPTOP = "# On the computer at home", "# On the laptop, once"
CHANGE = "echo >> Photos/2026/beach.jpg"
SCENES = [
    (LAPTOP, "homeftp pair {address} --name nas --device laptop"),
    ("# From then on", "homeftp push -r Photos nas:Photos"),
    ("", "homeftp push -r Photos nas:Photos"),
    ("# Is my copy the same as yours?", "homeftp cmp Photos nas:Photos"),
    ("", CHANGE),
    ("", "homeftp cmp Photos nas:Photos"),
    ("# The server keeps what is replaced", "homeftp push -r Photos nas:Photos"),
    ("", "homeftp versions nas:Photos"),
]
"""What stands above a command, and the command."""

SECONDS = 60
COLUMNS = 100
LINE, CHARACTER, MARGIN, BAR = 20, 8.4, 20, 34
"""Sizes in the units of the picture."""
BACKGROUND, FOREGROUND, PROMPT, COMMENT = "#15202b", "#d7dfe6", "#7fd1a8", "#8fa3b5"
REPLACED = [
    (r"/\S*/home/Shared", "/home/anna/Shared"),
    (r"tcp:0:interface=127\.0\.0\.1 \(\S*\)", "tcp:8421 (0.0.0.0:8421)"),
    (r"127\.0\.0\.1:\d+", "192.168.1.10"),
    (r"[0-9]{4}-[a-z]+-[a-z]+", CODE),
    (r"SHA256:[0-9a-f]{8,64}", "SHA256:5f0c9a17"),
    (r" in \d+\.\d s", " in 0.3 s"),
    (r"(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", "2026-11-28 18:02:41.093127"),
]


class Machine:
    """Where commands run: its home folder, and the environment."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        folder.mkdir()
        tools = folder / "bin"
        tools.mkdir()
        program = tools / "homeftp"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m homeftp "$@"\n')
        program.chmod(0o755)
        self.environment = {
            "HOME": str(folder),
            "HOMEFTP_HOME": str(folder / ".config"),
            "HOMEFTP_RUNTIME": str(folder.parent),
            "LC_ALL": "C.UTF-8",
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "TERM": "dumb",
            "TZ": "UTC",
        }

    def start(self, command: str) -> tuple[int, int]:
        """Start a command at a terminal; its process id, and the terminal."""
        child, terminal = pty.fork()
        if not child:
            os.chdir(self.home)
            os.execvpe("sh", ["sh", "-c", f"stty cols {COLUMNS}; {command}"], self.environment)
        return child, terminal


def read(terminal: int, until: str = "") -> str:
    """What a terminal shows until this text appears, or until the command ends."""
    shown = b""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                data = os.read(terminal, 4096)
            except OSError:  # the command has ended
                return shown.decode()
            if not data:
                return shown.decode()
            shown += data
            if until and re.search(until, shown.decode(errors="replace")):
                return shown.decode()
    sys.exit(f"no {until or 'end'!r} in: {shown.decode()}")


def make_photos(folder: Path) -> None:
    """The same files each time."""
    for name, size in (("2025/garden.jpg", 2_400_000), ("2026/beach.jpg", 3_100_000), ("2026/boat.jpg", 2_800_000)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * (size // len(name)))
        os.utime(path, (1_764_330_000, 1_764_330_000))


def record() -> list[str]:
    """The lines of the session."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        home, laptop = Machine(folder / "home"), Machine(folder / "laptop")
        (home.home / "Shared").mkdir()
        make_photos(laptop.home / "Photos")
        command = "homeftp serve ~/Shared"
        server, terminal = home.start(f"exec {command} --state ~/state --listen tcp:0:interface=127.0.0.1")
        try:
            shown = read(terminal, until=r"homeftp pair .*\n")
            port = re.findall(r":(\d+)\)", shown)[0]
            shown += read(terminal, until=r"\d{4}-[a-z]+-[a-z]+") if not re.search(r"\d{4}-[a-z]+-", shown) else ""
            code = re.findall(r"\d{4}-[a-z]+-[a-z]+", shown)[0]
            lines = [SERVER, f"$ {command}", *clean(shown)]
            for title, command in SCENES:
                lines += ["", title] if title else []
                lines.append(
                    f"$ {command.format_map({'address': '192.168.1.10'}) if 'address' in command else command}"
                )
                command = command.replace("{address}", f"127.0.0.1:{port}")
                child, screen = laptop.start(command)
                output = ""
                if "pair" in command:
                    output = read(screen, until="(?i)code.*: ?$")
                    os.write(screen, f"{code}\n".encode())
                output += read(screen)
                os.waitpid(child, 0)
                os.close(screen)
                lines += clean(output)
        finally:
            os.kill(server, signal.SIGTERM)
            os.waitpid(server, 0)
            os.close(terminal)
    return lines


def clean(shown: str) -> list[str]:
    """The lines that were shown, with fixed text in place of what differs from run to run."""
    for pattern, text in REPLACED:
        shown = re.sub(pattern, text, shown)
    return [line.rstrip() for line in shown.replace("\r\n", "\n").splitlines() if line.strip()]


def wrapped(line: str) -> list[str]:
    """A line as a terminal wraps it."""
    return [line[start : start + COLUMNS] for start in range(0, len(line), COLUMNS)] or [""]


def draw(lines: list[str]) -> str:
    """The picture. Its text is text: it can be read aloud, searched and copied."""
    rows = [(part, line) for line in lines for part in wrapped(line)]
    width, height = int(COLUMNS * CHARACTER) + 2 * MARGIN, BAR + MARGIN + LINE * len(rows)
    spoken = html.escape("\n".join(lines), quote=False)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="title text">',
        '<title id="title">A session with homeftp</title>',
        f'<desc id="text">{spoken}</desc>',
        f'<rect width="{width}" height="{height}" rx="10" fill="{BACKGROUND}" stroke="#51606e"/>',
    ]
    drawn += [f'<circle cx="{MARGIN + 18 * number}" cy="18" r="5.5" fill="#51606e"/>' for number in range(3)]
    drawn.append('<g font-family="ui-monospace, Menlo, Consolas, \'DejaVu Sans Mono\', monospace" font-size="14">')
    for number, (row, line) in enumerate(rows):
        if not row:
            continue
        color = COMMENT if line.startswith("# ") else PROMPT if line.startswith("$ ") else FOREGROUND
        drawn.append(
            f'<text x="{MARGIN}" y="{BAR + LINE * (number + 1) - 5}" fill="{color}" xml:space="preserve" '
            f'textLength="{len(row) * CHARACTER:.1f}" lengthAdjust="spacingAndGlyphs">'
            f"{html.escape(row, quote=False)}</text>"
        )
    return "\n".join([*drawn, "</g>", "</svg>", ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(record()), encoding="utf-8")
