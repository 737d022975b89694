"""The tree that an audit log tells of, made from its lines alone; and the one that there is, to compare."""

from __future__ import annotations

import json
import os
from typing import Any, Iterable

from homeftp.hashing.filehash import hash_bytes

Tree = dict[str, Any]
"""By endpoint: None for a directory, a file's size and hash."""


def lines(folder: str) -> list[dict[str, Any]]:
    """All lines of the log in a state folder, the oldest first."""
    names = [name for name in os.listdir(folder) if name.startswith("audit.jsonl")]
    names.sort(key=lambda name: -int(name.rpartition(".")[2]) if name[-1].isdigit() else 0)
    found = []
    for name in names:
        with open(os.path.join(folder, name), encoding="ascii") as file:
            found += [json.loads(line) for line in file]
    return found


def replay(lines: Iterable[dict[str, Any]]) -> Tree:
    """The content of a store that was empty at first."""
    tree: Tree = {}
    for line in lines:
        if line["event"] != "change":
            continue
        endpoint, what = line["endpoint"], line["change"]
        if what in ("add", "replace"):
            assert what == "add" or endpoint in tree, line
            tree[endpoint] = None if line["kind"] == "directory" else (line["size"], line["hash"])
        elif what == "delete":
            del tree[endpoint]
        elif what == "move":
            moved = {name: found for name, found in tree.items() if name == endpoint or name.startswith(f"{endpoint}/")}
            for name in moved:
                del tree[name]
            tree.update((line["to"] + name[len(endpoint) :], found) for name, found in moved.items())
        else:
            assert what in ("damage", "mend", "metadata", "evict", "prune"), line
    return tree


def tree_of(root: str) -> Tree:
    """The content of a store, read from the disk."""
    tree: Tree = {}
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".homeftp"]
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            endpoint = os.path.relpath(path, root)
            tree[endpoint] = None
            if name in names:
                with open(path, "rb") as file:
                    content = file.read()
                tree[endpoint] = len(content), hash_bytes(content)
    return tree
