"""The server's options: how the text of each becomes a value, and its help.

A function raises ValueError with what to give instead. What options mean together is in `tap.py`.
"""

from __future__ import annotations

import configparser
import os
import re
from typing import Any, Callable

from msgspec import structs

from homeftp.config import DAY, HTTPS_PORT, KIB, METRICS_PORT, MIB, SFTP_PORT, Settings

DEFAULTS = Settings(root="", state="")
"""The defaults of the options."""

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
        raise ValueError("a number of days, such as 30 or 0.5")
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


def front_end(text: str) -> tuple[str, str]:
    """The name of a front end, and the description of an endpoint."""
    name, _, endpoint = text.partition("=")
    if not re.fullmatch("[a-z][a-z0-9]*", name) or not endpoint:
        raise ValueError("NAME=ENDPOINT, such as gopher=tcp:7070")
    return name, endpoint


SINGLE: dict[str, Callable[[str], Any]] = {
    "state": os.path.abspath,
    "objects": str,
    "web-cert": os.path.abspath,
    "web-key": os.path.abspath,
    "pool-size": count,
    "tls-minimum": tls_version,
    "quota": quota,
    "scrub-days": days,
    "audit-size": log_size,
    "audit-files": log_files,
}
"""Options that are given once and become the setting of the same name (`scrub-days`: `scrub_seconds`): what their text
becomes. `tap` adds root."""

RETENTION: dict[str, Callable[[str], Any]] = {
    "keep-versions": days,
    "versions-max": portion,
    "protect-versions": days,
}
"""Options about versions."""

FLAGS = ("similar-names", "no-announce", "audit-reads", "watch-root")
"""Options without a value; in a file they have `yes` or `no`."""

MANY: dict[str, Callable[[str], Any]] = {
    "listen": str,
    "listen-tls": str,
    "https": str,
    "sftp": str,
    "metrics": str,
    "filetypes": suffix,
    "dispatcher": str,
    "front-end": front_end,
    "plugin-dir": os.path.abspath,
}
"""Options that may be repeated."""

OPTIONAL = {
    "https": f"tcp:{HTTPS_PORT}",
    "sftp": f"tcp:{SFTP_PORT}",
    "metrics": f"tcp:{METRICS_PORT}:interface=127.0.0.1",
}
"""Options that may be given without a value, and what they mean then."""

LIMITS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "max-connections": ("connections", count),
    "max-connections-per-address": ("connections_per_address", count),
    "max-account-connections": ("account_connections", count),
    "max-unauthenticated": ("unauthenticated", count),
    "max-unauthenticated-per-address": ("unauthenticated_per_address", count),
    "max-in-flight": ("in_flight", count),
    "request-memory": ("request_memory", size),
    "max-file-size": ("file_size", size),
    "max-login-attempts": ("login_attempts", count),
    "tls-timeout": ("tls_seconds", seconds),
    "login-timeout": ("login_seconds", seconds),
    "stall-timeout": ("stall_seconds", seconds),
}
"""Options that become one of the `Limits`: its name, and what the text becomes."""


def _default(name: str) -> str:
    limits = structs.asdict(DEFAULTS.limits)
    return f"[default: {limits[LIMITS[name][0]]:g}]"


PARAMETERS: list[list[str | None]] = [
    ["root", "r", None, "The folder to share, or the URL of a store. DIR or URL alone means the same."],
    ["objects", None, None, "With the URL of a database: the bucket for the bytes of files, such as s3://BUCKET."],
    ["config", "c", None, "An ini file with these options in a section [homeftp]; the command line wins."],
    ["pool-size", None, None, f"Threads for disk access and hashing. [default: {DEFAULTS.pool_size}]"],
    [
        "tls-minimum",
        None,
        None,
        "The lowest TLS version of homeftp's own protocol: 1.3 or 1.2. HTTPS takes both. "
        f"[default: {DEFAULTS.tls_minimum}]",
    ],
    [
        "web-cert",
        None,
        None,
        "A certificate for HTTPS and the intermediate ones behind it (PEM); needs --web-key. SIGHUP reads it again.",
    ],
    ["web-key", None, None, "The private key of --web-cert (PEM)."],
    [
        "keep-versions",
        None,
        None,
        "Days for which replaced and removed files are kept as versions; 0 keeps none. "
        f"[default: {DEFAULTS.retention.seconds / DAY:g}]",
    ],
    [
        "versions-max",
        None,
        None,
        "Space for all versions: a part of the disk, such as 10%, or bytes, such as 50G. "
        f"[default: {DEFAULTS.retention.percent:g}%]",
    ],
    [
        "protect-versions",
        None,
        None,
        "Days for which a version is not removed to make space for new files. "
        f"[default: {DEFAULTS.retention.protected_seconds / DAY:g}]",
    ],
    [
        "scrub-days",
        None,
        None,
        "Days in which every file and version is read again, to find what the disk has damaged; 0 reads none. "
        f"[default: {DEFAULTS.scrub_seconds / DAY:g}]",
    ],
    ["quota", None, None, "Size limit of the shared folder, including versions, such as 500G. [default: none]"],
    [
        "audit-size",
        None,
        None,
        f"Size at which a new file of the audit log is started. [default: {DEFAULTS.audit_size // MIB}M]",
    ],
    ["audit-files", None, None, f"Number of files of the audit log to keep. [default: {DEFAULTS.audit_files}]"],
    ["max-connections", None, None, f"Most simultaneous connections. {_default('max-connections')}"],
    [
        "max-connections-per-address",
        None,
        None,
        f"Most simultaneous connections from one address. {_default('max-connections-per-address')}",
    ],
    [
        "max-account-connections",
        None,
        None,
        f"Most simultaneous connections of one account. {_default('max-account-connections')}",
    ],
    [
        "max-unauthenticated",
        None,
        None,
        f"Most simultaneous connections before login. {_default('max-unauthenticated')}",
    ],
    [
        "max-unauthenticated-per-address",
        None,
        None,
        f"Most simultaneous connections before login from one address. {_default('max-unauthenticated-per-address')}",
    ],
    ["max-in-flight", None, None, f"Most unanswered requests of one connection. {_default('max-in-flight')}"],
    [
        "request-memory",
        None,
        None,
        "Memory for requests in progress and unsent answers of all clients. "
        f"[default: {size_shown(DEFAULTS.limits.request_memory)}]",
    ],
    ["max-file-size", None, None, "Largest file that may be uploaded, such as 500M or 20G. [default: none]"],
    [
        "max-login-attempts",
        None,
        None,
        f"Failed logins on one connection. {_default('max-login-attempts')}",
    ],
    [
        "tls-timeout",
        None,
        None,
        f"Seconds until the TLS handshake is done. {_default('tls-timeout')}",
    ],
    ["login-timeout", None, None, f"Seconds until the client has logged in. {_default('login-timeout')}"],
    [
        "stall-timeout",
        None,
        None,
        f"Seconds without progress of a request. {_default('stall-timeout')}",
    ],
]
"""The options in the form of `twisted.python.usage`: name, short name, default, and help."""
