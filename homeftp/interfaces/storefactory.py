"""The interface of a plugin that opens stores by their URLs."""

from __future__ import annotations

from zope.interface import Attribute, Interface

from homeftp.interfaces.store import IStore, StoreOptions


class IStoreFactory(Interface):
    """Makes the stores of one URL scheme: a plugin, an object in a module of `homeftp.plugins`."""

    scheme: str = Attribute("The scheme of its URLs, such as 's3': small letters, digits, + - and .")

    def check(url: str, options: StoreOptions) -> None:
        """Raise `OperatorError` for what is wrong with a URL, or an option, as far as that shows without opening it.

        Called when the server is set up, while a person still sees its output.
        """

    def open(url: str, options: StoreOptions) -> IStore:
        """Open the store at `url`.

        Raises `OperatorError`, one line that says what is wrong and what to
        do. An option that the backend cannot honour is such an error: it is
        never ignored.
        """
