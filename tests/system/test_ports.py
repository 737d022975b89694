"""The ports of tests that start a server again, or one that cannot say which port it found."""

from __future__ import annotations

import json
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support.networks import Network
from tests.support.processes import environment

_SCRIPT = """
import contextlib, json, socket
from tests.support.ports import reserved_port

LOOPBACK = "127.0.0.1"
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
    file.write("40001 40008")
reserved = reserved_port()
with socket.create_server((LOOPBACK, 0)) as listening:
    free = listening.getsockname()[1]
server = socket.create_server((LOOPBACK, 1024))


def given(take):
    # The ports of the sockets that `take` makes until there is no port any more.
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        ports = set()
        while True:
            ports.add(stack.enter_context(take()).getsockname()[1])
    return ports


servers = given(lambda: socket.create_server((LOOPBACK, 0)))
connections = given(lambda: socket.create_connection(server.getsockname()))
for number in range(2):
    with socket.create_server((LOOPBACK, reserved)) as listening:
        with socket.create_connection(listening.getsockname(), source_address=(LOOPBACK, 1025 + number)):
            listening.accept()[0].close()
print(json.dumps([[reserved in ports, free in ports] for ports in (servers, connections)]))
"""


class ReservedTests(SynchronousTestCase):
    """A network in which all ports are in use."""

    def test_reserved(self) -> None:
        """No server and no connection gets a reserved port, and its own may listen again; a free one is given."""
        network = Network()
        self.addCleanup(network.end)
        words = ("env", f"PYTHONPATH={environment()['PYTHONPATH']}", sys.executable, "-c", _SCRIPT)
        for given in json.loads(network.run(*words)):
            self.assertEqual(given, [False, True], "the second is the control: a port that was let go")
