"""Common parts of PUSH and GET of a batch, for each entry: its endpoint, and the refusal that the client is told."""

from __future__ import annotations

from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.endpoint import Endpoint
from homeftp.errors import INTERNAL_ERROR, Internal, Refusal


def entry_endpoint(base: Endpoint, name: str) -> Endpoint:
    """The endpoint of an entry; "" names the endpoint of the request. Raises `BadEndpoint` (41)."""
    return base.child(name) if name else base


def entry_refusal(error: Exception, log: Logger) -> Refusal:
    """The refusal of an entry that failed with that; a fault of the server is logged, and told without detail."""
    if isinstance(error, Refusal):
        return error
    log.failure("an entry of a batch failed", Failure(error))
    return Internal(INTERNAL_ERROR)
