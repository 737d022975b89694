"""The history of one name in a store: what it had when, and the rule of what was there at a time.

A store keeps no record of the moment at which something came to a name. It has the time until which a version was
there, and the time before which its file had not been made; the rule makes the best of both
(docs/decisions/past-trees.rst).
"""

from __future__ import annotations

import msgspec
from msgspec import structs

from homeftp.model import Entry, Version

_NEVER = 2**62
"""A time after all others."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """The present entry of a name, and those that it had from some time on."""

    name: str
    """Relative to what was asked for; "" is that itself."""
    current: Entry | None = None
    """The present entry, by the name ""; None where there is none, or where the store does not offer it."""
    made_us: int | None = None
    """When the file or directory that is there now was made: microseconds since 1970 UTC. None: not known.

    It came to this name then or later, and later where it was moved here.
    """
    versions: tuple[Version, ...] = ()
    """The oldest first, by the name ""."""
    problem: str | None = None
    """Why the store does not offer what is there now, in words that follow its name; None where it does."""

    def with_versions(self, versions: tuple[Version, ...]) -> Timeline:
        """The same name with these versions, and no others."""
        return Timeline(
            name=self.name, current=self.current, made_us=self.made_us, versions=versions, problem=self.problem
        )

    def at(self, as_of_us: int) -> Entry | Version | None:
        """The entry at a time (microseconds since 1970 UTC); None where there was none.

        Of the contents that were replaced or removed then or later, and the current one, it is the first that had been
        made by then. A version that was replaced or removed at that very moment was still there. One whose file was
        made after that has been written again, because it was damaged: when it was made first is not known.
        """
        for version in self.versions:
            rewritten = version.made_us is not None and version.made_us > version.at_us
            if version.at_us >= as_of_us and (rewritten or _made_by(version.made_us, as_of_us)):
                return version
        return self.current if _made_by(self.made_us, as_of_us) else None

    def file_at(self, as_of_us: int) -> tuple[int, int] | None:
        """Which of two files, one beneath the other's name, was there: that of the greater rank. None: no file was.

        The file that was made last is greater, as the other one was put back or moved there later. Where that is not
        known, the file that was replaced or removed first is greater.
        """
        found = self.at(as_of_us)
        if found is None or (isinstance(found, Entry) and found.kind == "directory"):
            return None
        made_us, until_us = (found.made_us, found.at_us) if isinstance(found, Version) else (self.made_us, _NEVER)
        return 0 if made_us is None or made_us > as_of_us else made_us, -until_us

    def absent_at(self, as_of_us: int) -> Timeline:
        """The same name where nothing was there at a time: what it has now came later."""
        return structs.replace(self, made_us=as_of_us + 1, versions=())


def _made_by(made_us: int | None, as_of_us: int) -> bool:
    return made_us is None or made_us <= as_of_us
