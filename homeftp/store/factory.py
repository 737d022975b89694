"""From a URL or a folder to an open store: the one place that knows which backends there are.

A folder, or a URL with the scheme `file`, is the local store, and one with
`postgresql` the cluster store, whose libraries are imported only then. Every other
scheme is a plugin: `s3://…` is opened by the `IStoreFactory` in the module
`store_s3` of `homeftp.plugins`. A backend that is merely installed is not
imported.
"""

from __future__ import annotations

import re
from typing import Sequence

from homeftp import plugins
from homeftp.errors import OperatorError
from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.interfaces.storefactory import IStoreFactory
from homeftp.store.local.factory import LocalStoreFactory

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(file):", re.IGNORECASE)
_PREFIX = "store_"

CLUSTER_SCHEME = "postgresql"
"""The scheme of a database that has the names of a cluster's files."""

NEEDS_PACKAGES = "a database needs more packages: pip install 'homeftp[cluster]'"


def scheme_of(location: str) -> str | None:
    """The scheme of a URL, in small letters; None for a folder's path."""
    found = _URL.match(location)
    return None if found is None else (found[1] or found[2]).lower()


def open_store(location: str, options: StoreOptions, plugin_dirs: Sequence[str] = ()) -> IStore:
    """Open the store at a URL, or in a folder; `plugin_dirs` are folders with more backends.

    Raises `OperatorError`, one line.
    """
    return _factory(location, plugin_dirs).open(location, options)


def inspect_store(location: str, options: StoreOptions) -> IStore:
    """Open a store that a server may have open, only to be verified. Raises `OperatorError`, one line."""
    if scheme_of(location) not in (None, LocalStoreFactory.scheme):
        raise OperatorError(f"{location} is not on this machine: verify it from a client, with homeftp verify NAME:")
    return LocalStoreFactory().inspect(location, options)


def check_store(location: str, options: StoreOptions, plugin_dirs: Sequence[str] = ()) -> None:
    """Raise `OperatorError`, one line, for what `open_store` would refuse, as far as that shows without opening it."""
    _factory(location, plugin_dirs).check(location, options)


def _factory(location: str, plugin_dirs: Sequence[str]) -> IStoreFactory:
    scheme = scheme_of(location)
    local = LocalStoreFactory()
    if scheme in (None, local.scheme):
        return local
    if scheme == CLUSTER_SCHEME:
        return _cluster()
    module = _PREFIX + re.sub(r"\W", "_", str(scheme))
    found = plugins.places(module, plugin_dirs)
    if not found:
        others = ", ".join(plugins.installed(_PREFIX, plugin_dirs))
        raise OperatorError(
            f"{location}: there is no plugin {module}.py for {scheme}: URLs. homeftp itself has {local.scheme}: and "
            f"{CLUSTER_SCHEME}:{f'; the plugins are {others}' if others else ''}. "
            "To share a folder, write its path"
        )
    if len(found) > 1:
        raise OperatorError(f"{location}: the backend is in two places: {found[0]} and {found[1]}: remove one")
    return _loaded(str(scheme), module, found[0], location)


def _cluster() -> IStoreFactory:
    try:
        from homeftp.store.cluster.factory import ClusterStoreFactory
    except ImportError as error:
        raise OperatorError(NEEDS_PACKAGES) from error
    return ClusterStoreFactory()


def _loaded(scheme: str, module: str, path: str, location: str) -> IStoreFactory:
    values = vars(plugins.load(module, path, location)).values()
    candidates = [
        value for value in values if IStoreFactory.providedBy(value) and getattr(value, "scheme", None) == scheme
    ]
    factory: IStoreFactory = plugins.only(candidates, IStoreFactory, path, "backend", f"{scheme}:")
    return factory
