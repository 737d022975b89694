"""Front ends of third parties: found by name, and imported only when the owner named them.

The front end `line` is made by the `IFrontEndFactory` in the module `frontend_line` of `homeftp.plugins`, or of a
plugin folder.
"""

from __future__ import annotations

from typing import Iterable, Sequence

from zope.interface.exceptions import Invalid
from zope.interface.verify import verifyObject

from homeftp import plugins
from homeftp.errors import OperatorError
from homeftp.interfaces import IFrontEnd, IFrontEndFactory

_PREFIX = "frontend_"

_BUILT_IN = {"json": "listen", "https": "https", "sftp": "sftp"}
"""The front ends that have options of their own."""


def plugged_front_ends(named: Iterable[tuple[str, str]], plugin_dirs: Sequence[str]) -> list[IFrontEnd]:
    """The front ends that the owner named, each with the description of an endpoint, loaded.

    Raises `OperatorError`, which names the file, for one that is missing, broken, built in, or in two places.
    """
    listen: dict[str, list[str]] = {}
    for name, endpoint in named:
        listen.setdefault(name, []).append(endpoint)
    return [_front_end(name, endpoints, plugin_dirs) for name, endpoints in listen.items()]


def _front_end(name: str, listen: Sequence[str], plugin_dirs: Sequence[str]) -> IFrontEnd:
    if name in _BUILT_IN:
        raise OperatorError(f"--front-end {name}: {name} is built in: use --{_BUILT_IN[name]}")
    asked, module = f"--front-end {name}", f"{_PREFIX}{name}"
    path = plugins.find_one(module, plugin_dirs, asked)
    candidates = [
        value
        for value in vars(plugins.load(module, path, asked)).values()
        if IFrontEndFactory.providedBy(value) and getattr(value, "name", None) == name
    ]
    factory: IFrontEndFactory = plugins.only(candidates, IFrontEndFactory, path, "front end", name)
    made = factory.front_end(listen)
    try:
        verifyObject(IFrontEnd, made)
    except Invalid as error:
        raise OperatorError(f"{path}: the front end {name} is incomplete: {plugins.one_line(error)}") from None
    if made.name != name:
        raise OperatorError(f"{path}: the front end {name} calls itself {made.name}: use one name")
    return made
