"""The program that draws thumbnails, and the pictures that attack it."""

from __future__ import annotations

import io
import os
import signal
import struct
import subprocess
import sys
import zlib
from typing import Any

from PIL import Image, UnidentifiedImageError
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.http.page.thumbnails import drawing


def picture(kind: str, width: int = 400, height: int = 300, colour: Any = (200, 30, 30), **given: Any) -> bytes:
    """A picture of one colour."""
    made = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(made, kind, **given)
    return made.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of so many black pixels, in a few bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    hundred = packer.compress(bytes(1 + width) * 100) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = struct.pack(">HH", (1 + width) * height % 65521, 1)  # Adler-32 of so many zeros
    lines = b"\x78\xda" + hundred * (height // 100) + packer.flush() + checksum
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def shown(thumbnail: bytes) -> Image.Image:
    """A thumbnail, decoded."""
    found = Image.open(io.BytesIO(thumbnail), formats=["WEBP"])
    found.load()
    return found


def hang(content: bytes) -> bytes:
    """A decoder that never ends."""
    while True:
        signal.pause()


def crash(content: bytes) -> bytes:
    """A decoder that dies."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return b"never"


def leave(content: bytes) -> bytes:
    """A decoder that was taken over: it tries to answer for other pictures, and to start a program."""
    for descriptor in range(3):
        try:
            os.write(descriptor, b"stolen")
        except OSError:
            continue
        return b"it has the answers of others"
    return b"nothing"


def greedy(content: bytes) -> bytes:
    """A decoder that wants more memory than there is for it."""
    return bytes(len(bytearray(drawing.MEMORY)) and 1)


def apart(drawing_: Any, content: bytes = b"x") -> bytes:
    """What comes of a drawing in a child, which has a second for it."""
    return drawing.drawn_apart(content, drawing_, 1)


class DrawTests(SynchronousTestCase):
    """What is drawn, and what is refused."""

    def test_drawn(self) -> None:
        """Each kind of picture gets a thumbnail of its own colours, no larger than it may be."""
        for kind in drawing.FORMATS:
            found = shown(drawing.draw(picture(kind)))
            self.assertEqual(found.size, (drawing.SIDE, drawing.SIDE * 3 // 4), kind)
            pixel: Any = found.convert("RGB").getpixel((50, 50))
            self.assertLess(max(abs(one - other) for one, other in zip(pixel, (200, 30, 30), strict=True)), 12, kind)

    def test_small(self) -> None:
        """A picture that is small already stays as large as it is."""
        self.assertEqual(shown(drawing.draw(picture("PNG", 20, 10))).size, (20, 10))

    def test_upright(self) -> None:
        """A camera that was held upright says so, and the thumbnail is upright."""
        exif = Image.Exif()
        exif[0x0112] = 6
        self.assertEqual(shown(drawing.draw(picture("JPEG", exif=exif))).size, (144, 192))

    def test_transparent(self) -> None:
        """What is transparent stays so."""
        made = io.BytesIO()
        Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(made, "PNG")
        pixel: Any = shown(drawing.draw(made.getvalue())).getpixel((9, 9))
        self.assertEqual(pixel[3], 0)

    def test_other_formats(self) -> None:
        """What no page of the web shows is not decoded, whatever it is called: TIFF, EPS, and others."""
        for kind in ("TIFF", "EPS", "PPM", "PCX", "ICNS", "PDF"):
            with self.assertRaises(UnidentifiedImageError, msg=kind):
                drawing.draw(picture(kind))

    def test_bomb(self) -> None:
        """A picture that would take gigabytes when it is decoded is refused before it is."""
        content = bomb(30_000, 30_000)
        self.assertLess(len(content), 1_000_000)
        self.assertEqual(drawing.draw(content), b"")
        self.assertNotEqual(drawing.draw(bomb(300, 300)), b"", "the control")

    def test_large_jpeg(self) -> None:
        """A JPEG is decoded at a part of its size: that of a camera with fifty million pixels has a thumbnail."""
        self.assertEqual(shown(drawing.draw(picture("JPEG", 8192, 6144))).size, (192, 144))

    def test_truncated(self) -> None:
        """Of a picture that is not whole there is no thumbnail, wherever it ends."""
        ends = [(kind, None) for kind in drawing.FORMATS] + [("PNG", end) for end in (0, 1, 20)]
        for kind, end in ends:
            content = picture(kind, colour=(1, 2, 3))
            cut = content[: len(content) // 2 if end is None else end]
            self.assertEqual(apart(drawing.draw, cut), b"", (kind, end))


class ApartTests(SynchronousTestCase):
    """Children."""

    def test_drawn(self) -> None:
        """What a child draws comes back."""
        self.assertEqual(apart(lambda content: content * 2, b"ab"), b"abab")

    def test_fails(self) -> None:
        """A child that hangs, dies, or wants too much is ended, and there is no thumbnail."""
        for each in (hang, crash, greedy):
            self.assertEqual(apart(each), b"", each.__name__)

    def test_too_long(self) -> None:
        """An answer that is longer than a thumbnail is none."""
        self.assertEqual(apart(lambda content: bytes(drawing.MAX_THUMBNAIL + 1)), b"")
        self.assertEqual(len(apart(lambda content: bytes(drawing.MAX_THUMBNAIL))), drawing.MAX_THUMBNAIL, "the control")

    def test_no_other_descriptors(self) -> None:
        """A child reads and writes nothing but its own answer."""
        self.assertEqual(apart(leave), b"nothing")


class ProgramTests(SynchronousTestCase):
    """The program as the server starts it."""

    def test_program(self) -> None:
        """It answers one picture after the other, also behind one that it cannot draw, and ends with its input."""
        self.assert_draws(drawing.__file__)

    def test_sandbox(self) -> None:
        """It draws in a sandbox that does not let it lower its priority."""
        refuse = "def refuse(by): raise PermissionError(1, 'not allowed')"
        run = f"import os, runpy\nos.nice = refuse\nrunpy.run_path({drawing.__file__!r}, run_name='__main__')"
        self.assert_draws("-c", f"{refuse}\n{run}")

    def assert_draws(self, *program: str) -> None:
        """Have a program draw three pictures, of which the second is none."""
        asked = b""
        for content in (picture("PNG"), b"no picture", picture("JPEG")):
            asked += drawing.SIZE.pack(len(content)) + content
        done = subprocess.run(
            [sys.executable, "-I", *program],
            input=asked,
            stdout=subprocess.PIPE,
            env={},
            check=True,
            timeout=60,
        )
        answers, rest = [], done.stdout
        while rest:
            (size,) = drawing.SIZE.unpack(rest[: drawing.SIZE.size])
            answers.append(rest[drawing.SIZE.size : drawing.SIZE.size + size])
            rest = rest[drawing.SIZE.size + size :]
        self.assertEqual([bool(each) for each in answers], [True, False, True])

    def test_half(self) -> None:
        """It ends where its input ends within a picture."""
        command = [sys.executable, "-I", drawing.__file__]
        done = subprocess.run(command, input=drawing.SIZE.pack(100) + b"x", stdout=subprocess.PIPE, env={}, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
