"""A server with several addresses, as people meet it: at home, elsewhere, and where somebody else has its address."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading

from twisted.trial.unittest import TestCase

from homeftp.config import MAX_ADDRESSES, MIB
from tests.support.cutproxy import Cutter
from tests.support.processes import ServerProcess, add_remote, run_homeftp

NOWHERE = "127.0.0.1:1"


class AddressesCase(TestCase):
    """A server, and a client that knows it as nas."""

    def setUp(self) -> None:
        self.server = self.serve()
        self.address = f"127.0.0.1:{self.server.ports[0]}"
        self.home = os.path.abspath(self.mktemp())
        add_remote(self.server, self.home)

    def serve(self) -> ServerProcess:
        server = ServerProcess()
        self.addCleanup(server.end)
        return server

    def homeftp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the client."""
        return run_homeftp(*arguments, HOMEFTP_HOME=self.home)

    def addresses(self) -> list[str]:
        """Where the client looks for it, as it lists that."""
        listed: list[str] = json.loads(self.homeftp("remote", "list", "--json").stdout)["addresses"]
        return listed

    def moved_to(self, *addresses: str) -> None:
        """Let the client know it at other addresses, in this order."""
        path = os.path.join(self.home, "remotes", "nas.json")
        with open(path) as file:
            kept = json.load(file)
        kept["addresses"] = addresses
        with open(path, "w") as file:
            json.dump(kept, file)


class ListTests(AddressesCase):
    """remote add-address and remove-address."""

    def test_changed(self) -> None:
        """An address is added once, at the end, shown with the others, and removed; the last one stays."""
        for _ in range(2):
            done = self.homeftp("remote", "add-address", "nas", "nas.example.org")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"{self.address}, nas.example.org:8421", done.stdout)
        self.assertEqual(self.addresses(), [self.address, "nas.example.org:8421"])
        self.assertIn(f" {self.address}, nas.example.org:8421 as ann\n", self.homeftp("remote", "list").stdout)
        removed: dict[str, object] = json.loads(
            self.homeftp("remote", "remove-address", "nas", self.address, "--json").stdout
        )
        self.assertEqual(removed, {"name": "nas", "addresses": ["nas.example.org:8421"]})
        done = self.homeftp("remote", "remove-address", "nas", "nas.example.org")
        self.assertEqual(done.returncode, 2)
        self.assertIn("homeftp remote remove nas", done.stderr)

    def test_refused(self) -> None:
        """The message says why an address is not possible."""
        for arguments, words in (
            (("add-address", "nas", "a b"), "HOST:PORT"),
            (("add-address", "other", "a"), "other"),
            (("remove-address", "nas", "a"), f"nas has no address a:8421. Its addresses are: {self.address}"),
        ):
            done = self.homeftp("remote", *arguments)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1))
            self.assertIn(words, done.stderr)
        self.moved_to(*(f"nas-{number}" for number in range(MAX_ADDRESSES)))
        done = self.homeftp("remote", "add-address", "nas", "a")
        self.assertEqual(done.returncode, 2)
        self.assertIn("remove-address", done.stderr)
        self.assertEqual(self.homeftp("remote", "add-address", "nas", "nas-1").returncode, 0, "it already exists")


class FoundTests(AddressesCase):
    """Whichever address is right."""

    def silent(self) -> str:
        """An address at which connections are taken and nothing is ever said."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        return f"127.0.0.1:{listening.getsockname()[1]}"

    def test_found(self) -> None:
        """The server is found after dead, silent and foreign addresses, and is tried first next time."""
        other = self.serve()
        self.moved_to(NOWHERE, self.silent(), f"127.0.0.1:{other.ports[0]}", "no.such.host.invalid", self.address)
        done = self.homeftp("ls", "nas:")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.addresses()[:2], [self.address, NOWHERE])
        self.assertEqual(len(self.addresses()), 5)

    def test_kept(self) -> None:
        """A remote's file is not written again while its first address works."""
        path = os.path.join(self.home, "remotes", "nas.json")
        before = os.stat(path)
        self.assertEqual(self.homeftp("ls", "nas:").returncode, 0)
        self.assertEqual(os.stat(path).st_ino, before.st_ino, "written anew without need")

    def test_removed_meanwhile(self) -> None:
        """A remote that was removed while a command used it does not come back."""
        cutter = Cutter(self.server.ports[0], [])
        self.addCleanup(cutter.close)
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        self.moved_to(f"127.0.0.1:{listening.getsockname()[1]}", f"127.0.0.1:{cutter.port}")
        listing = threading.Thread(target=self.homeftp, args=("ls", "nas:"))
        listing.start()
        listening.accept()[0].close()
        os.unlink(os.path.join(self.home, "remotes", "nas.json"))
        listing.join()
        self.assertEqual(cutter.connections, 1, "the control")
        self.assertEqual(os.listdir(os.path.join(self.home, "remotes")), [])

    def test_nowhere(self) -> None:
        """A server that answers at no address: one line names each address."""
        self.moved_to(NOWHERE, "localhost:1")
        done = self.homeftp("ls", "nas:")
        self.assertEqual(
            (done.returncode, done.stderr),
            (
                4,
                f"homeftp: the server was not reached at any of its addresses: {NOWHERE}: nothing listens there; "
                "localhost:1: nothing listens there\n",
            ),
        )

    def test_another_server(self) -> None:
        """An impostor at one of the addresses is reported first, with both fingerprints, when all fail."""
        other = self.serve()
        where = f"127.0.0.1:{other.ports[0]}"
        self.moved_to(NOWHERE, where)
        done = self.homeftp("ls", "nas:")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (4, 1), done.stderr)
        self.assertIn(f"the server at {where} is not nas: its fingerprint is", done.stderr)
        self.assertIn(self.server.fingerprint, done.stderr)
        self.assertIn(other.fingerprint, done.stderr)
        self.assertIn(f"{NOWHERE}: nothing listens there", done.stderr)
        self.assertEqual(self.addresses(), [NOWHERE, where])

    def test_changes_networks(self) -> None:
        """A push whose network goes away in its middle goes on at the other address, where it is half done already."""
        cutter = Cutter(self.server.ports[0], [8 * MIB], cut=lambda number: cutter.close())
        self.addCleanup(cutter.close)
        self.moved_to(f"127.0.0.1:{cutter.port}", self.address)
        path = os.path.join(self.home, "big")
        with open(path, "wb") as file:
            file.write(os.urandom(24 * MIB))
        done = self.homeftp("push", path, "nas:big")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(re.search(r"was lost: trying again in 1 s.*Resuming big", done.stderr, re.DOTALL))
        self.assertEqual(os.path.getsize(self.server.path("big")), 24 * MIB)
        self.assertEqual(self.addresses()[0], self.address)
