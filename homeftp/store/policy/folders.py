"""A directory that leads to an account's folders shows those folders, and nothing beside them.

`AuthorizedStore` calls these with itself as the `account`, and with the `names` that its rights give in that directory.
The result of each folder is named as it is seen from the directory.
"""

from __future__ import annotations

from typing import Iterator, Sequence

import attrs
from msgspec import structs

from homeftp.endpoint import Endpoint, FolderSet
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IHistory, IStore
from homeftp.model import ListingPage, Verification, Version

Names = Sequence[str]


def list_folders(
    account: IStore, endpoint: Endpoint, names: Names, recursive: bool, hidden: FolderSet
) -> Iterator[ListingPage]:
    """The names that exist, and with `recursive` what is in each."""
    yield ListingPage(())
    for name in names:
        folder = endpoint.beneath(name)
        found = account.stat(folder)
        if found is None:
            continue
        yield ListingPage((structs.replace(found, name=name),))
        if recursive and found.kind == "directory":
            for page in account.list(folder, True, hidden):
                entries = tuple(structs.replace(each, name=_path(name, each.name)) for each in page.entries)
                yield ListingPage(entries, _skipped(name, page.skipped))


def list_versions(account: IStore, endpoint: Endpoint, names: Names, hidden: FolderSet) -> Iterator[Sequence[Version]]:
    """The versions in each folder."""
    for name in names:
        for page in account.versions(endpoint.beneath(name), hidden):
            yield [attrs.evolve(each, name=_path(name, each.name)) for each in page]


def list_timelines(
    account: IHistory, endpoint: Endpoint, names: Names, since_us: int, depth: int | None, hidden: FolderSet
) -> Iterator[Sequence[Timeline]]:
    """The timelines of each folder."""
    for name in names if depth != 0 else ():
        below = None if depth is None else depth - 1
        for page in account.timelines(endpoint.beneath(name), since_us, depth=below, hidden=hidden):
            yield [structs.replace(each, name=_path(name, each.name)) for each in page]


def verify_folders(
    account: IStore, endpoint: Endpoint, names: Names, since_us: int, hidden: FolderSet
) -> Iterator[Verification]:
    """Read each folder that exists again."""
    for name in names:
        folder = endpoint.beneath(name)
        if account.stat(folder) is not None:
            for step in account.verify(folder, since_us, hidden):
                damages = tuple(structs.replace(each, name=_path(name, each.name)) for each in step.damages)
                yield structs.replace(step, damages=damages, skipped=_skipped(name, step.skipped))


def _path(name: str, beneath: str) -> str:
    """The path of something that its folder calls `beneath`; that is "" for the folder itself."""
    return f"{name}/{beneath}" if beneath else name


def _skipped(name: str, skipped: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((f"{name}/{beneath}", reason) for beneath, reason in skipped)
