"""The id of a machine for the servers that it pairs with."""

from __future__ import annotations

import os

from homeftp.client.known.machine import Machine
from tests.support.folders import QuickCase

ONE, OTHER = "SHA256:" + "ab" * 32, "SHA256:" + "cd" * 32


class MachineTests(QuickCase):
    """Machine."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())

    def machine(self, machine_file: str = "/nowhere") -> Machine:
        return Machine(self.folder, machine_file)

    def test_same(self) -> None:
        """The id is the same each time, and another one for another server, machine or user."""
        first = self.machine().id_for(ONE)
        self.assertRegex(first, r"\A[0-9a-f]{64}\Z")
        self.assertEqual(self.machine().id_for(ONE), first)
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write("another machine\n")
        others = [self.machine().id_for(OTHER), self.machine(path).id_for(ONE)]
        self.folder = os.path.abspath(self.mktemp())
        others.append(self.machine().id_for(ONE))
        self.assertEqual(len({first, *others}), 4)

    def test_private(self) -> None:
        """The secret is its owner's alone, and no remote; one that is damaged is made anew."""
        self.machine().id_for(ONE)
        (name,) = os.listdir(os.path.join(self.folder, "remotes"))
        path = os.path.join(self.folder, "remotes", name)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, "wb") as file:
            file.write(b"short")
        made = self.machine().id_for(ONE)
        self.assertGreater(os.path.getsize(path), len(b"short"))
        self.assertEqual(self.machine().id_for(ONE), made)
