"""The live properties of files and folders: what is known of an `Entry`, and what is not stored as a property."""

from __future__ import annotations

from datetime import datetime, timezone
from mimetypes import MimeTypes
from typing import Callable, Mapping

import attrs

from homeftp.model import SECOND_US, Entry
from homeftp.server.http.content import entity_tag, http_date
from homeftp.server.http.dav.xmlbody import DAV, Name, xml_text

WINDOWS = "urn:schemas-microsoft-com:"
"""The namespace of what Windows sets after each upload."""

QUOTA = frozenset({(DAV, "quota-available-bytes"), (DAV, "quota-used-bytes")})
"""Properties of folders that are told only where they are asked for by name (RFC 4331, section 2)."""

_EXCLUSIVE, _SHARED = (
    f"<D:lockentry><D:lockscope><D:{scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>"
    for scope in ("exclusive", "shared")
)

_TYPES = MimeTypes()
DEFAULT_TYPE = "application/octet-stream"
FOLDER_TYPE = "httpd/unix-directory"
"""The type that Apache gives a folder, which programs know."""


@attrs.frozen
class Described:
    """The description of one resource."""

    entry: Entry
    name: str
    """The last name of its URL; "" for the root."""
    locks: str
    """The value of lockdiscovery."""


def content_type(name: str) -> str:
    """The media type of a file of that name, by its suffix."""
    found, encoding = _TYPES.guess_type(name, strict=False)
    return DEFAULT_TYPE if found is None or encoding is not None else found


def _iso(entry: Entry) -> str | None:
    if entry.mtime_us is None:
        return None
    try:
        return datetime.fromtimestamp(entry.mtime_us / SECOND_US, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return None


def _is_folder(of: Described) -> bool:
    return of.entry.kind == "directory"


LIVE: Mapping[Name, Callable[[Described], str | None]] = {
    (DAV, "resourcetype"): lambda of: "<D:collection/>" if _is_folder(of) else "",
    (DAV, "displayname"): lambda of: xml_text(of.name),
    (DAV, "getcontentlength"): lambda of: None if _is_folder(of) else str(of.entry.size),
    (DAV, "getlastmodified"): lambda of: None if of.entry.mtime_us is None else http_date(of.entry.mtime_us),
    (DAV, "getetag"): lambda of: entity_tag(of.entry),
    (DAV, "getcontenttype"): lambda of: FOLDER_TYPE if _is_folder(of) else content_type(of.name),
    (DAV, "creationdate"): lambda of: _iso(of.entry),
    (DAV, "supportedlock"): lambda of: _EXCLUSIVE + _SHARED,
    (DAV, "lockdiscovery"): lambda of: of.locks,
}
"""The value of each, as XML; None where the resource does not have it.

The time at which a file was made is not kept: `creationdate` is that of its last change, which Explorer shows in its
place.
"""

SETS_MTIME = frozenset({(DAV, "getlastmodified"), (DAV, "lastmodified"), (WINDOWS, "Win32LastModifiedTime")})
"""Properties that a client sets to give a file its time."""

ACCEPTED = frozenset(
    {
        (WINDOWS, "Win32CreationTime"),
        (WINDOWS, "Win32LastAccessTime"),
        (WINDOWS, "Win32FileAttributes"),
        (DAV, "executable"),
        ("http://apache.org/dav/props/", "executable"),
    }
)
"""Properties that are set with success and not kept: Windows gives up an upload where they fail."""

PROTECTED = frozenset(LIVE) - SETS_MTIME | QUOTA
"""Properties that only the server sets."""
