"""Endpoints and the rules for their names: the same for server and client, applied before any system call.

An endpoint is a path relative to the store's root, written with `/`, in
UTF-8 and Unicode's composed form (NFC). A name that some system cannot store,
or stores as another name, is refused everywhere: a file pushed from Linux must
arrive on Windows and macOS unchanged. Sources: POSIX.1 (`/`, NUL, `.`,
`..`), Microsoft's "Naming Files, Paths, and Namespaces" (reserved characters
and device names, trailing dot and space), UAX #15 (NFC).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from string import ascii_letters
from typing import Sequence

import attrs

from homeftp.errors import BadEndpoint

MAX_NAME_BYTES = 255
"""NAME_MAX of Linux, macOS and most file systems."""

MAX_PATH_BYTES = 4096
"""PATH_MAX of Linux."""

MAX_PARTS = 128
"""As many parts as fit into Windows' MAX_PATH, 260 characters, behind a drive letter. Linux and macOS have no such
limit, but 4,096 bytes can hold 2,048 parts, each of which costs the server memory and system calls."""

RESERVED = ".homeftp"
"""The folder of the local store in its root: temp files and versions. No client can name it, in any spelling."""

RESERVED_PREFIX = ".homeftp-"
"""Temp files in other folders, where another disk is mounted: no client can name these either."""

_SHOWN = 77
"""Characters of a name in a message."""

_WIDEST = 4
"""Bytes of a character in UTF-8, at most."""

_CACHED = 256
"""Parsed endpoints that are remembered: clients name the same ones again, such as in a CMP before a PUSH."""

_IGNORED = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Default_Ignorable_Code_Point of Unicode 14: ext4's casefold ignores all of them, HFS+ some."""

_SHORT = re.compile(r"ho(?:meft|[0-9a-f]{4})~[0-9]+\Z")
"""The 8.3 names that Windows may give to `.homeftp` and `.homeftp-…`."""

_FORBIDDEN = frozenset('\\<>:"|?*')
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"]
    + [f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"]
)
_DEVICE_LETTERS = frozenset(letter for device in _DEVICES for letter in (device[0], device[0].lower()))
"""The first letters of the names of devices."""
_PLAIN_NAME = r"[A-Za-z0-9_-](?:[A-Za-z0-9_. +,()=-]{0,253}[A-Za-z0-9_+,()=-])?"
"""Most names: these need only the check of device names."""
_PLAIN = re.compile(rf"{_PLAIN_NAME}\Z")
_PLAIN_PATH = re.compile(rf"{_PLAIN_NAME}(?:/{_PLAIN_NAME})*\Z")
_PLAIN_DEVICE = re.compile(r"(?:\A|/)(?:con|prn|aux|nul|(?:com|lpt)[0-9]) *(?:[./]|\Z)", re.IGNORECASE | re.ASCII)
"""A device's name in a path of such names."""


