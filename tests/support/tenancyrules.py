"""The accounts of the tenancy machine, and what each may do: the rules of docs/owner, written once more.

It shares no code with the product.
"""

from __future__ import annotations

from typing import Mapping

import attrs

ALL = frozenset({"read", "add", "replace", "delete"})
READ, ADD = frozenset({"read"}), frozenset({"add"})
NONE: frozenset[str] = frozenset()
DISCARD = ALL - {"add"}
"""What it takes to remove versions for good."""


@attrs.frozen
class Rules:
    """One account by the rules: where it begins, what it may do, and the folders where it may do less.

    Or all folders that it has.
    """

    home: str = ""
    everywhere: frozenset[str] = ALL
    grants: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    folders: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    """Where there are some: all that the account has. Of two that contain a path the deeper one counts."""

    def at(self, path: str) -> frozenset[str]:
        """What the account may do at one endpoint of its own."""
        rights = self._in_folders(path) if self.folders else self.everywhere
        for folder, most in self.grants.items():
            if inside(path.lower(), folder.lower()):
                rights &= most
        return rights

    def _in_folders(self, path: str) -> frozenset[str]:
        holding = [folder for folder in self.folders if inside(path, folder)]
        deepest = max(holding, key=len, default="")
        rights = self.folders.get(deepest, NONE)
        for folder, given in self.folders.items():
            if len(folder) > len(deepest) and inside(path.lower(), folder.lower()):
                rights &= given  # another spelling of a deeper folder, which some disks take for that
        return rights

    def sees(self, path: str) -> bool:
        """Whether the account may learn that a path exists: it may read it, or the path leads to what it may read."""
        return "read" in self.at(path) or self.is_way(path)

    def is_way(self, path: str) -> bool:
        """Whether a path is in none of the account's folders, and leads to one that it may read."""
        leads = any(inside(folder, path) and "read" in self.at(folder) for folder in self.folders)
        return leads and not any(inside(path, folder) for folder in self.folders)

    def is_top(self, path: str) -> bool:
        """Whether a path of the store is the account's home, one of its folders, or leads to them."""
        return any(inside(folder, path) for folder in self.folders or (self.home,))

    def whole(self, path: str) -> str:
        """An endpoint of the account as the store has it."""
        return "/".join(filter(None, [self.home, path]))

    def at_whole(self, path: str) -> frozenset[str]:
        """What it may do at an endpoint of the store."""
        if not inside(path, self.home):
            return NONE
        return self.at(path[len(self.home) :].lstrip("/"))


@attrs.frozen
class DeviceRules(Rules):
    """A device of an account by the rules: what the account may do beneath `top`, and of that at most `most`."""

    account: Rules = Rules()
    top: str = ""
    """As the account sees it."""
    most: frozenset[str] = ALL

    @classmethod
    def of(cls, account: Rules, top: str, most: frozenset[str]) -> DeviceRules:
        """The device that begins at `top`."""
        folders = any(inside(folder, top) and folder != top for folder in account.folders)
        return cls(account.whole(top), NONE if folders else account.at(top) & most, account=account, top=top, most=most)

    def _for_account(self, path: str) -> str:
        return "/".join(filter(None, [self.top, path]))

    def at(self, path: str) -> frozenset[str]:
        """What the device may do at one endpoint of its own."""
        return self.account.at(self._for_account(path)) & self.most

    def is_way(self, path: str) -> bool:
        """Whether a path leads to what it may read."""
        return "read" in self.most and self.account.is_way(self._for_account(path))

    def is_top(self, path: str) -> bool:
        """Whether a path of the store is a top of the account, or the device's own, or leads to it."""
        return self.account.is_top(path) or inside(self.home, path)


def inside(path: str, folder: str) -> bool:
    """Whether a path is a folder or beneath it; everything is beneath ""."""
    return not folder or path == folder or path.startswith(folder + "/")


ACCOUNTS: Mapping[str, Rules] = {
    "owner": Rules(),
    "ann": Rules("people/ann", ALL, {"tax": READ}),
    "bob": Rules("people/bob", ALL, {"tax": NONE, "inbox": ADD}),
    "kid": Rules("", READ | ADD, {"people": NONE, "secret": NONE, "drop": ADD}),
    "box": Rules("drop", ADD),
    "gran": Rules(
        everywhere=NONE,
        folders={
            "a": READ | {"replace"},
            "b": READ,
            "b/a": ALL,
            "drop": ADD,
            "people/gran": ALL,
            "people/gran/tax": READ,
            "secret/gran": NONE,
        },
    ),
}
"""The accounts at the start."""

DEVICES: Mapping[str, tuple[str, frozenset[str]]] = {
    "owner": ("people", READ | ADD),
    "ann": ("tax", ALL),
    "bob": ("", READ | {"replace"}),
    "kid": ("", READ),
    "box": ("a", ALL),
    "gran": ("b", READ | ADD | {"delete"}),
}
"""The device of each account: where it begins, and the most that it may do."""

HIDDEN = ("people/ann", "people/bob", "people/x", "people/y", "secret")
"""Folders of which the `WATCHERS` must not learn anything."""

WATCHERS = ("kid", "gran")
