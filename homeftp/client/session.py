"""A client's connection and its login: what it knows of the server, and a way to send any request.

The requests that every server has are in api.py.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from homeftp import __version__
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.client.connection.replies import Hello, understood
from homeftp.client.connection.response import IListener, ResponseStream
from homeftp.errors import Forbidden
from homeftp.interfaces import IPayload


class ClientSession:
    """A connection to a server, without the requests of dispatchers: `Client` has these."""

    def __init__(self, protocol: ClientProtocol, address: object = None, fingerprint: str = "") -> None:
        self.protocol = protocol
        """The connection below; for the `transfer` package."""
        self.address = address
        """The one of the addresses given to `connect` at which the server was reached."""
        self.fingerprint = fingerprint
        """The fingerprint of the CA given to `connect`, which says which server this is; "" where none was given."""
        self.server_info = Hello(protocol=0)
        """The server's answer at the login: about itself and the account."""

    def set_listener(self, listener: IListener) -> None:
        """From now on every line of the server goes to `listener`, and `send_line` sends any line.

        For a person who types requests; all earlier requests must have been answered.
        """
        self.protocol.set_listener(listener)

    def send_line(self, line: bytes, payload: IPayload | None) -> None:
        """After `set_listener`: send a line as it is, and its payload. Raises `ConnectionFailed`."""
        self.protocol.send_line(line, payload)

    async def login(self, username: str, password: str) -> Hello:
        """Log in; `connect` has done it. Raises `LoginFailed` (32) and `Busy` (51)."""
        answer = self.request("LOGIN", {"username": username, "password": password})
        await answer.last()
        return await self.hello()

    async def hello(self) -> Hello:
        """Ask what the server is, supports and allows, and which account is logged in."""
        asked = {"client": f"homeftp {__version__}", "keepalive": True}
        part = await self.request("HELLO", asked).last()
        self.server_info = understood(part.body, Hello, "the answer to HELLO")
        self.protocol.keepalive = self.server_info.keepalive or 0.0
        return self.server_info

    def limit_bandwidth(self, rate: float) -> None:
        """From now on send and receive at most `rate` bytes a second each, counted with TLS's content only."""
        self.protocol.limit_bandwidth(rate)

    def require_rights(self, action: str, *rights: str) -> None:
        """Raise `Forbidden` (33), before anything is read or sent, where the account has none of these rights.

        `action` begins the message: "listing". With one of the rights the
        server may still refuse, because rights may differ by folder.
        """
        has = self.server_info.rights
        if not any(map(self.server_info.may, rights)):
            needed = " or ".join(f'"{right}"' for right in rights)
            held = "only: " + ", ".join(f'"{right}"' for right in has) if has else "no rights"
            raise Forbidden(
                f"{action} needs the right {needed}. Your account ({self.server_info.account}) has {held}. "
                "Ask the server's owner"
            )

    def request(
        self, request_type: str, body: dict[str, Any] | None = None, payload: bytes | IPayload | None = None
    ) -> ResponseStream:
        """Send a request of any type, also a plugin's, with the payload that follows it.

        Raises `ConnectionFailed` where the connection has ended already.
        """
        answer = ResponseStream(self.protocol)
        self.protocol.request(answer, request_type, body, payload)
        return answer

    async def close(self) -> None:
        """Close the connection; requests that have not been answered fail with `ConnectionFailed`."""
        await self.protocol.close()

    def when_ended(self) -> Deferred[Exception]:
        """Fires with the reason when the connection has ended."""
        return self.protocol.when_ended()
