"""The three steps of PAIR on one connection, each of which needs the one before.

1. `invitation`, `message`: the number of a code, and SPAKE2's message; the
   answer is the server's own message.
2. `proof`: the device's proof that it knows the code, in this TLS session; the
   answer is the server's proof.
3. `request`, `device`: a signing request, and the name that the device
   suggests for itself, with `machine`, by which the server knows a machine
   that pairs again; the answer is its certificate.

`homeftp.accounts.pairing` carries them out.
"""

from __future__ import annotations

from typing import Any, Callable

from cryptography.hazmat.primitives.serialization import Encoding

from homeftp.accounts.pairing import PairingAttempt, PairingService
from homeftp.errors import BadRequest, Busy, LoginFailed
from homeftp.wire.messages import PairBody


class PairingSession:
    """The pairing of one connection. `secret` gives the secret of its TLS session."""

    def __init__(self, service: PairingService, secret: Callable[[], bytes], address: str) -> None:
        self._service = service
        self._secret = secret
        self._address = address
        self._begun: PairingAttempt | None = None
        self._proven: PairingAttempt | None = None

    async def step(self, body: PairBody) -> dict[str, Any]:
        """Carry out one step, and give the body of its answer.

        Raises `BadRequest` (20) for a step out of turn, `LoginFailed` (32)
        for a code that is wrong or no longer valid, `Busy` (51) after too many
        wrong ones.
        """
        first = (body.invitation, body.message) != (None, None)
        third = (body.request, body.device, body.machine) != (None, None, None)
        if first + third + (body.proof is not None) != 1:
            raise BadRequest("PAIR has one step at a time: invitation and message, or proof, or request and device")
        if body.proof is not None:
            return await self._prove(bytes.fromhex(body.proof))
        if body.invitation is not None and body.message is not None:
            return await self._begin(body.invitation, bytes.fromhex(body.message))
        if body.request is not None and body.device is not None:
            return await self._certify(body.request.encode(), body.device, body.machine)
        raise BadRequest("a parameter of this step of PAIR is missing")

    async def _begin(self, number: int, message: bytes) -> dict[str, Any]:
        self._begun = self._proven = None
        self._begun = await self._service.begin(number, message, self._secret(), self._address)
        return {"message": self._begun.message.hex()}

    async def _prove(self, proof: bytes) -> dict[str, Any]:
        if self._begun is None:
            raise BadRequest("PAIR begins with invitation and message")
        attempt, self._begun = self._begun, None
        try:
            answer = await self._service.prove(attempt, proof)
        except Busy:
            self._begun = attempt  # the proof was not looked at
            raise
        self._proven = attempt
        return {"proof": answer.hex(), "host": self._service.host}

    async def _certify(self, request: bytes, name: str, machine: str | None) -> dict[str, Any]:
        if self._proven is None:
            raise BadRequest("a signing request needs a right proof before it")
        attempt = self._proven
        try:
            certificate, device = await self._service.pair(attempt, request, name, machine)
        except LoginFailed:
            self._proven = None
            raise
        self._proven = None
        pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
        return {"certificate": pem, "device": device.name, "account": device.account}
