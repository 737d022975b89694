"""The types of Linux's file systems (statfs(2)), and what those of each type are known to do."""

from __future__ import annotations

EXT = 0xEF53
"""ext2, ext3, ext4: statfs(2) does not tell them apart."""

TMPFS = 0x01021994
_BCACHEFS = 0xCA451A4E
_BTRFS = 0x9123683E
_F2FS = 0xF2F52010
_XFS = 0x58465342
_ZFS = 0x2FC12FC1

SYNCED_WHOLE = frozenset({EXT, TMPFS, _BCACHEFS, _BTRFS, _F2FS, _XFS, _ZFS})
"""Types whose syncfs is known to wait for the disk. Elsewhere (FUSE, network) it may not reach it."""

NAMED_LATER = frozenset({EXT, TMPFS, _XFS})
"""Types that keep a file which got its only name after its fsync, once the directory is synced too.

Power cuts have shown it. btrfs is not among them: an fsync there leaves out what has no name.
"""

EXACT_NAMES = SYNCED_WHOLE - {_ZFS}
"""Types that at most fold names as Unicode does (ext4's casefold); ZFS maps letters by a table of its own."""
