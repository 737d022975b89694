"""TLS records in groups: what Twisted's transport does for each record, done once for all that are there.

Twisted gives OpenSSL 16 KiB, a record, takes the ciphertext out and passes it
on, and so on, and hands every record that it reads to the protocol by itself.
That costs more than the encryption. Here one call encrypts all of a write,
and the records of one read are delivered together. How TLS is spoken does not
change, nor what happens on an error.

This leans on methods of `TLSMemoryBIOProtocol` that are not public, and have
been the same since Twisted 11.1. Where they are not there, Twisted's own way
is kept.
"""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Context, Error, WantReadError, ZeroReturnError
from twisted.protocols.policies import ProtocolWrapper
from twisted.protocols.tls import BufferingTLSTransport
from twisted.python.failure import Failure

RECORD = 2**14
"""Bytes of plaintext in a TLS record, at most (RFC 8446, 5.1)."""

_TAKEN = 2**18
"""Bytes of ciphertext that are taken out of OpenSSL at once."""

_PARTIAL_WRITE = 1
"""OpenSSL's SSL_MODE_ENABLE_PARTIAL_WRITE, which pyOpenSSL sets and does not name: one record for each call."""

_NEEDED = (
    "_aborted",
    "_tlsConnection",
    "_lostTLSConnection",
    "_bufferedWrite",
    "_flushSendBIO",
    "_tlsShutdownFinished",
)


class GroupedTLSTransport(BufferingTLSTransport):
    """Twisted's TLS transport, except that it encrypts and decrypts many records at once."""

    transport: Any

    def _write(self, octets: bytes) -> None:
        """Encrypt all of `octets`, then pass the ciphertext on."""
        if self._lostTLSConnection:
            return
        plain = memoryview(octets)
        try:
            while plain:
                plain = plain[self._tlsConnection.send(plain) :]
        except WantReadError:
            BufferingTLSTransport._bufferedWrite(self, bytes(plain))
        except Error:
            BufferingTLSTransport._tlsShutdownFinished(self, Failure())
            return
        taken = _TAKEN
        while taken == _TAKEN:
            try:
                cipher = self._tlsConnection.bio_read(_TAKEN)
            except WantReadError:
                return
            self.transport.write(cipher)
            taken = len(cipher)

    def _flushReceiveBIO(self) -> None:
        """Deliver all that can be decrypted, in one piece; then what came with it: the end, or an error."""
        if self._lostTLSConnection:
            return
        records: list[bytes] = []
        ended = False
        why: Failure | None = None
        try:
            while True:
                records.append(self._tlsConnection.recv(RECORD))
        except WantReadError:
            pass
        except ZeroReturnError:
            ended = True
        except Error:
            ended, why = True, Failure()
        if records and not self._aborted:
            ProtocolWrapper.dataReceived(self, records[0] if len(records) == 1 else b"".join(records))
        if ended and not self._lostTLSConnection:
            if why is None:
                BufferingTLSTransport._shutdownTLS(self)
            BufferingTLSTransport._tlsShutdownFinished(self, why)
        BufferingTLSTransport._flushSendBIO(self)


def whole_writes(context: Context) -> None:
    """Let one call to OpenSSL encrypt all the bytes that it is given, in as many records as they need."""
    context.clear_mode(_PARTIAL_WRITE)


def group_records(transport: Any) -> None:
    """Make a transport with TLS, from `startTLS` or a TLS endpoint, group its records."""
    for layer in (transport, getattr(transport, "protocol", None)):
        if type(layer) is BufferingTLSTransport and all(hasattr(layer, name) for name in _NEEDED):
            layer.__class__ = GroupedTLSTransport
