"""A store whose changes leave something to do that no client has to wait for."""

from __future__ import annotations

from zope.interface import Interface


class IDeferringStore(Interface):
    """A store with such changes, as when a directory with a million files gets another name. Optional."""

    def do_deferred() -> bool:
        """Do a part of what is left to do by any change; whether anything is left after that.

        Each part blocks for some milliseconds. What was never done costs time later, and is never missed.
        """


__all__ = ["IDeferringStore"]
