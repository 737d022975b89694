"""On what condition something may be changed: a precondition against what exists, and how refusals are worded.

A precondition is None, `ABSENT`, `PRESENT` or the hash that the content must
have. The backend calls these in one step with the change.
"""

from __future__ import annotations

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, WrongKind
from homeftp.model import ABSENT, PRESENT, Entry, Kind
from homeftp.store.policy.wording import display_path


def names_content(precondition: str | None) -> bool:
    """Whether a precondition names a content, by its hash."""
    return precondition not in (None, ABSENT, PRESENT)


def required_hash(precondition: str | None) -> str | None:
    """The hash that a precondition names, as it is recorded and sent: never a `HashCondition`. None for all others."""
    return None if precondition is None or not names_content(precondition) else str(precondition)


def check_kind(endpoint: Endpoint, kind: Kind | None, precondition: str | None) -> None:
    """Check a precondition, except that the content of a file is not compared with a hash.

    `kind` is that of what exists, or None. Raises `Changed` (44) where the precondition does not hold, and `WrongKind`
    (43) for a hash of a directory.
    """
    if precondition is None:
        return
    if kind is None:
        if precondition != ABSENT:
            raise missing(endpoint)
    elif precondition == ABSENT:
        raise occupied(endpoint)
    elif kind == "directory" and names_content(precondition):
        raise no_hash(endpoint)


def check(endpoint: Endpoint, existing: Entry | None, precondition: str | None) -> None:
    """`check_kind`, and compare the content: the `hash` of an existing file must be known where a hash is expected.

    A damaged file has the hash that it had: what replaces it is meant to replace that content.
    """
    check_kind(endpoint, None if existing is None else existing.kind, precondition)
    if existing is not None and names_content(precondition) and precondition not in (existing.hash, existing.damaged):
        raise changed(endpoint)


def check_source(endpoint: Endpoint, kind: Kind, precondition: str | None) -> None:
    """`check_kind` for what exists and is to be copied, moved, removed, or to get metadata."""
    if precondition == ABSENT:
        raise Changed(f"{display_path(endpoint)} exists on the server, but the request requires that it does not")
    check_kind(endpoint, kind, precondition)


def check_target(endpoint: Endpoint, kind: Kind | None, precondition: str | None) -> None:
    """`check_kind` for what a file is to replace: raises `WrongKind` (43) for every directory."""
    if kind == "directory":
        raise WrongKind(f"{display_path(endpoint)} is a directory: a file cannot replace it")
    check_kind(endpoint, kind, precondition)


def check_replaceable(endpoint: Endpoint, existing: Entry | None, precondition: str | None) -> None:
    """`check` for what a file is to replace: raises `WrongKind` (43) for every directory."""
    check_target(endpoint, None if existing is None else existing.kind, precondition)
    check(endpoint, existing, precondition)


def check_directory(endpoint: Endpoint, kind: Kind | None, precondition: str | None) -> None:
    """`check_kind` for a directory that is to be made, or to get metadata: raises `WrongKind` (43) for every hash."""
    if names_content(precondition):
        raise no_hash(endpoint)
    check_kind(endpoint, kind, precondition)


def check_directory_move(source: Endpoint, target: Endpoint, exists: bool, precondition: str | None) -> None:
    """Check the target of a directory's move: a directory replaces nothing. Raises `WrongKind` (43) for every hash."""
    if names_content(precondition):
        raise no_hash(source)
    if exists:
        raise occupied(target)
    check_kind(target, None, precondition)


def missing(endpoint: Endpoint) -> Changed:
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
