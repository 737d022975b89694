"""This machine's name, address, time and umask, and the holders of its locks."""

from __future__ import annotations

import fcntl
import os
import re
from datetime import timedelta
from unittest import mock

from cryptography.x509 import DNSName
from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto.webcert import host_names
from homeftp.host import lock_holder, now, own_address, own_name, own_umask, user_folder


class HostTests(SynchronousTestCase):
    """What others are told of this machine."""

    def test_now(self) -> None:
        """The time is in UTC, and aware of it."""
        self.assertEqual(now().utcoffset(), timedelta(0))

    def test_name(self) -> None:
        """A name is lower-case and plain, whatever the machine is called; one without such letters is `nas`."""
        for name, expected in (
            ("Nas.example.org", "nas"),
            ("My_Box", "my-box"),
            ("__", "nas"),
            ("büro", "b-ro"),
            ("-x-", "x"),
        ):
            with mock.patch("socket.gethostname", return_value=name):
                self.assertEqual(own_name(), expected)

    def test_address(self) -> None:
        """The address is one of this machine's, and without a network a name that its certificate for the web has."""
        name = f"{own_name()}.local"
        self.assertTrue(re.fullmatch(r"[0-9.]+", own_address()) or own_address() == name)
        with mock.patch("socket.socket.connect", side_effect=OSError(101, "Network is unreachable")):
            self.assertEqual(own_address(), name)
        self.assertIn(DNSName(name), host_names(own_name(), ()))

    def test_user_folder(self) -> None:
        """A user without a home has no folders, however platformdirs says that."""

        def without_home() -> str:
            raise RuntimeError("could not determine the home directory")

        self.assertEqual(user_folder(lambda: "/home/ann/.config/homeftp"), "/home/ann/.config/homeftp")
        self.assertIsNone(user_folder(lambda: "~/.config/homeftp"))
        self.assertIsNone(user_folder(without_home))


class UmaskTests(SynchronousTestCase):
    """own_umask."""

    def test_umask(self) -> None:
        """It is read, and never set."""
        for umask in (0o027, 0o022):
            self.addCleanup(os.umask, os.umask(umask))
            with mock.patch.object(os, "umask", side_effect=AssertionError("it was set")):
                self.assertEqual(own_umask(), umask)

    def test_unknown(self) -> None:
        """Where the system does not tell, others get nothing."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("Name:\thomeftp\n")
        self.assertEqual([own_umask(path), own_umask("/nowhere")], [0o077] * 2)


class LockHolderTests(SynchronousTestCase):
    """lock_holder."""

    def test_holder(self) -> None:
        """The process that holds a lock is named; without a lock, and without the system's list, none is."""
        with open(self.mktemp(), "w") as file:
            self.assertIsNone(lock_holder(file.fileno()))
            fcntl.flock(file, fcntl.LOCK_EX)
            self.assertEqual(lock_holder(file.fileno()), os.getpid())
            self.assertIsNone(lock_holder(file.fileno(), "/nowhere"))
