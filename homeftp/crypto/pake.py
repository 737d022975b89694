"""The cryptography of pairing: a short code proves that two machines share one TLS session, without a third in between.

SPAKE2 (RFC 9382's construction, in the group and with the hashing of the
`spake2` package) derives a key from the code. An attacker without the code
cannot compute the key, not even later from all messages. From the key and the
secret of the TLS session (an exporter: RFC 5705; RFC 8446, section 7.5) each
end computes a proof for the other. A machine in the middle has two TLS sessions
with two secrets: it can forward every message, but the proofs do not match.

No sockets, clock or database here; accounts/invitations.py stores codes.
"""

from __future__ import annotations

import difflib
import hmac
import re
import secrets

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from homeftp.crypto.codewords import WORDS
from homeftp.crypto.tls import BINDING_BYTES
from homeftp.errors import BadRequest, OperatorError

PROOF_BYTES = 32

MESSAGE_BYTES = 33
"""Length of a SPAKE2 message: one byte for the side, and a point."""

_CODE_PARTS = 3
"""A number and two words."""

_SIMILARITY = 0.6
"""How similar a known word must be to be suggested for a mistyped one: the default of `difflib`."""

_INFO = b"homeftp pair 1"
_DEVICE, _SERVER = b"homeftp device", b"homeftp server"


@attrs.frozen
class Code:
    """A pairing code, which a person reads on one machine and types on the other."""

    number: int
    """The number of the invitation."""
    words: str = attrs.field(repr=False)
    """The secret: two of `WORDS`, with a hyphen between."""

    def __str__(self) -> str:
        return f"{self.number}-{self.words}"


def new_words() -> str:
    """The secret of a new code."""
    return "-".join(secrets.choice(WORDS) for _ in range(2))


def resembles_code(text: str) -> bool:
    """Whether a person who typed this meant a code, perhaps mistyped, and not the name of a machine.

    In doubt it is a code: a machine's name is looked up in the network, which
    would reveal the secret.
    """
    found = re.fullmatch(r"[\W_]*[0-9]{1,4}([\W_]*)[^\W\d_]+(?:([\W_]+)[^\W\d_]+)?[\W_]*", text)
    if found is None:
        return False
    if any(word in WORDS for word in re.findall(r"[^\W\d_]+", text.lower())):
        return True
    first, second = found.groups()
    return bool(first) and not set(first + (second or "")) - set(" -_")


def parse_code(text: str) -> Code:
    """A code that a person typed: case and the marks between the words do not matter.

    Raises `OperatorError` for anything else, without quoting the secret.
    """
    parts = re.findall(r"[0-9]+|[^\W\d_]+", text.lower())
    if len(parts) != _CODE_PARTS or not re.fullmatch(r"[0-9]{1,4}", parts[0]):
        raise OperatorError("a code is a number and two words, such as 4821-guitar-pine: type it as it is shown")
    for place, word in zip(("first", "second"), parts[1:], strict=True):
        if word not in WORDS:
            near = difflib.get_close_matches(word, WORDS, n=1, cutoff=_SIMILARITY)
            hint = f"Did you mean '{near[0]}'?" if near else "Type the code as it is shown."
            raise OperatorError(f"no code has this {place} word. {hint}")
    return Code(int(parts[0]), f"{parts[1]}-{parts[2]}")


@attrs.frozen
class Proofs:
    """The proofs that each end sends to show that it knows the code, in this TLS session."""

    device: bytes = attrs.field(repr=False)
    server: bytes = attrs.field(repr=False)


class PakeExchange:
    """One end of one pairing. It computes for a millisecond: a server runs it in a worker."""

    def __init__(self, code: Code, *, is_server: bool) -> None:
        from spake2 import SPAKE2_A, SPAKE2_B  # here: it computes tables when it is imported, and few pair

        from homeftp.crypto.ed25519group import parameters

        side = SPAKE2_B if is_server else SPAKE2_A
        self._spake = side(str(code).encode("ascii"), idA=_DEVICE, idB=_SERVER, params=parameters())
        self.message: bytes = self._spake.start()

    def finish(self, message: bytes, binding: bytes) -> Proofs:
        """The proofs, from the other end's message and the exporter's output. Call it once.

        Raises `BadRequest` (20) for anything but a message of the other side.
        """
        from spake2 import SPAKEError

        if len(binding) != BINDING_BYTES:
            raise ValueError("the TLS session gives no secret")
        try:
            key = self._spake.finish(message)
        except (SPAKEError, ValueError, AssertionError) as error:
            raise BadRequest("not a SPAKE2 message of the other side") from error
        both = HKDF(hashes.SHA256(), 2 * PROOF_BYTES, salt=binding, info=_INFO).derive(key)
        return Proofs(both[:PROOF_BYTES], both[PROOF_BYTES:])


def proves(given: bytes, expected: bytes) -> bool:
    """Whether a proof is right, compared in constant time."""
    return hmac.compare_digest(given, expected)
