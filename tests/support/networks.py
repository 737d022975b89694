"""A local network for tests: a network namespace of its own, in which multicast goes no further than its loopback."""

from __future__ import annotations

import subprocess
from typing import Sequence

from tests.support import needs
from tests.support.processes import WITHIN

ADDRESS, OTHER_ADDRESS = "10.99.0.1", "10.99.0.2"
"""Two machines of the network, as it were; what listens on all addresses has both."""


class Network:
    """The network, from the constructor to `end`. `inside` is what a command line begins with that is to be in it."""

    def __init__(self, addresses: Sequence[str] = (ADDRESS, OTHER_ADDRESS)) -> None:
        needs.root()
        up = ["ip link set lo up", *(f"ip address add {address}/24 dev lo" for address in addresses)]
        needs.program("ip")
        script = " && ".join([*up, "echo up", "exec sleep infinity"])
        self._holder = subprocess.Popen(
            [needs.program("unshare"), "--net", "sh", "-ec", f"PATH=$PATH:/usr/sbin:/sbin; {script}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "up\n":
            self.end()
            raise AssertionError("there is no network to be had")
        self.inside = (needs.program("nsenter"), f"--net=/proc/{self._holder.pid}/ns/net")

    def run(self, *command: str) -> str:
        """Run a program in it; gives what it prints."""
        done = subprocess.run([*self.inside, *command], capture_output=True, text=True, timeout=WITHIN, check=True)
        return done.stdout

    def end(self) -> None:
        """No network any more."""
        self._holder.kill()
        self._holder.wait()
        if self._holder.stdout is not None:
            self._holder.stdout.close()
