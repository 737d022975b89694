"""`homeftp remote`: getting to know a server without being deceived."""

from __future__ import annotations

import json
import os

from tests.support.processes import PASSWORD, ServerProcess, add_remote
from tests.support.serving import ServedCase
from tests.support.socketpaths import socket_path


class RemoteCase(ServedCase):
    """With a client that knows nothing yet."""

    def setUp(self) -> None:
        super().setUp()
        self.home = os.path.abspath(self.mktemp())
        self.address = f"127.0.0.1:{self.server.ports[0]}"

    def kept(self) -> list[str]:
        """The files that the client has kept."""
        folder = os.path.join(self.home, "remotes")
        return os.listdir(folder) if os.path.isdir(folder) else []


class AddTests(RemoteCase):
    """remote add."""

    def add(self, *more: str, input: str = PASSWORD + "\n") -> tuple[int, str]:
        said = self.homeftp(
            "remote", "add", "nas", self.address, "--user", "ann", "--password-stdin", *more, input=input
        )
        return said.returncode, said.stderr

    def test_fingerprint(self) -> None:
        """With the right fingerprint, however it is written, the server is known; its files are private."""
        digits = self.server.fingerprint.removeprefix("SHA256:")
        self.assertEqual(self.add("--fingerprint", digits.upper())[0], 0)
        self.assertEqual(self.kept(), ["nas.json"])
        self.assertEqual(os.stat(f"{self.home}/remotes/nas.json").st_mode & 0o777, 0o600)
        self.assertEqual(self.homeftp("ls", "nas:").returncode, 0)
        listed = json.loads(self.homeftp("remote", "list", "--json").stdout)
        self.assertEqual(listed, {"name": "nas", "addresses": [self.address], "user": "ann"})
        self.assertEqual(self.add("--fingerprint", digits)[0], 2)
        self.assertEqual(self.homeftp("remote", "remove", "nas").returncode, 0)
        self.assertEqual(self.homeftp("ls", "nas:").returncode, 2)

    def test_wrong_fingerprint(self) -> None:
        """With another fingerprint nothing is sent and nothing is kept, and both are shown."""
        wrong = "SHA256:" + "0" * 64
        status, said = self.add("--fingerprint", wrong)
        self.assertEqual(status, 4)
        self.assertIn(wrong, said)
        self.assertIn(self.server.fingerprint, said)
        self.assertEqual(self.kept(), [])
        self.assertEqual(self.add("--fingerprint", "abc")[0], 2)

    def test_nobody_to_ask(self) -> None:
        """Without a terminal and without a fingerprint the command refuses."""
        status, said = self.add()
        self.assertEqual(status, 4)
        self.assertIn("--fingerprint", said)
        self.assertEqual(self.kept(), [])

    def test_wrong_password(self) -> None:
        """A wrong password is refused by the server, and nothing is kept."""
        status, said = self.add("--fingerprint", self.server.fingerprint, input="wrong\n")
        self.assertEqual(status, 3, said)
        self.assertEqual(self.kept(), [])

    def test_asked(self) -> None:
        """At a terminal the fingerprint is shown and asked about; only yes is yes, and the password is not echoed."""
        arguments = ("remote", "add", "nas", self.address, "--user", "ann")
        for answer in ("n\n", "\n", "maybe\n"):
            status, shown = self.at_terminal(*arguments, says=[("[y/N]", answer)])
            self.assertEqual(status, 4, shown)
            self.assertIn(self.server.fingerprint, shown)
            self.assertEqual(self.kept(), [])
        status, shown = self.at_terminal(*arguments, says=[("[y/N]", "y\n"), ("Password", PASSWORD + "\n")])
        self.assertEqual(status, 0, shown)
        self.assertNotIn(PASSWORD, shown)
        self.assertEqual(self.kept(), ["nas.json"])

    def test_nobody_there(self) -> None:
        """A server that is not reachable is told from one that is not trusted."""
        self.address = "127.0.0.1:1"
        status, said = self.add("--fingerprint", self.server.fingerprint)
        self.assertEqual(status, 4)
        self.assertIn("nothing listens at 127.0.0.1:1", said)
        self.address = "no.such.host.invalid"
        self.assertEqual(self.add("--fingerprint", self.server.fingerprint)[0], 4)
        missing, file = socket_path(self), socket_path(self)
        with open(file, "w"):
            pass
        for path in (missing, file):
            self.address = f"unix:{path}"
            status, said = self.add("--fingerprint", self.server.fingerprint)
            self.assertEqual(
                (status, said),
                (4, f"homeftp: nothing listens at unix:{path}: is the server running, and is the path right?\n"),
            )
        self.address = "a b"
        self.assertEqual(self.add("--fingerprint", self.server.fingerprint)[0], 2)

    def test_tls_from_the_first_byte(self) -> None:
        """At a port that is TLS from the first byte the message names the right kind of port."""
        server = ServerProcess(listen=("--listen-tls", "tcp:0:interface=127.0.0.1"))
        self.addCleanup(server.end)
        self.address = f"127.0.0.1:{server.ports[0]}"
        status, said = self.add("--fingerprint", server.fingerprint)
        self.assertEqual(status, 4)
        self.assertIn("is the port right?", said)
        self.assertIn("--listen-tls", said)


class OtherServerTests(RemoteCase):
    """A server that is not the one that was added."""

    def test_changed_identity(self) -> None:
        """A server with another CA at the same place is refused, with both fingerprints and what to do."""
        add_remote(self.server, self.home)
        other = ServerProcess()
        self.addCleanup(other.end)
        path = f"{self.home}/remotes/nas.json"
        with open(path) as file:
            kept = json.load(file)
        kept["addresses"] = [f"127.0.0.1:{other.ports[0]}"]
        with open(path, "w") as file:
            json.dump(kept, file)
        said = self.homeftp("ls", "nas:")
        self.assertEqual(said.returncode, 4)
        self.assertIn(self.server.fingerprint, said.stderr)
        self.assertIn(other.fingerprint, said.stderr)
        self.assertIn("remote remove nas", said.stderr)

    def test_other_addresses(self) -> None:
        """IPv6 and UNIX sockets are addresses too."""
        socket = socket_path(self)
        server = ServerProcess(listen=("--listen", "tcp6:0:interface=\\:\\:1", "--listen", f"unix:{socket}"))
        self.addCleanup(server.end)
        for name, address in (("six", f"[::1]:{server.ports[0]}"), ("local", f"unix:{socket}")):
            said = self.homeftp(
                *("remote", "add", name, address, "--user", "ann", "--password-stdin"),
                *("--fingerprint", server.fingerprint),
                input=PASSWORD + "\n",
            )
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertEqual(self.homeftp("ls", f"{name}:").returncode, 0)
