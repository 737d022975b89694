"""Dispatchers from elsewhere: found by name, and loaded only when the owner named them.

The request type WORDCOUNT is answered by the module `wordcount`, either on
the path of `homeftp.plugins` or in a plugin folder. So nothing that is merely
installed is ever run, and a file's name says what it answers. Twisted's
`getPlugins` is not used: it imports every module that it finds, and only logs
the one that fails.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import Iterable, Sequence

from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyObject

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
        if (name in taken or name in RESERVED_TYPES) and not _places(name, plugin_dirs):
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
    found = _places(name, plugin_dirs)
    if not found:
        raise OperatorError(
            f"--dispatcher {name}: there is no {module}.py on the path of homeftp.plugins, nor in a --plugin-dir"
        )
    if len(found) > 1:
        raise OperatorError(f"--dispatcher {name} is in two places: {found[0]} and {found[1]}: remove one")
    return found[0]


def _places(name: str, plugin_dirs: Sequence[str]) -> list[str]:
    """The files that may answer `name`."""
    from homeftp import plugins

    module = name.lower()
    folders = dict.fromkeys(os.path.realpath(folder) for folder in [*plugins.__path__, *plugin_dirs])
    return [
        path
        for folder in folders
        for path in (os.path.join(folder, f"{module}.py"), os.path.join(folder, module, "__init__.py"))
        if os.path.isfile(path)
    ]


def _dispatcher(name: str, path: str) -> IDispatcher:
    """The dispatcher in the file `path`."""
    module = _load(name, path)
    candidates = [
        value
        for value in vars(module).values()
        if IDispatcher.providedBy(value) and getattr(value, "request_type", None) == name
    ]
    if not candidates:
        raise OperatorError(f"{path} holds no dispatcher for {name}: it needs a module-level object with IDispatcher")
    if len(candidates) > 1:
        raise OperatorError(f"{path} holds two dispatchers for {name}: keep one")
    try:
        verifyObject(IDispatcher, candidates[0])
        if not isinstance(candidates[0].body_type, type):
            raise OperatorError(f"{path}: the body_type of {name} is no class")
        check_kind(candidates[0].body_type)
    except TypeError as error:
        raise OperatorError(f"{path}: the body_type of {name} cannot be used: {error}") from None
    except Invalid as error:
        raise OperatorError(f"{path}: the dispatcher of {name} is incomplete: {_one_line(error)}") from None
    dispatcher: IDispatcher = candidates[0]
    return dispatcher


def _load(name: str, path: str) -> ModuleType:
    module_name = f"homeftp.plugins.{name.lower()}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 (a plugin may raise anything, SystemExit too)
        del sys.modules[module_name]
        raise OperatorError(f"--dispatcher {name} cannot be loaded: {path}: {_one_line(error)}") from None
    return module


def _one_line(error: BaseException) -> str:
    words = " ".join(str(error).split())
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in words)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
