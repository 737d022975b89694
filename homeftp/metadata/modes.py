"""Modes: the bits that are transferred, and those that a store keeps for them."""

from __future__ import annotations

from homeftp.model import Kind

MODE_BITS = 0o777
"""The permission bits that are transferred; set-user-ID, set-group-ID and sticky never are."""

_OWNER_BITS: dict[Kind, int] = {"file": 0o400, "directory": 0o700}
"""The bits that the server needs. To replace a file it needs rights on the directory only."""


def kept_mode(kind: Kind, mode: int) -> int:
    """The mode that a store keeps where a client gives `mode`.

    A server without root rights could not read a file that lacks `u+r`, nor
    use a directory that lacks `u+rwx`: one request would end the service for
    everybody. rsyncd.conf(5) has `incoming chmod = Du+rwx,Fu+r` for that.
    """
    return mode & MODE_BITS | _OWNER_BITS[kind]


def same_mode(kind: Kind, wanted: int, existing: int | None) -> bool:
    """Whether `existing` is what a client asked for with `wanted`, or what a store keeps for it.

    A store that keeps no modes (None) has none that differs.
    """
    return existing in (None, wanted, kept_mode(kind, wanted))
