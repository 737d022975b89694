"""A Ceph of this process's own, with its S3 gateway, for the tests of the cluster: one monitor, manager and disk.

It takes half a minute to start and a gigabyte of memory, so tests use it only with `HOMEFTP_TESTS_CEPH=1`.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import urllib.request
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Iterator

import obstore
from obstore.exceptions import BaseError

from tests.support import needs
from tests.support.engines import ends_with_parent, paused
from tests.support.ports import reserved_port
from tests.support.s3server import S3Server
from tests.support.waiting import wait_until

PROGRAMS = ("ceph", "ceph-authtool", "ceph-mgr", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")

CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{monitor},v1:127.0.0.1:{old_monitor}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 2
run dir = {folder}/run
pid file =
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
mon cluster log file = {folder}/log/cluster.log
osd objectstore = bluestore
bluestore block size = 8589934592
osd memory target = 939524096
mon data = {folder}/mon
osd data = {folder}/osd
mgr data = {folder}/mgr
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{gateway} tcp_nodelay=1
mgr initial modules =
[mgr.x]
keyring = {folder}/mgr/keyring
[osd.0]
keyring = {folder}/osd/keyring
[client.rgw]
keyring = {folder}/rgw/keyring
"""


class Ceph(S3Server):
    """An S3 server on loopback, with its files in a folder of its own."""

    def __init__(self, folder: str | None = None) -> None:
        """`folder`: in which its own is made."""
        needs.require("Ceph (Debian: ceph-mon ceph-mgr ceph-osd radosgw)", lambda: all(map(shutil.which, PROGRAMS)))
        self.folder = tempfile.mkdtemp(prefix="ceph-", dir=folder)
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        atexit.register(self.stop)
        for name in ("mon", "osd", "mgr", "rgw", "run", "log"):
            os.mkdir(self._path(name))
        self.port, monitor, old_monitor = reserved_port(), reserved_port(), reserved_port()
        text = CONFIGURATION.format(
            fsid=uuid.uuid4(), folder=self.folder, gateway=self.port, monitor=monitor, old_monitor=old_monitor
        )
        Path(self._path("ceph.conf")).write_text(text, encoding="ascii")
        self._prepare_monitor(f"[v2:127.0.0.1:{monitor},v1:127.0.0.1:{old_monitor}]")
        self._prepare_disk()
        self._allow("client.rgw", "rgw", "mon", "allow rw", "osd", "allow rwx")
        self.start()
        user = ("--uid=t", "--display-name=t", f"--access-key={self.KEY}", f"--secret={self.SECRET}")
        self._run("radosgw-admin", *self._configured, "user", "create", *user)
        wait_until(self._answers, lambda: "the gateway of Ceph answers", 60)

    def start(self) -> None:
        """Start what is not running: the monitor first, and the gateway last."""
        for name, program, *options in (
            ("mon", "ceph-mon", "-i", "a"),
            ("mgr", "ceph-mgr", "-i", "x"),
            ("osd", "ceph-osd", "-i", "0"),
            ("rgw", "radosgw", "-n", "client.rgw"),
        ):
            self._start(name, program, *options)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the gateway stand still in the block."""
        with paused(self._daemons["rgw"].pid):
            yield

    def stop(self) -> None:
        """End it at once. May be called twice."""
        for name in tuple(self._daemons):
            self.kill(name)

    def kill(self, daemon: str) -> None:
        """Kill one of `mon`, `mgr`, `osd` and `rgw`; `start` starts it again."""
        process = self._daemons.pop(daemon)
        process.kill()
        process.wait(60)

    def bucket(self, name: str) -> str:
        """Make a bucket, unless it exists; its URL."""
        signed = obstore.sign(self.store(name), "PUT", "", timedelta(minutes=1))  # the bucket's own URL
        with urllib.request.urlopen(urllib.request.Request(signed, method="PUT"), timeout=30):
            return f"s3://{name}"

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    @property
    def _configured(self) -> tuple[str, str]:
        return "-c", self._path("ceph.conf")

    def _run(self, *command: str, input: str | None = None) -> str:
        done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def _start(self, name: str, program: str, *options: str) -> None:
        if name not in self._daemons:
            with open(self._path("output"), "ab") as output:
                self._daemons[name] = subprocess.Popen(
                    [program, *self._configured, "-f", *options],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=self.folder,
                    preexec_fn=ends_with_parent(signal.SIGKILL),
                )

    def _allow(self, user: str, folder: str, *rights: str) -> None:
        self._run(
            "ceph", *self._configured, "auth", "get-or-create", user, *rights, "-o", self._path(f"{folder}/keyring")
        )

    def _prepare_monitor(self, addresses: str) -> None:
        """Make the keys and the monitor's files; it and the manager run from now on."""
        keys, map_of_monitors = self._path("keyring"), self._path("monmap")
        everything = ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
        self._run("ceph-authtool", "--create-keyring", keys, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self._run("ceph-authtool", keys, "--gen-key", "-n", "client.admin", *everything)
        fsid = self._run("ceph-conf", *self._configured, "--lookup", "fsid").strip()
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", addresses, map_of_monitors)
        self._run("ceph-mon", *self._configured, "-i", "a", "--mkfs", "--monmap", map_of_monitors, "--keyring", keys)
        self._start("mon", "ceph-mon", "-i", "a")
        self._allow("mgr.x", "mgr", "mon", "allow profile mgr", "osd", "allow *")

    def _prepare_disk(self) -> None:
        """Make the files of the only disk."""
        id, key = str(uuid.uuid4()), self._run("ceph-authtool", "--gen-print-key").strip()
        self._run("ceph", *self._configured, "osd", "new", id, "-i", "-", input=json.dumps({"cephx_secret": key}))
        keyring = self._path("osd/keyring")
        self._run("ceph-authtool", "--create-keyring", keyring, "-n", "osd.0", "--add-key", key)
        self._run("ceph-osd", *self._configured, "-i", "0", "--mkfs", "--osd-uuid", id)

    def _answers(self) -> bool:
        store = self.store("ready")
        try:
            self.bucket("ready")
            obstore.put(store, "ready", b"")
            obstore.delete(store, "ready")
        except (BaseError, OSError):
            return False
        return True
