"""Under what condition an account may store something, how much, and what an answer may tell it."""

from __future__ import annotations

from typing import Callable, Sequence

from msgspec import structs

from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import BadEndpoint, Changed, Forbidden, NotFound, Refusal, WrongKind
from homeftp.model import ABSENT, PRESENT, SERVER, Actor, Allotment, Damage, Entry, WriteRequest
from homeftp.store.policy.limits import check_removable, directory_request
from homeftp.store.policy.rights import ADD, DELETE, READ, REPLACE, Rights
from homeftp.store.policy.wording import display_path, is_directory, no_version, owners_metadata, stays

REVEALING = (BadEndpoint, Changed, NotFound, WrongKind)
"""Refusals that tell what exists at an endpoint."""


def forbidden(endpoint: Endpoint, what: str) -> Forbidden:
    """The refusal of what an account may not do; `what` follows "your account may not"."""
    return Forbidden(f"your account may not {what} at {display_path(endpoint)}: ask the server's owner")


def check_stays(rights: Rights, endpoint: Endpoint) -> None:
    """Raise `BadRequest` (20) for the root and the tops of the account's folders: none is moved or removed."""
    check_removable(endpoint)
    if rights.holds_top(endpoint.parts):
        raise stays(endpoint)


def not_a_file(rights: Rights, endpoint: Endpoint) -> Refusal | None:
    """The refusal of a file in the place of the root or of a top, whether that exists or not; None elsewhere."""
    if endpoint.parts and not rights.holds_top(endpoint.parts):
        return None
    return is_directory(endpoint) if READ in rights.at(endpoint.parts) else forbidden(endpoint, "store this")


def not_restorable(rights: Rights, endpoint: Endpoint, at_us: int | None) -> Refusal | None:
    """Why an account may not put a version back, that of a time or the newest; None where it may."""
    here = rights.at(endpoint.parts)
    if READ not in here:
        return no_version(endpoint, at_us)
    if (refused := not_a_file(rights, endpoint)) is not None:
        return refused
    return None if {ADD, REPLACE} <= here else forbidden(endpoint, "restore a version")


def allotment(rights: Rights, home: Endpoint, quota: int | None, quota_home: Endpoint | None = None) -> Allotment:
    """The part of the store that is an account's own, and what it may do with all of it.

    A quota counts what is beneath `quota_home`; None: beneath `home`. Who sees only a part of that discards nothing.
    """
    everything = rights.in_all_of(())
    counted = home if quota is None or quota_home is None else quota_home
    return Allotment(
        counted,
        quota,
        may_discard={REPLACE, DELETE} <= everything and counted == home,
        sees_all=READ in everything and not home.parts,
        sees_home=READ in everything and counted == home,
    )


def condition(here: frozenset[str], endpoint: Endpoint, precondition: str | None) -> str | Forbidden | None:
    """The precondition under which an account with these rights may store something: the store checks it, in one step.

    Without the right to read none but `ABSENT` is allowed: whether another one holds would tell what exists.
    """
    if {ADD, REPLACE} <= here and (READ in here or precondition in (None, ABSENT)):
        return precondition
    if ADD in here and precondition in (None, ABSENT):
        return ABSENT
    if {READ, REPLACE} <= here and precondition != ABSENT:
        return PRESENT if precondition is None else precondition
    return forbidden(endpoint, "store this")


def condition_of_file(rights: Rights, here: frozenset[str], endpoint: Endpoint, precondition: str | None) -> str | None:
    """`condition`, for a file. Raises `Forbidden` (33), and the refusal of `not_a_file`."""
    allowed = condition(here, endpoint, precondition)
    if isinstance(allowed, Forbidden):
        raise allowed
    if (refused := not_a_file(rights, endpoint)) is not None:
        raise refused
    return allowed


def as_allowed(
    rights: Rights,
    request: WriteRequest,
    whole: Endpoint,
    acting: Callable[[Actor], Actor],
    *,
    directory: bool = False,
) -> WriteRequest | Refusal:
    """The request as the store gets it, with the precondition that keeps it within the account's rights.

    `whole` is its endpoint as the store has it; `acting` gives the actor that the store gets.
    """
    endpoint = request.endpoint
    here = rights.at(endpoint.parts)
    if request.offset and READ not in here:
        return forbidden(endpoint, "resume a partial upload")
    allowed = condition(here, endpoint, request.precondition)
    if isinstance(allowed, Forbidden):
        return allowed
    if not directory and (refused := not_a_file(rights, endpoint)) is not None:
        return refused
    return _as_own(request, whole, acting, allowed)


def metadata_as_allowed(
    rights: Rights, request: WriteRequest, whole: Endpoint | Refusal, acting: Callable[[Actor], Actor]
) -> WriteRequest | Refusal:
    """`as_allowed`, for a change of mtime and mode; `whole` may be the refusal of what the account does not see."""
    if isinstance(whole, Refusal):
        return whole
    endpoint = request.endpoint
    if REPLACE not in rights.at(endpoint.parts):
        return forbidden(endpoint, "change the metadata")
    if rights.holds_top(endpoint.parts):
        return owners_metadata(endpoint)
    return _as_own(request, whole, acting, request.precondition)


def _as_own(
    request: WriteRequest, whole: Endpoint, acting: Callable[[Actor], Actor], precondition: str | None
) -> WriteRequest:
    """The request with that precondition, and with its endpoint and its actor as the store gets them."""
    actor = request.actor if request.actor == SERVER else acting(request.actor)
    return structs.replace(request, endpoint=whole, precondition=precondition, actor=actor)


def directory_wanted(rights: Rights, request: WriteRequest) -> WriteRequest:
    """The request for a directory, limited: a new one where the account sees nothing; a top keeps its metadata.

    Raises what `directory_request` raises.
    """
    if READ not in rights.at(request.endpoint.parts) and request.precondition is None:
        request = structs.replace(request, precondition=ABSENT)
    if rights.holds_top(request.endpoint.parts):
        request = structs.replace(directory_request(request), mtime_us=None, mode=None)
    return request


def stored(rights: Rights, request: WriteRequest, entry: Entry) -> Entry:
    """The entry that an account may learn of a file that it stored: with an older file's mode where it gave none."""
    if request.mode is not None or READ in rights.at(request.endpoint.parts):
        return entry
    return structs.replace(entry, mode=None)


def disclosed(rights: Rights, refused: Refusal, endpoint: Endpoint, wanted: str | None, asked: str | None) -> Refusal:
    """The refusal that an account may learn, where it `wanted` one precondition and the store got another."""
    is_hidden = isinstance(refused, REVEALING) and READ not in rights.at(endpoint.parts)
    if is_hidden or (isinstance(refused, Changed) and wanted != asked):
        return forbidden(endpoint, "replace anything" if asked == ABSENT else "store this")
    return refused


def disclosed_result(
    rights: Rights, request: WriteRequest, asked: str | None, result: Entry | Exception
) -> Entry | Exception:
    """The result of a write that an account may learn, where the store got the precondition `asked` with it."""
    if isinstance(result, Entry):
        return stored(rights, request, result)
    if isinstance(result, Refusal):
        return disclosed(rights, result, request.endpoint, request.precondition, asked)
    return result


def seen_damage(damaged: Sequence[Damage], home: Endpoint, rights: Rights) -> list[Damage]:
    """The damage in a whole store that an account may see, by the account's names."""
    found = []
    for each in damaged:
        own = ROOT.at(each.name).relative_to(home)
        if own is not None and READ in rights.at(own.parts):
            found.append(structs.replace(each, name=own.whole))
    return found
