"""Changes of a store that are made behind the server's back, and a store that notices them."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from zope.interface import Interface

from homeftp.endpoint import Endpoint


class StoreChange(NamedTuple):
    """Something that has changed in a store."""

    endpoint: Endpoint
    directory: bool
    """Whether a directory was made, moved or removed, and with it perhaps all beneath it."""


class IStoreObserver(Interface):
    """Notices the changes of one store, the store's own among them. For one thread at a time, but for `fileno`."""

    def fileno() -> int:
        """A descriptor that is readable when there are changes."""

    def changes() -> Sequence[StoreChange] | None:
        """The changes since the last call; None where they are not known: observe the store anew. Blocks.

        So it is where it raises anything, such as `Busy` (51).
        """

    def problem() -> str | None:
        """Why some changes are not noticed, for the owner; None where nothing is known to be missed."""

    def is_current() -> bool:
        """Whether it still observes what the store shows: another disk may have been mounted. Blocks."""

    def close() -> None:
        """Observe no more. May be called twice."""


class IObservableStore(Interface):
    """A store that notices what other programs change in it. Optional."""

    def observe() -> IStoreObserver:
        """Notice changes from now on. Blocks for as long as it takes to look at each directory.

        Raises `OperatorError` where the system cannot do it, and `Busy` (51) while the store is not there, or the
        server has too many files open.
        """


__all__ = ["IObservableStore", "IStoreObserver", "StoreChange"]
