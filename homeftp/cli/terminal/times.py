"""Times for people, in this machine's time zone."""

from __future__ import annotations


def time_shown(mtime_us: int | None) -> str:
    """A time to the minute, always as wide; blank where it is not known."""
    return _formatted(mtime_us, "%Y-%m-%d %H:%M", 16)


def moment_shown(at_us: int) -> str:
    """A time to the microsecond, by which a version can be told."""
    return _formatted(at_us, "%Y-%m-%d %H:%M:%S.%f", 26)


def _formatted(us: int | None, how: str, width: int) -> str:
    from datetime import datetime, timedelta, timezone

    if us is None:
        return " " * width
    try:
        at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=us)
        return at.astimezone().strftime(how)
    except (ValueError, OverflowError, OSError):
        return "????-??-?? ??:??".ljust(width)
