"""The folders below a download's target that one job works in, each opened once from its parent."""

from __future__ import annotations

import os
from typing import Mapping

from homeftp.client.files.directory import Directory, open_top_directory
from homeftp.errors import OperatorError
from homeftp.syscalls import System


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
        self._open: dict[str, Directory] = {"": self.top}

    def open(self, name: str) -> Directory:
        """The folder `name`, made with its parents where it is missing. Raises OSError."""
        folder = self._open.get(name)
        if folder is None:
            parent = self.open(name.rpartition("/")[0])
            folder = self._open[name] = parent.open_directory(self.last_name(name), make=True)
        return folder

    def last_name(self, name: str) -> str:
        """The last part of a name in its local spelling."""
        return self._local_names.get(name) or name.rpartition("/")[2]

    def __enter__(self) -> OpenFolders:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all of them."""
        while self._open:
            self._open.popitem()[1].close()
