"""A folder, or some of what it holds, as one ZIP file that is made while it is sent.

Nothing is compressed: most of what takes space in a home is compressed already, and the server's processor is needed.
The names are those of the store, whose rules let none leave the folder into which the file is unpacked.
"""

from __future__ import annotations

import struct
import time
import zipfile
from itertools import groupby
from typing import AsyncGenerator, AsyncIterator, Sequence

import attrs

from homeftp.config import PIECE, SMALL_FILE
from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, Refusal, TooLarge, counted
from homeftp.interfaces import FileContent, IFiles, IFileStream
from homeftp.model import SECOND_US, Entry

MOST_MEMBERS = 50_000
"""Files and folders of one ZIP file, at most: its table of contents is kept in memory until its end."""

MISSING = "NOT-INCLUDED.txt"
"""The name of a file in it that says what is missing, where something is."""

_FIRST_TIME = (1980, 1, 1, 0, 0, 0)
_LAST_YEAR = 2107
"""The last year that a ZIP file can hold."""

_UNIX = 3
_MODE_SHIFT = 16
_DOS_FOLDER = 0x10
"""Where a ZIP file that was made on Unix has the mode, and what other systems know a folder by (APPNOTE, 4.4.15)."""

_TIMESTAMP = struct.Struct("<HHBl")
_TIMESTAMP_HEAD = (0x5455, 5, 1)
_TIMESTAMP_END = 2**31
"""The extra field with a time in UTC, as Info-ZIP writes it: its id, size and flags."""


@attrs.frozen
class ArchiveMember:
    """A file or a folder that is to be in the ZIP file."""

    name: str
    """Its path in there."""
    endpoint: Endpoint
    entry: Entry


async def members_of(files: IFiles, folder: Endpoint, names: Sequence[str], top: str) -> list[ArchiveMember]:
    """The members of a folder's ZIP file, beneath `top`; with `names` only these entries of it, at the top.

    Raises `NotFound` (40), and `TooLarge` (22) for more than `MOST_MEMBERS`. The names are known before anything is
    sent, so that no listing is kept open for as long as a slow client downloads.
    """
    found: list[ArchiveMember] = []
    if not names:
        await _add_folder(files, folder, top, found)
    for name in names:
        if not name:
            raise BadEndpoint("a name is empty")
        endpoint = folder.child(name)
        entry = await files.stat(endpoint)
        if entry is None:
            continue  # it was removed since the page listed it
        found.append(ArchiveMember(name, endpoint, entry))
        if entry.kind == "directory":
            await _add_folder(files, endpoint, name, found)
    return found


async def _add_folder(files: IFiles, folder: Endpoint, top: str, found: list[ArchiveMember]) -> None:
    pages = files.list(folder, recursive=True)
    try:
        async for page in pages:
            found += [ArchiveMember(f"{top}/{entry.name}", folder.at(entry.name), entry) for entry in page.entries]
            if len(found) > MOST_MEMBERS:
                most = counted(MOST_MEMBERS, "file")
                raise TooLarge(f"this folder has more than {most}: download the folders in it one by one")
    finally:
        await pages.aclose()


class _Sink:
    """The file that `zipfile` writes into: it can neither seek nor tell, so each member is followed by its size."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0
        """Bytes that were written since the last time."""

    def write(self, data: bytes, /) -> int:
        self._pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is behind it."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> bytes:
        """The bytes that were written since the last call."""
        data = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return data


async def archive(files: IFiles, members: Sequence[ArchiveMember]) -> AsyncIterator[bytes]:
    """The ZIP file, piece by piece, no faster than they are asked for.

    What is refused before its content begins is left out, and named in a file at the end. What fails later is raised:
    the download breaks off, and is not taken for complete.
    """
    sink = _Sink()
    missing: list[str] = []
    contents = _contents(files, members)
    try:
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as made:
            async for member, found in contents:
                large: IFileStream | None = None
                try:
                    if member.entry.kind == "directory":
                        made.writestr(_info(member.name + "/", member.entry), b"")
                    elif isinstance(found, FileContent):
                        made.writestr(_info(member.name, found.entry), found.content)
                    elif found is not None and not isinstance(found, TooLarge):
                        raise found
                    else:
                        large = await files.open(member.endpoint)
                except Refusal as refusal:
                    missing.append(f"{member.name}: {refusal.message}")
                if large is not None:
                    async for _ in _add_file(made, member.name, large):
                        yield sink.take()
                if sink.size >= PIECE:
                    yield sink.take()
            if missing:
                made.writestr(_info(MISSING, None), ("\r\n".join(missing) + "\r\n").encode())
    finally:
        await contents.aclose()
    yield sink.take()


async def _contents(
    files: IFiles, members: Sequence[ArchiveMember]
) -> AsyncGenerator[tuple[ArchiveMember, FileContent | Exception | None], None]:
    """Each member, with its content where it is small: many small files are read together."""
    for small, group in groupby(members, lambda each: each.entry.kind == "file" and each.entry.size <= SMALL_FILE):
        run = list(group)
        if not small:
            for member in run:
                yield member, None
            continue
        pages = files.read_batch([member.endpoint for member in run], list)
        try:
            left = iter(run)
            async for page in pages:
                for found, member in zip(page, left, strict=False):
                    yield member, found
        finally:
            await pages.aclose()


async def _add_file(made: zipfile.ZipFile, name: str, stream: IFileStream) -> AsyncIterator[int]:
    """Write one file; gives the bytes of each piece that is written."""
    try:
        with made.open(_info(name, stream.entry), "w", force_zip64=True) as member:
            content = stream.payload(0, stream.entry.size)
            if isinstance(content, bytes):
                member.write(content)
            else:
                while piece := await content.read():
                    yield member.write(piece)
        await stream.close_verified()
        yield 0
    finally:
        await stream.close()


def _info(name: str, entry: Entry | None) -> zipfile.ZipInfo:
    """The name, mode and time of a member."""
    seconds = None if entry is None or entry.mtime_us is None else entry.mtime_us // SECOND_US
    info = zipfile.ZipInfo(name, _dos_time(time.time() if seconds is None else seconds))
    is_folder = name.endswith("/")
    mode = (0o755 if is_folder else 0o644) if entry is None or entry.mode is None else entry.mode
    kind, dos = (0o040000, _DOS_FOLDER) if is_folder else (0o100000, 0)
    info.external_attr = (kind | mode) << _MODE_SHIFT | dos
    info.create_system = _UNIX
    if seconds is not None and 0 <= seconds < _TIMESTAMP_END:
        info.extra = _TIMESTAMP.pack(*_TIMESTAMP_HEAD, seconds)
    return info


def _dos_time(seconds: float) -> tuple[int, int, int, int, int, int]:
    """A time as a ZIP file has it: local, from 1980 to 2107."""
    try:
        local = time.localtime(seconds)
    except (OverflowError, OSError, ValueError):
        return _FIRST_TIME
    if not _FIRST_TIME[0] <= local.tm_year <= _LAST_YEAR:
        return _FIRST_TIME
    return (local.tm_year, local.tm_mon, local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec)
