"""Errors of the client: no connection, an answer against the protocol, a damaged download.

The refusals of a server and `UntrustedServer` are in `homeftp.errors`.
"""

from __future__ import annotations

from typing import Sequence

from homeftp.errors import ContentMismatch, UntrustedServer


class ConnectionFailed(Exception):
    """There is no connection to the server, or it has ended; the message says why.

    Every pending request fails with it. It is not known whether the server
    has carried out such a request.
    """

    def __init__(self, message: str, brief: str | None = None) -> None:
        super().__init__(message)
        self.brief = brief or message
        """The reason in short, to be shown beside an address."""


class UploadAbandoned(ConnectionFailed):
    """The server has refused a file of which much was still to be sent, so the connection was ended on purpose."""


class AllAddressesFailed(ConnectionFailed):
    """The server was reached at none of several addresses; the message names each address and its failure."""

    def __init__(self, failures: Sequence[tuple[object, Exception]], message: str = "") -> None:
        super().__init__(message or f"the server was not reached at any of its addresses: {describe(failures)}")
        self.failures = failures
        """Pairs of an address and what happened there."""


class NoTrustedServer(AllAddressesFailed, UntrustedServer):
    """No address reached the server, and at least one was answered by a server that is not trusted.

    Nothing was sent to a server that is not trusted.
    """


class ProtocolViolation(ConnectionFailed):
    """The answer breaks the protocol, because of the server or of somebody between; nothing in it was used."""


class Corrupted(ContentMismatch):
    """The bytes of a download do not have the hash that the server gave for them; `found` is what the server found."""

    def __init__(self, found: str = "") -> None:
        more = (
            "Get the file again. If this happens again, the server or its disk is damaged or was tampered with: "
            "tell its owner"
        )
        super().__init__(f"the downloaded bytes do not match the server's hash: do not use them. {found or more}")


def all_failed(failures: Sequence[tuple[object, Exception]]) -> AllAddressesFailed:
    """The error for a server with several addresses; failures of servers that are not trusted come first."""
    untrusted = [each for each in failures if isinstance(each[1], UntrustedServer)]
    rest = [each for each in failures if not isinstance(each[1], UntrustedServer)]
    return (NoTrustedServer if untrusted else AllAddressesFailed)([*untrusted, *rest])


def describe(failures: Sequence[tuple[object, Exception]]) -> str:
    """Addresses and what happened at each, as part of a sentence."""
    return "; ".join(f"{address}: {_brief(reason)}" for address, reason in failures)


def _brief(reason: Exception) -> str:
    if isinstance(reason, UntrustedServer):
        return "another server answers, or it cannot prove its identity"
    return reason.brief if isinstance(reason, ConnectionFailed) else str(reason)
