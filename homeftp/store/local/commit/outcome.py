"""Refusals that say what became of a file: its old content was kept, or its new content may not be durable."""

from __future__ import annotations

from homeftp.endpoint import Endpoint
from homeftp.errors import Internal
from homeftp.store.policy.wording import display_path


class InDoubt(Internal):
    """The change was made, and may not survive a power cut."""


def in_doubt(endpoint: Endpoint, cause: BaseException | None = None) -> InDoubt:
    """The refusal after a change of names that may not survive a power cut."""
    refused = InDoubt(
        f"the server's disk failed: {display_path(endpoint)} was changed, "
        "but it is in doubt whether the change survives a power cut"
    )
    refused.__cause__ = cause
    return refused


def not_archived(endpoint: Endpoint) -> Internal:
    """The refusal to replace a file whose version may not be durable."""
    return Internal(
        f"the server's disk could not keep a version of {display_path(endpoint)}: the old content was not replaced"
    )
