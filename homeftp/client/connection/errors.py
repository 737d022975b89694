"""Errors of the connection to a server; refusals by a server, and `UntrustedServer`, are in `homeftp.errors`."""

from __future__ import annotations

from typing import Sequence

from homeftp.errors import ContentMismatch, UntrustedServer
from homeftp.wire.states import Phase


class ConnectionFailed(Exception):
    """There is no connection to the server, or no longer: the message says why, in words for people.

    Every request that waits for its answer fails with it. Whether the server
    has carried out such a request is not known.
    """

    def __init__(self, message: str, brief: str | None = None) -> None:
        super().__init__(message)
        self.brief = brief or message
        """The same in short, for beside the address that it happened at."""


class NotReached(ConnectionFailed):
    """The server is at none of several addresses: the message names each, and why."""

    def __init__(self, failures: Sequence[tuple[object, Exception]], message: str = "") -> None:
        super().__init__(message or f"the server is at none of its addresses: {told(failures)}")
        self.failures = failures
        """Each address, and what happened there."""


class OthersAnswered(NotReached, UntrustedServer):
    """The same, and at one address at least answers somebody who is not the server: he has been told nothing."""


def not_reached(failures: Sequence[tuple[object, Exception]]) -> NotReached:
    """Why no connection came about to a server with several addresses; where somebody else answers comes first."""
    others = [each for each in failures if isinstance(each[1], UntrustedServer)]
    rest = [each for each in failures if not isinstance(each[1], UntrustedServer)]
    return (OthersAnswered if others else NotReached)([*others, *rest])


def told(failures: Sequence[tuple[object, Exception]]) -> str:
    """Addresses, and what happened at each, for the middle of a line."""
    return "; ".join(f"{where}: {_brief(reason)}" for where, reason in failures)


def _brief(reason: Exception) -> str:
    if isinstance(reason, UntrustedServer):
        return "another server answers, or one that cannot prove that it is the right one"
    return reason.brief if isinstance(reason, ConnectionFailed) else str(reason)


class ProtocolViolation(ConnectionFailed):
    """What answered does not keep to the protocol, or somebody on the way put words in: nothing of it was believed."""


class Corrupted(ContentMismatch):
    """What arrived of a file is not what the server says that it sent: its disk or memory is damaged, or it lies."""

    def __init__(self) -> None:
        super().__init__(
            "what arrived is not what the server says it sent: do not use it, and get it again; if that does not help, "
            "the server or its disk is damaged or has been tampered with: tell its owner"
        )


_SHOWN = 200
"""Letters of a stranger's words that are shown."""


def before_tls(words: str) -> ConnectionFailed:
    """For a refusal that came before TLS: nobody has proven who says it, so the server has refused nothing."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in words[:_SHOWN])
    return ConnectionFailed(
        f'before TLS, when anybody on the way could have said it, came: "{shown}". Nothing was sent; try again, and if '
        "it stays, ask the server's owner or use another network"
    )


def explained(phase: Phase, reason: BaseException | None) -> Exception:
    """Why a connection ended in this phase, for people."""
    if phase is Phase.PLAIN:
        return ConnectionFailed(
            "the server closed the connection without an answer: is it homeftp, and is the port right? One that is TLS "
            "from the first byte (--listen-tls) is for other programs"
        )
    if phase is not Phase.HANDSHAKE:
        return ConnectionFailed("the connection to the server broke off")
    from OpenSSL import SSL  # here, for the command line to name the error without it
    from service_identity import VerificationError

    if isinstance(reason, VerificationError):
        return UntrustedServer("the server's certificate bears another name than the pinned home's")
    if isinstance(reason, SSL.Error):
        said = "; ".join(str(line[-1]) for line in (reason.args[0] if reason.args else ()) if line)
        if "certificate verify failed" in said:
            return UntrustedServer(
                "the server does not prove to be the home that was pinned: its certificate is another home's or a "
                "device's, has ended, or bears another name; check both machines' clocks, and if the server was made "
                "anew, remove the remote and add it again"
            )
        return ConnectionFailed(f"the TLS handshake failed: {said or 'no reason given'}")
    return ConnectionFailed("the server closed the connection during the TLS handshake")
