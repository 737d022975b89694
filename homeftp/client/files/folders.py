"""The folders below a download's target that one job works in, each opened from its parent; the last ones stay open."""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from typing import Callable, Iterator, Mapping

from homeftp.client.files.directory import Directory, open_top_directory
from homeftp.errors import OperatorError
from homeftp.syscalls import System

MOST_OPEN = 16
"""Folders that one job keeps open: a transfer has a few jobs at once, and a process may have only 256 descriptors."""


class OpenFolders:
    """The folder `path`, made where it is missing, and those below it as they are asked for.

    `local_names` as in `LocalTree`; `before_replace` is called with these folders and the name of each file that is
    going to be replaced, and raises OSError where it must not be. Raises `OperatorError` where `path` can neither be
    made nor opened.
    """

    def __init__(
        self,
        path: str,
        system: System,
        local_names: Mapping[str, str],
        before_replace: Callable[[OpenFolders, str], object] = lambda folders, name: None,
    ) -> None:
        self._local_names = local_names
        self._before_replace = before_replace
        self.system = system
        try:
            os.makedirs(path, exist_ok=True)
            self.top = open_top_directory(path, system)
        except FileExistsError:
            raise OperatorError(f"{path} is a file: nothing can be put inside it") from None
        except OSError as error:
            raise OperatorError(f"the folder {path} cannot be used: {error.strerror}") from None
        self._open: OrderedDict[str, Directory] = OrderedDict()
        self._held: frozenset[str] = frozenset()
        """The folders that must not be closed."""
        self._is_closed = False

    def open(self, name: str, *, make: bool = True) -> Directory:
        """The folder `name`; with `make` it is made with its parents where it is missing.

        It is open until others are asked for. Raises OSError.
        """
        if not name:
            return self.top
        folder = self._open.get(name)
        if folder is None:
            parent = self.open(name.rpartition("/")[0], make=make)
            folder = self._open[name] = parent.open_directory(self.last_name(name), make=make)
            if len(self._open) > MOST_OPEN:
                oldest = next((each for each in self._open if each not in self._held and each != name), None)
                if oldest is not None:
                    self._open.pop(oldest).close()
        self._open.move_to_end(name)
        return folder

    def last_name(self, name: str) -> str:
        """The last part of a name in its local spelling."""
        return self._local_names.get(name) or name.rpartition("/")[2]

    def close_beneath(self, name: str) -> None:
        """Close the folder `name` and those below it: they have other names now."""
        for each in [each for each in self._open if each == name or each.startswith(f"{name}/")]:
            self._open.pop(each).close()

    @contextlib.contextmanager
    def kept_open(self, name: str, *, make: bool = True) -> Iterator[Directory]:
        """The folder `name`, which stays open in the block whatever else is asked for. Raises OSError."""
        folder = self.open(name, make=make)
        before, self._held = self._held, self._held | {name}
        try:
            yield folder
        finally:
            self._held = before

    def replace(self, temporary: str, name: str) -> None:
        """Rename the file `temporary`, which is in the folder of a name, over that name. Raises OSError."""
        self._before_replace(self, name)
        self.open(name.rpartition("/")[0], make=False).replace(temporary, self.last_name(name))

    def __enter__(self) -> OpenFolders:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all of them. May be called twice."""
        while self._open:
            self._open.popitem()[1].close()
        if not self._is_closed:
            self._is_closed = True
            self.top.close()
