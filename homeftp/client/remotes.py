"""The servers that this machine knows: where each is, who to log in as, and whom to trust.

One file for each in `remotes/` of the client's folder, readable by its owner
only: it holds the pinned CA, and the device's key or a password.
"""

from __future__ import annotations

import json
import os
import re
from typing import Mapping

import attrs

from homeftp.client.address import Address, parse_address
from homeftp.errors import SetupError
from homeftp.private import private_folder, read_private, sync_folder, write_private

HOME = "HOMEFTP_HOME"
"""The variable of the environment that names the client's folder."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}\Z")
"""Two letters at least: one and a colon would be a drive on Windows."""


@attrs.frozen
class Remote:
    """A server that is known."""

    name: str
    address: Address
    user: str
    """The account."""
    password: str = attrs.field(repr=False)
    """Empty where the machine is paired."""
    ca: bytes = attrs.field(repr=False)
    """The CA's certificate, PEM."""
    device: str = ""
    """What this machine is called there, where it is paired."""
    certificate: bytes = attrs.field(default=b"", repr=False)
    """PEM, as the key is; both empty where it is not paired."""
    key: bytes = attrs.field(default=b"", repr=False)


def check_name(name: str) -> str:
    """The name, if it can be a remote's; raises `SetupError`."""
    if not NAME.match(name):
        raise SetupError(
            f"{name!r} cannot be a remote's name: use 2 to 64 letters, digits, dots, _ and -, beginning with a letter "
            "or digit"
        )
    return name


class Remotes:
    """All of them, in `remotes/` of the folder `home`. Raises `SetupError` for what a person must mend."""

    def __init__(self, home: str) -> None:
        self._folder = os.path.join(os.path.abspath(home), "remotes")

    def names(self) -> list[str]:
        """Their names, sorted."""
        try:
            found = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SetupError(f"cannot read {self._folder}: {error.strerror}") from None
        names = [name.removesuffix(".json") for name in found if name.endswith(".json")]
        return sorted(name for name in names if NAME.match(name))

    def load(self, name: str) -> Remote:
        """The remote called `name`."""
        path = self._path(name)
        data = read_private(path)
        if data is None:
            known = ", ".join(self.names())
            hint = (
                f"known are {known}"
                if known
                else "ask for a code at the server, homeftp invite, and: homeftp pair HOST CODE"
            )
            raise SetupError(f"there is no remote called {name}: {hint}")
        try:
            fields = json.loads(data)
            return Remote(
                name,
                parse_address(fields["address"]),
                str(fields["user"]),
                str(fields.get("password", "")),
                fields["ca"].encode("ascii"),
                str(fields.get("device", "")),
                fields.get("certificate", "").encode("ascii"),
                fields.get("key", "").encode("ascii"),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SetupError(f"{path} is damaged: remove it, and add the remote again") from None

    def prepare(self) -> None:
        """Make sure that one can be kept, before anything is done that cannot be done again."""
        private_folder(self._folder)
        probe = os.path.join(self._folder, ".probe")
        write_private(probe, bytes(16 * 1024))
        os.unlink(probe)

    def save(self, remote: Remote) -> None:
        """Keep a remote, in the place of one of the same name."""
        private_folder(self._folder)
        fields = {
            "address": str(remote.address),
            "user": remote.user,
            "ca": remote.ca.decode("ascii"),
        }
        if remote.key:
            fields["device"] = remote.device
            fields["certificate"] = remote.certificate.decode("ascii")
            fields["key"] = remote.key.decode("ascii")
        else:
            fields["password"] = remote.password
        write_private(self._path(remote.name), json.dumps(fields, indent=1).encode())

    def remove(self, name: str) -> None:
        """Forget a remote."""
        path = self._path(name)
        try:
            os.unlink(path)
            sync_folder(self._folder)
        except FileNotFoundError:
            raise SetupError(f"there is no remote called {name}") from None
        except OSError as error:
            raise SetupError(f"cannot remove {path}: {error.strerror}") from None

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, f"{check_name(name)}.json")


def client_home(environ: Mapping[str, str]) -> str:
    """The client's folder: `$HOMEFTP_HOME`, or the platform's for configuration."""
    if environ.get(HOME):
        return environ[HOME]
    import platformdirs

    return str(platformdirs.user_config_path("homeftp"))


def index_path(environ: Mapping[str, str]) -> str:
    """The client's hash cache: losing it costs only time."""
    if environ.get(HOME):
        return os.path.join(environ[HOME], "cache", "index.sqlite")
    import platformdirs

    return os.path.join(platformdirs.user_cache_path("homeftp"), "index.sqlite")
