"""Plugin modules, found by their name and imported only when something asks for that name.

A plugin is one file, or a package, in any folder `homeftp/plugins` of
`sys.path`, or in a folder that the owner names. This package has none of its
own: a package that ships one leaves out the `__init__.py` (docs/plugins).
Twisted's `getPlugins` is not used: it imports every module that it finds, so
that installing a package would run it, and only logs the one that fails.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, Sequence

from twisted.plugin import pluginPackagePaths
from zope.interface import Interface
from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyObject

from homeftp.errors import OperatorError

__path__.extend(pluginPackagePaths(__name__))
__all__ = ["find_one", "installed", "load", "one_line", "only", "places"]


def places(module: str, folders: Sequence[str] = ()) -> list[str]:
    """The files that are the plugin module of that name, on the path of `homeftp.plugins` and in `folders`."""
    return [
        path
        for folder in _folders(folders)
        for path in (os.path.join(folder, f"{module}.py"), os.path.join(folder, module, "__init__.py"))
        if os.path.isfile(path)
    ]


def find_one(module: str, folders: Sequence[str], asked: str) -> str:
    """The one file that is the plugin module of that name; raises `OperatorError`, which begins with what was `asked`.

    It is raised too for a folder that is none.
    """
    for folder in folders:
        if not os.path.isdir(folder):
            raise OperatorError(f"--plugin-dir {folder} is not a folder")
    found = places(module, folders)
    if not found:
        raise OperatorError(f"{asked}: there is no {module}.py on the path of homeftp.plugins, nor in a --plugin-dir")
    if len(found) > 1:
        raise OperatorError(f"{asked} is in two places: {found[0]} and {found[1]}: remove one")
    return found[0]


def installed(prefix: str, folders: Sequence[str] = ()) -> list[str]:
    """The names of all plugin modules that begin with `prefix`, sorted, without importing any."""
    found = set()
    for folder in _folders(folders):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            module = name.removesuffix(".py")
            if module.startswith(prefix) and places(module, folders):
                found.add(module)
    return sorted(found)


def load(module: str, path: str, asked: str) -> ModuleType:
    """Import the plugin module in the file `path`; raises `OperatorError`, which begins with what was `asked`."""
    module_name = f"homeftp.plugins.{module}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = loaded
    try:
        spec.loader.exec_module(loaded)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 (a plugin may raise anything, SystemExit too)
        del sys.modules[module_name]
        raise OperatorError(f"{asked} cannot be loaded: {path}: {one_line(error)}") from None
    return loaded


def only(candidates: Sequence[Any], interface: type[Interface], path: str, kind: str, name: str) -> Any:
    """The one object among `candidates` that is the `kind` of plugin for `name` in `path`; raises `OperatorError`."""
    if not candidates:
        raise OperatorError(
            f"{path} holds no {kind} for {name}: it needs a module-level object with {interface.__name__}"
        )
    if len(candidates) > 1:
        raise OperatorError(f"{path} holds two {kind}s for {name}: keep one")
    try:
        verifyObject(interface, candidates[0])
    except Invalid as error:
        raise OperatorError(f"{path}: the {kind} of {name} is incomplete: {one_line(error)}") from None
    return candidates[0]


def one_line(error: BaseException) -> str:
    """An exception as part of a message for people."""
    words = " ".join(str(error).split())
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in words)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _folders(folders: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(os.path.realpath(folder) for folder in [*__path__, *folders]))
