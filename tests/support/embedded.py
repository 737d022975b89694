"""A whole server inside the test's own process, as an application may embed one: real sockets, threads and files."""

from __future__ import annotations

import os
import tempfile
from typing import Any, Sequence

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.passwords import Cost, hash_password
from homeftp.config import Limits, Settings
from homeftp.interfaces import IFrontEnd
from homeftp.server.service import HomeFTPService

PASSWORD = "correct-horse"
_CHEAP = Cost(n=2, r=1, p=1)


class EmbeddedServer:
    """One server with the account ann; `start` and `stop` it."""

    def __init__(self, front_ends: Sequence[IFrontEnd] = (), *, limits: Limits | None = None, **settings: Any) -> None:
        from twisted.internet import reactor

        folder = tempfile.mkdtemp(dir=os.getcwd())
        self.root = os.path.join(folder, "root")
        self.state_dir = os.path.join(folder, "state")
        os.mkdir(self.root)
        self.state = AccountDatabase(self.state_dir)
        self.state.add_account("ann", hash_password(PASSWORD, _CHEAP))
        given: dict[str, Any] = {"listen": ("tcp:0:interface=127.0.0.1",), "announce": False, **settings}
        self.settings = Settings(root=self.root, state=self.state_dir, limits=limits or Limits(), **given)
        self.service = HomeFTPService(self.settings, reactor, front_ends=front_ends)

    def start(self) -> None:
        """Start it, as `twisted.application` does."""
        self.service.privilegedStartService()
        self.service.startService()

    async def stop(self) -> None:
        """Stop it, where it runs."""
        if self.service.running:
            await self.service.stopService()

    def lay(self, endpoint: str, content: bytes) -> None:
        """A file in the shared folder."""
        path = os.path.join(self.root, *endpoint.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
