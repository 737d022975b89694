"""The state in one file: whole at one moment, whatever happens meanwhile, and good for a server again."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import stat
import tarfile
import threading
from contextlib import closing
from typing import Callable

from homeftp.accounts.backup import backup_state, restore_state
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Devices, add_device
from homeftp.accounts.invitations import Invitations
from homeftp.accounts.state.sqlite import FILE
from homeftp.cluster.address import CLUSTER_FILE, ClusterAddress, read_address, write_address
from homeftp.crypto.ca import open_identity, read_ca
from homeftp.crypto.sshhostkey import new_host_key, read_host_key, write_host_key
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase
from tests.support.handshakes import now


class BackupTests(QuickCase):
    """Out and in."""

    def setUp(self) -> None:
        """A home with an account, a device and a code."""
        self.folder = self.mktemp()
        self.state = AccountDatabase(self.folder)
        self.identity = open_identity(self.folder, now=now)
        self.state.add_account("ann", "kept")
        self.code = Invitations(self.state).make("ann", 600).code
        self.add("1" * 32)
        self.path = self.mktemp()

    def add(self, id: str) -> None:
        with self.state.transaction() as connection:
            add_device(connection, id, "ann", "laptop", 0.0)
            connection.execute("UPDATE accounts SET password = ?", (id,))

    def restored(self) -> AccountDatabase:
        folder = self.mktemp()
        restore_state(self.path, folder)
        self.restored_folder = folder
        return AccountDatabase(folder)

    def test_back(self) -> None:
        """Everything is there again: the same home, accounts, devices and codes, for the owner's eyes alone."""
        backup_state(self.folder, self.path)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        state = self.restored()
        self.assertEqual(open_identity(self.restored_folder, now=now).fingerprint, self.identity.fingerprint)
        self.assertEqual(open_identity(self.restored_folder, now=now).certificate, self.identity.certificate)
        self.assertEqual(state.password("ann"), "1" * 32)
        self.assertEqual(Devices(state).all(), Devices(self.state).all())
        self.assertEqual(Invitations(state).open_code(self.code.number), self.code)
        self.assertEqual(sorted(os.listdir(self.restored_folder))[:1], ["identity"])
        for folder, _, names in os.walk(self.restored_folder):
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
            for name in names:
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode), 0o600, name)

    def test_host_key(self) -> None:
        """A server that speaks SFTP is known to its clients again; a damaged key is noticed, and nothing written."""
        write_host_key(self.folder, new_host_key())
        backup_state(self.folder, self.path)
        self.restored()
        self.assertEqual(read_host_key(self.restored_folder), read_host_key(self.folder))
        write_host_key(self.folder, b"nonsense")
        path = self.mktemp()
        with self.assertRaisesRegex(OperatorError, "ssh_host_ed25519_key holds no private Ed25519 key: restore it"):
            backup_state(self.folder, path)
        self.assertFalse(os.path.exists(path))

    def test_under_load(self) -> None:
        """Each backup is what stood there between two transactions, while others write without a pause."""
        stop = threading.Event()

        def write() -> None:
            number = 2
            while not stop.is_set():
                self.add(f"{number:032}")
                number += 1

        writing = threading.Thread(target=write)
        writing.start()
        try:
            seen = []
            for _ in range(10):
                backup_state(self.folder, self.path)
                state = self.restored()
                ids = [device.id for device in Devices(state).all()]
                newest = max((id for id in ids if id != "1" * 32), default="1" * 32)
                self.assertEqual(state.password("ann"), newest)
                seen.append(len(ids))
                os.unlink(self.path)
        finally:
            stop.set()
            writing.join()
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len(set(seen)), 5, "the control: it was written meanwhile")

    def test_never_over(self) -> None:
        """Neither a file nor a state that is there is replaced, and none is made up."""
        backup_state(self.folder, self.path)
        for wrong, words in (
            (lambda: backup_state(self.folder, self.path), "exists already"),
            (lambda: restore_state(self.path, self.folder), "is not empty"),
            (lambda: backup_state(self.mktemp(), self.mktemp()), "holds no server state"),
            (lambda: restore_state(self.mktemp(), self.mktemp()), "cannot read"),
        ):
            with self.assertRaisesRegex(OperatorError, words):
                wrong()

    def test_damaged(self) -> None:
        """A file that is not a backup, or is incomplete, or has other members, is refused; no state folder appears."""
        backup_state(self.folder, self.path)
        self.good = self.path + ".good"
        shutil.copy(self.path, self.good)
        with open(self.path, "rb") as file:
            good = file.read()
        with tarfile.open(self.path) as tar:
            content = {info.name: (tar.extractfile(info) or io.BytesIO()).read() for info in tar}

        def archive(change: Callable[[dict[str, bytes]], object]) -> bytes:
            members = dict(content)
            change(members)
            made = io.BytesIO()
            with tarfile.open(fileobj=made, mode="w") as tar:
                for name, data in members.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
            return made.getvalue()

        link = io.BytesIO()
        with tarfile.open(fileobj=link, mode="w") as tar:
            info = tarfile.TarInfo(FILE)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(info)
        self.write(archive(lambda members: None))
        self.restored()  # the control
        for wrong in (
            b"",
            b"no archive",
            good[: len(good) // 2],
            archive(lambda members: members.pop(FILE)),
            archive(lambda members: members.pop("identity/ca.key")),
            archive(lambda members: members.update({"../outside": b"x"})),
            archive(lambda members: members.update({"/etc/x": b"x"})),
            archive(lambda members: members.update({FILE: b"no database" * 100})),
            archive(lambda members: members.update({FILE: b""})),
            archive(lambda members: members.update({FILE: self.changed("DROP TABLE devices")})),
            archive(lambda members: members.update({FILE: self.changed("UPDATE devices SET paired = 'x'")})),
            archive(lambda members: members.update({"identity/ca.key": b"no key"})),
            archive(lambda members: members.update({"ssh_host_ed25519_key": b"no key"})),
            archive(lambda members: members.update({"identity/ca.crt": content["identity/server.crt"]})),
            link.getvalue(),
        ):
            self.write(wrong)
            folder = self.mktemp()
            with self.assertRaises(OperatorError):
                restore_state(self.path, folder)
            self.assertEqual(os.listdir(folder) if os.path.exists(folder) else [], [], wrong[:40])

    def test_leftovers(self) -> None:
        """A restore refuses a folder with files of an earlier state."""
        backup_state(self.folder, self.path)
        folder = self.mktemp()
        os.makedirs(folder, mode=0o700)
        with open(os.path.join(folder, FILE + "-wal"), "wb") as file:
            file.write(b"left")
        with self.assertRaisesRegex(OperatorError, "is not empty"):
            restore_state(self.path, folder)

    def changed(self, statement: str) -> bytes:
        """The database, after a statement."""
        folder = self.mktemp()
        restore_state(self.good, folder)
        with closing(sqlite3.connect(os.path.join(folder, FILE))) as connection:
            connection.execute(statement)
            connection.commit()
        with open(os.path.join(folder, FILE), "rb") as file:
            return file.read()

    def write(self, data: bytes) -> None:
        with open(self.path, "wb") as file:
            file.write(data)


class ClusterBackupTests(QuickCase):
    """The state folder of a cluster's server, whose accounts are in the database: it is not asked."""

    def setUp(self) -> None:
        """A state folder as a server of a cluster has it, after its home had had one server."""
        self.folder, self.path = self.mktemp(), self.mktemp()
        AccountDatabase(self.folder).add_account("ann", "from before")
        open_identity(self.folder, now=now)
        self.address = ClusterAddress("postgresql://nobody@127.0.0.1:1/away", "s3://files")
        write_address(self.folder, self.address)

    def test_back(self) -> None:
        """The home's identity is there again, and where its cluster is; accounts from before are not."""
        backup_state(self.folder, self.path)
        restored = self.mktemp()
        restore_state(self.path, restored)
        self.assertEqual(read_ca(restored), read_ca(self.folder))
        self.assertEqual(read_address(restored), self.address)
        self.assertEqual(sorted(os.listdir(restored)), [CLUSTER_FILE, "identity"])

    def test_without_identity(self) -> None:
        """A folder without an identity is none of a server."""
        shutil.rmtree(os.path.join(self.folder, "identity"))
        self.assertRaises(OperatorError, backup_state, self.folder, self.path)
        self.assertFalse(os.path.exists(self.path))

    def test_damaged(self) -> None:
        """What no server could start with is refused, and nothing is made."""
        backup_state(self.folder, self.path)
        with tarfile.open(self.path) as tar:
            members = {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]
        both = {**members, FILE: b""}
        none = {name: data for name, data in members.items() if name != CLUSTER_FILE}
        for bad in (both, none, {**members, CLUSTER_FILE: b"{"}, {**members, "identity/ca.key": b"x"}):
            with tarfile.open(self.path, "w") as tar:
                for name, data in bad.items():
                    info = tarfile.TarInfo(name)
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
            folder = self.mktemp()
            self.assertRaises(OperatorError, restore_state, self.path, folder)
            self.assertFalse(os.path.exists(folder), bad)
