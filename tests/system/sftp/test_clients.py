"""Real clients: OpenSSH's sftp, rclone and lftp do what people do with them."""

from __future__ import annotations

import os
import random
import stat
import subprocess

from homeftp.hashing.filehash import hash_bytes
from tests.support import replay
from tests.support.needs import program
from tests.support.sftpserver import SftpCase

BIG = random.Random(1).randbytes(3_000_000)


class OpenSshTests(SftpCase):
    """OpenSSH's own client."""

    def test_put_and_get(self) -> None:
        """Trees go both ways with their times and modes, and a part of a file is completed."""
        self.local("tree/a.txt", b"small")
        path = self.local("tree/d/big", BIG)
        os.chmod(path, 0o600)
        os.utime(path, (1_600_000_000, 1_600_000_000))
        self.server.sftp(f"cd {self.there}", f"lcd {self.here}", "put -Rp tree", "get -Rp tree back")
        self.assertEqual((self.stored("tree/a.txt"), self.stored("tree/d/big")), (b"small", BIG))
        for found in (
            os.stat(self.local("back/d/big")),
            os.stat(os.path.join(self.server.root, self.there, "tree/d/big")),
        ):
            self.assertEqual((found.st_mtime, stat.S_IMODE(found.st_mode)), (1_600_000_000, 0o600))
        self.run_program("diff", "-r", "tree", "back")
        self.server.lay(f"{self.there}/part", BIG[:1_000_000])
        self.local("part", BIG)
        self.server.sftp(f"cd {self.there}", f"lcd {self.here}", "reput part")
        self.assertEqual(self.stored("part"), BIG)
        self.local("half", BIG[:1_000_001])
        self.server.sftp(f"cd {self.there}", f"lcd {self.here}", "reget part half")
        with open(self.local("half"), "rb") as file:
            self.assertEqual(file.read(), BIG)

    def test_names(self) -> None:
        """Names are changed, removed, made and listed; a rename replaces, links do not exist."""
        self.local("a", b"a")
        self.local("b", b"b")
        said = self.server.sftp(
            f"cd {self.there}",
            f"lcd {self.here}",
            "pwd",
            "put a",
            "put b",
            "rename a b",
            "mkdir d",
            "chmod 600 b",
            "rename b d/c",
            "cp d/c copy",
            "ls -l d",
            "df",
            "rm copy",
            "ls -a",
        )
        self.assertIn(f"Remote working directory: /{self.there}\n", said)
        self.assertIn("-rw-------    1 ann ", said)
        self.assertEqual((self.names(), self.stored("d/c")), (["d"], b"a"))
        self.assertIn("unsupported", self.server.sftp(f"cd {self.there}", "symlink d e", ok=False))
        self.assertIn("not found", self.server.sftp("get none", ok=False))
        self.server.sftp(f"cd {self.there}", "rm d/c", "rmdir d")
        self.assertEqual(self.names(), [])

    def test_many(self) -> None:
        """A folder of 10,000 files is listed whole."""
        folder = os.path.join(self.server.root, self.there)
        for number in range(10_000):
            os.close(os.open(os.path.join(folder, f"{number:05}"), os.O_CREAT, 0o644))
        listed = self.server.sftp(f"ls -1 {self.there}").split()
        self.assertEqual(
            [name for name in listed if "/" in name], [f"{self.there}/{number:05}" for number in range(10_000)]
        )

    def test_similar_name(self) -> None:
        """A name that is too similar to another one is refused when the file is opened, before anything is sent."""
        self.local("big", BIG)
        self.server.sftp(f"cd {self.there}", f"lcd {self.here}", "put big Photo.jpg")
        said = self.server.sftp(f"cd {self.there}", f"lcd {self.here}", "put big photo.jpg", ok=False)
        self.assertIn(f'dest open "{self.there}/photo.jpg"', said.replace('"/', '"'))
        self.assertEqual(self.names(), ["Photo.jpg"])

    def test_audit(self) -> None:
        """A file that was put is in the audit log as one that was pushed: with its hash, its account and its device."""
        self.local("big", BIG)
        self.server.sftp(f"cd {self.there}", f"lcd {self.here}", "put big", "rename big b", "rm b")
        found = [line for line in replay.lines(self.server.process.state) if line["event"] == "change"]
        mine = [line for line in found if line["endpoint"].startswith(f"{self.there}/")]
        self.assertEqual([line["change"] for line in mine], ["add", "move", "delete"])
        told = {(line["account"], line["device"], line["front_end"]) for line in mine}
        self.assertEqual(told, {("ann", "key", "sftp")})
        self.assertEqual((mine[0]["hash"], mine[0]["size"]), (hash_bytes(BIG), len(BIG)))

    def test_ciphers(self) -> None:
        """OpenSSH agrees with the server on each cipher and MAC that is offered, and on new keys while it sends."""
        self.local("big", BIG)
        for cipher, more in (
            ("aes128-gcm@openssh.com", ()),
            ("aes256-gcm@openssh.com", ("-o", "RekeyLimit=500K")),
            ("aes256-ctr", ("-o", "MACs=hmac-sha2-512-etm@openssh.com", "-o", "RekeyLimit=1M")),
        ):
            self.server.sftp(
                f"cd {self.there}", f"lcd {self.here}", f"put big {cipher}", f"get {cipher}", more=("-c", cipher, *more)
            )
            self.assertEqual(self.stored(cipher), BIG)
            with open(self.local(cipher), "rb") as file:
                self.assertEqual(file.read(), BIG)

    def test_refused(self) -> None:
        """Old algorithms, a shell and a command are refused; a wrong key and a wrong password too."""
        self.server.sftp("ls", more=("-o", "MACs=hmac-sha1", "-c", "aes128-ctr"), ok=False)
        for command in ((), ("id",)):
            ssh = [program("ssh"), "-p", str(self.server.port), *self.server.options, "ann@127.0.0.1", *command]
            done = subprocess.run(ssh, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
            self.assertNotEqual((done.returncode, done.stdout), (0, b""))
            self.assertNotIn(b"uid=", done.stdout)
        ssh_keygen = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", self.local("other")]
        subprocess.run(ssh_keygen, check=True, timeout=60)
        sftp = [program("sftp"), "-P", str(self.server.port), "-F", "none", "-i", self.local("other")]
        sftp += ["-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"]
        sftp += ["-o", f"UserKnownHostsFile={self.server.known}", "ann@127.0.0.1"]
        done = subprocess.run(sftp, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
        self.assertIn(b"Permission denied", done.stderr)


class OtherClientTests(SftpCase):
    """rclone and lftp."""

    def test_rclone(self) -> None:
        """rclone copies a tree there and back, sees that nothing has changed, and mirrors removals."""
        for number in range(40):
            self.local(f"tree/{number % 4}/{number}", b"%d" % number)
        self.local("tree/big", BIG)
        remote = f":sftp,host=127.0.0.1,port={self.server.port},user=ann,disable_hashcheck=true,shell_type=none"
        remote += f",key_file={self.server.key}:/{self.there}"
        options = ("--config", "/dev/null", "--transfers", "8")
        self.run_program("rclone", "copy", "tree", f"{remote}/tree", *options)
        self.run_program("rclone", "copy", f"{remote}/tree", "back", *options)
        self.run_program("diff", "-r", "tree", "back")
        said = self.run_program("rclone", "check", "tree", f"{remote}/tree", "--size-only", *options)
        self.assertEqual(said, "")
        os.remove(self.local("tree/big"))
        before = os.stat(os.path.join(self.server.root, self.there, "tree/0/0"))
        self.run_program("rclone", "sync", "tree", f"{remote}/tree", *options)
        self.assertNotIn("big", os.listdir(os.path.join(self.server.root, self.there, "tree")))
        self.assertEqual(os.stat(os.path.join(self.server.root, self.there, "tree/0/0")), before)

    def test_lftp(self) -> None:
        """lftp mirrors a tree there and back."""
        self.local("tree/d/a", b"a")
        self.local("tree/big", BIG)
        connect = " ".join(["ssh", "-a", "-x", *self.server.options])
        commands = f"set sftp:connect-program '{connect}'; open -u ann, -p {self.server.port} sftp://127.0.0.1; "
        commands += (
            f"mirror -R tree {self.there}/tree; mirror {self.there}/tree back; mv {self.there}/tree/big {self.there}/c"
        )
        self.run_program("lftp", "-c", commands)
        self.assertEqual((self.stored("tree/d/a"), self.stored("c")), (b"a", BIG))
        with open(self.local("back/big"), "rb") as file:
            self.assertEqual(file.read(), BIG)
