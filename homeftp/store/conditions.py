"""On what condition something may be replaced or removed: what the client believes to be there, and of what kind."""

from __future__ import annotations

import os
import stat
import time
from typing import Sequence

import attrs

from homeftp.errors import Changed, WrongKind
from homeftp.index import Index, Row
from homeftp.store.faults import attempt, let_go, shown
from homeftp.store.jail import Jail, Place, kind_problem
from homeftp.tree import digest, signature
from homeftp.wire.endpoint import Endpoint
from homeftp.wire.messages import ABSENT

Wanted = tuple[Place, Endpoint, str | None]
"""An open directory, an endpoint in it, and the `if_hash` for that."""


@attrs.frozen
class Conditions:
    """Finds out what stands where something is expected. Safe in several threads."""

    jail: Jail
    index: Index

    def expected(self, wanted: Sequence[Wanted]) -> list[str | Exception | None]:
        """For each the signature of the content that `if_hash` names.

        None where it names none, `Changed` (44) where something else stands.
        Hashes the files that the index does not know.
        """
        standing = [attempt(self._standing, *each) for each in wanted]
        asked: dict[Endpoint, dict[str, os.stat_result]] = {}
        for (_, endpoint, _), found in zip(wanted, standing, strict=True):
            if isinstance(found, os.stat_result):
                asked.setdefault(endpoint.parent, {})[endpoint.name] = found
        known = {parent: self.index.lookup(self.jail.spelled(parent), files) for parent, files in asked.items()}
        results: list[str | Exception | None] = []
        for each, found in zip(wanted, standing, strict=True):
            if isinstance(found, os.stat_result):
                endpoint = each[1]
                results.append(attempt(self._signature, *each, found, known[endpoint.parent].get(endpoint.name)))
            else:
                results.append(found)
        return results

    def _standing(self, place: Place, endpoint: Endpoint, if_hash: str | None) -> os.stat_result | None:
        """The stat of the file that is expected; None where none is."""
        if if_hash is None or if_hash == ABSENT:
            return None
        found = self.jail.look_in(place.fd, endpoint)
        check_file(endpoint, found)
        if found is None:
            raise gone(endpoint)
        return found

    def _signature(
        self,
        place: Place,
        endpoint: Endpoint,
        if_hash: str | None,
        found: os.stat_result,
        content_hash: str | None,
    ) -> str:
        """The signature of the file that stands there, if it is the expected one."""
        if content_hash is None:
            fd, found = self.jail.file_in(place.fd, endpoint)
            try:
                began = time.time_ns()
                content_hash = digest(fd, found.st_size)
                before, found = found, os.fstat(fd)
            finally:
                let_go(fd)
            if signature(before) != signature(found):
                raise Changed(f"{shown(endpoint)} is changing at this moment")
            self.index.record([Row(self.jail.spelled(endpoint.parent), endpoint.name, found, content_hash, began)])
        if content_hash != if_hash:
            raise changed(endpoint)
        return signature(found)


def check_file(endpoint: Endpoint, found: os.stat_result | None) -> None:
    """Raise `WrongKind` (43) for what a file must not replace."""
    if found is None or stat.S_ISREG(found.st_mode):
        return
    problem = kind_problem(found) or "is a directory: a file cannot replace it"
    raise WrongKind(f"{shown(endpoint)} {problem}")


def gone(endpoint: Endpoint) -> Changed:
    """The refusal where something was expected."""
    return Changed(f"{shown(endpoint)} is not there any more")


def changed(endpoint: Endpoint) -> Changed:
    """The refusal where something else was expected."""
    return Changed(f"{shown(endpoint)} has changed on the server: compare again")


def occupied(endpoint: Endpoint) -> Changed:
    """The refusal where nothing was expected."""
    return Changed(f"{shown(endpoint)} exists on the server: compare first, or push without a condition")
