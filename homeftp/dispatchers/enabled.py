"""Dispatchers from elsewhere: found by name, and loaded only when the owner named them.

The request type WORDCOUNT is answered by the module `wordcount`, either on
the path of `homeftp.plugins` or in a plugin folder. So nothing that is merely
installed is ever run, and a file's name says what it answers. Twisted's
`getPlugins` is not used: it imports every module that it finds, and only logs
the one that fails.
"""

from __future__ import annotations

import os
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
            raise OperatorError(f"--dispatcher {name}: every server answers {name}, without being told: leave this out")
        path = _find(name, plugin_dirs)
        if name in loaded:
            raise OperatorError(f"--dispatcher names {name} twice: once is enough for {path}")
        if name in RESERVED_TYPES:
            raise OperatorError(f"{path} claims {name}, which belongs to the session itself: give it another name")
        if name in taken:
            raise OperatorError(f"{path} claims {name}, which is built in: give it another name")
        loaded[name] = _dispatcher(name, path)
    return list(loaded.values())


def _find(name: str, plugin_dirs: Sequence[str]) -> str:
    """The one file that answers `name`."""
    for folder in plugin_dirs:
        if not os.path.isdir(folder):
            raise OperatorError(f"--plugin-dir {folder} is no folder")
    module = name.lower()
    if not module.isidentifier() or name != name.upper():
        raise OperatorError(f"--dispatcher {name}: a request type has capital letters, digits and _ only")
    found = plugins.places(module, plugin_dirs)
    if not found:
        raise OperatorError(
            f"--dispatcher {name}: there is no {module}.py on the path of homeftp.plugins, nor in a --plugin-dir"
        )
    if len(found) > 1:
        raise OperatorError(f"--dispatcher {name} is in two places: {found[0]} and {found[1]}: remove one")
    return found[0]


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
        raise OperatorError(f"{path}: the body_type of {name} is no class")
    try:
        check_kind(dispatcher.body_type)
    except TypeError as error:
        raise OperatorError(f"{path}: the body_type of {name} cannot be used: {error}") from None
    return dispatcher
