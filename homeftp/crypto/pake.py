"""Pairing: from a short code that people say to each other to the proof that two machines speak with each other alone.

SPAKE2 (RFC 9382's construction, in the group and with the hashing of the
`spake2` package) makes of the code a key that whoever does not know the code
cannot find, not even afterwards with all that was sent. From the key and the
TLS session's own secret (an exporter, RFC 5705 and RFC 8446, section 7.5)
each end makes a proof for the other. A man in the middle has two TLS sessions
with two secrets: he may pass on every message, the proofs do not fit.

No sockets, no clock and no database here: what a server keeps of codes is
accounts/invites.py.
"""

from __future__ import annotations

import difflib
import hmac
import re
import secrets

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError

from homeftp.crypto.codewords import WORDS
from homeftp.errors import BadRequest, OperatorError

EXPORTER = b"EXPORTER-homeftp-pair"
"""The label of the TLS exporter that binds a pairing to its session."""

BINDING_BYTES = 32
"""Of the exporter's output."""

PROOF_BYTES = 32

MESSAGE_BYTES = 33
"""Of SPAKE2's message: a letter for the side, and a point."""

_INFO = b"homeftp pair 1"
_DEVICE, _SERVER = b"homeftp device", b"homeftp server"


@attrs.frozen
class Code:
    """What is said from one machine to the other: which invitation, and its secret."""

    number: int
    words: str = attrs.field(repr=False)
    """Two of `WORDS`, with a hyphen between."""

    def __str__(self) -> str:
        return f"{self.number}-{self.words}"


def new_words() -> str:
    """The secret of a new code."""
    return "-".join(secrets.choice(WORDS) for _ in range(2))


def resembles_code(text: str) -> bool:
    """Whether a person who typed this meant a code, be it with a slip in it, rather than the name of a machine.

    When in doubt it is a code: a machine's name is asked for in the network,
    and so would the secret be.
    """
    found = re.fullmatch(r"[\W_]*[0-9]{1,4}([\W_]*)[^\W\d_]+(?:([\W_]+)[^\W\d_]+)?[\W_]*", text)
    if found is None:
        return False
    if any(word in WORDS for word in re.findall(r"[^\W\d_]+", text.lower())):
        return True
    first, second = found.groups()
    return bool(first) and not set(first + (second or "")) - set(" -_")


def parse_code(text: str) -> Code:
    """A code as a person typed it: capitals, spaces and other marks between the words do not matter.

    Raises `OperatorError` for what is no code; it does not quote the secret.
    """
    parts = re.findall(r"[0-9]+|[^\W\d_]+", text.lower())
    if len(parts) != 3 or not re.fullmatch(r"[0-9]{1,4}", parts[0]):
        raise OperatorError("a code is a number and two words, such as 7-guitar-pine: type it as the server shows it")
    for place, word in zip(("first", "second"), parts[1:], strict=True):
        if word not in WORDS:
            near = difflib.get_close_matches(word, WORDS, n=1, cutoff=0.6)
            hint = f": is it {near[0]}?" if near else ""
            raise OperatorError(f"the {place} word is none that a code has{hint}")
    return Code(int(parts[0]), f"{parts[1]}-{parts[2]}")


@attrs.frozen
class Proofs:
    """What each end sends to show that it knew the code, in this very TLS session."""

    device: bytes = attrs.field(repr=False)
    server: bytes = attrs.field(repr=False)


class PakeExchange:
    """One end of one pairing. Its arithmetic takes some hundredths of a second: on a server it belongs in a worker."""

    def __init__(self, code: Code, *, is_server: bool) -> None:
        side = SPAKE2_B if is_server else SPAKE2_A
        self._spake = side(str(code).encode("ascii"), idA=_DEVICE, idB=_SERVER)
        self.message: bytes = self._spake.start()

    def finish(self, message: bytes, binding: bytes) -> Proofs:
        """The proofs, from the other end's message and the exporter's output. Once.

        Raises `BadRequest` (20) for what is no message of the other side.
        """
        if len(binding) != BINDING_BYTES:
            raise ValueError("the TLS session gives no secret")
        try:
            key = self._spake.finish(message)
        except (SPAKEError, ValueError, AssertionError) as error:
            raise BadRequest("that is no message of SPAKE2 from the other side") from error
        both = HKDF(hashes.SHA256(), 2 * PROOF_BYTES, salt=binding, info=_INFO).derive(key)
        return Proofs(both[:PROOF_BYTES], both[PROOF_BYTES:])


def proves(given: bytes, expected: bytes) -> bool:
    """Whether a proof is right, in a time that tells nothing."""
    return hmac.compare_digest(given, expected)
