"""Decides which file a name means: one that its directory lists under that name, or under another form of it.

NTFS opens "taxes and wills" as `TAXESA~1` too, vfat gives every long name such
a second one, and each disk that ignores case has a table of its own. All that
is decided by a path (grants, homes, reserved names, path locks, partial
uploads, audit records) takes a file to have one path. So a part of a path is
found only if its directory lists it, or lists the same file under a name that
`endpoint.folded` makes equal, which is what grants compare. Everything else
does not exist. File systems that find nothing else anyway are never asked.

The wire has composed names (NFC) only. A name that a directory lists in
another Unicode form is found here under its composed form.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
import unicodedata
from array import array
from bisect import bisect_left
from collections import OrderedDict
from threading import Lock

import msgspec

from homeftp.endpoint import folded, name_problem
from homeftp.syscalls import System

NAMES_KEPT = 500_000
"""Names of directories that are remembered, 8 bytes each: the directories of a home, in 4 MB."""

FORMS_KEPT = 1000
"""Directories of which the names in other Unicode forms are remembered; most have none."""

_SHORT = re.compile(rb"[^.]{1,7}~[^.]{1,7}(?:\.[^.]{0,3})?\Z")
"""The form of the 8.3 names that Windows and Linux make: at most eight bytes, a dot, and three."""

_SECOND_NS = 10**9
_COARSE_NS = 3 * _SECOND_NS
"""FAT keeps times to 2 s: younger times of a whole second may hide another change."""

_SHARE = 10
"""Reading the names of a large directory that changes all the time takes at most one part in so many of the time."""

_QUICK = 0.001
"""Seconds: a directory that is read in less, of some thousand names, is read whenever it has changed."""

Stamp = tuple[int, int]
"""The mtime and the ctime of a directory: another one when a name in it has changed."""


def is_settled(stamp: Stamp, now_ns: int) -> bool:
    """Whether a directory gets another stamp when a name in it changes after `now_ns` (nanoseconds since 1970)."""
    return any(each % _SECOND_NS for each in stamp) or now_ns - max(stamp) > _COARSE_NS


def wire_form(name: bytes) -> bytes:
    """The composed form (NFC) of a name, if an endpoint may have that; otherwise the name itself.

    Names of letters that compose to ASCII, such as the Kelvin sign, stay: every
    look-up of an ASCII name would have to look for them.
    """
    if name.isascii():
        return name
    try:
        composed = unicodedata.normalize("NFC", name.decode())
    except UnicodeDecodeError:
        return name
    return name if composed.isascii() or name_problem(composed) is not None else composed.encode()


class _Forms(msgspec.Struct, frozen=True):
    """The names of one directory that are not in the composed form, by that form."""

    stamp: Stamp
    settled: bool
    """Whether another change of the directory shows in its stamp."""
    read_at: float
    """When they were read: seconds of the monotonic clock."""
    read_for: float
    """How many seconds that took."""
    names: dict[bytes, bytes | None]
    """None where several names have the same composed form."""

    def is_valid(self, stamp: Stamp, now: float) -> bool:
        """Whether they still count: the directory has not changed, or reading it again so soon would take too long."""
        if self.settled and stamp == self.stamp:
            return True
        return self.read_for > _QUICK and now - self.read_at < _SHARE * self.read_for


class Spelling:
    """Checks names in directories of one store. Thread-safe. Every method raises OSError."""

    def __init__(self, system: System, root: int, *, kept: int = NAMES_KEPT, forms_kept: int = FORMS_KEPT) -> None:
        self._system = system
        self._kept = kept
        self._forms_kept = forms_kept
        self._lock = Lock()
        self._known: OrderedDict[tuple[int, int], tuple[Stamp, array[int]]] = OrderedDict()
        self._forms: OrderedDict[tuple[int, int], _Forms] = OrderedDict()
        self._inexact: set[int] = set()
        """Devices that may find other names. One that is mounted later under such a number is merely checked too."""
        exact = system.finds_only_listed_names(root)
        self.exact_device = os.fstat(root).st_dev if exact else None
        """The root's file system, if it finds only names that it lists: there is nothing to check on it."""

    def expect(self, directory: int, name: bytes) -> None:
        """Call it before a name is looked up in an open directory. Raises FileNotFoundError for an unlisted 8.3 name.

        So whether a file has an 8.3 name shows neither by what is answered nor by the time.
        """
        if b"~" in name and not self.may_be_new(directory, name):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def may_be_new(self, directory: int, name: bytes) -> bool:
        """Whether a directory may get that name: on a disk with 8.3 names none in their form, unless it is listed."""
        if _SHORT.match(name) is None:
            return True
        at = os.fstat(directory)
        return self._is_exact(directory, at) or _contains(self._names(directory, at), name)

    def check(self, directory: int, name: bytes, found: os.stat_result) -> None:
        """Raise FileNotFoundError for what was `found` in an open directory by a name that it does not list.

        For a file without a system call if it is on a file system that has no such names.
        """
        if found.st_dev == self.exact_device and not stat.S_ISDIR(found.st_mode):
            return  # a directory may be the top of a mount, in a directory of another file system
        at = os.fstat(directory)
        if self._is_exact(directory, at) or _contains(self._names(directory, at), name):
            return
        if not self._is_listed_alike(directory, name, found):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    def listed_name(self, directory: int, name: bytes) -> bytes:
        """The spelling with which an open directory lists `name`; `name` itself if nothing has that name."""
        at = os.fstat(directory)
        if self._is_exact(directory, at) or _contains(self._names(directory, at), name):
            return self.stored_name(directory, name)
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return self.other_form(directory, name) or name
        return next((each for each in self._system.names_in(directory) if _is_at(directory, each, found)), name)

    def is_stored_as(self, directory: int, name: bytes, stored: bytes) -> bool:
        """Whether a name is that of the file which an open directory was seen to list as `stored`, in another form."""
        at = os.fstat(directory)
        if self.stored_name(directory, name) == stored or self._is_one_name(directory, at, name, stored):
            return True
        with self._lock:
            self._forms.pop((at.st_dev, at.st_ino), None)  # it may have been made since they were read
        return self.stored_name(directory, name) == stored

    def _is_one_name(self, directory: int, at: os.stat_result, name: bytes, stored: bytes) -> bool:
        """Whether the disk takes both forms for one name, as APFS does, and lists only `stored`."""
        if self._is_exact(directory, at) or _contains(self._names(directory, at), name):
            return False
        return _is_at(directory, name, os.stat(stored, dir_fd=directory, follow_symlinks=False))

    def stored_name(self, directory: int, name: bytes) -> bytes:
        """The name that an open directory has for a composed one: that itself, unless it has only another form."""
        if name.isascii():
            return name
        try:
            os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return self.other_form(directory, name) or name
        return name

    def other_form(self, directory: int, name: bytes) -> bytes | None:
        """The name that is `name` in another Unicode form, such as macOS has kept (NFD), in an open directory.

        To be called where the directory does not have `name` itself. None: it has
        no such name, or several, of which none is guessed. In a directory that
        is being changed a new name may be found a moment later.
        """
        if name.isascii():
            return None
        at = os.fstat(directory)
        key, stamp, now = (at.st_dev, at.st_ino), (at.st_mtime_ns, at.st_ctime_ns), time.monotonic()
        with self._lock:
            known = self._forms.get(key)
            if known is not None:
                self._forms.move_to_end(key)
        if known is None or not known.is_valid(stamp, now):
            names: dict[bytes, bytes | None] = {}
            for each in self._system.names_in(directory):
                composed = wire_form(each)
                if composed != each:
                    names[composed] = None if composed in names else each
            known = _Forms(stamp, is_settled(stamp, time.time_ns()), now, time.monotonic() - now, names)
            with self._lock:
                self._forms[key] = known
                while len(self._forms) > self._forms_kept:
                    self._forms.popitem(last=False)
        return known.names.get(name)

    def _is_exact(self, directory: int, at: os.stat_result) -> bool:
        """Whether a directory has nothing to check. A device that has is remembered: FUSE takes its time to say so."""
        if at.st_dev in self._inexact:
            return False
        if at.st_dev == self.exact_device or self._system.finds_only_listed_names(directory):
            return True
        self._inexact.add(at.st_dev)
        return False

    def _names(self, directory: int, at: os.stat_result) -> array[int]:
        """The sorted hashes of the names in a directory."""
        key, stamp = (at.st_dev, at.st_ino), (at.st_mtime_ns, at.st_ctime_ns)
        with self._lock:
            known = self._known.get(key)
            if known is not None and known[0] == stamp:
                self._known.move_to_end(key)
                return known[1]
        settled = is_settled(stamp, time.time_ns())
        names = array("q", sorted(map(hash, self._system.names_in(directory))))
        if settled and len(names) <= self._kept:
            self._keep(key, stamp, names)
        return names

    def _keep(self, key: tuple[int, int], stamp: Stamp, names: array[int]) -> None:
        with self._lock:
            self._known[key] = stamp, names
            self._known.move_to_end(key)
            kept = sum(len(each) for _, each in self._known.values())
            while kept > self._kept:
                _, (_, dropped) = self._known.popitem(last=False)
                kept -= len(dropped)

    def _is_listed_alike(self, directory: int, name: bytes, found: os.stat_result) -> bool:
        """Whether the directory lists the same file under a name that differs only as grants allow."""
        fold = folded(os.fsdecode(name))
        alike = (each for each in self._system.names_in(directory) if folded(os.fsdecode(each)) == fold)
        return any(_is_at(directory, each, found) for each in alike)


def _contains(names: array[int], name: bytes) -> bool:
    at = bisect_left(names, hash(name))
    return at < len(names) and names[at] == hash(name)


def _is_at(directory: int, name: bytes, found: os.stat_result) -> bool:
    """Whether a name in an open directory is that of the file `found`."""
    try:
        return os.path.samestat(os.stat(name, dir_fd=directory, follow_symlinks=False), found)
    except FileNotFoundError:
        return False
