"""Times for people, in this machine's time zone."""

from __future__ import annotations

MINUTE_WIDTH = len("2026-01-31 23:59")
MOMENT_WIDTH = len("2026-01-31 23:59:59.999999")


def format_minute(mtime_us: int | None) -> str:
    """A time to the minute, always `MINUTE_WIDTH` characters; blank when the time is not known."""
    return _format(mtime_us, "%Y-%m-%d %H:%M", MINUTE_WIDTH)


def format_moment(at_us: int) -> str:
    """A time to the microsecond, which identifies a version; always `MOMENT_WIDTH` characters."""
    return _format(at_us, "%Y-%m-%d %H:%M:%S.%f", MOMENT_WIDTH)


def _format(us: int | None, pattern: str, width: int) -> str:
    from datetime import datetime, timedelta, timezone

    if us is None:
        return " " * width
    try:
        at = datetime.fromtimestamp(0, timezone.utc) + timedelta(microseconds=us)
        return at.astimezone().strftime(pattern)
    except (ValueError, OverflowError, OSError):
        return "????-??-?? ??:??".ljust(width)
