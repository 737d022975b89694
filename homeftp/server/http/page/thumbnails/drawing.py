"""The program that draws thumbnails, in a process of its own. It opens no file: it reads pictures, writes thumbnails.

`python -I drawing.py` reads requests from standard input, one at a time: the size of a picture as 4 bytes, and the
picture. It answers each on standard output: the size of the thumbnail, and the thumbnail, which is empty where there is
none. Each picture is decoded in a child of its own, which has limits and nothing but a pipe to write to: a picture that
takes a decoder over learns of no other picture. Nothing of homeftp is imported here.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import select
import signal
import struct
import time
from typing import Callable, NoReturn

SIZE = struct.Struct(">I")
"""The size of a picture, and of a thumbnail."""

MAX_THUMBNAIL = 64 * 1024
"""Bytes of a thumbnail, at most; most have five thousand."""

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
"""The decoders that are used, whatever a file's name says: those that pictures of phones and of the web need."""

SIDE = 192
"""Pixels of its longer side: 64 of a phone's display with three pixels for each."""

MAX_PIXELS = 40_000_000
"""Pixels that are decoded, at most. JPEG is decoded at an eighth of its size, so that all cameras' pictures fit."""

MAX_JPEG_PIXELS = 300_000_000
"""Pixels of a JPEG, at most: cameras of phones have up to 200 million."""

SECONDS = 10
"""For one picture: of the processor, and by the clock. A picture of 50 million pixels takes a tenth of a second."""

MEMORY = 512 * 1024 * 1024
"""Bytes of address space of a child: 40 million pixels of four bytes, with what decoders need, and the program."""

_QUALITY = 70
_NICE = 10
"""Transfers come first."""
_PIECE = 64 * 1024
_READ = 1024 * 1024
_MOST_DESCRIPTORS = 65536


def draw(content: bytes) -> bytes:
    """The thumbnail of a picture, as WebP; b"" where it has none. Raises whatever the decoder raises."""
    from PIL import AvifImagePlugin, Image, ImageOps

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a child may start none
    Image.MAX_IMAGE_PIXELS = None  # the limits here are lower, and refuse
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        width, height = picture.size
        if width * height > MAX_JPEG_PIXELS:
            return b""
        picture.draft("RGB", (SIDE, SIDE))  # only JPEG can
        if picture.size[0] * picture.size[1] > MAX_PIXELS:
            return b""
        picture.thumbnail((SIDE, SIDE), reducing_gap=2.0)
        upright = ImageOps.exif_transpose(picture)
        made = io.BytesIO()
        alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
        upright.convert("RGBA" if alpha else "RGB").save(made, "WEBP", quality=_QUALITY)
    thumbnail = made.getvalue()
    return thumbnail if len(thumbnail) <= MAX_THUMBNAIL else b""


def limit_resources(seconds: int) -> None:
    """Bound what this process may use, and end it in any case when `seconds` are over."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(kind, (most, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)


def drawn_apart(content: bytes, drawing: Callable[[bytes], bytes], seconds: int) -> bytes:
    """The thumbnail that a child makes by `drawing`; b"" where that fails, is too long, or takes too long."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _be_child(content, drawing, seconds, writing)
    os.close(writing)
    try:
        return _read_within(reading, seconds)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _be_child(content: bytes, drawing: Callable[[bytes], bytes], seconds: int, writing: int) -> NoReturn:
    """Draw, say what was drawn, and end."""
    try:
        os.closerange(0, writing)  # what else there is to read and write belongs to other pictures
        os.closerange(writing + 1, _descriptors())
        limit_resources(seconds)
        thumbnail = drawing(content)
        answer = SIZE.pack(len(thumbnail)) + thumbnail
        while answer:
            answer = answer[os.write(writing, answer) :]
    finally:
        os._exit(0)


def _descriptors() -> int:
    return min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _MOST_DESCRIPTORS)


def _read_within(reading: int, seconds: int) -> bytes:
    """The output of a child when it ends: whole, within its time, and no more than a thumbnail; else b""."""
    found = bytearray()
    end = time.monotonic() + seconds
    while len(found) <= SIZE.size + MAX_THUMBNAIL:
        if not select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
            return b""
        piece = os.read(reading, _PIECE)
        if not piece:
            break
        found += piece
    size, thumbnail = found[: SIZE.size], bytes(found[SIZE.size :])
    whole = len(size) == SIZE.size and SIZE.unpack(size)[0] == len(thumbnail) <= MAX_THUMBNAIL
    return thumbnail if whole else b""


def _read_exactly(descriptor: int, size: int) -> bytes | None:
    """Read `size` bytes; None at the end of the input."""
    found = bytearray()
    while len(found) < size:
        piece = os.read(descriptor, min(size - len(found), _READ))
        if not piece:
            return None
        found += piece
    return bytes(found)


def serve(requests: int, answers: int, drawing: Callable[[bytes], bytes] = draw, seconds: int = SECONDS) -> None:
    """Answer what is asked on one descriptor on another, until nothing is asked any more."""
    while (head := _read_exactly(requests, SIZE.size)) is not None:
        content = _read_exactly(requests, SIZE.unpack(head)[0])
        if content is None:
            return
        thumbnail = drawn_apart(content, drawing, seconds)
        del content
        answer = SIZE.pack(len(thumbnail)) + thumbnail
        while answer:
            answer = answer[os.write(answers, answer) :]


if __name__ == "__main__":
    from PIL import Image, ImageOps  # noqa: F401 (children inherit what is imported)

    with contextlib.suppress(PermissionError):  # in a sandbox that does not allow it
        os.nice(_NICE)
    Image.preinit()
    import PIL.AvifImagePlugin
    import PIL.WebPImagePlugin  # noqa: F401

    serve(0, 1)
