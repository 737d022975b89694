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
    from homeftp.client.address import Address, parse_address
    from homeftp.client.answers import Comparison, Hello, ServerLimits, Verdict
    from homeftp.client.api import Client, Download
    from homeftp.client.cases import Choices, Item, Outcome, Tools, Watch
    from homeftp.client.connecting import Presented, connect, first_contact
    from homeftp.client.errors import ConnectionFailed, Corrupted, NotReached, OthersAnswered, ProtocolViolation
    from homeftp.client.exchange import Answer, Part
    from homeftp.client.line import Line
    from homeftp.client.pairing import Paired, pair
    from homeftp.client.transfer import cmp, get, push

_HOMES = {
    "address": ("Address", "parse_address"),
    "answers": ("Comparison", "Hello", "ServerLimits", "Verdict"),
    "api": ("Client", "Download"),
    "cases": ("Choices", "Item", "Outcome", "Tools", "Watch"),
    "connecting": ("Presented", "connect", "first_contact"),
    "errors": ("ConnectionFailed", "Corrupted", "NotReached", "OthersAnswered", "ProtocolViolation"),
    "exchange": ("Answer", "Part"),
    "line": ("Line",),
    "pairing": ("Paired", "pair"),
    "transfer": ("cmp", "get", "push"),
}
"""The module of each public name."""

__all__ = [
    "Address",
    "Answer",
    "Choices",
    "Client",
    "Comparison",
    "ConnectionFailed",
    "Corrupted",
    "Download",
    "Hello",
    "Item",
    "Line",
    "NotReached",
    "OthersAnswered",
    "Outcome",
    "Paired",
    "Part",
    "Presented",
    "ProtocolViolation",
    "ServerLimits",
    "Tools",
    "Verdict",
    "Watch",
    "cmp",
    "connect",
    "first_contact",
    "get",
    "pair",
    "parse_address",
    "push",
]


def __getattr__(name: str) -> Any:
    """A public name, from the module that it is at home in."""
    for module, names in _HOMES.items():
        if name in names:
            found = globals()[name] = getattr(importlib.import_module(f"homeftp.client.{module}"), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
