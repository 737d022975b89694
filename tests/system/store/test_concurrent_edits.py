"""Files that other programs edit while they are read and hashed."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock, Thread
from typing import Callable
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import Changed
from homeftp.store.local import read as reading
from homeftp.store.local.store import LocalStore
from tests.support.needs import LONG
from tests.support.stores import StoreCase, sha

READINGS = 20_000 if LONG else 1000

OFTEN = READINGS // 20
"""How many readings must succeed, and how many be refused."""

EDITS = 20
"""The file must be changed more often than that meanwhile."""

SECONDS = 120.0
"""At most."""


READERS = 8


SIZE = 256 * 1024


PIECE = 16 * 1024


Reading = Callable[[LocalStore], "str | None"]


def read_in_pieces(store: LocalStore) -> str | None:
    """Read in pieces and verify, as a large file is sent."""
    file = store.open(parse("file"))
    try:
        content = b"".join(file.read(offset, PIECE) for offset in range(0, file.entry.size, PIECE))
        known = file.entry.hash
        found = file.close_verified(None if known else sha(content)).hash
        return found if found == sha(content) else f"{found} for what has {sha(content)}"
    finally:
        file.close()


def read_at_once(store: LocalStore) -> str | None:
    """Read at once, as small files are sent."""
    (file,) = store.open_many([parse("file")], inline=2**24)
    if isinstance(file, Exception):
        raise file
    assert file.content is not None
    return file.entry.hash if file.entry.hash == sha(file.content) else f"{file.entry.hash} for other content"


def hash_only(store: LocalStore) -> str | None:
    """Hash only, as files are compared."""
    file = store.open(parse("file"))
    try:
        for _ in file.hash_steps():
            pass
        return file.entry.hash
    finally:
        file.close()


def look(store: LocalStore) -> str | None:
    """Stat, with the hash that is known."""
    found = store.stat(parse("file"))
    return None if found is None else found.hash


READINGS_OF: tuple[Reading, ...] = (read_in_pieces, read_at_once, hash_only, look)


class Editor(Thread):
    """Edits the file in all the ways in which programs do, and remembers every content that it had."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._chance = random.Random(13)
        self.over = Event()
        self.edits = 0
        self.contents: set[str | None] = {None}
        """Hashes."""
        self._now = b""
        self._replace()

    def run(self) -> None:
        """Edit until it is over, sometimes quickly and sometimes slowly."""
        ways = [self._replace, self._overwrite, self._in_place, self._append, self._shorten]
        while not self.over.is_set():
            self._chance.choice(ways)()
            self.edits += 1
            self.over.wait(self._chance.choice([0, 0.001, 0.005, 0.03]))

    def _becomes(self, content: bytes) -> bytes:
        self._now = content
        self.contents.add(sha(content))
        return content

    def _new(self) -> bytes:
        return self._becomes(self._chance.randbytes(16) * (SIZE // 16))

    def _replace(self) -> None:
        with open(self._path + ".new", "wb") as file:
            file.write(self._new())
        os.replace(self._path + ".new", self._path)

    def _overwrite(self) -> None:
        with open(self._path, "r+b", buffering=0) as file:
            file.truncate(len(self._becomes(b"")))
            file.write(self._new())

    def _in_place(self) -> None:
        at = self._chance.randrange(len(self._now))
        with open(self._path, "r+b", buffering=0) as file:
            file.seek(at)
            file.write(self._becomes(self._now[:at] + b"!" + self._now[at + 1 :])[at : at + 1])

    def _append(self) -> None:
        with open(self._path, "ab", buffering=0) as file:
            file.write(self._becomes(self._now + self._chance.randbytes(PIECE))[-PIECE:])

    def _shorten(self) -> None:
        os.truncate(self._path, len(self._becomes(self._now[: -self._chance.randrange(1, SIZE // 2)])))


CONTROL_RACES = 5


class EditTests(StoreCase):
    """Many readers and one editor, on the disk that people have."""

    mktemp = SynchronousTestCase.mktemp

    def race(self, store: LocalStore) -> tuple[int, int, list[str]]:
        """The number of successful and refused readings, and every result that never was the file's content.

        It goes on until there were many of both, however seldom the editor has its turn.
        """
        editor = Editor(self.path("file"))
        wrong: list[str] = []
        well = refused = 0
        lock = Lock()
        end = time.monotonic() + SECONDS

        def read(number: int) -> None:
            nonlocal well, refused
            while min(well, refused) < OFTEN or well + refused < READINGS or editor.edits <= EDITS:
                if time.monotonic() > end:
                    return
                number += 1
                reading = READINGS_OF[number % len(READINGS_OF)]
                try:
                    found = reading(store)
                except Changed:
                    with lock:
                        refused += 1
                    continue
                with lock:
                    well += 1
                if found not in editor.contents:
                    wrong.append(f"{reading.__name__}: {found}")

        editor.start()
        try:
            with ThreadPoolExecutor(READERS) as pool:
                list(pool.map(read, range(READERS)))
        finally:
            editor.over.set()
            editor.join()
        self.assertGreater(editor.edits, EDITS)
        return well, refused, wrong

    def test_race(self) -> None:
        """A reading is the content of one moment, with its hash, or it is refused (44)."""
        well, refused, wrong = self.race(self.store())
        self.assertEqual(wrong, [])
        self.assertGreaterEqual(min(well, refused), OFTEN)

    def test_control(self) -> None:
        """Without the check for changes a mixture of contents is noticed, on a busy machine in one of a few races."""
        with patch.object(reading, "same_content", lambda *_: True):
            store = self.store()
            self.assertTrue(any(self.race(store)[2] for _ in range(CONTROL_RACES)))
