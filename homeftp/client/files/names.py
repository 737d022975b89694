"""Names of local files against names on the wire, and the names of partial downloads."""

from __future__ import annotations

import errno
import os
import re
import secrets
import tempfile
import unicodedata
from typing import AbstractSet, Mapping

from homeftp.client.escapes import ESCAPES, escape_name, unescape_name
from homeftp.endpoint import RESERVED_PREFIX, other_case
from homeftp.errors import OperatorError

NO_LOCAL_NAME = "has a name that homeftp does not give to any file: rename it there, or use --strict-names"
"""Why a name on the server is not unescaped."""

_NO_SUCH_NAME = frozenset({errno.EINVAL, errno.ENOENT, errno.EILSEQ})
"""The errors of Linux where a disk, such as one in exFAT or NTFS, does not allow a name."""

_KEY_LENGTH = 32
"""Hexadecimal digits that name a partial download: 128 bits, so that the name of a new one cannot be guessed."""

KEY_PART = _KEY_LENGTH // 2
"""Digits of each of the two parts of a key: which file it is, and which content of it."""

_PARTIAL = re.compile(re.escape(RESERVED_PREFIX) + f"[0-9a-f]{{{_KEY_LENGTH}}}")


def wire_name(name: str) -> str:
    """A local name in the composed form (NFC) that the wire requires; macOS has kept names decomposed (NFD)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def endpoint_name(name: str, *, strict: bool) -> str:
    """The name on the wire of a local name; with `strict`, one that not every system can store is not escaped."""
    composed = wire_name(name)
    return composed if strict or not ESCAPES else escape_name(composed)


def local_name(folder: str, name: str, *, strict: bool) -> str:
    """The local spelling in `folder` of a name on the wire, also where nothing has such a name yet.

    With `strict` nothing is unescaped. Raises `OperatorError` for a name that no local name has on the wire.
    """
    new = unescaped_name(name, strict=strict)
    if new.isascii() or os.path.lexists(os.path.join(folder, new)):
        return new
    try:
        alike = (each for each in sorted(os.listdir(folder)) if endpoint_name(each, strict=strict) == name)
        return next(alike, new)
    except OSError:
        return new


def unescaped_name(name: str, *, strict: bool) -> str:
    """The local name of a name on the wire; raises `OperatorError` for one that no local name has there."""
    if strict or not ESCAPES:
        return name
    found = unescape_name(name)
    if found is None:
        raise OperatorError(f"{name} {NO_LOCAL_NAME}")
    return found


def folding_disks(folder: str, mounts: Mapping[str, str]) -> AbstractSet[str]:
    """The disks in a folder that ignore case, by the names of their mount points: "" is that of the folder. Blocks.

    `mounts` has the paths of the others.
    """
    return {name for name, path in {"": folder, **mounts}.items() if ignores_case(path)}


def ignores_case(folder: str) -> bool:
    """Whether a folder, or the one in which it would be made, takes a name in another case for the same one. Blocks.

    In a folder whose names do not tell, a temporary file is made. False where that is not possible.
    """
    while not os.path.isdir(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    try:
        with os.scandir(folder) as entries:
            name = next((entry.name for entry in entries if entry.name != other_case(entry.name)), None)
        if name is not None:
            return _is_alias(folder, other_case(name))
        with tempfile.NamedTemporaryFile(prefix=RESERVED_PREFIX, dir=folder) as file:
            return _is_alias(folder, other_case(os.path.basename(file.name)))
    except OSError:
        return False


def _is_alias(folder: str, name: str) -> bool:
    """Whether something in a folder is found under a name that the folder does not list; inodes may not tell (FUSE)."""
    return os.path.lexists(os.path.join(folder, name)) and name not in os.listdir(folder)


def problem_of(name: str, error: OSError) -> str:
    """Why a local file or directory could not be made, for people; `name` is the one on the wire."""
    problem = error.strerror or str(error)
    if error.errno not in _NO_SUCH_NAME or not any(unescape_name(part) != part for part in name.split("/")):
        return problem
    return f"this disk may not allow such a name ({problem}): get it under another name, or with --strict-names"


def partial_name(key: str | None = None) -> str:
    """The name of a temporary file: by `key` for a download that may be resumed, else a new random one."""
    return RESERVED_PREFIX + (secrets.token_hex(_KEY_LENGTH // 2) if key is None else key[:_KEY_LENGTH])


def partial_endpoint_key(name: str) -> str:
    """The first part of the key in a partial download's name, as `endpoint_key` makes it; `name` may be a path."""
    return name.rpartition("/")[2].removeprefix(RESERVED_PREFIX)[:KEY_PART]


def is_partial_name(name: str) -> bool:
    """Whether a name is that of a partial download."""
    return _PARTIAL.fullmatch(name) is not None
