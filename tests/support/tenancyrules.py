"""The accounts of the tenancy machine, and what each may do: the rules of docs/owner, written once more.

It shares no code with the product.
"""

from __future__ import annotations

from typing import Mapping

import attrs

ALL = frozenset({"read", "add", "replace", "delete"})
READ, ADD = frozenset({"read"}), frozenset({"add"})
NONE: frozenset[str] = frozenset()


@attrs.frozen
class Rules:
    """One account by the rules: where it begins, what it may do, and the folders where it may do less."""

    home: str = ""
    everywhere: frozenset[str] = ALL
    grants: Mapping[str, frozenset[str]] = attrs.field(factory=dict)

    def at(self, path: str) -> frozenset[str]:
        """What the account may do at one endpoint of its own."""
        rights = self.everywhere
        for folder, most in self.grants.items():
            if inside(path.lower(), folder.lower()):
                rights &= most
        return rights

    def whole(self, path: str) -> str:
        """An endpoint of the account as the store has it."""
        return "/".join(filter(None, [self.home, path]))

    def at_whole(self, path: str) -> frozenset[str]:
        """What it may do at an endpoint of the store."""
        if not inside(path, self.home):
            return NONE
        return self.at(path[len(self.home) :].lstrip("/"))


def inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or beneath it; everything is beneath ""."""
    return not folder or path == folder or path.startswith(folder + "/")


ACCOUNTS: Mapping[str, Rules] = {
    "owner": Rules(),
    "ann": Rules("people/ann", ALL, {"tax": READ}),
    "bob": Rules("people/bob", ALL, {"tax": NONE, "inbox": ADD}),
    "kid": Rules("", READ | ADD, {"people": NONE, "secret": NONE, "drop": ADD}),
    "box": Rules("drop", ADD),
}
"""The accounts at the start."""
