"""The interface of what keeps the dead properties: the state folder of one server, or the database of a cluster.

Dead properties are what WebDAV clients attach to files and the server does not understand (RFC 4918, section 4). They
are hints of programs to themselves: losing them loses no content, and no backup has them. They follow what the server
moves and removes, for a client of any protocol. Each counts for the account that set it, or copied it.
"""

from __future__ import annotations

from typing import Callable, Mapping

from zope.interface import Interface

from homeftp.endpoint import Endpoint
from homeftp.server.http.dav.xmlbody import Name

Properties = dict[Name, str]
"""The properties of one resource: values as XML."""


class IProperties(Interface):
    """The properties of all resources. Blocks; for any thread. An `owner` is an account, as `Actor.owner`.

    In a cluster each method raises `Busy` (51) where the database does not answer.
    """

    def of(endpoint: Endpoint) -> Properties:
        """The properties of what is at an endpoint."""

    def inside(directory: Endpoint) -> Mapping[str, Properties]:
        """The properties of everything directly in a directory, by name."""

    def change(endpoint: Endpoint, values: Mapping[Name, str | None], owner: str) -> None:
        """Set properties, or with None remove them: all or none. Raises `NoSpace` (52) and `Internal` (50)."""

    def copied(
        source: Endpoint, target: Endpoint, owner: str, *, deep: bool, shown: Callable[[Endpoint], bool]
    ) -> None:
        """Copy the properties of an endpoint to another; with `deep` of all beneath it too; only of those `shown`.

        What the target had before goes. Where there is no space for more properties the copy has none.
        """
