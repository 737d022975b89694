"""The servers that this machine knows."""

from __future__ import annotations

import json
import os
import threading

import attrs

from homeftp.client.connection.address import Address
from homeftp.client.known.remotes import Remote, Remotes, client_folder, hash_cache_path, seen_path
from homeftp.config import MAX_ADDRESSES
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase


class RemotesTests(QuickCase):
    """The stored files."""

    def setUp(self) -> None:
        self.home = self.mktemp()
        self.remotes = Remotes(self.home)
        self.remote = Remote("nas", [Address("::1", 5)], "änn", "sécret", b"-----BEGIN CERTIFICATE-----\n")

    def test_kept(self) -> None:
        """A saved remote is loaded, listed and removed; only its owner can read it."""
        self.assertEqual(self.remotes.names(), [])
        self.remotes.save(self.remote)
        self.assertEqual(self.remotes.names(), ["nas"])
        self.assertEqual(self.remotes.load("nas"), self.remote)
        self.assertEqual(os.stat(f"{self.home}/remotes").st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(f"{self.home}/remotes/nas.json").st_mode & 0o777, 0o600)
        self.assertNotIn("sécret", repr(self.remote))
        self.remotes.remove("nas")
        self.assertEqual(self.remotes.names(), [])

    def test_missing(self) -> None:
        """One that is not there is named, with what to do."""
        with self.assertRaisesRegex(OperatorError, "homeftp pair HOST$"):
            self.remotes.load("nas")
        with self.assertRaises(OperatorError):
            self.remotes.remove("nas")
        self.remotes.save(self.remote)
        with self.assertRaisesRegex(OperatorError, "Known servers: nas"):
            self.remotes.load("other")
        for use in (self.remotes.load, self.remotes.remove):
            with self.assertRaisesRegex(OperatorError, "Did you mean nas\\? Known servers: nas"):
                use("nsa")

    def test_loose_modes(self) -> None:
        """A file that others can read is refused."""
        self.remotes.save(self.remote)
        os.chmod(f"{self.home}/remotes/nas.json", 0o644)
        with self.assertRaisesRegex(OperatorError, "chmod"):
            self.remotes.load("nas")

    def test_damaged(self) -> None:
        """A damaged file is reported as damaged."""
        self.remotes.save(self.remote)
        rest = b'"user": "ann", "ca": ""}'
        damaged = [b"", b"[]", b"{}", b"\xff", b'{"address": "x y", ' + rest]
        damaged += [b'{"addresses": %b, %b' % (each, rest) for each in (b"[]", b'"nas"', b"[7]", b'["a", "x y"]')]
        for content in damaged:
            self.write(content)
            with self.assertRaisesRegex(OperatorError, "is damaged", msg=content):
                self.remotes.load("nas")
        self.write(b'{"addresses": ["a", "b"], ' + rest)
        self.assertEqual(self.remotes.load("nas").addresses, (Address("a"), Address("b")))

    def write(self, content: bytes) -> None:
        with open(f"{self.home}/remotes/nas.json", "wb") as file:
            file.write(content)

    def test_one_address(self) -> None:
        """A file of an early version with a single address is read, and saved in the new form."""
        self.remotes.save(self.remote)
        self.write(b'{"address": "[::1]:5", "user": "\xc3\xa4nn", "ca": "x", "password": "p"}')
        remote = self.remotes.load("nas")
        self.assertEqual(remote.addresses, (Address("::1", 5),))
        self.remotes.save(remote)
        with open(f"{self.home}/remotes/nas.json") as file:
            kept = json.load(file)
        self.assertEqual((kept["addresses"], "address" in kept), (["[::1]:5"], False))

    def test_reached(self) -> None:
        """The address that worked comes first; of too many the one that worked longest ago is removed."""
        remote = self.remote
        for number in range(MAX_ADDRESSES):
            remote = remote.reached_at(Address("nas", number + 1))
        self.assertEqual([each.port for each in remote.addresses], [8, 7, 6, 5, 4, 3, 2, 1])
        self.assertEqual([each.port for each in remote.reached_at(Address("nas", 3)).addresses][:3], [3, 8, 7])

    def test_update(self) -> None:
        """An update keeps what another command saved; a removed or replaced remote is not changed."""
        self.remotes.save(self.remote)
        self.remotes.save(attrs.evolve(self.remote, password="new"))
        changed = self.remotes.update(self.remote, lambda found: found.reached_at(Address("nas")))
        self.assertEqual(changed, self.remotes.load("nas"))
        self.assertEqual((changed.password, changed.addresses[0]), ("new", Address("nas")))  # type: ignore[union-attr]
        self.remotes.save(attrs.evolve(self.remote, ca=b"other"))
        self.assertIsNone(self.remotes.update(self.remote, lambda found: self.remote))
        self.assertEqual(self.remotes.load("nas").ca, b"other")
        self.remotes.remove("nas")
        self.assertIsNone(self.remotes.update(self.remote, lambda found: self.remote))
        self.assertEqual(self.remotes.names(), [])

    def test_at_once(self) -> None:
        """Nothing is lost when many commands update at the same time."""
        self.remotes.save(self.remote)

        def add(port: int) -> None:
            Remotes(self.home).update(self.remote, lambda found: found.reached_at(Address("nas", port)))

        adding = [threading.Thread(target=add, args=(port,)) for port in range(1, MAX_ADDRESSES + 1)]
        for each in adding:
            each.start()
        for each in adding:
            each.join()
        self.assertEqual({each.port for each in self.remotes.load("nas").addresses}, set(range(1, MAX_ADDRESSES + 1)))

    def test_names(self) -> None:
        """A name cannot be a path, a drive, or look like an option."""
        for name in ("", "a", "../x", "a/b", "-x", ".x", "x" * 65, "a b", "a:b"):
            with self.assertRaises(OperatorError, msg=name):
                self.remotes.check_name(name)
        self.remotes.check_name("my-nas.2")

    def test_folders(self) -> None:
        """$HOMEFTP_HOME holds everything, if it is set."""
        self.assertEqual(client_folder({"HOMEFTP_HOME": "/x"}), "/x")
        self.assertEqual(hash_cache_path({"HOMEFTP_HOME": "/x"}), "/x/cache/index.sqlite")
        self.assertEqual(seen_path({"HOMEFTP_HOME": "/x"}), "/x/seen.sqlite")
        self.assertTrue(seen_path({}).endswith("seen.sqlite"))
        self.assertTrue(client_folder({}).endswith("homeftp"))
        self.assertTrue(hash_cache_path({}).endswith("index.sqlite"))
