"""The folders below a download's target that one job works in, each opened from its parent; the last ones stay open."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Mapping

from homeftp.client.files.directory import Directory, open_top_directory
from homeftp.errors import OperatorError
from homeftp.syscalls import System

MOST_OPEN = 16
"""Folders that one job keeps open: a transfer has a few jobs at once, and a process may have only 256 descriptors."""


class OpenFolders:
    """The folder `path`, made where it is missing, and those below it as they are asked for.

    `local_names` as in `LocalTree`. Raises `OperatorError` where `path` can
    neither be made nor opened.
    """

    def __init__(self, path: str, system: System, local_names: Mapping[str, str]) -> None:
        self._local_names = local_names
        self.system = system
        try:
            os.makedirs(path, exist_ok=True)
            self.top = open_top_directory(path, system)
        except FileExistsError:
            raise OperatorError(f"{path} is a file: nothing can be put inside it") from None
        except OSError as error:
            raise OperatorError(f"the folder {path} cannot be used: {error.strerror}") from None
        self._open: OrderedDict[str, Directory] = OrderedDict()
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
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(name)
        return folder

    def last_name(self, name: str) -> str:
        """The last part of a name in its local spelling."""
        return self._local_names.get(name) or name.rpartition("/")[2]

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
