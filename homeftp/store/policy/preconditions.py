"""On what condition something may be changed: a precondition against what exists, and how refusals are worded.

A precondition is None, `ABSENT`, `PRESENT` or the hash that the content must
have. The backend calls these in one step with the change.
"""

from __future__ import annotations

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, WrongKind
from homeftp.model import ABSENT, PRESENT, Entry
from homeftp.store.policy.wording import display_path


def names_content(precondition: str | None) -> bool:
    """Whether a precondition names a content, by its hash."""
    return precondition not in (None, ABSENT, PRESENT)


def check(endpoint: Endpoint, existing: Entry | None, precondition: str | None) -> None:
    """Raise `Changed` (44) where the precondition does not hold, and `WrongKind` (43) for a hash of a directory.

    The `hash` of an existing file must be known where the precondition names a content.
    """
    if precondition is None:
        return
    if existing is None:
        if precondition != ABSENT:
            raise gone(endpoint)
    elif precondition == ABSENT:
        raise occupied(endpoint)
    elif names_content(precondition):
        if existing.kind == "directory":
            raise no_hash(endpoint)
        if existing.hash != precondition:
            raise changed(endpoint)


def check_replaceable(endpoint: Endpoint, existing: Entry | None, precondition: str | None) -> None:
    """`check` for what a file is to replace: raises `WrongKind` (43) for every directory."""
    if existing is not None and existing.kind == "directory":
        raise WrongKind(f"{display_path(endpoint)} is a directory: a file cannot replace it")
    check(endpoint, existing, precondition)


def check_directory(endpoint: Endpoint, existing: Entry | None, precondition: str | None) -> None:
    """`check` for a directory that is to be made, or to get metadata: raises `WrongKind` (43) for every hash."""
    if names_content(precondition):
        raise no_hash(endpoint)
    check(endpoint, existing, precondition)


def check_directory_move(source: Endpoint, target: Endpoint, existing: Entry | None, precondition: str | None) -> None:
    """`check` for the target of a directory's move: a directory replaces nothing."""
    if precondition not in (None, ABSENT):
        raise no_hash(source)
    check(target, existing, ABSENT)


def gone(endpoint: Endpoint) -> Changed:
    """The refusal where something was expected and nothing exists."""
    return Changed(f"{display_path(endpoint)} no longer exists on the server: compare again")


def changed(endpoint: Endpoint) -> Changed:
    """The refusal where another content was expected."""
    return Changed(f"{display_path(endpoint)} has changed on the server: compare again")


def occupied(endpoint: Endpoint) -> Changed:
    """The refusal where nothing was expected and something exists."""
    return Changed(f"{display_path(endpoint)} exists on the server: compare first, or push without a condition")


def no_hash(endpoint: Endpoint) -> WrongKind:
    """The refusal of a hash as the precondition of a directory."""
    return WrongKind(f"{display_path(endpoint)} is a directory and has no hash")
