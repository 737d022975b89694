"""How much memory server and client take: for folders with many entries, and for connections that do nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import time
from pathlib import Path
from typing import NamedTuple, Sequence

from homeftp.endpoint import RESERVED
from loads import PER_FOLDER
from measuring import memory_kib, reset_peak, run
from programs import HOMEFTP, homeftp_server, pair, reserved_port

CONTENT = 8
"""Bytes of a file: its number, so that no two are the same."""

SETTLE_SECONDS = 0.5
"""After which a server has done what new connections make it do."""


class Peak(NamedTuple):
    """What a step took: KiB of both ends at their peak, and seconds."""

    client: float
    server: float
    seconds: float


def make_entries(folder: Path, entries: int) -> None:
    """As many files with next to nothing in them."""
    for number in range(entries):
        parent = folder / f"{number // PER_FOLDER:05}"
        if not number % PER_FOLDER:
            parent.mkdir(parents=True)
        (parent / f"{number:07}.txt").write_bytes(b"%0*d" % (CONTENT, number))


def measure_entries(folder: Path, entries: int) -> dict[str, Peak]:
    """The peaks for each thing that can be done with a folder of so many files."""
    (folder / "share").mkdir()
    source = folder / "source"
    make_entries(source, entries)
    port = reserved_port()
    peaks: dict[str, Peak] = {}
    with homeftp_server(folder, port) as server:
        pair(folder, port)
        other = folder / "other client"
        shutil.copytree(folder / "client", other)  # it remembers nothing

        def step(name: str, *arguments: str, statuses: Sequence[int] = (0,)) -> None:
            reset_peak(server)
            cost = run([*HOMEFTP, *arguments], server, statuses)
            peaks[name] = peak = Peak(cost.memory, memory_kib(server, "VmHWM"), cost.wall)
            mebibytes = f"client {peak.client / 1024:7.1f} MiB  server {peak.server / 1024:7.1f} MiB"
            print(f"{name:22} {mebibytes} {cost.wall:8.2f} s", flush=True)

        step("push", "push", "-r", str(source), "nas:entries")
        step("push, the same", "push", "-r", str(source), "nas:entries")
        step("list", "ls", "-R", "nas:entries")
        step("list as JSON", "ls", "-R", "--json", "nas:entries")
        step("usage", "du", "nas:entries")
        step("compare", "cmp", str(source), "nas:entries")
        for parent in source.iterdir():
            next(parent.iterdir()).unlink()
        # Now no folder can be skipped because its digest is the same: each file is looked at.
        step("compare, all differ", "cmp", str(source), "nas:entries", statuses=(1,))
        step("get", "get", "-r", "nas:entries", str(folder / "fetched"))
        step("first sync", "sync", "-y", str(source), "nas:synced")
        step("sync, the same", "sync", "-y", str(source), "nas:synced")
        shutil.rmtree(folder / "fetched")
        os.environ["HOMEFTP_HOME"] = str(other)
        step("first sync, fetching", "sync", "-y", str(folder / "synced"), "nas:synced")
        step("first sync, both same", "sync", "-y", "--start-over", str(folder / "synced"), "nas:synced")
        for parent in (folder / "synced").iterdir():
            if parent.name != RESERVED:
                shutil.rmtree(parent)
        step("sync, all deleted", "sync", "-y", f"--max-delete={entries}", str(folder / "synced"), "nas:synced")
        step("remove", "rm", "-r", "nas:entries")
    return peaks


def idle_connections(folder: Path, count: int) -> float:
    """KiB that each of `count` connections costs that did the TLS handshake and nothing more."""
    port = reserved_port()
    options = ["--login-timeout=600"]
    for what in ("connections", "unauthenticated"):
        options += [f"--max-{what}={count + 100}", f"--max-{what}-per-address={count + 100}"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["homeftp/1"])

    def connect() -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", port))
        plain.sendall(b'{"request_type": "STARTTLS"}\n')
        while not plain.recv(4096).endswith(b"\n"):
            pass
        secure = context.wrap_socket(plain)
        secure.sendall(b'{"request_type": "HELLO"}\n')
        while not secure.recv(4096).endswith(b"\n"):
            pass
        return secure

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(homeftp_server(folder, port, *options))
        for _ in range(10):
            connect().close()
        before = memory_kib(server, "VmRSS")
        connections = [stack.enter_context(connect()) for _ in range(count)]
        time.sleep(SETTLE_SECONDS)
        return (memory_kib(server, "VmRSS") - before) / len(connections)
