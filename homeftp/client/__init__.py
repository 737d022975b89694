"""The client: the library for Twisted programs, and what the command line is made of.

    client = await connect(reactor, "tcp:nas.local:8421", ca=ca, username="anna", password=secret)
    download = await client.get("notes/a.txt")
    text = await download.read_all(limit=1024)
    await client.close()

Everything that takes time is a coroutine: await it in one, or begin one with
`Deferred.fromCoroutine`. `homeftp.errors` holds what a server may refuse.
"""

from homeftp.client.address import Address, parse_address
from homeftp.client.api import Client, Comparison, Download, Hello, ServerLimits, Verdict
from homeftp.client.cases import Choices, Item, Outcome, Tools, Watch
from homeftp.client.connect import Presented, connect, first_contact
from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.client.exchange import Answer, Part
from homeftp.client.transfer import cmp, get, push

__all__ = [
    "Address",
    "Answer",
    "Choices",
    "Client",
    "Comparison",
    "ConnectionFailed",
    "Download",
    "Hello",
    "Item",
    "Outcome",
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
    "parse_address",
    "push",
]
