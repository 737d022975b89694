"""Pairing: a code that both sides know becomes a device's certificate, in three steps; no protocol here.

1. `begin` takes the number of a code and SPAKE2's message, and gives the
   server's own message. Neither side has learned anything about the code yet.
2. `prove` takes the device's proof that it knows the code in this TLS session.
   A wrong proof counts as a wrong try. The result is the server's proof.
3. `pair` takes a signing request and the name that the device suggests, and
   gives the certificate. The code is used up by it.

A number that no code has, or whose code has ended, gets the same answers as one of an open code: its proof fails.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Callable

import attrs
from cryptography import x509
from twisted.logger import Logger

from homeftp.accounts.devices import Device, Devices
from homeftp.accounts.invitations import TRIES, Invitations, InvitationState
from homeftp.accounts.throttle import GuessLimit, address_group
from homeftp.audit.log import Audit
from homeftp.crypto.pake import Code, PakeExchange, Proofs, new_words, proves
from homeftp.errors import LoginFailed
from homeftp.interfaces import IWorkers, guest
from homeftp.model import Actor
from homeftp.status import Status

_REQUEST = "PAIR"
"""The request of a pairing, in its audit record."""

MOST_GUESSED = 10_000
"""Numbers whose wrong tries are counted: as many as a code's number can be."""

_TRIES = {1: "one try is", 2: "two tries are", 3: "three tries are"}

_ID_BYTES = 16
"""Random bytes of a device's id: 128 bits do not repeat."""


@attrs.frozen
class PairingAttempt:
    """A pairing of which the first step was taken."""

    code: Code = attrs.field(repr=False)
    message: bytes
    """SPAKE2's message of the server."""
    proofs: Proofs = attrs.field(repr=False)
    address: str
    front_end: str | None = None
    """The front end that it came through; None: the server's own protocol."""


