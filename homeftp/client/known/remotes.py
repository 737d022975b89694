"""The servers that this machine knows: where each may be, who to log in as, and whom to trust.

One file for each in `remotes/` of the client's folder, readable by its owner
only: it holds the pinned CA, and the device's key or a password.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from homeftp.client.connection.address import Address, parse_address
from homeftp.config import MAX_ADDRESSES
from homeftp.crypto.secretfiles import private_folder, read_private, sync_folder, write_private
from homeftp.errors import OperatorError

HOME = "HOMEFTP_HOME"
"""The variable of the environment that names the client's folder."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}\Z")
"""Two letters at least: one and a colon would be a drive on Windows."""


def _tuple(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(addresses)


@attrs.frozen
class Remote:
    """A server that is known."""

    name: str
    addresses: tuple[Address, ...] = attrs.field(converter=_tuple)
    """Where it may be; the one that last worked comes first. At least one, at most `MAX_ADDRESSES`."""
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

    @property
    def fingerprint(self) -> str:
        """The CA's; "" where what is kept of it is damaged."""
        from cryptography import x509

        from homeftp.crypto.ca import fingerprint

        try:
            return fingerprint(x509.load_pem_x509_certificate(self.ca))
        except ValueError:
            return ""

    def reached_at(self, *addresses: Address) -> Remote:
        """The same server after it was reached at the first of these addresses; the others may be right, too."""
        return attrs.evolve(self, addresses=tuple(dict.fromkeys((*addresses, *self.addresses)))[:MAX_ADDRESSES])


def check_name(name: str) -> str:
    """The name, if it can be a remote's; raises `OperatorError`."""
    if not NAME.match(name):
        raise OperatorError(
            f"{name!r} cannot be a remote's name: use 2 to 64 letters, digits, dots, _ and -, beginning with a letter "
            "or digit"
        )
    return name


class Remotes:
    """All of them, in `remotes/` of the folder `home`. Raises `OperatorError` for what a person must mend."""

    def __init__(self, home: str) -> None:
        self._folder = os.path.join(os.path.abspath(home), "remotes")

    def names(self) -> list[str]:
        """Their names, sorted."""
        try:
            found = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OperatorError(f"cannot read {self._folder}: {error.strerror}") from None
        names = [name.removesuffix(".json") for name in found if name.endswith(".json")]
        return sorted(name for name in names if NAME.match(name))

    def all(self) -> list[Remote]:
        """All that can be read."""
        found = []
        for name in self.names():
            with contextlib.suppress(OperatorError):
                found.append(self.load(name))
        return found

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
            raise OperatorError(f"there is no remote called {name}: {hint}")
        try:
            fields = json.loads(data)
            return Remote(
                name,
                _addresses(fields),
                str(fields["user"]),
                str(fields.get("password", "")),
                fields["ca"].encode("ascii"),
                str(fields.get("device", "")),
                fields.get("certificate", "").encode("ascii"),
                fields.get("key", "").encode("ascii"),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OperatorError):
            raise OperatorError(f"{path} is damaged: remove it, and add the remote again") from None

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
            "addresses": [str(address) for address in remote.addresses],
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

    def update(self, remote: Remote, change: Callable[[Remote], Remote]) -> Remote | None:
        """Read a remote again, change it and keep it, if it is there and is still of the same home; gives it.

        Two commands may do so at once: one waits for the other, for a moment.
        """
        with self._alone():
            try:
                found = self.load(remote.name)
            except OperatorError:
                return None
            if found.ca != remote.ca:
                return None
            changed = change(found)
            if changed != found:
                self.save(changed)
            return changed

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """With the folder to oneself, where the system can."""
        if os.name != "posix" or not os.path.isdir(self._folder):
            yield
            return
        import fcntl

        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Forget a remote."""
        path = self._path(name)
        try:
            with self._alone():
                os.unlink(path)
            sync_folder(self._folder)
        except FileNotFoundError:
            raise OperatorError(f"there is no remote called {name}") from None
        except OSError as error:
            raise OperatorError(f"cannot remove {path}: {error.strerror}") from None

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, f"{check_name(name)}.json")


def _addresses(fields: Mapping[str, Any]) -> Sequence[Address]:
    """Those in a remote's file, which at first held a single one."""
    given = fields["addresses"] if "addresses" in fields else [fields["address"]]
    if not isinstance(given, list) or not given:
        raise ValueError("a remote has a list of addresses")
    return [parse_address(each) for each in given[:MAX_ADDRESSES]]


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
