"""Who attacks: a process of its own, so that the benchmark only behaves.

It logs in, says that it is ready, and begins when it is told; at the next line it tells how many answers it had.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import accountattacks  # noqa: F401 (it registers its attacks)
import frontendattacks  # noqa: F401
import unauthenticated  # noqa: F401
from attackkinds import ANSWERS, ATTACKS, Target
from tests.support.rawclient import RawClient
from victims import PASSWORD

EVERY_ATTACK = ATTACKS
"""All attacks by their names."""

PER_ADDRESS = 10
"""Connections from one address of loopback: the server allows twice as many."""


def main() -> None:
    """Attack."""
    name, *ports, ca_file, seconds = sys.argv[1:]
    port, https, sftp = map(int, ports)
    target = Target(port, https, sftp, ca_file, float(seconds))
    found = EVERY_ATTACK[name]
    clients: list[Any] = [None] * found.connections
    if found.account is not None:
        for number in range(found.connections):
            clients[number] = target.connect(f"127.0.0.{2 + number // PER_ADDRESS}").login(found.account, PASSWORD)
    print("ready", flush=True)
    sys.stdin.readline()
    began = next(ANSWERS)
    until = time.monotonic() + target.seconds

    def run(client: RawClient, number: int) -> None:
        with contextlib.suppress(EOFError, OSError):
            found.run(target, client, number, until)

    threads = [
        threading.Thread(target=run, args=(client, number), daemon=True) for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    sys.stdin.readline()
    print(next(ANSWERS) - began - 1, flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
