"""Which types of files the owner allows in the store."""

from __future__ import annotations

from typing import Sequence

from homeftp.endpoint import Endpoint
from homeftp.errors import FiletypeNotAllowed
from homeftp.store.policy.wording import display_path


class Filetypes:
    """The owner's list of allowed suffixes, such as ".txt", in any case; an empty one allows every file."""

    def __init__(self, suffixes: Sequence[str]) -> None:
        self._suffixes = tuple(suffix.casefold() for suffix in suffixes)
        self._named = ", ".join(suffixes)

    def problem(self, name: str) -> str | None:
        """Why a file of that name is not allowed, in words that follow its name; None if it is."""
        if not self._suffixes or name.casefold().endswith(self._suffixes):
            return None
        return f"is not of a type that is shared here: {self._named}"

    def check(self, endpoint: Endpoint) -> None:
        """Raise `FiletypeNotAllowed` (42), naming the allowed types, unless a file there is allowed."""
        problem = self.problem(endpoint.name)
        if problem is not None:
            raise FiletypeNotAllowed(f"{display_path(endpoint)} {problem}")

    def check_absent(self, endpoint: Endpoint) -> None:
        """`check` for an endpoint where nothing exists: a name with a dot means a file, others may mean a directory."""
        if "." in endpoint.name:
            self.check(endpoint)
