"""Servers that announce themselves, and clients that find them: real processes in a network of their own."""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import signal
import subprocess
import sys
from typing import IO, Any

from twisted.trial.unittest import TestCase

from homeftp.discovery import short
from tests.support.forkserver import ForkServer
from tests.support.networks import ADDRESS, OTHER_ADDRESS, Network
from tests.support.processes import SERVE, WITHIN, ServerProcess, environment, run_homeftp
from tests.support.socketpaths import socket_path
from tests.support.waiting import wait_until

MULTICAST_PORT = f":{5353:04X} "
"""The port of multicast DNS, as the kernel shows those that are open."""


@functools.lru_cache(maxsize=1)
def network() -> tuple[Network, ForkServer]:
    """A network for all tests of this process, and what runs commands in it. Each test ends its own servers."""
    found = Network()
    atexit.register(found.end)
    return found, ForkServer(environment(), found.inside)


class NetworkCase(TestCase):
    """A network, and a client in it that knows no server."""

    def setUp(self) -> None:
        self.network, self.commands = network()
        self.home = os.path.abspath(self.mktemp())

    def serve(self, *options: str, listen: str = "tcp:0", folder: str | None = None, known: str = "") -> ServerProcess:
        """A server in the network; it has announced itself when this returns, unless `known` says something else."""
        server = ServerProcess(
            *options,
            account=False,
            program=SERVE,
            forks=self.commands,
            listen=("--listen", listen),
            folder=folder,
        )
        self.addCleanup(server.end)
        if not known:
            wait_until(lambda: "announced  as " in server.output(), server.output)
        return server

    def homeftp(self, *arguments: str, input: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """A command in the network."""
        env = environment(HOMEFTP_HOME=self.home, **more)
        return self.commands.run(arguments, input=input, env=env, timeout=WITHIN * 4)

    def discover(self) -> list[dict[str, Any]]:
        """All that is found."""
        done = self.homeftp("discover", "--json", "--seconds", "1.5")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def invite(self, server: ServerProcess) -> str:
        """A new code."""
        made = run_homeftp("invite", "--json", "--account", "ann", "--state", server.state)
        code: str = json.loads(made.stdout)["code"]
        return code


class DiscoverTests(NetworkCase):
    """homeftp discover."""

    def test_found(self) -> None:
        """A server is found with its addresses, its port and the beginning of its fingerprint; and no more is said."""
        server = self.serve()
        (found,) = self.discover()
        port = server.ports[0]
        self.assertEqual(sorted(found["addresses"]), [f"{ADDRESS}:{port}", f"{OTHER_ADDRESS}:{port}"])
        self.assertEqual((found["port"], found["fingerprint"]), (port, short(server.fingerprint)))
        self.assertEqual(found["remotes"], [])
        self.assertEqual(self.homeftp("pair", f"{ADDRESS}:{port}", self.invite(server), "--name", "box").returncode, 0)
        self.assertEqual(self.discover()[0]["remotes"], ["box"])
        said = self.homeftp("discover", "--seconds", "1.5").stdout
        self.assertRegex(
            said, rf"\A\S+ +10\.99\.0\.\d:{port}, 10.* SHA256:{found['fingerprint']}\.\.\.   claims to be box\n\Z"
        )

    def test_not_announced(self) -> None:
        """One that is not to be announced is not; nor is one on loopback, on a socket file, or TLS from its start."""
        self.serve("--no-announce", known="silent")
        self.serve(listen="tcp:0:interface=127.0.0.1", known="silent")
        self.serve("--listen-tls", "tcp:0", listen=f"unix:{socket_path(self)}", known="silent")
        control = self.serve(listen=f"tcp:0:interface={OTHER_ADDRESS}")
        found = self.discover()
        self.assertEqual([each["addresses"] for each in found], [[f"{OTHER_ADDRESS}:{control.ports[0]}"]])

    def test_ended(self) -> None:
        """A server that ends takes its announcement back, and is gone quickly."""
        server = self.serve()
        self.assertEqual(len(self.discover()), 1, "the control")
        server.end()
        self.assertEqual(self.discover(), [])

    def test_moved(self) -> None:
        """A machine that gets another address while its server runs is announced there."""
        self.network.run("ip", "address", "delete", f"{OTHER_ADDRESS}/24", "dev", "lo")
        add = ("ip", "address", "add", f"{OTHER_ADDRESS}/24", "dev", "lo")
        try:
            self.serve()
            self.assertNotIn(OTHER_ADDRESS, str(self.discover()))
        finally:
            self.network.run(*add)
        wait_until(lambda: OTHER_ADDRESS in str(self.discover()))

    def test_nobody(self) -> None:
        """If no server is announced, nothing is printed; Ctrl-C ends the search, however long it was to be."""
        self.assertEqual(self.discover(), [])
        waiting = subprocess.Popen(
            [*self.network.inside, sys.executable, "-m", "homeftp", "discover", "--seconds", "60"],
            env=environment(HOMEFTP_HOME=self.home),
            stderr=subprocess.PIPE,
        )
        self.addCleanup(waiting.kill)
        wait_until(lambda: MULTICAST_PORT in self.network.run("cat", "/proc/net/udp"))
        waiting.send_signal(signal.SIGINT)
        _, said = waiting.communicate(timeout=WITHIN)
        self.assertEqual((waiting.returncode, said), (130, b"homeftp: interrupted\n"))


class PairTests(NetworkCase):
    """homeftp pair with nothing but a code."""

    def test_code_alone(self) -> None:
        """The only server that announces itself is paired with, and all its addresses are remembered."""
        server = self.serve()
        for typed in (self.invite(server), self.invite(server).replace("-", " ").upper()):
            done = self.homeftp("pair", *typed.split(" "))
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.homeftp("pair", input=self.invite(server) + "\n").returncode, 0, "typed when asked for")
        listed = [json.loads(line) for line in self.homeftp("remote", "list", "--json").stdout.splitlines()]
        self.assertEqual(len(listed), 1)
        self.assertEqual(
            sorted(listed[0]["addresses"]), [f"{each}:{server.ports[0]}" for each in (ADDRESS, OTHER_ADDRESS)]
        )
        self.assertEqual(self.homeftp("ls", f"{listed[0]['name']}:").returncode, 0)

    def test_several(self) -> None:
        """Of several, none is guessed: they are named, and the code has been tried nowhere."""
        servers = [self.serve(), self.serve()]
        code = self.invite(servers[0])
        done = self.homeftp("pair", code)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1))
        self.assertIn("several servers announce themselves", done.stderr)
        for server in servers:
            self.assertRegex(done.stderr, rf"10\.99\.0\.\d:{server.ports[0]}")
        self.assertNotIn(code.partition("-")[2], done.stderr)
        done = self.homeftp("pair", f"{ADDRESS}:{servers[0].ports[0]}", code)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_nobody(self) -> None:
        """If no server is announced, the command asks for an address."""
        done = self.homeftp("pair", "7-guitar-pine")
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (4, "", 1))
        self.assertRegex(done.stderr, r": homeftp pair HOST\n\Z")

    def test_wrong_code(self) -> None:
        """A code with a slip in it is no name of a machine that anybody is asked for."""
        done = self.homeftp("pair", "7-guitar-pinne")
        self.assertEqual(done.returncode, 2)
        self.assertIn("second word", done.stderr)


