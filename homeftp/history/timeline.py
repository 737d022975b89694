"""The history of one name in a store: what it had when, and the rule of what was there at a time.

A store has the time until which a version was there, the time before which its file had not been made, and when a
version was put back. It keeps no record of the moment at which anything else came to a name. The rule makes the best of
that (docs/decisions/past-trees.rst).
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec
from msgspec import structs

from homeftp.model import Entry, Version

_NEVER = 2**62
"""A time after all others."""


class Restoration(msgspec.Struct, frozen=True):
    """A version that was put back under its name. Times are microseconds since 1970 UTC."""

    at_us: int
    """When it came back."""
    version_us: int
    """Its time as a version (`Version.at_us`): until then it had been there before."""


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
    restored: tuple[Restoration, ...] = ()
    """The times at which versions were put back, the oldest first, as far as the store knows."""
    problem: str | None = None
    """Why the store does not offer what is there now, in words that follow its name; None where it does."""

    def with_past(self, versions: tuple[Version, ...], restored: tuple[Restoration, ...] = ()) -> Timeline:
        """The same name with these versions and restorations, and no others."""
        return structs.replace(self, versions=versions, restored=restored)

    def at(self, as_of_us: int) -> Entry | Version | None:
        """The entry at a time (microseconds since 1970 UTC); None where there was none.

        Of the contents that were replaced or removed then or later, and the current one, it is the first that had been
        made by then. A version that was replaced or removed at that very moment was still there. One whose file was
        made after that has been written again, because it was damaged: when it was made first is not known. What was
        put back later is what was there until the time that its version had, and was not there between the two times.
        """
        search = PastSearch(as_of_us)
        search.add(self)
        if search.ended:
            return search.found
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
        return structs.replace(self, made_us=as_of_us + 1, versions=(), restored=())


class PastSearch:
    """The search for what a name had at a time, through the parts of its timeline, the oldest first.

    What was there until it became a version that was put back later is what is there when it has been put back: so the
    search goes on from that time. It is a chain of spans, each from a time until the content of that time was gone.
    That a version was put back is known from then on, and may show that one of the spans is shorter.
    """

    def __init__(self, as_of_us: int) -> None:
        self._as_of_us = as_of_us
        self._starts, self._ends = [as_of_us], [_NEVER]
        self._found: Version | None = None
        """The content of the last span, if its end is known and it is still a version."""

    @property
    def found(self) -> Version | None:
        """The version that was there, as far as is known; None for what is there now, and for nothing."""
        return self._found

    @property
    def ended(self) -> bool:
        """Whether what is there now is something else, which came, or came back, later."""
        return self._ends[-1] != _NEVER

    def add(self, part: Timeline) -> None:
        """Go through the next part."""
        restored = iter(part.restored)
        put_back = next(restored, None)
        for version in part.versions:
            while put_back is not None and put_back.at_us < version.at_us:
                self._add_restoration(put_back)
                put_back = next(restored, None)
            rewritten = version.made_us is not None and version.made_us > version.at_us
            if (
                self._ends[-1] == _NEVER
                and version.at_us >= self._starts[-1]
                and (rewritten or _made_by(version.made_us, self._as_of_us))
            ):
                self._found, self._ends[-1] = version, version.at_us
        while put_back is not None:
            self._add_restoration(put_back)
            put_back = next(restored, None)

    def _add_restoration(self, restoration: Restoration) -> None:
        number = bisect_right(self._starts, restoration.version_us) - 1
        if number >= 0 and restoration.version_us <= self._ends[number]:
            del self._starts[number + 1 :], self._ends[number:]
            self._starts.append(restoration.at_us)
            self._ends += [restoration.version_us, _NEVER]
            self._found = None
        elif self._ends[-1] == _NEVER and self._starts[-1] < restoration.at_us:
            self._ends[-1] = restoration.at_us  # nothing was there, unless something came back from there


def _made_by(made_us: int | None, as_of_us: int) -> bool:
    return made_us is None or made_us <= as_of_us
