"""The front end: its service, its key, and what the owner is shown."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from homeftp.crypto.sshhostkey import FILE
from homeftp.server.sftp.connection import SftpConnection
from homeftp.server.sftp.frontend import FullSshServer, SftpFactory, SftpFrontEnd
from homeftp.server.sftp.ssh.hostkey import fingerprint, open_host_key
from tests.support.embedded import EmbeddedServer
from tests.support.sshclient import SshCase


class FrontEndServiceTests(TestCase):
    """A whole server with it."""

    async def test_served(self) -> None:
        """It listens, makes its key in the state folder, and shows the command and the fingerprint."""
        server = EmbeddedServer(sftp=("tcp:0:interface=127.0.0.1",))
        server.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        (front_end,) = [each for each in server.service._server.front_ends if isinstance(each, SftpFrontEnd)]
        port: Any = front_end.listeners[0].address
        key = open_host_key(server.state_dir)
        self.assertIn(FILE, os.listdir(server.state_dir))
        self.assertEqual(
            list(front_end.lines()),
            [f"sftp       sftp -P {port.port} ACCOUNT@127.0.0.1", f"           its key: ED25519 {fingerprint(key)}"],
        )


class FactoryTests(SshCase):
    """Its factory."""

    def test_protocols(self) -> None:
        """A connection is served, or closed where there are too many."""
        connections = self.server.services.connections
        made = self.factory.buildProtocol(None)
        self.assertIsInstance(made, SftpConnection)
        self.assertIn(made, connections)
        full = SftpFactory(self.server.services, self.parts, self.shared)
        self.patch(connections, "full", lambda address: "too many")
        refused = full.buildProtocol(None)
        self.assertIsInstance(refused, FullSshServer)
