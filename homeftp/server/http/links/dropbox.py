"""Files that a form adds to a folder: each is stored as it arrives, under a name that is free, or not at all."""

from __future__ import annotations

from typing import Awaitable, Callable

import attrs

from homeftp.config import PIECE
from homeftp.endpoint import ROOT
from homeftp.errors import Forbidden, Refusal
from homeftp.interfaces import IFileDraft, IFiles, IPayload
from homeftp.model import ABSENT, WriteRequest
from homeftp.server.http.links.formdata import FormReader, PartBegin, PartData, kept_name, numbered

MOST_IN_A_ROW = 10
"""Numbers that are tried one after another for a name that is taken; behind them each is twice the last."""

MOST_NUMBER = 1_000_000
"""The highest number that a name gets: two dozen names are tried for one file, at most."""


@attrs.define
class Received:
    """The results of the files of a form, in its order."""

    stored: list[str] = attrs.field(factory=list)
    """The names under which they are."""
    refused: list[tuple[str, Refusal]] = attrs.field(factory=list)
    """The names of the others, each with the reason."""


Note = Callable[[str, Refusal], Awaitable[None]]
"""Records that a file of this name was refused, and why."""


class DropBox:
    """Receives one form into the root of `files`, which may add and nothing else. `begin` is called before a file.

    That a name is taken shows only when it is tried, and is no refusal: `files` record none, and `note` those of files.
    """

    def __init__(self, files: IFiles, begin: Callable[[], Awaitable[None]], note: Note) -> None:
        self._files = files
        self._begin = begin
        self._note = note
        self._draft: IFileDraft | None = None
        self._name = ""
        self._given = ""
        self._offset = 0
        self._held = bytearray()
        self._numbers: dict[str, int] = {}
        """The number for the next file of that name in this form: phones call all of them `image.jpg`."""
        self.received = Received()

    async def receive(self, body: IPayload, content_type: str | None) -> Received:
        """Store each file of a form.

        Raises `BadRequest` (20) where it is none, `TooLarge` (22), and what `begin` and the body raise: the files that
        were complete by then stay.
        """
        reader = FormReader(content_type)
        try:
            while data := await body.read():
                for event in reader.feed(data):
                    if isinstance(event, PartBegin):
                        await self._open(event)
                    elif isinstance(event, PartData):
                        await self._write(event.data)
                    else:
                        await self._commit()
            reader.end()
        finally:
            if self._draft is not None:
                await self._draft.abort()
        return self.received

    async def _open(self, part: PartBegin) -> None:
        self._draft, self._given = None, ""
        if not part.filename:
            return
        await self._begin()
        self._given, self._offset = part.filename, 0
        name = kept_name(part.filename)
        number = self._numbers.get(name, 1)
        reason: Refusal = Forbidden("too many files have this name")
        while number <= MOST_NUMBER:
            self._name = name if number == 1 else numbered(name, number)
            try:
                request = WriteRequest(endpoint=ROOT.beneath(self._name), precondition=ABSENT)
                self._draft = await self._files.edit(request)
                self._numbers[name] = number + 1
                return
            except Forbidden as refused:  # something has that name: who sees nothing is told no more than this
                reason = refused
                number = number + 1 if number < MOST_IN_A_ROW else 2 * number
            except Refusal as refused:
                return await self._refuse(refused)
        self._numbers[name] = number
        await self._refuse(reason)

    async def _write(self, data: bytes) -> None:
        if self._draft is None:
            return
        self._held += data
        if len(self._held) >= PIECE:
            await self._flush()

    async def _flush(self) -> None:
        held, self._held = bytes(self._held), bytearray()
        assert self._draft is not None
        for start in range(0, len(held), PIECE):
            piece = held[start : start + PIECE]
            try:
                await self._draft.write(self._offset, piece)
            except Refusal as refused:
                await self._give_up(refused)
                return
            self._offset += len(piece)

    async def _commit(self) -> None:
        if self._draft is not None and self._held:
            await self._flush()
        if self._draft is None:
            return
        draft, self._draft = self._draft, None
        try:
            await draft.commit()
        except Refusal as refused:
            await self._refuse(refused)
        else:
            self.received.stored.append(self._name)

    async def _give_up(self, refused: Refusal) -> None:
        """The rest of the file is read, and thrown away."""
        draft, self._draft = self._draft, None
        if draft is not None:
            await draft.abort()
        await self._refuse(refused)

    async def _refuse(self, refused: Refusal) -> None:
        self._held = bytearray()
        self.received.refused.append((self._given, refused))
        await self._note(self._name, refused)
