"""How many properties are kept, and of which size, wherever that is: no quota counts them."""

from __future__ import annotations

from typing import Mapping

import attrs

from homeftp.config import KIB, MIB, Limits
from homeftp.errors import NoSpace
from homeftp.server.http.dav.properties.interface import Properties
from homeftp.server.http.dav.xmlbody import Name

MAX_VALUE = 16 * KIB
"""Characters of the names and values of one resource together, at most."""

MAX_PROPERTIES = 100_000
"""Properties of all resources, at most; they take up a quarter of a KiB each, as far as programs have any."""

MAX_BYTES = 64 * MIB
"""Bytes of all of them, with the paths that they belong to, at most."""


def size_of(name: Name, value: str) -> int:
    """The bytes that a property counts with for its account."""
    return sum(len(text.encode()) for text in (*name, value))


def require_small(before: Properties, values: Mapping[Name, str | None]) -> None:
    """Raise `NoSpace` (52) where one resource has too much once these values were set."""
    after = {name: value for name, value in {**before, **values}.items() if value is not None}
    if sum(len(namespace) + len(local) + len(value) for (namespace, local), value in after.items()) > MAX_VALUE:
        raise NoSpace(f"the properties of one file or folder have more than {MAX_VALUE} characters")


@attrs.frozen
class KeptSizes:
    """The number and the bytes of the properties that are kept, of one account and in all."""

    own: int
    own_bytes: int
    all: int
    all_bytes: int

    def require(self, limits: Limits, most_bytes: int) -> None:
        """Raise `NoSpace` (52) where that is too much."""
        most, most_of_own = limits.account_properties, limits.account_property_bytes
        if self.own > most or self.own_bytes > most_of_own:
            raise NoSpace(
                f"your account has too many WebDAV properties: the server keeps {most}, of {most_of_own} bytes in "
                "all, for an account. Remove some, or files that have some"
            )
        if self.all > MAX_PROPERTIES or self.all_bytes > most_bytes:
            raise NoSpace(f"the server keeps no more than {MAX_PROPERTIES} properties, or {most_bytes} bytes")