@attrs.frozen(kw_only=True)
class PairingService:
    """Pairs devices with the accounts of one server."""

    invitations: Invitations
    begun: GuessLimit
    """Limits attempts that are begun: each costs some computation."""
    tried: GuessLimit
    """Limits wrong codes."""
    workers: IWorkers
    """The pool that checks passwords: guessing must not delay file transfers. Each address has a queue there."""
    certify: Callable[[bytes, str], x509.Certificate]
    """A certificate, from a signing request (PEM) and a device's id. Blocks; raises `BadRequest`."""
    host: str
    """The name of this machine, for the client's list of servers."""
    audit: Audit
    guessed: GuessedNumbers = attrs.field(factory=lambda: GuessedNumbers())

    _log = Logger()

    async def begin(self, number: int, message: bytes, secret: bytes, address: str) -> PairingAttempt:
        """The first step. `secret` belongs to the TLS session. Raises `BadRequest` (20), `Busy` (51)."""
        await self.begun.count(address)
        return await self._workers(address).run(self._compute, number, message, secret, address)

    async def prove(self, attempt: PairingAttempt, proof: bytes) -> bytes:
        """The server's proof. Raises `LoginFailed` (32) for a wrong proof, `Busy` (51) after too many of them."""
        await self.tried.count(attempt.address)
        left = await self._workers(attempt.address).run_unbounded(self._check, attempt, proof)
        if left is not None:
            raise _wrong(left)
        await self.tried.uncount(attempt.address)
        return attempt.proofs.server

    async def pair(
        self, attempt: PairingAttempt, request: bytes, name: str, machine: str | None = None
    ) -> tuple[x509.Certificate, Device]:
        """The certificate and the device, after a right proof. Raises `LoginFailed` (32), `BadRequest` (20).

        A `machine` that the account has already paired stays the same device.
        """
        workers = self._workers(attempt.address)
        certificate, device = await workers.run(self._admit, attempt, request, name, machine)
        if device is None or certificate is None:
            raise _wrong(0)
        self._log.info(
            "paired {name}, a device of {account}, from {address}",
            name=device.name,
            account=device.account,
            address=attempt.address,
        )
        return certificate, device

    async def check_typed(self, code: Code, address: str, front_end: str) -> None:
        """Check a code that was typed into a page, for which tries count as for a proof. Raises as `prove`.

        A browser cannot prove that it knows the code without telling it.
        """
        attempt = await self._workers(address).run(self._typed_attempt, code.number, address, front_end)
        await self.prove(attempt, _typed_proof(code.words))

    def _typed_attempt(self, number: int, address: str, front_end: str) -> PairingAttempt:
        """In a worker."""
        code = self.invitations.open_code(number) or Code(number, new_words())
        return PairingAttempt(code, b"", Proofs(_typed_proof(code.words), b""), address, front_end)

    def _workers(self, address: str) -> IWorkers:
        """The queue of a client that has not logged in."""
        return self.workers.of(guest(address_group(address)))

    def _compute(self, number: int, message: bytes, secret: bytes, address: str) -> PairingAttempt:
        """In a worker."""
        code = self.invitations.open_code(number) or Code(number, new_words())
        half = PakeExchange(code, is_server=True)
        return PairingAttempt(code, half.message, half.finish(message, secret), address)

    def _check(self, attempt: PairingAttempt, proof: bytes) -> int | None:
        """In a worker: None for a right proof, else the tries that are left.

        The try is counted first: if counting fails, no answer tells whether the proof was right.
        """
        code, address = attempt.code, attempt.address
        is_open = self.invitations.reserve(code)
        if proves(proof, attempt.proofs.device) and is_open:
            self.invitations.give_back(code)
            return None
        self._log.info("a wrong pairing code, from {address}", address=address)
        self.audit.note(
            "pairing",
            Actor(None, None, address, _REQUEST, front_end=attempt.front_end),
            Status.LOGIN_FAILED,
            invitation=code.number,
        )
        found = self.invitations.find(code.number)
        if is_open and found is not None and found.code == code and found.state is InvitationState.CANCELLED:
            self._log.warn(
                "Code {number}-... was cancelled after three wrong tries, the last from {address}. If that wasn't you, "
                "someone may be guessing. Make a new code with: homeftp invite",
                number=code.number,
                address=address,
            )
        return self._tries_left(code)

    def _admit(
        self, attempt: PairingAttempt, request: bytes, name: str, machine: str | None
    ) -> tuple[x509.Certificate | None, Device | None]:
        """In a worker. A request that cannot be certified leaves the code as it is."""
        certificates: list[x509.Certificate] = []

        def note(device: Device) -> None:
            certificates.append(self.certify(request, device.id))
            actor = Actor(device.account, device.name, attempt.address, _REQUEST)
            self.audit.note("pairing", actor, invitation=attempt.code.number)

        device = self.invitations.redeem(attempt.code, secrets.token_hex(_ID_BYTES), name, note, machine)
        if device is None:
            return None, None
        (certificate,) = certificates
        expires = certificate.not_valid_after_utc.timestamp()
        Devices(self.invitations.state).saw(device.id, self.invitations.clock(), attempt.address, None, expires)
        return certificate, device

    def _tries_left(self, code: Code) -> int:
        """In a worker: the tries that are left after a wrong one.

        They are counted alike for every number, so that none tells whether a code has it, or had it.
        """
        left = self.guessed.missed(code.number)
        found = self.invitations.find(code.number)
        return left if found is None or found.state is not InvitationState.OPEN else min(left, found.tries_left)


@attrs.define
class GuessedNumbers:
    """The wrong tries at each number, whether a code has it or not. The oldest is forgotten."""

    _misses: dict[int, int] = attrs.field(factory=dict, init=False)

    def missed(self, number: int) -> int:
        """Count a wrong try; gives how many would be left."""
        misses = min(TRIES, self._misses.pop(number, 0) + 1)
        self._misses[number] = misses
        if len(self._misses) > MOST_GUESSED:
            del self._misses[next(iter(self._misses))]
        return TRIES - misses


def _typed_proof(words: str) -> bytes:
    """The part of a typed code that is compared: of one length, in constant time."""
    return hashlib.sha256(words.encode()).digest()


def _wrong(left: int) -> LoginFailed:
    """The refusal of a wrong code with so many tries left."""
    refused = "the code is wrong, or no longer valid"
    if left:
        return LoginFailed(
            f"{refused}. Type it again ({_TRIES[left]} left), or ask for a new one: homeftp invite makes it"
        )
    return LoginFailed(f"{refused}. Ask for a new one: homeftp invite makes it")
