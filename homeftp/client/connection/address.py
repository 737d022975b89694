"""Where a server is: the address a person types, and the endpoint that Twisted connects to."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import msgspec

from homeftp.config import DEFAULT_PORT, MAX_PORT
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

_UNIX = "unix:"
_MAX_SOCKET_PATH = 107  # unix(7): sun_path has 108 bytes, the last of them zero
_BRACKETED = re.compile(r"\[(?P<host>[^\]]+)\](?::(?P<port>[^:]*))?\Z")


class Address(msgspec.Struct, frozen=True):
    """A host and its port, or the path of a UNIX socket."""

    host: str = ""
    port: int = DEFAULT_PORT
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"{_UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether it is on this very machine, wherever that is."""
        return bool(self.path) or self.host in ("localhost", "::1") or self.host.startswith("127.")

    def endpoint(self, reactor: IReactorTime, timeout: float) -> IStreamClientEndpoint:
        """The endpoint to connect to; `timeout` in seconds."""
        from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint

        if self.path:
            return UNIXClientEndpoint(reactor, self.path, timeout=timeout)
        return HostnameEndpoint(reactor, self.host, self.port, timeout=timeout)


def parse_address(text: str) -> Address:
    """`HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT`, a bare IPv6 address, or `unix:/path`; raises `OperatorError`."""
    if text.startswith(_UNIX):
        if not text[len(_UNIX) :].startswith("/"):
            raise OperatorError("a UNIX socket is written unix:/path, with the whole path")
        path = text[len(_UNIX) :]
        if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
            raise OperatorError(f"the path of a UNIX socket has at most {_MAX_SOCKET_PATH} bytes: choose a shorter one")
        return Address(path=path)
    bracketed = _BRACKETED.match(text)
    if bracketed is not None:
        host, port = bracketed["host"], bracketed["port"]
    elif text.count(":") > 1:
        host, port = text, None
    else:
        host, found, rest = text.partition(":")
        port = rest if found else None
    if not host or re.search(r"[\s/@\[\]\x00-\x1f\x7f]", host):
        raise OperatorError("a server's address is HOST or HOST:PORT, such as nas.local or 192.168.1.5:8421")
    if port is None:
        return Address(host)
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) <= MAX_PORT:
        raise OperatorError(f"the port is a number from 1 to {MAX_PORT}, not {port!r}")
    return Address(host, int(port))
