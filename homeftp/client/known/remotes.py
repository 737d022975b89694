"""The servers that this machine knows: their addresses, the account to log in to, and the CA to trust.

Each has a file in `remotes/` of the client's folder, readable by its owner
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
from homeftp.host import user_folder

FOLDER_VARIABLE = "HOMEFTP_HOME"
"""The environment variable that names the client's folder."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}\Z")
"""At least two characters: one and a colon would be a drive on Windows."""

_PROBE_SIZE = 16 * 1024
"""Bytes written to find out whether a remote can be saved; more than a remote's file has."""


def _tuple(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(addresses)


@attrs.frozen
class Remote:
    """A known server."""

    name: str
    addresses: tuple[Address, ...] = attrs.field(converter=_tuple)
    """Where it may be reached, the one that worked last first; 1 to `MAX_ADDRESSES`."""
    user: str
    """The name of the account."""
    password: str = attrs.field(repr=False)
    """Empty where this machine is paired."""
    ca: bytes = attrs.field(repr=False)
    """The CA's certificate, PEM."""
    device: str = ""
    """The name of this device on the server; empty where it is not paired, as the next two."""
    certificate: bytes = attrs.field(default=b"", repr=False)
    """The device's certificate, PEM."""
    key: bytes = attrs.field(default=b"", repr=False)
    """The device's key, PEM."""

    @property
    def fingerprint(self) -> str:
        """The CA's fingerprint; "" where the stored certificate is damaged."""
        from cryptography import x509

        from homeftp.crypto.ca import fingerprint

        try:
            return fingerprint(x509.load_pem_x509_certificate(self.ca))
        except ValueError:
            return ""

    def reached_at(self, *addresses: Address) -> Remote:
        """The remote after it was reached at the first of these addresses; the others may reach it too."""
        return attrs.evolve(self, addresses=tuple(dict.fromkeys((*addresses, *self.addresses)))[:MAX_ADDRESSES])


class Remotes:
    """The remotes stored in `remotes/` of the folder `folder`. Raises `OperatorError` for what the user must fix."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(os.path.abspath(folder), "remotes")

    def names(self) -> list[str]:
        """The names of all remotes, sorted."""
        try:
            found = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OperatorError(f"cannot read {self._folder}: {error.strerror}") from None
        names = [name.removesuffix(".json") for name in found if name.endswith(".json")]
        return sorted(name for name in names if _NAME.match(name))

    def all(self) -> list[Remote]:
        """All remotes that can be read."""
        found = []
        for name in self.names():
            with contextlib.suppress(OperatorError):
                found.append(self.load(name))
        return found

    def check_name(self, name: str) -> None:
        """Check that a remote can be called `name`."""
        if not _NAME.match(name):
            raise OperatorError(
                f"{name!r} cannot be a server's name: use 2 to 64 letters, digits, dots, _ and -, beginning with a "
                "letter or digit"
            )

    def load(self, name: str) -> Remote:
        """The remote called `name`."""
        path = self._path(name)
        data = read_private(path)
        if data is None:
            raise OperatorError(f"this machine knows no server named {name}. {self._hint(name)}")
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
            raise OperatorError(f"{path} is damaged: remove it, and pair or add the server again") from None

    def check_writable(self) -> None:
        """Check that a remote can be saved, before a step that cannot be repeated, such as using up a code."""
        private_folder(self._folder)
        probe = os.path.join(self._folder, ".probe")
        write_private(probe, bytes(_PROBE_SIZE))
        os.unlink(probe)

    def save(self, remote: Remote) -> None:
        """Save a remote; replaces one of the same name."""
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
        """Load a remote again, apply `change` and save it; gives the result.

        None where the remote was removed, or replaced by one of another CA.
        Commands that update at the same time wait for each other.
        """
        with self._locked():
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
    def _locked(self) -> Iterator[None]:
        """Lock the folder, where the system can."""
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
        """Remove a remote."""
        path = self._path(name)
        try:
            with self._locked():
                os.unlink(path)
            sync_folder(self._folder)
        except FileNotFoundError:
            raise OperatorError(f"this machine knows no server named {name}. {self._hint(name)}") from None
        except OSError as error:
            raise OperatorError(f"cannot remove {path}: {error.strerror}") from None

    def _hint(self, name: str) -> str:
        known = self.names()
        if not known:
            return "To pair it with one, run `homeftp invite` on the server, then here: homeftp pair HOST"
        from difflib import get_close_matches  # only for this message

        alike = get_close_matches(name, known, 1)
        question = f"Did you mean {alike[0]}? " if alike else ""
        return f"{question}Known servers: {', '.join(known)}"

    def _path(self, name: str) -> str:
        self.check_name(name)
        return os.path.join(self._folder, f"{name}.json")


def _addresses(fields: Mapping[str, Any]) -> Sequence[Address]:
    """The addresses in a remote's file; the first versions of homeftp stored a single `address`."""
    given = fields["addresses"] if "addresses" in fields else [fields["address"]]
    if not isinstance(given, list) or not given:
        raise ValueError("a remote has a list of addresses")
    return [parse_address(each) for each in given[:MAX_ADDRESSES]]


def client_folder(environ: Mapping[str, str]) -> str:
    """The client's folder: `$HOMEFTP_HOME`, or the platform's folder for configuration. Raises `OperatorError`."""
    if environ.get(FOLDER_VARIABLE):
        return environ[FOLDER_VARIABLE]
    import platformdirs

    return _folder(lambda: platformdirs.user_config_path("homeftp"))


def hash_cache_path(environ: Mapping[str, str]) -> str:
    """The file of the client's hash cache; losing it costs only time."""
    if environ.get(FOLDER_VARIABLE):
        return os.path.join(environ[FOLDER_VARIABLE], "cache", "index.sqlite")
    import platformdirs

    return os.path.join(_folder(lambda: platformdirs.user_cache_path("homeftp")), "index.sqlite")


def seen_path(environ: Mapping[str, str]) -> str:
    """The file of what this machine saw last on servers. Not beside the configuration, which people copy."""
    return _data_path(environ, "seen.sqlite")


def sync_path(environ: Mapping[str, str]) -> str:
    """The file of what the two sides of each synced pair of folders agreed on last."""
    return _data_path(environ, "sync.sqlite")


def pair_status_path(environ: Mapping[str, str]) -> str:
    """The folder of what became of each pair that is kept in step; losing it costs nothing."""
    return _data_path(environ, "pairs")


def _data_path(environ: Mapping[str, str], name: str) -> str:
    if environ.get(FOLDER_VARIABLE):
        return os.path.join(environ[FOLDER_VARIABLE], name)
    import platformdirs

    return os.path.join(_folder(lambda: platformdirs.user_data_path("homeftp")), name)


def _folder(path: Callable[[], object]) -> str:
    """One of this user's folders for homeftp."""
    found = user_folder(path)
    if found is None:
        raise OperatorError(
            f"this user has no home folder to keep servers in: name one in the environment variable {FOLDER_VARIABLE}"
        )
    return found
