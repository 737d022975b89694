"""The client library for Twisted programs; the command line is built on it.

    client = await connect(reactor, "tcp:nas.local:8421", ca=ca, username="anna", password=secret)
    download = await client.get("notes/a.txt")
    text = await download.read_all(limit=1024)
    await client.close()

Everything that takes time is a coroutine: await it in one, or start it with
`Deferred.fromCoroutine`. `homeftp.errors` holds the refusals of a server.

Only the public names are here; the modules that define them are imported on
first use, so that the command line starts quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeftp.client.api import Client, Download
    from homeftp.client.connection.address import Address, parse_address
    from homeftp.client.connection.replies import Comparison, Hello, ServerLimits, Verdict
    from homeftp.client.connection.response import Part, ResponseStream
    from homeftp.client.dial import ServerIdentity, connect, fetch_server_identity
    from homeftp.client.errors import (
        AllAddressesFailed,
        ConnectionFailed,
        Corrupted,
        NoTrustedServer,
        ProtocolViolation,
    )
    from homeftp.client.known.pairing import PairingResult, pair
    from homeftp.client.plan.cmp import cmp
    from homeftp.client.plan.get import get
    from homeftp.client.plan.push import push
    from homeftp.client.transfer.model import FileResult, Outcome, TransferContext, TransferOptions
    from homeftp.client.transfer.observer import TransferObserver
    from homeftp.client.transfer.retry import Reconnector

_MODULES = {
    "api": ("Client", "Download"),
    "connection.address": ("Address", "parse_address"),
    "connection.replies": ("Comparison", "Hello", "ServerLimits", "Verdict"),
    "connection.response": ("Part", "ResponseStream"),
    "dial": ("ServerIdentity", "connect", "fetch_server_identity"),
    "errors": ("AllAddressesFailed", "ConnectionFailed", "Corrupted", "NoTrustedServer", "ProtocolViolation"),
    "known.pairing": ("PairingResult", "pair"),
    "plan.cmp": ("cmp",),
    "plan.get": ("get",),
    "plan.push": ("push",),
    "transfer.model": ("FileResult", "Outcome", "TransferContext", "TransferOptions"),
    "transfer.observer": ("TransferObserver",),
    "transfer.retry": ("Reconnector",),
}
"""The module of each public name."""

__all__ = [
    "Address",
    "AllAddressesFailed",
    "Client",
    "Comparison",
    "ConnectionFailed",
    "Corrupted",
    "Download",
    "FileResult",
    "Hello",
    "NoTrustedServer",
    "Outcome",
    "PairingResult",
    "Part",
    "ProtocolViolation",
    "Reconnector",
    "ResponseStream",
    "ServerIdentity",
    "ServerLimits",
    "TransferContext",
    "TransferObserver",
    "TransferOptions",
    "Verdict",
    "cmp",
    "connect",
    "fetch_server_identity",
    "get",
    "pair",
    "parse_address",
    "push",
]


def __getattr__(name: str) -> Any:
    """A public name, from the module that defines it."""
    for module, names in _MODULES.items():
        if name in names:
            value = globals()[name] = getattr(importlib.import_module(f"homeftp.client.{module}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
