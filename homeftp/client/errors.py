"""What can go wrong on the way to a server; what a server refuses is in `homeftp.errors`, and so is `NotTrusted`."""

from __future__ import annotations


class ConnectionFailed(Exception):
    """There is no connection to the server, or no longer: the message says why, in words for people.

    Every request that waits for its answer fails with it. Whether the server
    has carried out such a request is not known.
    """


class ProtocolViolation(ConnectionFailed):
    """What answered does not keep to the protocol, or somebody on the way put words in: nothing of it was believed."""
