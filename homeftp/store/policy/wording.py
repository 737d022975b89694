"""How a store's messages name things, and the refusals that every backend words alike."""

from __future__ import annotations

from homeftp import errors
from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, BadRequest, Busy, Damaged, Forbidden, NoSpace, NotEmpty, NotFound, WrongKind


def display_path(endpoint: Endpoint) -> str:
    """An endpoint as messages show it: as its account sees it."""
    return str(endpoint) or "the shared folder"


def format_size(size: int) -> str:
    """A number of bytes for people."""
    for unit, scale in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return "1 byte" if size == 1 else f"{size} bytes"


def rough(size: int) -> int:
    """A number of bytes, rounded down to two digits: how much is free tells an account how much others store."""
    step = _step(size)
    return size // step * step


def rough_up(size: int) -> int:
    """A size, rounded up: a declared size may be compared only with that, or trying would tell the exact number."""
    step = _step(size)
    return -(-size // step) * step


def _step(size: int) -> int:
    """The value of the second digit of a number, the highest first."""
    return int(10 ** max(0, len(str(abs(size))) - 2))


def root_missing() -> Busy:
    """The refusal while the shared folder is not where it was opened."""
    return Busy(
        "the server's shared folder is not there at the moment, perhaps because its disk was unmounted. "
        "Ask the server's owner to mount it; nothing was changed"
    )


def not_mounted(endpoint: Endpoint) -> Busy:
    """The refusal of what lies on a disk that is not mounted in the shared folder at the moment."""
    return Busy(
        f"the server's disk for {display_path(endpoint)} is not mounted at the moment. "
        "Ask the server's owner to mount it; nothing was changed"
    )


def not_found(endpoint: Endpoint) -> NotFound:
    """The refusal where nothing exists."""
    return errors.not_found(str(endpoint))


def damaged(endpoint: Endpoint) -> Damaged:
    """The refusal of a content that the store has not kept."""
    return Damaged(
        f"{display_path(endpoint)} is damaged on the server: its disk has not kept the content. Push the file again, "
        "or restore a version of it"
    )


def damaged_version(endpoint: Endpoint) -> Damaged:
    """The refusal of a version that the store has not kept."""
    return Damaged(
        f"that version of {display_path(endpoint)} is damaged: the server's disk has not kept it. Choose another one"
    )


def other_name(endpoint: Endpoint) -> BadEndpoint:
    """The refusal of a new name that the disk has as another name of something else."""
    return BadEndpoint(f"the server's disk cannot store the name {display_path(endpoint)}: use a different name")


def no_version(endpoint: Endpoint, at_us: int | None) -> NotFound:
    """The refusal where there is no version that could be put back."""
    return NotFound(f"there is no version of {display_path(endpoint)}{'' if at_us is None else ' from that time'}")


def is_directory(endpoint: Endpoint) -> WrongKind:
    """The refusal where a file is needed and a directory exists."""
    return WrongKind(f"{display_path(endpoint)} is a directory")


def not_a_directory(endpoint: Endpoint, file: Endpoint | None = None) -> WrongKind:
    """The refusal where a directory is needed: the endpoint is a file itself, or it lies beneath `file`."""
    if file is None or file == endpoint:
        return WrongKind(f"{display_path(endpoint)} is a file, not a directory")
    return WrongKind(f"{display_path(endpoint)} lies beneath a file")


def not_empty(endpoint: Endpoint) -> NotEmpty:
    """The refusal to remove a directory that holds something."""
    return NotEmpty(f"{display_path(endpoint)} is a directory that is not empty")


def over_quota(endpoint: Endpoint, quota: int, size: int, free: int | None) -> NoSpace:
    """The refusal of `size` bytes where the account's quota leaves only `free`; None: a secret."""
    left = "" if free is None else f", {format_size(max(0, free))} are free"
    return NoSpace(
        f"your account's quota of {format_size(quota)} has no space for {display_path(endpoint)}: it needs "
        f"{format_size(size)}{left}. Remove something, or ask the server's owner"
    )


def over_store_quota(endpoint: Endpoint, size: int, free: int | None) -> NoSpace:
    """The refusal of `size` bytes where the quota of the whole store leaves only `free`; None: a secret."""
    return NoSpace(
        f"the quota of the server has no space for {display_path(endpoint)}: {_lacking(size, free)}. "
        "Ask the server's owner to raise it"
    )


def no_space(endpoint: Endpoint, size: int, free: int | None) -> NoSpace:
    """The refusal of `size` bytes where the disk has only `free`; None: the account may not know how much."""
    return NoSpace(
        f"the server's disk has no space for {display_path(endpoint)}: {_lacking(size, free)}. "
        "Ask the server's owner to make space"
    )


def _lacking(size: int, free: int | None) -> str:
    """The size that is needed, and roughly what is free, unless the account may not know that."""
    left = "" if free is None else f", about {format_size(rough(max(0, free)))} are free"
    return f"it needs {format_size(size)}{left}"


def read_only(reason: str) -> Forbidden:
    """The refusal of every change where the store is read-only."""
    return Forbidden(f"nothing can be changed: {reason}")


def unsupported(what: str) -> Forbidden:
    """The refusal of what `IStore.capabilities` denies; `what` follows "this store cannot"."""
    return Forbidden(f"this store cannot {what}")


def stays(endpoint: Endpoint) -> BadRequest:
    """The refusal to move or remove the root, or another top."""
    what = display_path(endpoint) if endpoint.parts else "the share's root"
    return BadRequest(f"{what} stays where it is: name what is in it")


def owners_metadata(endpoint: Endpoint) -> Forbidden:
    """The refusal of a change of the metadata of a top."""
    return Forbidden(f"the time and mode of {display_path(endpoint)} are set on the server, by its owner")


def into_itself(endpoint: Endpoint, act: str = "moved") -> BadRequest:
    """The refusal to move something to itself or into itself; for a copy `act` is "copied"."""
    return BadRequest(f"{display_path(endpoint)} cannot be {act} to itself, or into itself")
