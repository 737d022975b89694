"""Times for people, in this machine's time zone."""

from __future__ import annotations


def format_minute(mtime_us: int | None) -> str:
    """A time to the minute, always 16 characters wide; blank when the time is not known."""
    return _format(mtime_us, "%Y-%m-%d %H:%M", 16)


def format_moment(at_us: int) -> str:
    """A time to the microsecond, which identifies a version; always 26 characters wide."""
    return _format(at_us, "%Y-%m-%d %H:%M:%S.%f", 26)


def _format(us: int | None, pattern: str, width: int) -> str:
    from datetime import datetime, timedelta, timezone

    if us is None:
        return " " * width
    try:
        at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=us)
        return at.astimezone().strftime(pattern)
    except (ValueError, OverflowError, OSError):
        return "????-??-?? ??:??".ljust(width)
