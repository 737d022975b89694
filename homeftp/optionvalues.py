"""The values of the server's options, parsed from text. Each function raises ValueError with what to give instead."""

from __future__ import annotations

import configparser
import re

from homeftp.config import DAY, KIB, MIB

_SMALLEST_LOG = 64 * KIB
"""Bytes of an audit log file, at least: less would rotate all the time."""

_WHOLE = 100
"""Percent."""

_UNITS = {"": 1, "K": KIB, "M": MIB, "G": KIB * MIB, "T": MIB * MIB}


def count(text: str) -> int:
    """A whole number from 1."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("a whole number from 1")
    return int(text)


def seconds(text: str) -> float:
    """Seconds, more than 0."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) or float(text) <= 0:
        raise ValueError("seconds, more than 0")
    return float(text)


def size(text: str) -> int:
    """Bytes, with a unit or without."""
    match = re.fullmatch(r"([0-9]{1,15})([KMGT]?)", text.upper())
    if match is None:
        raise ValueError("bytes, such as 500M or 20G")
    return int(match[1]) * _UNITS[match[2]]


def size_shown(size: int) -> str:
    """Bytes, as `size` reads them: with the largest unit that gives a whole number."""
    unit = next((unit for unit in reversed(_UNITS) if size % _UNITS[unit] == 0), "")
    return f"{size // _UNITS[unit]}{unit}"


def quota(text: str) -> int:
    """Bytes, more than 0."""
    if not (found := size(text)):
        raise ValueError("bytes, such as 500G; leave out --quota for no limit")
    return found


def log_size(text: str) -> int:
    """Bytes of a file of the audit log."""
    if (found := size(text)) < _SMALLEST_LOG:
        raise ValueError("bytes, at least 64K, such as 16M")
    return found


def log_files(text: str) -> int:
    """The number of files of the audit log."""
    if (files := count(text)) < 2:
        raise ValueError("a number from 2: the current file and at least one older one")
    return files


def days(text: str) -> float:
    """Days, as seconds."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise ValueError("days; 0 keeps no versions")
    return float(text) * DAY


def portion(text: str) -> float | int:
    """Percent as a float, bytes as an int."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?)%", text)
    if match is None:
        return size(text)
    if float(match[1]) > _WHOLE:
        raise ValueError("a part of the disk, such as 20%, or bytes, such as 50G")
    return float(match[1])


def yes(text: str) -> bool:
    """Yes or no, as ini files have it."""
    found = configparser.ConfigParser.BOOLEAN_STATES.get(text.lower())
    if found is None:
        raise ValueError("yes or no")
    return found


def tls_version(text: str) -> str:
    """A TLS version."""
    if text not in ("1.2", "1.3"):
        raise ValueError("1.3 or 1.2")
    return text


def suffix(text: str) -> str:
    """A file's suffix, with its dot."""
    found = text.lower() if text.startswith(".") else f".{text.lower()}"
    if len(found) < 2 or "/" in found:
        raise ValueError("suffixes such as .txt,.md")
    return found
