"""Why a connection was refused before TLS, or ended: the errors with messages that a person can act on."""

from __future__ import annotations

from homeftp.client.errors import ConnectionFailed
from homeftp.errors import UntrustedServer
from homeftp.wire.states import Phase

_SHOWN_LENGTH = 200
"""Characters that are shown of a message that came before TLS."""


def before_tls(message: str) -> ConnectionFailed:
    """The error for a refusal that came before TLS: its sender is unproven, so it is not raised as a refusal."""
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in message[:_SHOWN_LENGTH])
    return ConnectionFailed(
        f'refused before TLS, when someone on the network path could have sent it: "{shown}". Nothing was sent. Try '
        "again; if it persists, ask the server's owner or use another network"
    )


def explained(phase: Phase, reason: BaseException | None) -> Exception:
    """The error for a connection that ended in this phase with this reason of Twisted."""
    if phase is Phase.PLAIN:
        return ConnectionFailed(
            "the server closed the connection without an answer: is it homeftp, and is the port right? A port that is "
            "TLS from the first byte (--listen-tls) is for other programs"
        )
    from OpenSSL import SSL  # here, so that the command line can import the errors without it
    from service_identity import VerificationError

    said = ""
    if isinstance(reason, SSL.Error):
        said = "; ".join(str(line[-1]) for line in (reason.args[0] if reason.args else ()) if line)
    if "alert certificate" in said or "alert bad certificate" in said:  # in TLS 1.3 it comes after the handshake
        return ConnectionFailed(
            f"the server refuses this machine's certificate ({said}). Check both machines' clocks; if they are right, "
            "pair this machine again"
        )
    if phase is not Phase.HANDSHAKE:
        return ConnectionFailed("the connection to the server was lost")
    if isinstance(reason, VerificationError):
        return UntrustedServer("the server's certificate is for another name than the pinned CA's")
    if isinstance(reason, SSL.Error):
        if "certificate verify failed" in said:
            return UntrustedServer(
                "the server does not prove to be the one that was pinned: its certificate is from another CA, is a "
                "device's, has expired, or is for another name. Check both machines' clocks; if the server was set up "
                "again, remove the remote and add it again"
            )
        return ConnectionFailed(f"the TLS handshake failed: {said or 'no reason given'}")
    return ConnectionFailed("the server closed the connection during the TLS handshake")