class MovedTests(NetworkCase):
    """A known server that is at none of its addresses any more."""

    def test_found_again(self) -> None:
        """Its announcement leads to it, and where that was is remembered."""
        server = self.serve()
        done = self.homeftp("pair", f"{ADDRESS}:{server.ports[0]}", self.invite(server), "--name", "nas")
        self.assertEqual(done.returncode, 0, done.stderr)
        server.end()
        done = self.homeftp("ls", "nas:")
        self.assertEqual(done.returncode, 4, "the control")
        self.assertIn("nothing listens at", done.stderr)
        moved = self.serve(folder=server.folder)
        self.assertNotEqual(server.ports, moved.ports)
        done = self.homeftp("ls", "nas:")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        listed = json.loads(self.homeftp("remote", "list", "--json").stdout)
        self.assertTrue(re.fullmatch(rf"10\.99\.0\.\d:{moved.ports[0]}", listed["addresses"][0]), listed)

    def beside(self, program: str, *arguments: str) -> IO[str]:
        """Run a program in the network until the end of the test, after it is ready; gives what it prints."""
        running = subprocess.Popen(
            [*self.network.inside, sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(running.communicate)
        assert running.stdout is not None
        self.assertEqual(running.stdout.readline(), "ready\n")
        return running.stdout

    def test_silent(self) -> None:
        """A remembered address at which something else takes the connection, and says nothing, does not matter.

        That it is not waited for shows tests/unit/client/known/test_dialing.py.
        """
        server = self.serve()
        port = server.ports[0]
        done = self.homeftp("pair", f"{ADDRESS}:{port}", self.invite(server), "--name", "nas")
        self.assertEqual(done.returncode, 0, done.stderr)
        server.end()
        silent = self.beside(SILENT, str(port))
        self.serve(folder=server.folder)
        done = self.homeftp("ls", "nas:")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(silent.readline(), "taken\n")

    def test_impostor(self) -> None:
        """A server that announces another's fingerprint learns nothing, and does not hide the right one."""
        server = self.serve()
        done = self.homeftp("pair", f"{ADDRESS}:{server.ports[0]}", self.invite(server), "--name", "nas")
        self.assertEqual(done.returncode, 0, done.stderr)
        server.end()
        other = self.serve("--no-announce", known="silent")
        self.beside(LIAR, str(other.ports[0]), short(server.fingerprint))
        (found,) = self.discover()
        self.assertEqual((found["remotes"], found["name"]), (["nas"], "\u202e\u009bliar"), "the control: he is heard")
        self.assertTrue(self.homeftp("discover", "--seconds", "1.5").stdout.startswith("\\u202e\\x9bliar "))
        done = self.homeftp("ls", "nas:")
        self.assertEqual(done.returncode, 4)
        code = self.invite(other)
        done = self.homeftp("pair", code, "--name", "liar")
        self.assertEqual(done.returncode, 4)
        self.assertIn("another server than the announced one", done.stderr)
        self.serve(folder=server.folder)
        done = self.homeftp("ls", "nas:")
        self.assertEqual((done.returncode, done.stderr), (0, ""))


SILENT = """
import socket, sys
listening = socket.create_server(("", int(sys.argv[1])))
print("ready", flush=True)
taken = listening.accept()
print("taken", flush=True)
sys.stdin.read()
"""

LIAR = """
import sys
from zeroconf import ServiceInfo, Zeroconf
from homeftp.discovery import SERVICE
zeroconf = Zeroconf(interfaces=["10.99.0.1"])
zeroconf.register_service(ServiceInfo(
    SERVICE, "\\u202e\\u009bliar." + SERVICE, port=int(sys.argv[1]), properties={"v": "1", "fp": sys.argv[2]},
    server="liar.local.", parsed_addresses=["10.99.0.1"],
))
print("ready", flush=True)
sys.stdin.read()
zeroconf.close()
"""
"""Announces the server at a port under the fingerprint of another, and a name that would steer the terminal."""
