"""An account that may make share links, with a file and folders to share, on a server in memory."""

from __future__ import annotations

from typing import Any

from homeftp.accounts.access import AccessChange, AccessTable
from homeftp.accounts.devices import Device, Devices
from homeftp.accounts.links.table import LinkRecord, Links
from homeftp.accounts.login import Login
from homeftp.accounts.realm import Account
from homeftp.endpoint import parse
from homeftp.interfaces import IShareLinks
from homeftp.interfaces.links import LinkTerms, MadeLink
from tests.support.inmemory import Server

HOME = "people/ann"
DAY = 24 * 60 * 60
START = 1_000_000.0


def lay_files(server: Server) -> None:
    """A folder with something to share, beside what is another's."""
    for name, content in (
        (f"{HOME}/photos/lake.jpg", b"lake"),
        (f"{HOME}/photos/sub/hill.jpg", b"hill"),
        (f"{HOME}/notes.txt", b"notes"),
        (f"{HOME}/inbox/there.txt", b"there"),
        ("people/bob/secret.txt", b"secret"),
    ):
        server.put(name, content)


def allow_links(server: Server, allowed: bool = True) -> None:
    """Let ann make links, or not."""
    AccessTable(server.state).change("ann", AccessChange(links=allowed))


def add_ann(server: Server, home: str = HOME) -> None:
    """The account, with its home and the right to share."""
    AccessTable(server.state).add("ann", None, AccessChange(home=parse(home), links=True))


def enter(server: Server, device: Device | None = None, account: str = "ann") -> Login:
    """A login of the account, as it is now."""
    access = AccessTable(server.state).find(account)
    assert access is not None
    fresh = None if device is None else Devices(server.state).find(device.id)
    return server.login(Account(account, server.store, access), fresh)


def links_of(login: Login) -> IShareLinks:
    """The links of a login that may have some."""
    found = login.links
    assert found is not None
    return found


def terms(path: str, **more: Any) -> LinkTerms:
    """What a link to a path is to be."""
    return LinkTerms(parse(path), **more)


def token(made: MadeLink) -> str:
    """The secret in the URL of a link."""
    return made.url.rstrip("/").rpartition("/")[2]


def record(server: Server, made: MadeLink) -> LinkRecord | None:
    """A link as it is stored now; None where it is gone."""
    return Links(server.state).find(token(made))


def notice_revoked(server: Server) -> None:
    """Do what the server does every two seconds: end the logins that are not valid any more."""
    logins = server.services.logins
    for login in logins.find_revoked(logins.logins()):
        login.disconnect()
