"""PAIR on the server's side: three steps on one connection, of which each needs the one before.

1. `invitation`, `message`: the number of a code, and SPAKE2's message; the
   answer is the server's own message. Nobody has learned anything yet.
2. `proof`: that the device knows the code, in this TLS session. A wrong one is
   a wrong try. The answer is the server's proof of the same.
3. `request`, `device`: a signing request, and what the device calls itself.
   The answer is its certificate; with it the code is used.

A number that there is not is answered like one that there is: its proof fails.
"""

from __future__ import annotations

import secrets
from typing import Any, Callable

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.logger import Logger

from homeftp.accounts.devices import Device
from homeftp.accounts.invitations import Invitations, InvitationState
from homeftp.accounts.throttle import Throttle
from homeftp.audit import Audit
from homeftp.crypto.pake import Code, PakeExchange, Proofs, new_words, proves
from homeftp.errors import BadRequest, LoginFailed
from homeftp.interfaces import IWorkers
from homeftp.model import Actor
from homeftp.status import Status
from homeftp.wire import states as conversation
from homeftp.wire.messages import Pair


@attrs.frozen(kw_only=True)
class PairingService:
    """What the pairings of one server share."""

    invitations: Invitations
    begun: Throttle
    """Of pairings that are begun: each costs some arithmetic."""
    throttle: Throttle
    """Of codes that are tried."""
    workers: IWorkers
    """Those that check passwords: guessing must not hold up files."""
    certify: Callable[[bytes, str], x509.Certificate]
    """A certificate, from a signing request (PEM) and an id. Blocks; raises `BadRequest`."""
    host: str
    """What this machine is called, for the other's list of servers."""
    audit: Audit


class PairingSession:
    """One connection's. `secret` gives the TLS session's, `address` is where the device is."""

    _log = Logger()

    def __init__(self, shared: PairingService, secret: Callable[[], bytes], address: str) -> None:
        self._shared = shared
        self._secret = secret
        self._address = address
        self._code: Code | None = None
        self._proofs: Proofs | None = None
        self._proven = False

    async def step(self, body: Pair) -> dict[str, Any]:
        """The answer's body.

        Raises `BadRequest` (20) for a step out of turn, `LoginFailed` (32)
        for a code that is wrong or not valid any more, `Busy` (51) when there
        were too many wrong ones.
        """
        first = (body.invitation, body.message) != (None, None)
        third = (body.request, body.device) != (None, None)
        if first + third + (body.proof is not None) != 1:
            raise BadRequest("PAIR has one step at a time: invitation and message, or proof, or request and device")
        if body.proof is not None:
            return await self._prove(bytes.fromhex(body.proof))
        if body.invitation is not None and body.message is not None:
            return await self._begin(body.invitation, bytes.fromhex(body.message))
        if body.request is not None and body.device is not None:
            return await self._certify(body.request.encode(), body.device)
        raise BadRequest("a parameter of this step of PAIR is missing")

    async def _begin(self, number: int, message: bytes) -> dict[str, Any]:
        self._code, self._proofs, self._proven = None, None, False
        self._shared.begun.take(self._address)
        code, half, proofs = await self._shared.workers.run(self._compute, number, message, self._secret())
        self._code, self._proofs = code, proofs
        return {"message": half.message.hex()}

    def _compute(self, number: int, message: bytes, secret: bytes) -> tuple[Code, PakeExchange, Proofs]:
        """In a worker."""
        code = self._shared.invitations.open_code(number) or Code(number, new_words())
        half = PakeExchange(code, is_server=True)
        return code, half, half.finish(message, secret)

    async def _prove(self, proof: bytes) -> dict[str, Any]:
        if self._proofs is None or self._code is None:
            raise BadRequest("PAIR begins with invitation and message")
        self._shared.throttle.take(self._address)
        (code, proofs), self._proofs, self._code = (self._code, self._proofs), None, None
        if not await self._shared.workers.finish(self._judge, code, proofs, proof):
            raise _wrong()
        self._shared.throttle.give_back(self._address)
        self._code, self._proven = code, True
        return {"proof": proofs.server.hex(), "host": self._shared.host}

    def _judge(self, code: Code, proofs: Proofs, proof: bytes) -> bool:
        """In a worker: the try is counted first; where that fails nobody learns whether it was right."""
        is_open = self._shared.invitations.reserve(code)
        if proves(proof, proofs.device) and is_open:
            self._shared.invitations.give_back(code)
            return True
        self._log.info("a wrong code for a pairing, from {address}", address=self._address)
        self._shared.audit.note("pairing", self._by(), Status.LOGIN_FAILED, invitation=code.number)
        found = self._shared.invitations.look(code.number)
        if is_open and found is not None and found.code == code and found.fate is InvitationState.BURNT:
            self._log.warn(
                "the code {number}-... is burnt: it was tried three times and was wrong, the last time from {address}. "
                "If that was not one of yours, somebody guesses. A new one: homeftp invite",
                number=code.number,
                address=self._address,
            )
        return False

    async def _certify(self, request: bytes, said: str) -> dict[str, Any]:
        if not self._proven or self._code is None:
            raise BadRequest("before a signing request the proof must be right")
        certificate, device = await self._shared.workers.run(self._admit, self._code, request, said)
        self._proven, self._code = False, None
        if device is None:
            raise _wrong()
        self._log.info(
            "paired with {name}, a device of {account}, from {address}",
            name=device.name,
            account=device.account,
            address=self._address,
        )
        pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
        return {"certificate": pem, "device": device.name, "account": device.account}

    def _admit(self, code: Code, request: bytes, said: str) -> tuple[x509.Certificate, Device | None]:
        """In a worker: the certificate first, for then nothing can go wrong any more but that the code is over."""
        id = secrets.token_hex(16)
        certificate = self._shared.certify(request, id)

        def note(device: Device) -> None:
            self._shared.audit.note("pairing", self._by(device.account, device.name), invitation=code.number)

        return certificate, self._shared.invitations.use(code, id, said, note)

    def _by(self, account: str | None = None, device: str | None = None) -> Actor:
        return Actor(account, device, self._address, conversation.PAIR)


def _wrong() -> LoginFailed:
    return LoginFailed("the code is wrong, or not valid any more: ask for a new one, which homeftp invite makes")
