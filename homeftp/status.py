"""The status codes of the wire, and nothing else.

Tens: how two copies compare. Twenties: the request is wrong. Thirties: who
you are. Forties: the resource. Fifties: the server. docs/protocol is their
normative description.
"""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """The `status` of a response."""

    OK = 0

    SAME = 10
    METADATA_DIFFERS = 11
    CONTENT_DIFFERS = 12
    CONTENT_AND_METADATA_DIFFER = 13
    ABSENT = 14

    BAD_REQUEST = 20
    UNKNOWN_REQUEST_TYPE = 21
    TOO_LARGE = 22

    TLS_REQUIRED = 30
    LOGIN_REQUIRED = 31
    LOGIN_FAILED = 32
    FORBIDDEN = 33

    NOT_FOUND = 40
    BAD_ENDPOINT = 41
    FILETYPE_NOT_ALLOWED = 42
    WRONG_KIND = 43
    CHANGED = 44
    CONTENT_MISMATCH = 45
    DAMAGED = 46

    INTERNAL = 50
    BUSY = 51
    NO_SPACE = 52
    TIMEOUT = 53
    SHUTTING_DOWN = 54

    @property
    def refused(self) -> bool:
        """Whether the request was refused, rather than answered."""
        return self >= Status.BAD_REQUEST
