"""Changes of a history, and their results: names put back, and versions removed for good."""

from __future__ import annotations

from typing import Literal

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal
from homeftp.model import Kind


class Reversion(msgspec.Struct, frozen=True):
    """The state that an endpoint is to have again."""

    endpoint: Endpoint
    at_us: int | None
    """The version (`Version.at_us`); None: nothing, so that the file that is there becomes a version."""
    precondition: str | None = None
    """The precondition on the present state, as in `WriteRequest`."""


RevertedTo = Literal["restored", "removed", "refused"]
"""The result of a name: a version was put back, a later file became a version, or nothing was changed."""


class Reverted(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one name when a tree was put back; with a dry run, the expected one."""

    name: str
    outcome: RevertedTo
    kind: Kind = "file"
    at_us: int | None = None
    """The version that was put back."""
    size: int = 0
    """Bytes of what is there now, or of what was removed."""
    hash: str | None = None
    """The hash of what is there now, where it is known."""
    refusal: Refusal | None = None
    """Why it was refused."""


class RestoreStep(msgspec.Struct, frozen=True):
    """One step of putting a tree back."""

    as_of_us: int | None
    """The time that the tree is put back to; None as long as it is looked for."""
    reverted: tuple[Reverted, ...] = ()
    unchanged: int = 0
    """Files that are what they were."""

    @property
    def refused(self) -> list[tuple[str, Refusal]]:
        """The names of what was refused, and why."""
        return [(each.name, each.refusal) for each in self.reverted if each.refusal is not None]


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """A version that was removed for good, or would be."""

    name: str
    at_us: int
    size: int
    """Bytes of its content."""
    refusal: Refusal | None = None
    """Why it is still there."""


class PruneStep(msgspec.Struct, frozen=True):
    """One step of removing versions for good."""

    pruned: tuple[Pruned, ...] = ()

    @property
    def refused(self) -> list[tuple[str, Refusal]]:
        """The names of files whose versions are still there, and why."""
        return [(each.name, each.refusal) for each in self.pruned if each.refusal is not None]


class VersionId(msgspec.Struct, frozen=True):
    """A version, by its endpoint and its time."""

    endpoint: Endpoint
    at_us: int
