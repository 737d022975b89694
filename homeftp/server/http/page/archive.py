"""A folder, or some of what it holds, as one ZIP file that is made while it is sent.

Nothing is compressed: most of what takes space in a home is compressed already, and the server's processor is needed.
The names are those of the store, whose rules let none leave the folder into which the file is unpacked.
"""

from __future__ import annotations

from http import HTTPStatus
from itertools import groupby
from typing import AsyncGenerator, AsyncIterator, Iterator, Sequence

from homeftp.config import PIECE, SMALL_FILE
from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, Refusal, TooLarge
from homeftp.interfaces import FileContent, IFiles, IFileStream, ILogin
from homeftp.model import Entry
from homeftp.server.http.content import attachment
from homeftp.server.http.messages import HttpResponse
from homeftp.server.http.page.members import ArchiveMember, ArchiveMembers, ArchiveMemory
from homeftp.server.http.page.zipwriter import ZipWriter

MISSING = "NOT-INCLUDED.txt"
"""The name of a file in it that says what is missing, where something is."""


async def archive_response(
    memory: ArchiveMemory, login: ILogin, files: IFiles, folder: Endpoint, names: Sequence[str], top: str
) -> HttpResponse:
    """The response with a folder's ZIP file, which is called as `top`. Raises as `members_of`."""
    members = await members_of(memory, login.group, files, folder, names, top)

    async def close() -> None:
        members.close()

    headers = [("Content-Type", "application/zip"), attachment(f"{top}.zip"), ("Cache-Control", "no-store")]
    return HttpResponse(HTTPStatus.OK, headers, archive(files, members.pages()), close)


async def members_of(
    memory: ArchiveMemory, group: str, files: IFiles, folder: Endpoint, names: Sequence[str], top: str
) -> ArchiveMembers:
    """The members of a folder's ZIP file, beneath `top`; with `names` only these entries of it, at the top.

    Raises `NotFound` (40), `TooLarge` (22) for too many, and `Busy` (51). The names are known before anything is sent,
    so that no listing is kept open for as long as a slow client downloads.
    """
    found = ArchiveMembers(memory, group, folder, "" if names else f"{top}/")
    try:
        if not names:
            await _add_folder(files, folder, "", found)
        for name in names:
            if not name:
                raise BadEndpoint("a name is empty")
            endpoint = folder.child(name)
            entry = await files.stat(endpoint)
            # what was removed since the page listed it is refused when its content is read, and so named as missing
            found.add(name, [entry or Entry("", "file")])
            if entry is not None and entry.kind == "directory":
                await _add_folder(files, endpoint, name, found)
        found.pack()
    except BaseException:
        found.close()
        raise
    return found


async def _add_folder(files: IFiles, folder: Endpoint, top: str, found: ArchiveMembers) -> None:
    pages = files.list(folder, recursive=True)
    try:
        async for page in pages:
            found.add(top, page.entries)
    finally:
        await pages.aclose()


async def archive(files: IFiles, members: Iterator[list[ArchiveMember]]) -> AsyncIterator[bytes]:
    """The ZIP file, piece by piece, no faster than they are asked for.

    What is refused before its content begins is left out, and named in a file at the end. What fails later is raised:
    the download breaks off, and is not taken for complete.
    """
    made, held = ZipWriter(), bytearray()
    missing: list[str] = []
    contents = _contents(files, members)
    try:
        async for member, found in contents:
            large: IFileStream | None = None
            try:
                if member.entry.kind == "directory":
                    held += made.folder(member.name, member.entry)
                elif isinstance(found, FileContent):
                    held += made.file(member.name, found.entry, found.content)
                elif found is not None and not isinstance(found, TooLarge):
                    raise found
                else:
                    large = await files.open(member.endpoint)
            except Refusal as refusal:
                missing.append(f"{member.name}: {refusal.message}")
            if large is not None:
                async for piece in _large_file(made, member.name, large):
                    yield bytes(held) + piece
                    held.clear()
            if len(held) >= PIECE:
                yield bytes(held)
                held.clear()
        if missing:
            held += made.file(MISSING, None, ("\r\n".join(missing) + "\r\n").encode())
    finally:
        await contents.aclose()
    yield bytes(held)
    for piece in made.end():
        yield piece


async def _contents(
    files: IFiles, members: Iterator[list[ArchiveMember]]
) -> AsyncGenerator[tuple[ArchiveMember, FileContent | Exception | None], None]:
    """Each member, with its content where it is small: many small files are read together."""
    for page in members:
        for small, group in groupby(page, lambda each: each.entry.kind == "file" and each.entry.size <= SMALL_FILE):
            run = list(group)
            if not small:
                for member in run:
                    yield member, None
                continue
            batches = files.read_batch([member.endpoint for member in run], list)
            try:
                left = iter(run)
                async for batch in batches:
                    for found, member in zip(batch, left, strict=False):
                        yield member, found
            finally:
                await batches.aclose()


async def _large_file(made: ZipWriter, name: str, stream: IFileStream) -> AsyncIterator[bytes]:
    """The bytes of one file."""
    try:
        yield made.begin(name, stream.entry)
        content = stream.payload(0, stream.entry.size)
        if isinstance(content, bytes):
            yield made.piece(content)
        else:
            while piece := await content.read():
                yield made.piece(piece)
        await stream.close_verified()
        yield made.finish()
    finally:
        await stream.close()