@attrs.frozen(order=True)
class Endpoint:
    """A path in the store that satisfies all rules. `parts` is empty for the root."""

    parts: tuple[str, ...]
    home: int = attrs.field(default=0, eq=False, order=False, repr=False)
    """The number of first parts that are an account's home, which messages leave out."""

    def __str__(self) -> str:
        return "/".join(self.parts[self.home :])

    @property
    def whole(self) -> str:
        """The path from the store's root, whatever the account sees of it: for what is stored and recorded."""
        return "/".join(self.parts)

    @property
    def is_top(self) -> bool:
        """Whether it is the root, or the home as which an account sees the root."""
        return len(self.parts) <= self.home

    @property
    def name(self) -> str:
        """The last part; "" for the root."""
        return self.parts[-1] if self.parts else ""

    @property
    def parent(self) -> Endpoint:
        """The directory that contains it; for the root, the root."""
        return Endpoint(self.parts[:-1], self.home)

    def first(self, depth: int) -> Endpoint:
        """The endpoint of its first `depth` parts: an ancestor, or itself."""
        return Endpoint(self.parts[:depth], self.home)

    def beneath(self, *names: str) -> Endpoint:
        """The endpoint beneath this one, by names that are known to be legal."""
        return Endpoint((*self.parts, *names), self.home)

    def at(self, path: str) -> Endpoint:
        """The endpoint at a relative path of legal names, as listings give them; "" is this endpoint itself."""
        return self.beneath(*path.split("/")) if path else self

    def relative_to(self, top: Endpoint) -> Endpoint | None:
        """The endpoint that `top.beneath` leads back here from; None where this one is not at or beneath `top`."""
        depth = len(top.parts)
        return Endpoint(self.parts[depth:]) if self.parts[:depth] == top.parts else None

    def child(self, name: str) -> Endpoint:
        """The endpoint `name` in this directory; raises `BadEndpoint` as `parse` does."""
        if self.parts and not self.home and len(name) < MAX_NAME_BYTES and _is_plain_path(name):
            parts = (*self.parts, *name.split("/"))
            if len(parts) <= MAX_PARTS and sum(map(len, parts)) * _WIDEST <= MAX_PATH_BYTES - MAX_PARTS:
                return Endpoint(parts)  # what `parse` gives, which would look at the parts of this one again
        return parse(f"{self}/{name}" if self.parts else name)


ROOT = Endpoint(())


def _shown(name: str) -> str:
    """A name for a message: shortened, and without raw control characters."""
    short = name if len(name) <= _SHOWN else name[:_SHOWN] + "..."
    return ascii(short) if not short.isprintable() else f"'{short}'"


_SWAPPED = str.maketrans(ascii_letters, ascii_letters.swapcase())


def other_case(name: str) -> str:
    """A name that every system which ignores case takes for the same one; the name itself where there is none.

    Only the letters of ASCII count: systems differ in what they take for the other case of `ß` or `µ`.
    """
    return name.translate(_SWAPPED)


def folded(name: str) -> str:
    """One text for all names that some system treats as one: compatible forms and case do not count.

    Unicode's compatibility caseless matching (The Unicode Standard, 3.13, D146),
    and without the characters that ext4 (casefold) and HFS+ ignore (Apple, TN1150; CVE-2014-9390).
    """
    if name.isascii():
        return name.lower()
    once = unicodedata.normalize("NFD", _IGNORED.sub("", name)).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", once).casefold())


@attrs.frozen(slots=False)
class FolderSet:
    """Folders, each with everything beneath it, in every spelling that some disk takes for the same folder."""

    folders: frozenset[tuple[str, ...]] = frozenset()
    """The parts of their endpoints."""

    @functools.cached_property
    def _folded(self) -> frozenset[tuple[str, ...]]:
        return frozenset(tuple(map(folded, parts)) for parts in self.folders)

    def __bool__(self) -> bool:
        return bool(self.folders)

    def __or__(self, other: FolderSet) -> FolderSet:
        return FolderSet(self.folders | other.folders)

    def covers(self, parts: Sequence[str]) -> bool:
        """Whether an endpoint of these parts is one of the folders or beneath one."""
        alike = tuple(map(folded, parts)) if self.folders else ()
        return any(alike[: len(folder)] == folder for folder in self._folded)

    def names_in(self, parts: Sequence[str]) -> frozenset[str]:
        """The names of those folders that are directly in a directory; compare the `folded` form of a name."""
        alike = tuple(map(folded, parts)) if self.folders else ()
        return frozenset(folder[-1] for folder in self._folded if folder and folder[:-1] == alike)

    def beneath(self, top: Endpoint) -> FolderSet:
        """The same folders, of endpoints beneath `top`."""
        return FolderSet(frozenset((*top.parts, *parts) for parts in self.folders))


NO_FOLDERS = FolderSet()
"""No folder, so that nothing is covered."""


