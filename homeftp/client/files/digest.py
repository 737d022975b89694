"""The digests of a local folder, from the hashes of its files."""

from __future__ import annotations

from typing import Mapping

from homeftp.client.files.model import HAS_MODES, FileStat, LocalTree
from homeftp.hashing.treedigest import TreeDigester
from homeftp.model import MODE_BITS, Entry, TreeDigest


def known_digest(tree: LocalTree, known: Mapping[str, str]) -> TreeDigest | None:
    """The digests of what can be sent of a folder; None where `known`, hashes by path, lacks a file. Blocks."""
    if len(known) < len(tree.files):
        return None
    digester = TreeDigester()
    for name in sorted((*tree.files, *filter(None, tree.directories)), key=_listing_order):
        file = tree.files.get(name)
        if file is None:
            digester.add(Entry(name, "directory", mode=_mode(tree.directories[name])))
        else:
            digester.add(Entry(name, "file", file.size, file.mtime_us, _mode(file), known[file.path]))
    return digester.finish()


def _mode(found: FileStat) -> int | None:
    return found.stat.st_mode & MODE_BITS if HAS_MODES else None


def _listing_order(name: str) -> bytes:
    """Sorts by the bytes of the names, each directory before what it holds: no name has a zero."""
    return name.replace("/", "\0").encode()
