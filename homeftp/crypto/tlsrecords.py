"""TLS records in groups: what Twisted's transport does for each record, done once for all that are there.

Twisted gives OpenSSL 16 KiB, a record, takes the ciphertext out and passes it
on, and so on, and hands every record that it reads to the protocol by itself.
That costs more than the encryption, above all beside other threads: each call
of OpenSSL gives up the interpreter, and has to get it back. Here a call
encrypts many records, one write passes on all of them, and the records of one
read are delivered together. How TLS is spoken does not change, nor what
happens on an error.

OpenSSL's buffers for ciphertext grow to what they once held, and stay so for
as long as the connection lasts. So they never hold more than one part; the
owner of the connection decides how large a part is.

This leans on methods of `TLSMemoryBIOProtocol` that are not public, and have
been the same since Twisted 11.1. Where they are not there, Twisted's own way
is kept.
"""

from __future__ import annotations

from typing import Any, cast

from OpenSSL.SSL import Context, Error, WantReadError, ZeroReturnError
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from homeftp.crypto.tlsturns import TurnedTLSTransport

RECORD = 2**14
"""Bytes of plaintext in a TLS record, at most (RFC 8446, 5.1)."""

PART = 2 * RECORD
"""Bytes of plaintext that are given to OpenSSL at once, at least. After one read and one write of 256 KiB a connection
keeps 110 KiB of memory; in parts of 128 KiB, the largest of the server, it keeps 350 KiB, and in one piece 670 KiB."""

_OVERHEAD = 32
"""A part of ciphertext is larger than one of plaintext by one in so many: each record adds 22 to 29 bytes to 16 KiB."""

_PARTIAL_WRITE = 1
"""OpenSSL's SSL_MODE_ENABLE_PARTIAL_WRITE, which pyOpenSSL sets and does not name: one record for each call."""

_NEEDED = (
    "_aggregator",
    "_aborted",
    "_appSendBuffer",
    "_tlsConnection",
    "_lostTLSConnection",
    "_bufferedWrite",
    "_flushSendBIO",
    "_tlsShutdownFinished",
)


class GroupedTLSTransport(BufferingTLSTransport):
    """Twisted's TLS transport, except that it encrypts and decrypts many records at once."""

    transport: Any
    part = PART
    """Bytes of plaintext that are given to OpenSSL at once. The memory that it keeps for good grows with them."""

    def dataReceived(self, data: bytes) -> None:
        """Decrypt what came, part by part, and deliver all of it in one piece."""
        records: list[bytes] = []
        ended, why = self._lostTLSConnection, None
        rest = memoryview(data)
        while rest and not ended:
            self._tlsConnection.bio_write(rest[: self.part])
            rest = rest[self.part :]
            if self._appSendBuffer:
                BufferingTLSTransport._unbufferPendingWrites(self)
            ended, why = self._decrypt(records)
        self._deliver(records, ended, why)

    def write_part(self, data: memoryview) -> None:
        """Write bytes that do not change, behind all that was written before, and without a copy of them."""
        self._aggregator.flush()
        TLSMemoryBIOProtocol.write(self, data)

    def _write(self, octets: bytes | memoryview) -> None:
        """Encrypt all of `octets`, part by part, then pass the ciphertext on."""
        if self._lostTLSConnection:
            return
        plain = memoryview(octets)
        cipher: list[bytes] = []
        failure: Failure | None = None
        try:
            while plain:
                plain = plain[self._tlsConnection.send(plain[: self.part]) :]
                self._take(cipher)
        except WantReadError:
            BufferingTLSTransport._bufferedWrite(self, bytes(plain))
        except Error:
            failure = Failure()
        if cipher:
            self.transport.write(cipher[0] if len(cipher) == 1 else b"".join(cipher))
        if failure is not None:
            BufferingTLSTransport._tlsShutdownFinished(self, failure)

    def _take(self, cipher: list[bytes]) -> None:
        """Take all the ciphertext that there is out of OpenSSL."""
        most = taken = self.part + self.part // _OVERHEAD
        while taken == most:
            try:
                cipher.append(self._tlsConnection.bio_read(most))
            except WantReadError:
                return
            taken = len(cipher[-1])

    def _decrypt(self, records: list[bytes]) -> tuple[bool, Failure | None]:
        """Add all that can be decrypted to `records`; tells whether that was the end, and of which error."""
        try:
            while True:
                records.append(self._tlsConnection.recv(RECORD))
        except WantReadError:
            return False, None
        except ZeroReturnError:
            return True, None
        except Error:
            return True, Failure()

    def _deliver(self, records: list[bytes], ended: bool, why: Failure | None) -> None:
        """Deliver records in one piece, then what came behind them: the end, or an error."""
        if records and not self._aborted:
            ProtocolWrapper.dataReceived(self, records[0] if len(records) == 1 else b"".join(records))
        if ended and not self._lostTLSConnection:
            if why is None:
                BufferingTLSTransport._shutdownTLS(self)
            BufferingTLSTransport._tlsShutdownFinished(self, why)
        BufferingTLSTransport._flushSendBIO(self)

    def _flushReceiveBIO(self) -> None:
        """Deliver all that can be decrypted: Twisted calls this where the connection ends."""
        if not self._lostTLSConnection:
            records: list[bytes] = []
            self._deliver(records, *self._decrypt(records))


def whole_writes(context: Context) -> None:
    """Let one call to OpenSSL encrypt all the bytes that it is given, in as many records as they need."""
    context.clear_mode(_PARTIAL_WRITE)


def group_records(transport: Any) -> GroupedTLSTransport | None:
    """Make a transport with TLS, from `startTLS` or a TLS endpoint, group its records.

    Returns the layer that does it from now on; None if nothing changed.
    """
    for layer in (transport, getattr(transport, "protocol", None)):
        if type(layer) in (BufferingTLSTransport, TurnedTLSTransport) and all(hasattr(layer, name) for name in _NEEDED):
            layer.__class__ = GroupedTLSTransport
            return cast(GroupedTLSTransport, layer)
    return None