def _is_reserved(name: str) -> bool:
    """Whether it is a reserved name in any spelling, or the 8.3 name of one (CVE-2019-1353)."""
    fold = folded(name)
    return fold == RESERVED or fold.startswith(RESERVED_PREFIX) or _SHORT.match(fold) is not None


def is_device_name(name: str) -> bool:
    """Whether Windows takes a name for a device, such as CON or nul.txt."""
    return name[:1] in _DEVICE_LETTERS and name.split(".", 1)[0].rstrip(" ").upper() in _DEVICES


def _is_plain_path(path: str) -> bool:
    """Whether all parts of a path are plain names."""
    return _PLAIN_PATH.match(path) is not None and not _PLAIN_DEVICE.search(path)


def is_plain(name: str) -> bool:
    """Whether `name` can be one part of an endpoint, as most names can, without a character beyond ASCII."""
    return _PLAIN.match(name) is not None and not is_device_name(name)


def _first_other(name: str) -> str:
    """The code point at which a name differs from its composed form, as `U+XXXX`."""
    composed = unicodedata.normalize("NFC", name)
    at = next((at for at, (one, other) in enumerate(zip(name, composed, strict=False)) if one != other), len(composed))
    marks = (letter for letter in name[at + 1 : at + 2] if unicodedata.combining(letter))
    return f"U+{ord(next(marks, name[min(at, len(name) - 1)])):04X}"


def name_problem(name: str) -> str | None:
    """Why `name` cannot be one part of an endpoint, in words that follow "its name"; None if it can."""
    if _PLAIN.match(name):
        return "is a device's name on Windows" if is_device_name(name) else None
    if not name:
        return "is empty"
    if name in (".", ".."):
        return "is . or .."
    for character in name:
        category = unicodedata.category(character)
        if category == "Cs":
            return "is not UTF-8"
        if category in ("Cc", "Zl", "Zp"):
            return f"holds the control character U+{ord(character):04X}"
        if character in _FORBIDDEN or character == "/":
            return f"holds {character}"
    if len(name.encode()) > MAX_NAME_BYTES:
        return f"is longer than {MAX_NAME_BYTES} bytes"
    if name[-1] in ". ":
        return "ends in a dot or a space"
    if not unicodedata.is_normalized("NFC", name):
        return f"is not in Unicode's composed form (NFC), from {_first_other(name)} on"
    if is_device_name(name):
        return "is a device's name on Windows"
    if _is_reserved(name):
        return "is reserved"
    return None


@functools.lru_cache(maxsize=_CACHED)
def parse(rel_endpoint: str) -> Endpoint:
    """The endpoint of a string from the wire; "" is the root.

    Raises `BadEndpoint` (41), which names the part and the rule, for anything
    that could leave the root, reach the store's own folder, or mean another
    file on another system.
    """
    if not rel_endpoint:
        return ROOT
    if len(rel_endpoint) > MAX_PATH_BYTES or len(rel_endpoint.encode("utf-8", "replace")) > MAX_PATH_BYTES:
        raise BadEndpoint(f"the endpoint is longer than {MAX_PATH_BYTES} bytes")
    if rel_endpoint.count("/") >= MAX_PARTS:
        raise BadEndpoint(f"the endpoint has more than {MAX_PARTS} parts")
    parts = tuple(rel_endpoint.split("/"))
    if _is_plain_path(rel_endpoint):
        return Endpoint(parts)
    for part in parts:
        problem = name_problem(part)
        if problem is None:
            continue
        if part == "" and rel_endpoint.startswith("/"):
            raise BadEndpoint("the endpoint starts with /: it must be relative to the share's root")
        if part == "":
            raise BadEndpoint("the endpoint has an empty part: write a/b without a doubled or trailing /")
        if part == "..":
            raise BadEndpoint("the endpoint leaves the share's root: .. is not allowed")
        raise BadEndpoint(f"{_shown(part)} cannot be in an endpoint: its name {problem}")
    return Endpoint(parts)
