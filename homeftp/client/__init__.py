"""The client: the library for Twisted programs, and what the command line is made of.

    client = await connect(reactor, "tcp:nas.local:8421", ca=ca, username="anna", password=secret)
    download = await client.get("notes/a.txt")
    text = await download.read_all(limit=1024)
    await client.close()

Everything that takes time is a coroutine: await it in one, or begin one with
`Deferred.fromCoroutine`. `homeftp.errors` holds what a server may refuse.

Names are imported when they are first used: the command line starts quicker.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homeftp.client.api import Client, Download
    from homeftp.client.connection.address import Address, parse_address
    from homeftp.client.connection.errors import (
        ConnectionFailed,
        Corrupted,
        NotReached,
        OthersAnswered,
        ProtocolViolation,
    )
    from homeftp.client.connection.replies import Comparison, Hello, ServerLimits, Verdict
    from homeftp.client.connection.response import Part, ResponseStream
    from homeftp.client.dial import Presented, connect, first_contact
    from homeftp.client.known.pairing import Paired, pair
    from homeftp.client.transfer.commands import cmp, get, push
    from homeftp.client.transfer.model import FileResult, Outcome, TransferContext, TransferObserver, TransferOptions
    from homeftp.client.transfer.retry import Reconnector

_MODULES = {
    "connection.address": ("Address", "parse_address"),
    "connection.replies": ("Comparison", "Hello", "ServerLimits", "Verdict"),
    "api": ("Client", "Download"),
    "transfer.model": ("TransferOptions", "FileResult", "Outcome", "TransferContext", "TransferObserver"),
    "dial": ("Presented", "connect", "first_contact"),
    "connection.errors": ("ConnectionFailed", "Corrupted", "NotReached", "OthersAnswered", "ProtocolViolation"),
    "connection.response": ("ResponseStream", "Part"),
    "transfer.retry": ("Reconnector",),
    "known.pairing": ("Paired", "pair"),
    "transfer.commands": ("cmp", "get", "push"),
}
"""The module of each public name."""

__all__ = [
    "Address",
    "Client",
    "Comparison",
    "ConnectionFailed",
    "Corrupted",
    "Download",
    "FileResult",
    "Hello",
    "NotReached",
    "OthersAnswered",
    "Outcome",
    "Paired",
    "Part",
    "Presented",
    "ProtocolViolation",
    "Reconnector",
    "ResponseStream",
    "ServerLimits",
    "TransferContext",
    "TransferObserver",
    "TransferOptions",
    "Verdict",
    "cmp",
    "connect",
    "first_contact",
    "get",
    "pair",
    "parse_address",
    "push",
]


def __getattr__(name: str) -> Any:
    """A public name, from the module that defines it."""
    for module, names in _MODULES.items():
        if name in names:
            found = globals()[name] = getattr(importlib.import_module(f"homeftp.client.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
