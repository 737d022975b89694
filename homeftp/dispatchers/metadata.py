"""Metadata from the wire, validated."""

from __future__ import annotations

from homeftp.errors import BadRequest, ContentMismatch, counted
from homeftp.metadata.modes import MODE_BITS
from homeftp.model import MAX_MTIME_US
from homeftp.wire.messages import MetaData


def parse_meta_data(meta_data: MetaData, size: int | None = None) -> dict[str, int]:
    """The values by name.

    Raises `BadRequest` (20) for a repeated name, a time that no system call
    takes, a negative size, and mode bits beyond the nine; `ContentMismatch`
    (45) where they name another size than `size`, the bytes of the content.
    """
    values: dict[str, int] = {}
    for name, value in meta_data:
        if name in values:
            raise BadRequest(f"meta_data names {name} twice")
        values[name] = value
    if values.get("size", 0) < 0:
        raise BadRequest("meta_data: size is below 0")
    if abs(values.get("mtime_us", 0)) > MAX_MTIME_US:
        raise BadRequest("meta_data: mtime_us is out of range")
    if not 0 <= values.get("mode", 0) <= MODE_BITS:
        raise BadRequest("meta_data: mode may hold the nine permission bits only, 0 to 511")
    if size is not None and values.get("size", size) != size:
        raise ContentMismatch(f"meta_data says {counted(values['size'], 'byte')}, the content has {size:,}")
    return values
