"""Dispatchers of third parties: found by name, and imported only when the owner named them.

The module `wordcount` answers the request type WORDCOUNT; it is either on the
path of `homeftp.plugins` or in a plugin folder. So the server runs nothing
that is merely installed, and the name of a file says what it answers.
Twisted's `getPlugins` is not used: it imports every module that it finds, and
only logs the one that fails.
"""

from __future__ import annotations

from typing import Iterable, Sequence

from homeftp import plugins
from homeftp.errors import OperatorError
from homeftp.interfaces import IDispatcher
from homeftp.wire.codec import check_kind
from homeftp.wire.states import RESERVED_TYPES


def enabled(names: Iterable[str], plugin_dirs: Sequence[str], taken: Iterable[str]) -> list[IDispatcher]:
    """The dispatchers that the owner named, loaded.

    `taken` are the request types that have a dispatcher already. Raises
    `OperatorError`, naming the file, for one that is missing, broken, named
    twice or in two places, or claims a taken type.
    """
    loaded: dict[str, IDispatcher] = {}
    for name in names:
        if (name in taken or name in RESERVED_TYPES) and not plugins.places(name.lower(), plugin_dirs):
            raise OperatorError(f"--dispatcher {name}: {name} is built in: remove this option")
        path = _find(name, plugin_dirs)
        if name in loaded:
            raise OperatorError(f"--dispatcher names {name} twice: remove one of the two")
        if name in RESERVED_TYPES:
            raise OperatorError(f"{path} claims {name}, which is reserved for the session: use another name")
        if name in taken:
            raise OperatorError(f"{path} claims {name}, which is built in: use another name")
        loaded[name] = _dispatcher(name, path)
    return list(loaded.values())


def _find(name: str, plugin_dirs: Sequence[str]) -> str:
    """The one file that answers `name`."""
    module = name.lower()
    if not module.isidentifier() or name != name.upper():
        raise OperatorError(f"--dispatcher {name}: a request type may contain only capital letters, digits and _")
    return plugins.find_one(module, plugin_dirs, f"--dispatcher {name}")


def _dispatcher(name: str, path: str) -> IDispatcher:
    """The dispatcher in the file `path`."""
    module = plugins.load(name.lower(), path, f"--dispatcher {name}")
    candidates = [
        value
        for value in vars(module).values()
        if IDispatcher.providedBy(value) and getattr(value, "request_type", None) == name
    ]
    dispatcher: IDispatcher = plugins.only(candidates, IDispatcher, path, "dispatcher", name)
    if not isinstance(dispatcher.body_type, type):
        raise OperatorError(f"{path}: the body_type of {name} is not a class")
    try:
        check_kind(dispatcher.body_type)
    except TypeError as error:
        raise OperatorError(f"{path}: the body_type of {name} cannot be used: {error}") from None
    return dispatcher
